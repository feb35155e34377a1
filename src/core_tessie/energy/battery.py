"""How batteries age: the first and the last reading of a period, and its months."""

from collections.abc import Sequence

from core_tessie.energy.document import VIN, Cell, ReportColumn, ReportTable
from core_tessie.energy.formulas import tidy
from edge.ports import Row


def battery_change(capacity: Sequence[Row], max_range: Sequence[Row]) -> ReportTable:
    """Return capacity and full range, first and last, for each vehicle with readings."""
    columns = {
        "vin": VIN,
        "measure": ReportColumn(label="Measure", how="usable capacity, or rated range at 100 %"),
        "unit": ReportColumn(label="Unit", how="of this row"),
        "first_at": ReportColumn(label="First at", how="instant of the first reading, UTC"),
        "first": ReportColumn(label="First", how="the first reading", rows="readings"),
        "last_at": ReportColumn(label="Last at", how="instant of the last reading, UTC"),
        "last": ReportColumn(label="Last", how="the last reading", rows="readings"),
        "change_pct": ReportColumn(label="Change, %", how="(last - first) * 100 / first", rows="readings"),
        "change_per_10000_mi": ReportColumn(
            label="Change per 10,000 mi",
            how="(last - first) * 10,000 / (last odometer - first odometer); null where the car did not move",
            rows="readings",
        ),
        "readings": ReportColumn(
            label="Readings", how="readings in the period; the numbers come from the first and the last"
        ),
    }
    rows = [
        _change(measure, unit, first, last)
        for measure, unit, ends in (("capacity", "kWh", capacity), ("max range", "mi", max_range))
        for first, last in _pairs(ends)
    ]
    return ReportTable(title="Battery health", columns=columns, rows=rows)


def battery_by_month(rows: Sequence[Row]) -> ReportTable:
    """Return the mean readings of each vehicle and local month."""
    columns = {
        "vin": VIN,
        "month": ReportColumn(label="Month", how="local month of the readings"),
        "capacity_kwh": ReportColumn(
            label="Capacity", unit="kWh", how="mean of the readings", rows="capacity_readings"
        ),
        "max_range_mi": ReportColumn(label="Full range", unit="mi", how="mean of the readings", rows="range_readings"),
    }
    means: list[dict[str, Cell]] = [
        {
            "vin": row["vin"],
            "month": row["month"],
            "capacity_kwh": tidy(row["capacity_kwh"]),
            "capacity_readings": row["capacity_readings"],
            "max_range_mi": tidy(row["max_range_mi"]),
            "range_readings": row["range_readings"],
        }
        for row in rows
    ]
    return ReportTable(title="Battery by month", columns=columns, rows=means)


def _pairs(ends: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return for each vehicle its first and its last reading, which may be one."""
    first = {row["vin"]: row for row in ends if row["nth"] == 1}
    last = {row["vin"]: row for row in ends if row["nth_last"] == 1}
    return [(first[vin], last[vin]) for vin in first]


def _change(measure: str, unit: str, first: Row, last: Row) -> dict[str, Cell]:
    change = last["reading"] - first["reading"]
    return {
        "vin": first["vin"],
        "measure": measure,
        "unit": unit,
        "first_at": first["recorded_at"].replace(" ", "T") + "Z",
        "first": tidy(first["reading"]),
        "last_at": last["recorded_at"].replace(" ", "T") + "Z",
        "last": tidy(last["reading"]),
        "change_pct": tidy(change * 100 / first["reading"]) if first["reading"] > 0 else None,
        "change_per_10000_mi": _per_10000_mi(change, first["odometer_mi"], last["odometer_mi"]),
        "readings": first["readings"],
    }


def _per_10000_mi(change: float, start_mi: float | None, end_mi: float | None) -> float | None:
    if start_mi is None or end_mi is None or end_mi <= start_mi:
        return None
    return tidy(change * 10_000 / (end_mi - start_mi))
