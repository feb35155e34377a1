"""Formats a report's values for people, on the page and in Markdown alike."""

import re
from collections.abc import Mapping, Sequence
from datetime import date

from core_tessie.energy.document import Cell, EnergyReport, Figure, ReportColumn, ReportInputs, ReportTable

UNKNOWN = "\N{EN DASH}"
DAILY = 92
"""Longest period, in days, that charts show by day; longer ones are shown by month."""
KIND_NAMES = {"supercharger": "Supercharger", "other_fast": "Other fast charger", "home": "Home", "other": "Other"}
_INSTANT = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(Z|[+-]\d\d:\d\d)$")
GROUPS = {
    "Driving": (
        "distance_mi",
        "distance_km",
        "efficiency_wh_per_mi",
        "efficiency_wh_per_km",
        "drive_efficiency_pct",
        "gross_wh_per_mi",
        "gross_wh_per_km",
        "autopilot_share_pct",
        "k_kwh_per_mi",
    ),
    "Energy": (
        "energy_used_kwh",
        "driving_kwh",
        "idle_kwh",
        "energy_added_kwh",
        "wall_kwh",
        "charging_efficiency_pct",
        "k_charge_kwh_per_mi",
    ),
    "Cost": ("cost", "cost_per_kwh", "cost_per_paid_kwh", "cost_per_100_mi", "cost_per_100_km"),
    "Parked": (
        "idle_kwh_per_day",
        "idle_power_w",
        "idle_range_mi_per_day",
        "idle_sentry_kwh",
        "idle_climate_kwh",
        "idle_rest_kwh",
    ),
}
"""All numbers, in the order in which they are read."""


def quantity(number: Figure) -> str:
    """Return a number with its unit."""
    return (
        f"{figure(number.value, number.unit)} {unit_of(number.unit)}".strip() if number.value is not None else UNKNOWN
    )


def figure(value: float | None, unit: str = "") -> str:
    """Return a value with its significant digits."""
    if value is None:
        return UNKNOWN
    if unit == "currency":
        return f"{value:,.2f}"
    if unit == "kWh/mi":
        return f"{value:.4f}"
    size = abs(value)
    digits = 0 if size >= 1000 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f}"


def unit_of(unit: str) -> str:
    """Return a unit as it is written behind a value: without a currency, as Tessie gives none."""
    return unit.removeprefix("currency").replace("/", "per ", 1) if unit.startswith("currency") else unit


def cell(value: Cell, column: ReportColumn) -> str:
    """Return a table's cell."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return KIND_NAMES.get(value, value) if column.label == "Kind" else _INSTANT.sub(r"\1 \2", value)
    return f"{value:,}" if isinstance(value, int) else figure(value, column.unit)


def heading(column: ReportColumn) -> str:
    """Return a column's heading, with its unit."""
    unit = unit_of(column.unit)
    return f"{column.label}, {unit}" if unit and unit not in column.label else column.label


def signs(how: str) -> str:
    """Return a formula in words with the signs of print."""
    return how.replace("*", "\N{MULTIPLICATION SIGN}").replace(" - ", " \N{MINUS SIGN} ")


def counted(table: ReportTable, row: Mapping[str, Cell]) -> str:
    """Return the number of rows behind a row's numbers: one count if all agree, else the least and the most."""
    counts = [row.get(column.rows) for column in table.columns.values() if column.rows]
    numbers = sorted({count for count in counts if isinstance(count, int)})
    return f"{numbers[0]:,}" if len(numbers) == 1 else f"{numbers[0]:,} to {numbers[-1]:,}" if numbers else UNKNOWN


def has_counts(table: ReportTable) -> bool:
    """Tell whether a table has counts of rows besides its own columns."""
    return any(column.rows and column.rows not in table.columns for column in table.columns.values())


def over_time(report: EnergyReport) -> tuple[ReportTable, str]:
    """Return the table of time that suits the period, and its key column."""
    if (report.inputs.end - report.inputs.start).days <= DAILY:
        return report.by_day, "date"
    return report.by_month, "month"


def time_label(key: str) -> str:
    """Return a day or a month, briefly."""
    if len(key) == 7:
        return f"{date.fromisoformat(key + '-01'):%b %y}"
    day = date.fromisoformat(key)
    return f"{day.day} {day:%b}"


def period_of(inputs: ReportInputs) -> str:
    """Return the period in words, with its time zone."""
    return f"{inputs.start:%Y-%m-%d %H:%M} to {inputs.end:%Y-%m-%d %H:%M} UTC, days of {inputs.timezone}"


def tables_of(report: EnergyReport) -> Sequence[ReportTable]:
    """Return the tables to show: those with rows, and the one by vehicle only for several vehicles."""
    time, _ = over_time(report)
    tables = [
        report.by_vehicle if len(report.by_vehicle.rows) > 1 else None,
        time,
        report.by_temperature,
        report.by_kind,
        report.by_place,
        report.by_currency if report.left_out.get("charges_with_estimated_cost") else None,
        report.battery,
        report.best_drives,
        report.worst_drives,
    ]
    return [table for table in tables if table is not None and table.rows]
