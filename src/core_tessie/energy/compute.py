"""Computes the energy report from sums of drives, charges, idles and battery readings."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from core_tessie.energy.battery import battery_by_month, battery_change
from core_tessie.energy.currencies import currency_table
from core_tessie.energy.document import VIN, EnergyReport, Key, ReportColumn, ReportInputs, ReportTable, number, table
from core_tessie.energy.formulas import BY_BAND, BY_CHARGE, BY_TIME, BY_VEHICLE, KM, LEFT_OUT, NUMBERS, Sums, fold, tidy
from core_tessie.energy.sql import CHARGES, DRIVES, IDLES, LEAST_RANKED_MI, Question
from edge.instants import FORM
from edge.ports import Row

type Results = Mapping[str, Sequence[Row]]
"""The rows of each statement of `energy.sql`, by its name."""

PLACES = 20
"""How many places a report names; the rest are one row."""
KINDS = ("supercharger", "other_fast", "home", "other")
PLACE = ReportColumn(label="Place", how="the saved location's name, else the address")


def compute(question: Question, results: Results) -> EnergyReport:
    """Return the report on the results of the statements of `energy.sql`."""
    vehicles = _by_vehicle(results)
    total = fold(vehicles.values())
    days = _by_day(results)
    return EnergyReport(
        inputs=_inputs(question),
        rows=_rows(total, results),
        left_out=_left_out(total, results),
        numbers={formula.name: number(formula, total) for formula in NUMBERS},
        by_vehicle=_vehicle_table(vehicles, results["vehicles"]),
        by_month=table(
            "By month", {"month": ReportColumn(label="Month", how="local month of the start")}, BY_TIME, _months(days)
        ),
        by_day=table("By day", {"date": ReportColumn(label="Date", how="local day of the start")}, BY_TIME, days),
        by_temperature=_band_table(results["drives_by_band"]),
        by_kind=_kind_table(results["charges_by_kind"]),
        by_place=_place_table(results["charges_by_place"]),
        by_currency=currency_table(question, total, results["estimates_by_currency"]),
        battery=battery_change(results["capacity"], results["range"], results["vehicles"]),
        battery_by_month=battery_by_month(results["battery_by_month"]),
        best_drives=_ranking("Best", question, results["best"]),
        worst_drives=_ranking("Worst", question, results["worst"]),
    )


def title_of(question: Question, vehicles: Sequence[Row]) -> str:
    """Return a report's title: its vehicles, and its first and last local day."""
    first, last = question.period.days
    names = [vehicle["display_name"] or vehicle["id"] for vehicle in vehicles]
    whose = names[0] if len(names) == 1 else f"{len(names)} vehicles"
    return f"Energy report: {whose}, {first}" + ("" if first == last else f" to {last}")


def _inputs(question: Question) -> ReportInputs:
    return ReportInputs.model_validate(
        {
            "vin": question.vin,
            "from": question.period.start,
            "to": question.period.end,
            "timezone": question.period.zone,
            "home": question.home,
            "min_drive_mi": question.min_drive_mi,
            "currency": question.currency,
        }
    )


def _rows(total: Sums, results: Results) -> dict[str, int]:
    kinds = ("drives", "charges", "idles")
    events = {name: total.rows(name, f"running_{name}", f"implausible_{name}") for name in kinds}
    return events | {"battery_health": sum(month["readings"] for month in results["battery_by_month"])}


def _left_out(total: Sums, results: Results) -> dict[str, int]:
    events = {name: total.rows(of) - (total.rows(less) if less else 0) for name, (of, less) in LEFT_OUT.items()}
    return events | {"battery_readings_implausible": sum(month["implausible"] for month in results["battery_by_month"])}


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


def _vehicle_table(vehicles: Mapping[str, Sums], rows: Sequence[Row]) -> ReportTable:
    names = {row["id"]: row["display_name"] for row in rows}
    groups: dict[Key, Sums] = {(vin, names.get(vin)): sums for vin, sums in vehicles.items()}
    return table(
        "By vehicle", {"vin": VIN, "name": ReportColumn(label="Name", how="its display name")}, BY_VEHICLE, groups
    )


def _band_table(rows: Sequence[Row]) -> ReportTable:
    keys = {
        "from_c": ReportColumn(label="From", unit="°C", how="lower edge of the drive's mean outside temperature"),
        "to_c": ReportColumn(label="To", unit="°C", how="upper edge, exclusive"),
    }
    groups: dict[Key, Sums] = {(row["key"], row["key"] + 5): Sums.of(row, DRIVES) for row in rows}
    return table("By outside temperature", keys, BY_BAND, groups)


def _kind_table(rows: Sequence[Row]) -> ReportTable:
    sums = {row["key"]: Sums.of(row, CHARGES) for row in rows}
    groups: dict[Key, Sums] = {(kind,): sums.get(kind, Sums({}, {})) for kind in KINDS}
    how = "supercharger; else another fast charger; else at the saved location that is home; else other"
    return table("By kind of charger", {"kind": ReportColumn(label="Kind", how=how)}, BY_CHARGE, groups)


def _place_table(rows: Sequence[Row]) -> ReportTable:
    ranked = sorted(
        ((row["key"], Sums.of(row, CHARGES)) for row in rows),
        key=lambda place: (-(place[1].total("added_kwh") or 0.0), place[0] or ""),
    )
    groups: dict[Key, Sums] = {(place or "unknown place", 1): sums for place, sums in ranked[:PLACES]}
    if len(ranked) > PLACES:
        groups["other places", len(ranked) - PLACES] = fold(sums for _, sums in ranked[PLACES:])
    keys = {"place": PLACE, "places": ReportColumn(label="Places", how="how many places the row is")}
    return table("By place", keys, BY_CHARGE, groups)


def _ranking(rank: str, question: Question, rows: Sequence[Row]) -> ReportTable:
    title = f"{rank} drives of {max(LEAST_RANKED_MI, question.min_drive_mi):g} mi or more"
    columns = {
        "started_at": ReportColumn(label="Started", how="local time of the start"),
        "vin": VIN,
        "starting_place": PLACE.model_copy(update={"label": "From"}),
        "ending_place": PLACE.model_copy(update={"label": "To"}),
        "distance_mi": ReportColumn(label="Distance", unit="mi", how="as recorded"),
        "energy_used_kwh": ReportColumn(label="Energy", unit="kWh", how="as recorded"),
        "efficiency_wh_per_mi": ReportColumn(label="Efficiency", unit="Wh/mi", how="energy used * 1000 / miles"),
        "efficiency_wh_per_km": ReportColumn(label="Efficiency", unit="Wh/km", how="energy used * 1000 / kilometres"),
        "outside_temp_c": ReportColumn(label="Outside", unit="°C", how="as recorded"),
    }
    recorded = ("vin", "starting_place", "ending_place", "distance_mi", "energy_used_kwh", "outside_temp_c")
    drives = [
        {"started_at": question.period.local(_instant(row["started_at"])).isoformat()}
        | {name: row[name] for name in recorded}
        | {"efficiency_wh_per_mi": tidy(row["wh_per_mi"]), "efficiency_wh_per_km": tidy(row["wh_per_mi"] / KM)}
        for row in rows
    ]
    return ReportTable(title=title, columns=columns, rows=drives)


def _instant(text: str) -> datetime:
    return datetime.strptime(text, FORM).replace(tzinfo=UTC)
