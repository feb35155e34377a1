"""The formulas of a report, as tables: each number's name, unit, description and measures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple, Self

from core_tessie.energy.sql import Measure

KM = 1.609344
"""Kilometres in a mile."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of measures and the number of rows in each. They add up, so groups of any kind fold into larger ones."""

    values: Mapping[str, float]
    counts: Mapping[str, int]

    @classmethod
    def of(cls, row: Mapping[str, Any], measures: Iterable[Measure]) -> Self:
        """Return the sums in a row of `energy.sql`; SQL's null is a sum of no rows."""
        names = [measure.name for measure in measures]
        return cls({name: row[name] or 0.0 for name in names}, {name: row[f"{name}_rows"] for name in names})

    def __add__(self, other: Self) -> Self:
        values = dict(self.values)
        counts = dict(self.counts)
        for name, value in other.values.items():
            values[name] = values.get(name, 0.0) + value
            counts[name] = counts.get(name, 0) + other.counts[name]
        return type(self)(values, counts)

    def rows(self, *names: str) -> int:
        """Return from how many rows these sums are."""
        return sum(self.counts.get(name, 0) for name in names)

    def total(self, *names: str) -> float | None:
        """Return the total of the sums, or None if no row went into any of them."""
        return sum(self.values.get(name, 0.0) for name in names) if self.rows(*names) else None


def fold(sums: Iterable[Sums]) -> Sums:
    """Add sums up."""
    return reduce(Sums.__add__, sums, Sums({}, {}))


class Formula(NamedTuple):
    """`scale` * (sum of the `top` measures) / `per`, and that again * `times[0]` / `times[1]` if given."""

    name: str
    label: str
    unit: str
    how: str
    top: tuple[str, ...]
    per: str | None = None
    scale: float = 1.0
    times: tuple[str, str] | None = None

    def value(self, sums: Sums) -> float | None:
        """Return the number, or None if it has no rows or its divisor is missing or zero."""
        value = sums.total(*self.top)
        if self.per is not None:
            value = ratio(value, sums.total(self.per))
        if self.times is not None and value is not None:
            factor = ratio(sums.total(self.times[0]), sums.total(self.times[1]))
            value = None if factor is None else value * factor
        return tidy(None if value is None else value * self.scale)

    def rows(self, sums: Sums) -> int:
        """Return from how many rows the number is."""
        return sums.rows(*self.top, *(self.times or ())[:1])


def ratio(top: float | None, bottom: float | None) -> float | None:
    """Return the quotient, or None if a part is missing or the divisor is not positive."""
    return None if top is None or bottom is None or bottom <= 0 else top / bottom


def tidy(value: float | None) -> float | None:
    """Round away the errors of floating-point sums: four decimals, and no negative zero."""
    return None if value is None else round(value, 4) + 0.0


