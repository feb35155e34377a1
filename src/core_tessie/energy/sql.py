"""The statements of a report: sums by vehicle, local day, temperature, place and kind, in one batch."""

from typing import NamedTuple

from pydantic_core import to_json

from core_tessie.energy.period import Period
from edge import Statement

RANKED = 5
"""How many drives the best and the worst are."""
LEAST_RANKED_MI = 1.0
"""Shortest ranked drive, in miles: below it the rounding of the energy dominates the efficiency."""


class Question(NamedTuple):
    """The parameters of a report: one vehicle or (None) all, a period, and two thresholds.

    `currency` is that of Tessie's costs, None if unknown.
    """

    vin: str | None
    period: Period
    home: str = "Home"
    min_drive_mi: float = 2.0
    currency: str | None = None


class Measure(NamedTuple):
    """A value that is summed over the events for which `when` holds; with the sum goes the number of those events."""

    name: str
    value: str
    when: str


def _complete(*columns: str) -> str:
    """Return the SQL condition that an event has ended, is plausible, and has these values."""
    conditions = " AND ".join(f"e.{column} IS NOT NULL" for column in ("ended_at", *columns))
    return f"{conditions} AND e.implausible IS NULL"


_IMPLAUSIBLE = "e.ended_at IS NOT NULL AND e.implausible IS NOT NULL"
_DRAWN = "max(coalesce(e.energy_added_kwh, e.energy_used_kwh), coalesce(e.energy_used_kwh, e.energy_added_kwh))"
_PRICED = f"{_complete('cost')} AND coalesce(e.energy_added_kwh, e.energy_used_kwh) IS NOT NULL"
_ESTIMATED = f"{_complete('estimated_cost')} AND e.cost IS NULL"
_PAIRED = _complete("distance_mi", "energy_used_kwh")
_HOURS = "(unixepoch(e.ended_at) - unixepoch(e.started_at)) / 3600.0"
_TIMED = f"{_complete('energy_used_kwh')} AND e.ended_at > e.started_at"
_RANGED = f"{_complete('rated_range_used_mi')} AND e.ended_at > e.started_at"
_ATTRIBUTED = _complete("energy_used_kwh", "sentry_fraction", "climate_fraction")

DRIVES = (
    Measure("drives", "1", _complete()),
    Measure("running_drives", "1", "e.ended_at IS NULL"),
    Measure("implausible_drives", "1", _IMPLAUSIBLE),
    Measure("distance_mi", "e.distance_mi", _complete("distance_mi")),
    Measure("driving_kwh", "e.energy_used_kwh", _complete("energy_used_kwh")),
    Measure("paired_mi", "e.distance_mi", _PAIRED),
    Measure("paired_kwh", "e.energy_used_kwh", _PAIRED),
    Measure("felt_drives", "1", _complete("outside_temp_c")),
    Measure("rated_of_mi", "e.distance_mi", _complete("distance_mi", "rated_range_used_mi")),
    Measure("rated_mi", "e.rated_range_used_mi", _complete("distance_mi", "rated_range_used_mi")),
    Measure("k_kwh", "e.energy_used_kwh", _complete("energy_used_kwh", "rated_range_used_mi")),
    Measure("k_mi", "e.rated_range_used_mi", _complete("energy_used_kwh", "rated_range_used_mi")),
    Measure("autopilot_mi", "e.autopilot_distance_mi", _complete("distance_mi", "autopilot_distance_mi")),
    Measure("autopilot_of_mi", "e.distance_mi", _complete("distance_mi", "autopilot_distance_mi")),
)
CHARGES = (
    Measure("charges", "1", _complete()),
    Measure("running_charges", "1", "e.ended_at IS NULL"),
    Measure("implausible_charges", "1", _IMPLAUSIBLE),
    Measure("added_kwh", "e.energy_added_kwh", _complete("energy_added_kwh")),
    Measure("wall_kwh", "e.energy_used_kwh", _complete("energy_used_kwh")),
    Measure("stored_kwh", "e.energy_added_kwh", _complete("energy_added_kwh", "energy_used_kwh")),
    Measure("drawn_kwh", _DRAWN, _complete("energy_added_kwh", "energy_used_kwh")),
    Measure("cost", "e.cost", _complete("cost")),
    Measure("estimated_charges", "1", _ESTIMATED),
    Measure("free_charges", "1", f"{_complete('cost')} AND e.cost = 0"),
    Measure("priced_cost", "e.cost", _PRICED),
    Measure("priced_kwh", _DRAWN, _PRICED),
    Measure("paid_cost", "e.cost", f"{_PRICED} AND e.cost > 0"),
    Measure("paid_kwh", _DRAWN, f"{_PRICED} AND e.cost > 0"),
    Measure("costed_cost", "e.cost", _complete("cost", "energy_added_kwh")),
    Measure("costed_kwh", "e.energy_added_kwh", _complete("cost", "energy_added_kwh")),
    Measure("k_charge_kwh", "e.energy_added_kwh", _complete("energy_added_kwh", "rated_range_added_mi")),
    Measure("k_charge_mi", "e.rated_range_added_mi", _complete("energy_added_kwh", "rated_range_added_mi")),
)
ESTIMATES = (Measure("estimated_cost", "e.estimated_cost", _ESTIMATED),)
IDLES = (
    Measure("idles", "1", _complete()),
    Measure("running_idles", "1", "e.ended_at IS NULL"),
    Measure("implausible_idles", "1", _IMPLAUSIBLE),
    Measure("idle_kwh", "e.energy_used_kwh", _complete("energy_used_kwh")),
    Measure("timed_kwh", "e.energy_used_kwh", _TIMED),
    Measure("timed_h", _HOURS, _TIMED),
    Measure("ranged_mi", "e.rated_range_used_mi", _RANGED),
    Measure("ranged_h", _HOURS, _RANGED),
    Measure("sentry_kwh", "e.energy_used_kwh * e.sentry_fraction", _ATTRIBUTED),
    Measure("climate_kwh", "e.energy_used_kwh * e.climate_fraction", _ATTRIBUTED),
    Measure("rest_kwh", "e.energy_used_kwh * max(0, 1 - e.sentry_fraction - e.climate_fraction)", _ATTRIBUTED),
)

