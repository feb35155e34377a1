"""The energy report: from sums of drives, charges, idles and battery readings to numbers that say what they are."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from core_tessie.energy_battery import battery_by_month, battery_change
from core_tessie.energy_document import Column, Inputs, Key, Report, Table, number, table
from core_tessie.energy_formulas import (
    BY_BAND,
    BY_CHARGE,
    BY_TIME,
    BY_VEHICLE,
    KM,
    LEFT_OUT,
    NUMBERS,
    Sums,
    fold,
    tidy,
)
from core_tessie.energy_sql import CHARGES, DRIVES, IDLES, Question
from edge.instants import FORM
from edge.ports import Row

type Results = Mapping[str, Sequence[Row]]
"""The rows of each statement of `energy_sql`, by its name."""

PLACES = 20
"""How many places a report names; the rest are one row."""
KINDS = ("supercharger", "other_fast", "home", "other")


def compute(question: Question, results: Results) -> Report:
    """Return the report on what the statements of `energy_sql` gave."""
    vehicles = _by_vehicle(results)
    total = fold(vehicles.values())
    days = _by_day(results)
    return Report(
        inputs=_inputs(question),
        rows=_rows(total, results),
        left_out={name: total.rows(of) - (total.rows(less) if less else 0) for name, (of, less) in LEFT_OUT.items()},
        numbers={formula.name: number(formula, total) for formula in NUMBERS},
        by_vehicle=_vehicle_table(vehicles, results["vehicles"]),
        by_month=table("By month", {"month": "local month of the start"}, BY_TIME, _months(days)),
        by_day=table("By day", {"date": "local day of the start"}, BY_TIME, days),
        by_temperature=_band_table(results["drives_by_band"]),
        by_kind=_kind_table(results["charges_by_kind"]),
        by_place=_place_table(results["charges_by_place"]),
        battery=battery_change(results["capacity"], results["range"]),
        battery_by_month=battery_by_month(results["battery_by_month"]),
        best_drives=_ranking(f"Best drives of {question.min_drive_mi:g} mi or more", question, results["best"]),
        worst_drives=_ranking(f"Worst drives of {question.min_drive_mi:g} mi or more", question, results["worst"]),
    )


def title_of(question: Question, vehicles: Sequence[Row]) -> str:
    """Return a report's title: whose, and from the first to the last local day."""
    first, last = question.period.days
    names = [vehicle["display_name"] or vehicle["id"] for vehicle in vehicles]
    whose = names[0] if len(names) == 1 else f"{len(names)} vehicles"
    return f"Energy report: {whose}, {first}" + ("" if first == last else f" to {last}")


def _inputs(question: Question) -> Inputs:
    return Inputs.model_validate(
        {
            "vin": question.vin,
            "from": question.period.start,
            "to": question.period.end,
            "timezone": question.period.zone,
            "home": question.home,
            "min_drive_mi": question.min_drive_mi,
        }
    )


def _rows(total: Sums, results: Results) -> dict[str, int]:
    events = {name: total.rows(name, f"running_{name}") for name in ("drives", "charges", "idles")}
    return events | {"battery_health": sum(month["readings"] for month in results["battery_by_month"])}


def _by_vehicle(results: Results) -> dict[str, Sums]:
    vehicles = {row["id"]: Sums({}, {}) for row in results["vehicles"]}
    return _merged(vehicles, results["drives"], results["charges"], results["idles"])


def _by_day(results: Results) -> dict[Key, Sums]:
    days = _merged({}, results["drives_by_day"], results["charges_by_day"], results["idles_by_day"])
    return {(day,): days[day] for day in sorted(days)}


def _merged(
    groups: dict[str, Sums], drives: Sequence[Row], charges: Sequence[Row], idles: Sequence[Row]
) -> dict[str, Sums]:
    for rows, measures in ((drives, DRIVES), (charges, CHARGES), (idles, IDLES)):
        for row in rows:
            groups[row["key"]] = groups.get(row["key"], Sums({}, {})) + Sums.of(row, measures)
    return groups


def _months(days: Mapping[Key, Sums]) -> dict[Key, Sums]:
    months: dict[Key, Sums] = {}
    for (day,), sums in days.items():
        month = (str(day)[:7],)
        months[month] = months.get(month, Sums({}, {})) + sums
    return months


def _vehicle_table(vehicles: Mapping[str, Sums], rows: Sequence[Row]) -> Table:
    names = {row["id"]: row["display_name"] for row in rows}
    groups: dict[Key, Sums] = {(vin, names.get(vin)): sums for vin, sums in vehicles.items()}
    return table("By vehicle", {"vin": "the vehicle", "name": "its display name"}, BY_VEHICLE, groups)


def _band_table(rows: Sequence[Row]) -> Table:
    keys = {"from_c": "lower edge of the mean outside temperature in °C", "to_c": "upper edge, exclusive"}
    groups: dict[Key, Sums] = {(row["key"], row["key"] + 5): Sums.of(row, DRIVES) for row in rows}
    return table("By outside temperature", keys, BY_BAND, groups)


def _kind_table(rows: Sequence[Row]) -> Table:
    found = {row["key"]: Sums.of(row, CHARGES) for row in rows}
    groups: dict[Key, Sums] = {(kind,): found.get(kind, Sums({}, {})) for kind in KINDS}
    how = "supercharger; else another fast charger; else at the saved location that is home; else other"
    return table("By kind of charger", {"kind": how}, BY_CHARGE, groups)


def _place_table(rows: Sequence[Row]) -> Table:
    ranked = sorted(
        ((row["key"], Sums.of(row, CHARGES)) for row in rows),
        key=lambda place: (-(place[1].total("added_kwh") or 0.0), place[0] or ""),
    )
    groups: dict[Key, Sums] = {(place or "unknown place", 1): sums for place, sums in ranked[:PLACES]}
    if len(ranked) > PLACES:
        groups["other places", len(ranked) - PLACES] = fold(sums for _, sums in ranked[PLACES:])
    keys = {"place": "the saved location's name, else the address", "places": "how many places the row is"}
    return table("By place", keys, BY_CHARGE, groups)


def _ranking(title: str, question: Question, rows: Sequence[Row]) -> Table:
    columns = {
        "started_at": Column(label="Started", how="local time of the start"),
        "vin": Column(label="Vin", how="the vehicle"),
        "starting_place": Column(label="From", how="the saved location's name, else the address"),
        "ending_place": Column(label="To", how="the saved location's name, else the address"),
        "distance_mi": Column(label="Distance", unit="mi", how="as recorded"),
        "energy_used_kwh": Column(label="Energy", unit="kWh", how="as recorded"),
        "efficiency_wh_per_mi": Column(label="Efficiency", unit="Wh/mi", how="energy used * 1000 / miles"),
        "efficiency_wh_per_km": Column(label="Efficiency", unit="Wh/km", how="energy used * 1000 / kilometres"),
        "outside_temp_c": Column(label="Outside", unit="°C", how="as recorded"),
    }
    taken = ("vin", "starting_place", "ending_place", "distance_mi", "energy_used_kwh", "outside_temp_c")
    drives = [
        {"started_at": question.period.local(_instant(row["started_at"])).isoformat()}
        | {name: row[name] for name in taken}
        | {"efficiency_wh_per_mi": tidy(row["wh_per_mi"]), "efficiency_wh_per_km": tidy(row["wh_per_mi"] / KM)}
        for row in rows
    ]
    return Table(title=title, columns=columns, rows=drives)


def _instant(text: str) -> datetime:
    return datetime.strptime(text, FORM).replace(tzinfo=UTC)