_PAIRED = "over drives with both known"
DISTANCE = Formula("distance_mi", "Distance", "mi", "sum of the drives' distance", ("distance_mi",))
DISTANCE_KM = Formula("distance_km", "Distance", "km", "distance in miles * 1.609344", ("distance_mi",), scale=KM)
DRIVING = Formula("driving_kwh", "Used by driving", "kWh", "sum of the drives' energy used", ("driving_kwh",))
WH_PER_MI = Formula(
    "efficiency_wh_per_mi",
    "Efficiency",
    "Wh/mi",
    f"sum(energy used) * 1000 / sum(distance in miles), {_PAIRED}",
    ("paired_kwh",),
    "paired_mi",
    1000,
)
WH_PER_KM = Formula(
    "efficiency_wh_per_km",
    "Efficiency",
    "Wh/km",
    f"sum(energy used) * 1000 / sum(distance in kilometres), {_PAIRED}",
    ("paired_kwh",),
    "paired_mi",
    1000 / KM,
)
DRIVE_PCT = Formula(
    "drive_efficiency_pct",
    "Drive efficiency",
    "%",
    f"sum(distance) * 100 / sum(rated range used), {_PAIRED}",
    ("rated_of_mi",),
    "rated_mi",
    100,
)
K_DRIVES = Formula(
    "k_kwh_per_mi",
    "k from drives",
    "kWh/mi",
    f"sum(energy used) / sum(rated range used), {_PAIRED}: the energy in a rated mile",
    ("k_kwh",),
    "k_mi",
)
ADDED = Formula("energy_added_kwh", "Energy added", "kWh", "sum of the energy added to the pack", ("added_kwh",))
COST = Formula("cost", "Cost", "currency", "sum of the charges' cost where it is known; 0 is free", ("cost",))
COST_PER_KWH = Formula(
    "cost_per_kwh",
    "Cost per kWh",
    "currency/kWh",
    "sum(cost) / sum(max(energy added, energy drawn)) over charges with a cost; 0 is free, or not yet set",
    ("priced_cost",),
    "priced_kwh",
)
CHARGING_PCT = Formula(
    "charging_efficiency_pct",
    "Charging efficiency",
    "%",
    "sum(energy added) * 100 / sum(max(energy added, energy drawn)) over charges with both known",
    ("stored_kwh",),
    "drawn_kwh",
    100,
)
IDLE = Formula("idle_kwh", "Used while parked", "kWh", "sum of the idles' energy used", ("idle_kwh",))
IDLE_PER_DAY = Formula(
    "idle_kwh_per_day",
    "Idle drain",
    "kWh/day",
    "sum(energy used) / sum(hours) * 24 over idles with a duration",
    ("timed_kwh",),
    "timed_h",
    24,
)

NUMBERS = (
    DISTANCE,
    DISTANCE_KM,
    WH_PER_MI,
    WH_PER_KM,
    DRIVE_PCT,
    Formula(
        "gross_wh_per_mi",
        "Gross consumption",
        "Wh/mi",
        "(sum(energy used by drives with both known) + sum(energy used by idles)) * 1000 / sum(distance in miles)",
        ("paired_kwh", "idle_kwh"),
        "paired_mi",
        1000,
    ),
    Formula(
        "gross_wh_per_km",
        "Gross consumption",
        "Wh/km",
        "(sum(energy used by drives with both known) + sum(energy used by idles)) * 1000 / sum(distance in km)",
        ("paired_kwh", "idle_kwh"),
        "paired_mi",
        1000 / KM,
    ),
    Formula(
        "energy_used_kwh", "Energy used", "kWh", "used by driving + used while parked", ("driving_kwh", "idle_kwh")
    ),
    DRIVING,
    IDLE,
    ADDED,
    Formula("wall_kwh", "Drawn from the wall", "kWh", "sum of the charges' energy used, where known", ("wall_kwh",)),
    CHARGING_PCT,
    COST,
    COST_PER_KWH,
    Formula(
        "cost_per_paid_kwh",
        "Cost per kWh paid for",
        "currency/kWh",
        "as cost per kWh, over charges with a cost above 0",
        ("paid_cost",),
        "paid_kwh",
    ),
    Formula(
        "cost_per_100_mi",
        "Cost per 100 mi",
        "currency/100 mi",
        "gross consumption in kWh/mi * 100 * sum(cost) / sum(energy added), over charges with both known",
        ("paired_kwh", "idle_kwh"),
        "paired_mi",
        100,
        ("costed_cost", "costed_kwh"),
    ),
    Formula(
        "cost_per_100_km",
        "Cost per 100 km",
        "currency/100 km",
        "gross consumption in kWh/km * 100 * sum(cost) / sum(energy added), over charges with both known",
        ("paired_kwh", "idle_kwh"),
        "paired_mi",
        100 / KM,
        ("costed_cost", "costed_kwh"),
    ),
    IDLE_PER_DAY,
    Formula(
        "idle_power_w",
        "Mean power while parked",
        "W",
        "sum(energy used) * 1000 / sum(hours) over idles with a duration",
        ("timed_kwh",),
        "timed_h",
        1000,
    ),
    Formula(
        "idle_range_mi_per_day",
        "Range lost while parked",
        "mi/day",
        "sum(rated range used) / sum(hours) * 24 over idles with a duration",
        ("ranged_mi",),
        "ranged_h",
        24,
    ),
    Formula(
        "idle_sentry_kwh",
        "Parked with Sentry",
        "kWh",
        "sum(energy used * the idle's share of time with Sentry on), the drain taken as even",
        ("sentry_kwh",),
    ),
    Formula(
        "idle_climate_kwh",
        "Parked with climate",
        "kWh",
        "sum(energy used * the idle's share of time with climate on), the drain taken as even; may overlap Sentry",
        ("climate_kwh",),
    ),
    Formula(
        "idle_rest_kwh",
        "Parked without either",
        "kWh",
        "sum(energy used * what the shares of Sentry and climate leave of 1, at least 0)",
        ("rest_kwh",),
    ),
    Formula(
        "autopilot_share_pct",
        "Autopilot share",
        "%",
        "sum(Autopilot distance) * 100 / sum(distance) over drives with both known",
        ("autopilot_mi",),
        "autopilot_of_mi",
        100,
    ),
    K_DRIVES,
    Formula(
        "k_charge_kwh_per_mi",
        "k from charges",
        "kWh/mi",
        "sum(energy added) / sum(rated range added) over charges with both known",
        ("k_charge_kwh",),
        "k_charge_mi",
    ),
)

