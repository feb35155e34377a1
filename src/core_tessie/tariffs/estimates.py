"""The estimated costs of all charges, updated in batches: two indexes find the changed charges."""

from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple, TypedDict

from pydantic_core import from_json, to_json

from core_tessie.tariffs.pricing import Tariff, estimate
from core_tessie.tariffs.rates import TariffBody
from edge import Clock, Log, SystemDatabase
from edge.ports import PortError, Row

BATCH = 1_000
"""Charges that are priced at once."""
BATCHES = 15
"""Batches of one run: two statements each, within the 50 of an invocation on Workers' free plan."""
SECONDS = 10.0
"""How long one run goes on; the next one continues."""


class EstimateReport(TypedDict):
    """The number of charges that were checked; `has_more` if some are left for the next run."""

    charges: int
    has_more: bool


class Estimates(NamedTuple):
    """Prices charges again when their values or tariffs change. It may be cut off, or run twice at once."""

    db: SystemDatabase
    clock: Clock
    log: Log

    async def catch_up(self, batches: int = BATCHES) -> EstimateReport:
        """Price the changed charges; if the database is not available, the next run does it."""
        try:
            return await self.run(batches)
        except PortError as fault:
            self.log("warning", "costs not estimated; the next run retries", error=str(fault))
            return EstimateReport(charges=0, has_more=True)

    async def run(self, batches: int = BATCHES) -> EstimateReport:
        """Price the changed charges."""
        rows = await self.db.all("SELECT * FROM tariffs ORDER BY rowid")
        tariffs = self._read(rows)
        mark = _mark(rows)
        ends_at = self.clock.now() + timedelta(seconds=SECONDS)
        charges = 0
        for _ in range(batches):
            stale = await self.db.all(_STALE, mark, BATCH, mark, BATCH, BATCH)
            if stale:
                await self.db.run(_WRITE, to_json([_priced(row, tariffs, mark) for row in stale]).decode())
            charges += len(stale)
            if len(stale) < BATCH:
                return EstimateReport(charges=charges, has_more=False)
            if self.clock.now() >= ends_at:
                break
        return EstimateReport(charges=charges, has_more=True)

    def _read(self, rows: list[Row]) -> list[Tariff]:
        """Return the readable tariffs; one written directly to the table may be unreadable, and is skipped."""
        tariffs = []
        for row in rows:
            try:
                tariffs.append(Tariff(row["id"], TariffBody.model_validate(stored_body(row))))
            except ValueError as fault:
                self.log("warning", "tariff not readable; it prices nothing", tariff=row["id"], error=str(fault)[:500])
        return tariffs


def stored_body(row: Row) -> dict[str, object]:
    """Return the body of a stored tariff; `ValueError` if its rates are no JSON."""
    return {name: row[name] for name in TariffBody.model_fields} | {"rates": from_json(row["rates"])}


def _mark(rows: list[Row]) -> str:
    """Return a fingerprint of a set of tariffs; empty without tariffs, as the column's default is."""
    if not rows:
        return ""
    content = [[row[name] for name in ("id", "created_at", *TariffBody.model_fields)] for row in rows]
    return sha256(to_json(content)).hexdigest()[:16]


def _priced(charge: Row, tariffs: list[Tariff], mark: str) -> tuple[object, ...]:
    try:
        priced = estimate(charge, tariffs)
    except (ValueError, OverflowError):  # an invalid instant, or one at the ends of the calendar
        priced = None
    return (charge["id"], *(priced or (None, None, None)), mark, charge["basis"] if mark else None)


_BASIS = (
    "json_array(started_at, ended_at, saved_location, latitude, longitude, is_supercharger, is_fast_charger, "
    "energy_added_kwh, energy_used_kwh, cost)"
)
"""The values that a price depends on, written as in the index `charges_estimate_stale`."""
_STALE = (
    "WITH stale (id) AS ("
    "SELECT id FROM (SELECT id FROM charges WHERE estimate_tariffs < ? LIMIT ?) UNION "
    "SELECT id FROM (SELECT id FROM charges WHERE estimate_tariffs > ? LIMIT ?) UNION "
    f"SELECT id FROM (SELECT id FROM charges WHERE estimate_basis <> {_BASIS} LIMIT ?)) "
    "SELECT charges.id, charges.vin, started_at, ended_at, saved_location, charges.latitude, charges.longitude, "
    "is_supercharger, is_fast_charger, energy_added_kwh, energy_used_kwh, cost, charges.implausible, utc_offset_s, "
    f"{_BASIS.replace('latitude, longitude', 'charges.latitude, charges.longitude')} AS basis "
    "FROM stale CROSS JOIN charges ON charges.id = stale.id JOIN vehicles ON vehicles.id = charges.vin LIMIT "
    f"{BATCH}"
)
_WRITE = (
    "UPDATE charges SET estimated_cost = new.value ->> 1, estimated_currency = new.value ->> 2, "
    "estimated_tariff_id = new.value ->> 3, estimate_tariffs = new.value ->> 4, estimate_basis = new.value ->> 5, "
    "updated_at = CASE WHEN (estimated_cost, estimated_currency, estimated_tariff_id) IS NOT "
    "(new.value ->> 1, new.value ->> 2, new.value ->> 3) THEN CURRENT_TIMESTAMP ELSE charges.updated_at END "
    "FROM json_each(?) AS new WHERE charges.id = new.value ->> 0"
)