_ZONE = (
    "WITH zone (since, until, shift) AS (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), "
    "json_extract(value, '$[2]') FROM json_each(?)) "
)
_DAY = "date(e.started_at, zone.shift)"
_BAND = "5 * (CAST(e.outside_temp_c / 5 AS INTEGER) - (e.outside_temp_c < 5 * CAST(e.outside_temp_c / 5 AS INTEGER)))"
_PLACE = "substr(coalesce(nullif(trim(e.saved_location), ''), nullif(trim(e.location), '')), 1, 200)"
_KIND = (
    "CASE WHEN e.is_supercharger = 1 THEN 'supercharger' WHEN e.is_fast_charger = 1 THEN 'other_fast' "
    "WHEN lower(trim(e.saved_location)) = lower(trim(?)) THEN 'home' ELSE 'other' END"
)
POINTS = 40
"""Points of a battery's trend: of more readings, each point is the median of a part of them."""
_TREND = (
    "SELECT vin, recorded_at, odometer_mi, reading, readings, first_at, last_at FROM (SELECT *, "
    "row_number() OVER (PARTITION BY vin, part ORDER BY reading, recorded_at) AS nth, "
    "count(*) OVER (PARTITION BY vin, part) AS size FROM (SELECT e.vin, e.recorded_at, e.odometer_mi, "
    "e.{column} AS reading, count(*) OVER (PARTITION BY e.vin) AS readings, "
    "min(e.recorded_at) OVER (PARTITION BY e.vin) AS first_at, "
    "max(e.recorded_at) OVER (PARTITION BY e.vin) AS last_at, "
    f"ntile({POINTS}) OVER (PARTITION BY e.vin ORDER BY e.recorded_at, e.id) AS part "
    "{events} AND e.{column} > 0 AND e.{column} < 999)) WHERE nth = (size + 1) / 2 ORDER BY vin, recorded_at"
)
_RANKING = (
    "SELECT e.vin, e.started_at, "
    "coalesce(nullif(trim(e.starting_saved_location), ''), e.starting_location) AS starting_place, "
    "coalesce(nullif(trim(e.ending_saved_location), ''), e.ending_location) AS ending_place, "
    "e.distance_mi, e.energy_used_kwh, e.energy_used_kwh * 1000 / e.distance_mi AS wh_per_mi, e.outside_temp_c "
    f"{{events}} AND {_PAIRED} AND e.distance_mi >= {LEAST_RANKED_MI} AND e.distance_mi >= ? "
    "ORDER BY wh_per_mi {order}, e.started_at, e.id LIMIT {limit}"
)