_DRIVES = Formula("drives", "Drives", "", "drives that have ended", ("drives",))
_CHARGES = Formula("charges", "Charges", "", "charges that have ended", ("charges",))
_IDLES = Formula("idles", "Idles", "", "times parked that have ended", ("idles",))

BY_VEHICLE = (
    _DRIVES,
    DISTANCE,
    DISTANCE_KM,
    WH_PER_MI,
    WH_PER_KM,
    K_DRIVES,
    _CHARGES,
    ADDED,
    COST,
    _IDLES,
    IDLE,
    IDLE_PER_DAY,
)
BY_TIME = (DISTANCE, DRIVING, WH_PER_MI, WH_PER_KM, ADDED, COST, IDLE, IDLE_PER_DAY)
BY_BAND = (_DRIVES, DISTANCE, DISTANCE_KM, DRIVING, WH_PER_MI, WH_PER_KM, DRIVE_PCT)
BY_CHARGE = (_CHARGES, ADDED, CHARGING_PCT, COST, COST_PER_KWH)

LEFT_OUT = {
    "drives_running": ("running_drives", None),
    "drives_implausible": ("implausible_drives", None),
    "drives_without_distance": ("drives", "distance_mi"),
    "drives_without_energy": ("drives", "driving_kwh"),
    "drives_without_temperature": ("drives", "felt_drives"),
    "drives_without_rated_range": ("drives", "rated_mi"),
    "drives_without_autopilot_distance": ("drives", "autopilot_mi"),
    "charges_running": ("running_charges", None),
    "charges_implausible": ("implausible_charges", None),
    "charges_without_energy_added": ("charges", "added_kwh"),
    "charges_without_energy_drawn": ("charges", "wall_kwh"),
    "charges_without_cost": ("charges", "cost"),
    "charges_with_estimated_cost": ("estimated_charges", None),
    "charges_at_zero_cost": ("free_charges", None),
    "idles_running": ("running_idles", None),
    "idles_implausible": ("implausible_idles", None),
    "idles_without_energy": ("idles", "idle_kwh"),
    "idles_without_duration": ("idle_kwh", "timed_kwh"),
    "idles_without_attribution": ("idles", "sentry_kwh"),
}
"""The number of rows that a sum lacks: those of the first measure less those of the second."""
