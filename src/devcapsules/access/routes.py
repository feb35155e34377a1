"""`/api/v1/auth/api-keys`, the plan of an account and its usage; administrators change plans."""

from typing import Annotated, TypedDict

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

from devcapsules.access.callers import USERS
from devcapsules.access.keys import make_key
from devcapsules.access.plans import PlanLimits, PlanName
from devcapsules.tables import MOST_KEYS
from edge import ADMIN, READER, Actor, Body, Clock, NotFound, Routes, SystemDatabase
from edge.data import ScopedDatabase
from edge.data.database import Cells
from edge.errors import StorageConflict
from edge.instants import to_text
from edge.ports import OutOfScope, Row
from edge.reach import OPEN, SELF
from edge.rows import row_as
from edge.settings import _ORIGIN as ORIGIN

MOST_ORIGINS = 30
COLUMNS = ("id", "name", "prefix", "origins", "created_at", "expires_at", "revoked_at", "last_used_at")
_LIST = f"SELECT {', '.join(COLUMNS)} FROM api_keys ORDER BY created_at DESC, id LIMIT {2 * MOST_KEYS}"

keys = Routes("/api/v1/auth/api-keys", tag="keys", access=READER, reach=USERS)
usage = Routes("/api/v1/usage", tag="plans", access=READER, reach=SELF)
plans = Routes("/api/v1/plans", tag="plans", access=ADMIN, reach=OPEN)


def _exact(origin: str) -> str:
    if not ORIGIN.fullmatch(origin):
        raise ValueError("must be http(s)://host[:port], in lower case and without a path")
    return origin


type Origin = Annotated[str, Field(max_length=200), AfterValidator(_exact)]


class KeyNotFound(NotFound):
    """No such key."""

    title = "No such key"


class TooManyKeys(StorageConflict):
    """The account has too many keys."""

    title = "The account has too many keys"


class UserNotFound(NotFound):
    """No such user."""

    title = "No such user"


class KeyRequest(BaseModel):
    """A new key; `origins` are those of pages that may embed widgets with it, or call the API from a browser."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    origins: Annotated[list[Origin], Field(max_length=MOST_ORIGINS)] = []
    expires_in_days: Annotated[int, Field(ge=1, le=3_650)] | None = None


class PlanChange(BaseModel):
    """The new plan of an account."""

    model_config = ConfigDict(extra="forbid")

    plan: PlanName


class Key(TypedDict):
    """A key; only the beginning of its text is stored."""

    id: str
    name: str
    prefix: str
    origins: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class CreatedKey(TypedDict):
    """A new key; `secret` is its text, which is returned only once."""

    secret: str
    key: Key


class Keys(TypedDict):
    """The keys of an account, the newest first."""

    keys: list[Key]


class Limits(TypedDict):
    """The limits of a plan; null means unlimited."""

    minute: int
    day: int | None
    generations: int | None


class Used(TypedDict):
    """The calls in the current minute and day, and the generations in the current day."""

    minute: int
    day: int
    generations: int


class Usage(TypedDict):
    """The plan of an account, its limits and its usage."""

    plan: str
    limits: Limits
    used: Used


class AccountPlan(TypedDict):
    """The plan of an account."""

    user_id: str
    plan: str


@keys.post("", TooManyKeys, status=201)
async def make_api_key(body: Body[KeyRequest], actor: Actor, db: ScopedDatabase, clock: Clock) -> CreatedKey:
    """Create a widget key. Its text is returned only once."""
    key = make_key()
    now = clock.now()
    expires_at = (
        to_text(now.fromtimestamp(now.timestamp() + body.expires_in_days * 86_400, now.tzinfo))
        if (body.expires_in_days)
        else None
    )
    cells: Cells = {
        "id": key.id,
        "user_id": actor.name,
        "name": body.name,
        "prefix": key.prefix,
        "hash": key.hash,
        "origins": to_json(body.origins).decode(),
        "created_at": to_text(now),
        "expires_at": expires_at,
    }
    try:
        added = await db.insert("api_keys", [cells], returning=COLUMNS)
    except OutOfScope:
        raise TooManyKeys(f"{MOST_KEYS} keys are in use: revoke one") from None
    return CreatedKey(secret=key.text, key=_key(added.rows[0]))


@keys.get("")
async def list_api_keys(db: ScopedDatabase) -> Keys:
    """List the account's keys, including revoked ones."""
    return Keys(keys=[_key(row) for row in await db.all(_LIST)])


@keys.delete("/{key_id}", KeyNotFound, status=204)
async def revoke_api_key(key_id: str, db: ScopedDatabase, clock: Clock) -> None:
    """Revoke a key; from now on it is rejected, and pages with it stop working."""
    changed = await db.update(
        "api_keys", {"revoked_at": to_text(clock.now())}, "id = ? AND revoked_at IS NULL", key_id, returning="id"
    )
    if not changed.rows and await db.first("SELECT 1 AS found FROM api_keys WHERE id = ?", key_id) is None:
        raise KeyNotFound("there is no such key of yours")


@usage.get("", reach=USERS)
async def get_usage(actor: Actor, plan_limits: PlanLimits) -> Usage:
    """Get the account's plan, its limits and its usage."""
    plan = await plan_limits.plan_of(actor.name)
    limits = Limits(minute=plan.minute, day=plan.day, generations=plan.generations)
    used = await plan_limits.used(actor.name)
    return Usage(plan=plan.name, limits=limits, used=Used(**used))  # type: ignore[typeddict-item]


@plans.put("/{user_id}", UserNotFound)
async def change_plan(user_id: str, body: Body[PlanChange], db: SystemDatabase, clock: Clock) -> AccountPlan:
    """Change the plan of an account; it applies from the next call on."""
    row = await db.first(
        "UPDATE users SET plan = ?, updated_at = ? WHERE id = ? RETURNING id, plan",
        body.plan,
        to_text(clock.now()),
        user_id,
    )
    if row is None:
        raise UserNotFound("there is no such user")
    return AccountPlan(user_id=row["id"], plan=row["plan"])


def _key(row: Row) -> Key:
    return row_as(Key, row, origins=from_json(row["origins"]))
