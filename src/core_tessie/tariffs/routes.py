"""`/tariffs`: prices of charging by place and time, for estimates of charges without a cost."""

from typing import Any, TypedDict
from uuid import uuid4

from pydantic_core import from_json, to_json

from core_tessie.reach import ALL_VEHICLES, VehicleOutOfReach
from core_tessie.sync.routes import CRON
from core_tessie.tariffs.estimates import EstimateReport, Estimates
from core_tessie.tariffs.rates import TariffBody
from edge import (
    ADMIN,
    READER,
    Actor,
    Body,
    Clock,
    Database,
    InvalidBody,
    NotFound,
    Operation,
    Problem,
    Response,
    Routes,
    Statement,
    Tick,
)
from edge.data import ScopedDatabase
from edge.data.writes import raise_unless
from edge.errors import Fault
from edge.instants import to_text
from edge.ports import OutOfScope, Row
from edge.rows import row_as

routes = Routes("/tariffs", tag="tariffs", access=READER)
estimate_routes = Routes("/tariff-estimates", tag="tariffs", access=ADMIN)

MOST_TARIFFS = 200
_FEW = raise_unless("tariffs", f"(SELECT count(*) FROM tariffs) <= {MOST_TARIFFS}")
AT_ONCE = 5
"""Batches of charges that a request prices before its answer."""


class Tariff(TypedDict):
    """A tariff. `vin`, `charger` and the place are null for all; the first of `rates` that holds counts."""

    id: str
    name: str
    vin: str | None
    currency: str
    timezone: str | None
    saved_location: str | None
    latitude: float | None
    longitude: float | None
    radius_m: float | None
    charger: str | None
    rates: list[dict[str, Any]]
    actor: str | None
    created_at: str
    updated_at: str


class TariffNotFound(NotFound):
    """No such tariff."""

    title = "No such tariff"


class TooManyTariffs(Problem):
    """There are too many tariffs."""

    title = "There are too many tariffs"
    status = 409


_STORED = Operation({200: {"application/json": Tariff}})
_CREATED = Operation({201: {"application/json": Tariff}})


@routes.get()
async def list_tariffs(db: Database) -> list[Tariff]:
    """List the tariffs in the order of their creation; a bound key sees those of its vehicles."""
    rows = await db.all("SELECT * FROM tariffs ORDER BY rowid LIMIT ?", MOST_TARIFFS)
    return [_tariff_of(row) for row in rows]


@routes.post("", TooManyTariffs, access=ADMIN, status=201, operation=_CREATED)
async def make_tariff(
    body: Body[TariffBody], actor: Actor, db: ScopedDatabase, clock: Clock, estimates: Estimates
) -> Response:
    """Create a tariff. It prices charges without a cost at once; if they are many, the next jobs price the rest."""
    await _check_vehicle(body, db)
    now = to_text(clock.now())
    row = {"id": uuid4().hex, **_cells(body), "actor": actor.name, "created_at": now, "updated_at": now}
    try:
        await db.batch([db.prepare.insert("tariffs", [row]), Statement(_FEW)])
    except OutOfScope:
        raise TooManyTariffs(f"there are {MOST_TARIFFS}; remove one first") from None
    await estimates.catch_up(AT_ONCE)
    response = Response.json(_tariff_of(row), 201)
    response.headers.append(("location", f"{routes.prefix}/{row['id']}"))
    return response


@estimate_routes.post("", VehicleOutOfReach, reach=ALL_VEHICLES)
async def estimate_now(estimates: Estimates) -> EstimateReport:
    """Price changed charges now, as every sync does; call it again if it `has_more`."""
    return await estimates.run()


@routes.get("/{tariff_id}", TariffNotFound)
async def get_tariff(tariff_id: str, db: Database) -> Tariff:
    """Get a tariff."""
    return _tariff_of(await _read(tariff_id, db))


@routes.put("/{tariff_id}", TariffNotFound, access=ADMIN, operation=_STORED)
async def replace_tariff(tariff_id: str, body: Body[TariffBody], db: ScopedDatabase, estimates: Estimates) -> Tariff:
    """Replace a tariff and price its charges again. Give a price that rises from a day on as a rate with dates."""
    await _check_vehicle(body, db)
    changed = await db.update("tariffs", _cells(body), "id = ?", tariff_id, returning=("id",))
    if not changed.rows:
        raise TariffNotFound(f"there is no tariff {tariff_id[:80]}")
    await estimates.catch_up(AT_ONCE)
    return _tariff_of(await _read(tariff_id, db))


@routes.delete("/{tariff_id}", TariffNotFound, access=ADMIN, status=204)
async def remove_tariff(tariff_id: str, db: ScopedDatabase, estimates: Estimates) -> None:
    """Remove a tariff, and the estimates that came from it."""
    gone = await db.delete("tariffs", "id = ?", tariff_id, returning=("id",))
    if not gone.rows:
        raise TariffNotFound(f"there is no tariff {tariff_id[:80]}")
    await estimates.catch_up(AT_ONCE)


@routes.cron(CRON)
async def estimate_costs(tick: Tick, estimates: Estimates) -> EstimateReport:
    """Price the changed charges that no sync has priced yet."""
    return EstimateReport(charges=0, has_more=True) if tick.is_dry else await estimates.run()


async def _read(tariff_id: str, db: Database) -> Row:
    row = await db.first("SELECT * FROM tariffs WHERE id = ?", tariff_id)
    if row is None:
        raise TariffNotFound(f"there is no tariff {tariff_id[:80]}")
    return row


async def _check_vehicle(body: TariffBody, db: Database) -> None:
    if body.vin is not None and await db.first("SELECT 1 FROM vehicles WHERE id = ?", body.vin) is None:
        raise InvalidBody([Fault(pointer="/vin", detail="there is no such vehicle")])


def _cells(body: TariffBody) -> dict[str, Any]:
    """Return a tariff's columns."""
    rates = [rate.model_dump(by_alias=True, exclude_unset=True) for rate in body.rates]
    return body.model_dump(exclude={"rates"}) | {"rates": to_json(rates).decode()}


def _tariff_of(row: Row) -> Tariff:
    return row_as(Tariff, row, rates=from_json(row["rates"]))