def statements(question: Question) -> dict[str, Statement]:
    """Return the statements of a report by name. Each looks up the events of each vehicle by their index.

    The number of rows that come back grows with days, bands, places and vehicles, never with events.
    """
    grouped = {
        "drives": _grouped("drives", "v.id", DRIVES),
        "drives_by_day": _grouped("drives", _DAY, DRIVES),
        "drives_by_band": _grouped("drives", _BAND, DRIVES, _PAIRED, "e.outside_temp_c IS NOT NULL"),
        "charges": _grouped("charges", "v.id", CHARGES),
        "charges_by_day": _grouped("charges", _DAY, CHARGES),
        "charges_by_place": _grouped("charges", _PLACE, CHARGES, _complete()),
        "charges_by_kind": _grouped("charges", _KIND, CHARGES, _complete()),
        "estimates_by_currency": _grouped("charges", "e.estimated_currency", ESTIMATES, _ESTIMATED),
        "idles": _grouped("idles", "v.id", IDLES),
        "idles_by_day": _grouped("idles", _DAY, IDLES),
        "battery_by_month": _battery_months(),
        "capacity": _TREND.format(column="capacity_kwh", events=_events("battery_health", "recorded_at")),
        "range": _TREND.format(column="max_range_mi", events=_events("battery_health", "recorded_at")),
        "best": _RANKING.format(events=_events("drives"), order="ASC", limit=RANKED),
        "worst": _RANKING.format(events=_events("drives"), order="DESC", limit=RANKED),
    }
    bound = {name: _bound(name, sql, question) for name, sql in grouped.items()}
    return {"vehicles": _vehicles(question.vin)} | bound


def _vehicles(vin: str | None) -> Statement:
    columns = "SELECT id, display_name, original_capacity_kwh, degradation_pct FROM vehicles"
    return Statement(f"{columns} ORDER BY id") if vin is None else Statement(f"{columns} WHERE id = ?", (vin,))


def _events(table: str, at: str = "started_at") -> str:
    """Return FROM and the filter for the period's events; CROSS JOIN makes SQLite keep this order, for the indexes."""
    return (
        f"FROM zone CROSS JOIN vehicles v CROSS JOIN {table} e ON e.vin = v.id "
        f"AND e.{at} >= zone.since AND e.{at} < zone.until WHERE {{vin}}"
    )


def _grouped(table: str, key: str, measures: tuple[Measure, ...], *conditions: str) -> str:
    sums = ", ".join(
        f"sum({value}) FILTER (WHERE {when}) AS {name}, count(*) FILTER (WHERE {when}) AS {name}_rows"
        for name, value, when in measures
    )
    where = "".join(f" AND {condition}" for condition in conditions)
    return f"SELECT {key} AS key, {sums} {_events(table)}{where} GROUP BY 1 ORDER BY 1"


def _battery_months() -> str:
    """Return each month's medians; that of an even number of readings is the mean of the two in the middle."""
    measures = ("capacity_kwh", "max_range_mi")
    ranks = ", ".join(
        f"row_number() OVER (PARTITION BY vin, month, {name} IS NULL ORDER BY {name}) AS {name}_nth, "
        f"count({name}) OVER (PARTITION BY vin, month) AS {name}_of"
        for name in measures
    )
    capacity, full_range = (
        f"avg({name}) FILTER (WHERE {name}_nth IN (({name}_of + 1) / 2, ({name}_of + 2) / 2))" for name in measures
    )
    return (
        f"SELECT vin, month, count(*) AS readings, count(implausible) AS implausible, "
        f"count(capacity_kwh) AS capacity_readings, "
        f"{capacity} AS capacity_kwh, count(max_range_mi) AS range_readings, {full_range} AS max_range_mi "
        f"FROM (SELECT *, {ranks} FROM (SELECT e.vin, e.capacity_kwh, e.implausible, "
        "CASE WHEN e.max_range_mi < 999 THEN e.max_range_mi END AS max_range_mi, "
        "strftime('%Y-%m', e.recorded_at, zone.shift) AS month "
        f"{_events('battery_health', 'recorded_at')})) GROUP BY 1, 2 ORDER BY 1, 2"
    )


def _bound(name: str, sql: str, question: Question) -> Statement:
    """Return a statement with its values, in the order of their placeholders."""
    zone = to_json(question.period.shifts()).decode()
    before = [question.home] if name == "charges_by_kind" else []
    after = [question.min_drive_mi] if name in {"best", "worst"} else []
    vin = [] if question.vin is None else [question.vin]
    text = _ZONE + sql.replace("{vin}", "v.id = ?" if vin else "true")
    return Statement(text, (zone, *before, *vin, *after))
