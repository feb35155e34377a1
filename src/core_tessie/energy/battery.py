"""Battery ageing: a trend through a period's readings that single wrong ones do not move, and monthly medians."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, groupby
from typing import NamedTuple

from core_tessie.energy.document import VIN, Cell, ReportColumn, ReportTable
from core_tessie.energy.formulas import tidy
from edge.instants import to_epoch
from edge.ports import Row

FARTHEST = 5.0
"""Median deviations from the median beyond which a reading is left out of the trend."""
LEAST_SHARE = 0.03
"""Share of the median within which no reading is left out."""

type Point = tuple[float, float]
"""A position (an instant or an odometer) and a reading."""


class Line(NamedTuple):
    """A line through a point; `slope` is None if all its points have one position."""

    x: float
    y: float
    slope: float | None

    def at(self, x: float) -> float:
        """Return its height at a position."""
        return self.y + (self.slope or 0.0) * (x - self.x)


def battery_change(capacity: Sequence[Row], max_range: Sequence[Row], vehicles: Sequence[Row]) -> ReportTable:
    """Return the trend of capacity and full range for each vehicle with readings, beside its original capacity."""
    columns = {
        "vin": VIN,
        "measure": ReportColumn(label="Measure", how="usable capacity, or rated range at 100 %"),
        "unit": ReportColumn(label="Unit", how="of this row"),
        "first_at": ReportColumn(label="First at", how="instant of the first reading, UTC"),
        "first": ReportColumn(
            label="First", how="the trend (Theil-Sen: the median slope) at the first reading", rows="readings"
        ),
        "last_at": ReportColumn(label="Last at", how="instant of the last reading, UTC"),
        "last": ReportColumn(label="Last", how="the trend at the last reading", rows="readings"),
        "change_pct": ReportColumn(label="Change, %", how="(last - first) * 100 / first", rows="readings"),
        "change_per_10000_mi": ReportColumn(
            label="Change per 10,000 mi",
            how="the median slope over the odometer * 10,000; null where the car did not move",
            rows="readings",
        ),
        "original": ReportColumn(label="When new", how="original capacity, as Tessie gives it; null where it does not"),
        "since_new_pct": ReportColumn(
            label="Since new, %", how="(last - original) * 100 / original; null where the original is not known"
        ),
        "degradation_pct": ReportColumn(label="Degradation, %", how="Tessie's own figure for the vehicle now"),
        "readings": ReportColumn(label="Readings", how="readings in the period"),
        "left_out": ReportColumn(
            label="Left out",
            how="readings (of many, medians of parts) that are no part of the trend: farther from the median than 3 % "
            "of it and 5 median deviations",
        ),
    }
    of_vehicles = {row["id"]: row for row in vehicles}
    rows = [
        _change(measure, unit, list(points), of_vehicles.get(vin, {}) if measure == "capacity" else {})
        for measure, unit, readings in (("capacity", "kWh", capacity), ("max range", "mi", max_range))
        for vin, points in groupby(readings, lambda row: row["vin"])
    ]
    return ReportTable(title="Battery health", columns=columns, rows=rows)


def battery_by_month(rows: Sequence[Row]) -> ReportTable:
    """Return the median readings of each vehicle and local month."""
    columns = {
        "vin": VIN,
        "month": ReportColumn(label="Month", how="local month of the readings"),
        "capacity_kwh": ReportColumn(
            label="Capacity", unit="kWh", how="median of the readings", rows="capacity_readings"
        ),
        "max_range_mi": ReportColumn(
            label="Full range", unit="mi", how="median of the readings", rows="range_readings"
        ),
    }
    medians: list[dict[str, Cell]] = [
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
    return ReportTable(title="Battery by month", columns=columns, rows=medians)


def theil_sen(points: Sequence[Point]) -> Line | None:
    """Return the line with the median of all slopes between points, through the middle of them; None without points.

    Up to 29 % of wrong points hardly move it (https://en.wikipedia.org/wiki/Theil-Sen_estimator).
    """
    if not points:
        return None
    slopes = [(y - before) / (x - start) for (start, before), (x, y) in combinations(points, 2) if x != start]
    slope = median(slopes) if slopes else None
    x = median(x for x, _ in points)
    return Line(x, median(y - (slope or 0.0) * (position - x) for position, y in points), slope)


def median(values: Iterable[float]) -> float:
    """Return the middle of some values, or the mean of the two in the middle."""
    ordered = sorted(values)
    upper = len(ordered) // 2
    return (ordered[upper] + ordered[-upper - 1]) / 2


def _usual(rows: Sequence[Row]) -> list[Row]:
    """Return the readings without those that are far from all others."""
    middle = median(row["reading"] for row in rows)
    distances = [abs(row["reading"] - middle) for row in rows]
    farthest = max(FARTHEST * median(distances), LEAST_SHARE * middle)
    return [row for row, distance in zip(rows, distances, strict=True) if len(rows) < 3 or distance <= farthest]


def _change(measure: str, unit: str, rows: Sequence[Row], vehicle: Mapping[str, float | None]) -> dict[str, Cell]:
    usual = _usual(rows)
    line = theil_sen([(to_epoch(row["recorded_at"]), row["reading"]) for row in usual])
    miles = theil_sen([(row["odometer_mi"], row["reading"]) for row in usual if row["odometer_mi"] is not None])
    first_at, last_at = rows[0]["first_at"], rows[0]["last_at"]
    first = line.at(to_epoch(first_at)) if line else None
    last = line.at(to_epoch(last_at)) if line else None
    original = vehicle.get("original_capacity_kwh")
    return {
        "vin": rows[0]["vin"],
        "measure": measure,
        "unit": unit,
        "first_at": first_at.replace(" ", "T") + "Z",
        "first": tidy(first),
        "last_at": last_at.replace(" ", "T") + "Z",
        "last": tidy(last),
        "change_pct": _change_pct(first, last),
        "change_per_10000_mi": tidy(miles.slope * 10_000) if miles and miles.slope is not None else None,
        "original": tidy(original),
        "since_new_pct": _change_pct(original, last),
        "degradation_pct": tidy(vehicle.get("degradation_pct")),
        "readings": rows[0]["readings"],
        "left_out": len(rows) - len(usual),
    }


def _change_pct(before: float | None, after: float | None) -> float | None:
    return tidy((after - before) * 100 / before) if before and after is not None else None
