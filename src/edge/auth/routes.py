"""`/auth`: the caller itself, short-lived tokens for keys, and the keys."""

from collections.abc import Collection
from datetime import timedelta
from typing import Annotated, Literal, TypedDict

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from edge.access import ADMIN, READER, Actor, Role
from edge.auth.callers import Callers
from edge.auth.keys import COLUMNS, NewKey
from edge.auth.tokens import TokenTooLong
from edge.endpoint import Body, Query
from edge.errors import Forbidden, InvalidBody, NotConfigured, NotFound, Unauthorized
from edge.instants import IN_ANY_ZONE
from edge.ports import Clock, Row, SystemDatabase
from edge.reach import SELF, UNBOUND
from edge.routes import Routes
from edge.rows import parsed, row_as

routes = Routes("/auth", tag="auth", access=ADMIN, reach=UNBOUND)

RoleName = Literal["reader", "operator", "admin"]
Subject = Annotated[str, Field(min_length=1, max_length=100)]


class NotForTokens(Forbidden):
    """A token cannot make tokens or keys: send the key."""

    title = "A token cannot make tokens or keys: send the key"


class KeyNotFound(NotFound):
    """No such key."""

    title = "No such key"


class TokenRequest(BaseModel):
    """A token to be made, which may do less than the key but never more."""

    model_config = ConfigDict(extra="forbid")

    lifetime_s: int = Field(900, ge=60, le=3600, description="lifetime in seconds")
    role: RoleName | None = Field(None, description="the key's role, or a lower one")
    subjects: list[Subject] | None = Field(None, min_length=1, max_length=50, description="some of the key's subjects")


class Token(TypedDict):
    """A token, to be sent as `Authorization: Bearer`; `expires_in` is in seconds."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    role: RoleName


class KeyRequest(BaseModel):
    """A key to be made. One that is bound to subjects, such as the VINs of some cars, sees nothing else."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=80, description="its purpose, such as a phone")
    role: RoleName = "reader"
    expires_at: Annotated[AwareDatetime, IN_ANY_ZONE] | None = Field(
        None, description="null: valid until it is revoked"
    )
    subjects: list[Subject] | None = Field(None, min_length=1, max_length=50, description="null: everything")
    daily_calls: int | None = Field(None, ge=1, le=10_000_000, description="calls in a day of UTC; null: no quota")


class Key(TypedDict):
    """An API key without its secret: `prefix` is its beginning. `last_used_at` is exact to a minute."""

    id: str
    name: str
    role: RoleName
    prefix: str
    subjects: list[str] | None
    daily_calls: int | None
    actor: str | None
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    created_at: str


class CreatedKey(Key):
    """A new key: `key` is shown this once."""

    key: str


class Myself(TypedDict):
    """The caller, as this service has identified it."""

    name: str
    role: RoleName
    subjects: list[str] | None
    daily_calls: int | None
    is_token: bool


class KeyList(BaseModel):
    """Options for listing keys, newest first."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=200)
    offset: int = Field(0, ge=0, le=1_000_000)


@routes.get("/me", access=READER, reach=SELF)
async def get_myself(actor: Actor) -> Myself:
    """Get the caller's own name, role and rights."""
    subjects = None if actor.subjects is None else sorted(actor.subjects)
    return Myself(
        name=actor.name,
        role=_name(actor.role),
        subjects=subjects,
        daily_calls=actor.daily_calls,
        is_token=actor.is_token,
    )


@routes.post("/token", NotConfigured, NotForTokens, access=READER, status=201, reach=SELF)
async def make_token(body: Body[TokenRequest], actor: Actor, callers: Callers, clock: Clock) -> Token:
    """Exchange a key for a short-lived token, which expires with its key at the latest.

    If the key is revoked, expires, or is bound to less, so are its tokens, within half a minute everywhere.
    """
    if actor.is_token:
        raise NotForTokens("POST /auth/token takes a key")
    role = Role[body.role.upper()] if body.role else actor.role
    bound = frozenset(body.subjects) if body.subjects else actor.subjects
    if role > actor.role or not all(actor.may_reach(subject) for subject in bound or ()):
        raise Forbidden("a token may do no more than its key")
    _check_bound(role, bound)
    now = clock.now()
    lifetime_s = body.lifetime_s
    if actor.expires_at is not None:
        lifetime_s = min(lifetime_s, int(actor.expires_at - now.timestamp()))
    if lifetime_s < 1:
        raise Unauthorized("the key has expired")
    try:
        token = callers.tokens().issue(actor._replace(role=role, subjects=bound), now, timedelta(seconds=lifetime_s))
    except TokenTooLong as fault:
        raise InvalidBody([{"pointer": "/subjects", "detail": f"{fault}: choose fewer subjects"}]) from None
    return Token(access_token=token, token_type="Bearer", expires_in=lifetime_s, role=_name(role))


@routes.get("/keys")
async def list_keys(query: Query[KeyList], db: SystemDatabase) -> list[Key]:
    """List all API keys, newest first, including revoked ones."""
    sql = f"SELECT {COLUMNS} FROM api_keys ORDER BY created_at DESC, rowid DESC LIMIT ? OFFSET ?"
    return [_key_view(row) for row in await db.all(sql, query.limit, query.offset)]


@routes.post("/keys", NotConfigured, NotForTokens, status=201, location="/auth/keys/{id}")
async def make_key(body: Body[KeyRequest], actor: Actor, callers: Callers, clock: Clock) -> CreatedKey:
    """Make an API key. Only this answer ever shows it."""
    if actor.is_token:
        raise NotForTokens("POST /auth/keys takes a key")
    _check_bound(Role[body.role.upper()], body.subjects)
    if body.expires_at and body.expires_at <= clock.now():
        raise InvalidBody([{"pointer": "/expires_at", "detail": "is in the past"}])
    new = NewKey(body.name, Role[body.role.upper()], body.subjects, body.daily_calls, body.expires_at)
    text, row = await callers.make_key(new, actor.name)
    return CreatedKey(**_key_view(row), key=text)


@routes.get("/keys/{key_id}", KeyNotFound)
async def get_key(key_id: str, db: SystemDatabase) -> Key:
    """Get an API key, without its secret."""
    row = await db.first(f"SELECT {COLUMNS} FROM api_keys WHERE id = ?", key_id)
    return _existing_key(row, key_id)


@routes.post("/keys/{key_id}/revoke", KeyNotFound)
async def revoke_key(key_id: str, callers: Callers) -> Key:
    """Revoke an API key, from the next request on, and its tokens. Its row stays, for reading the logs."""
    return _existing_key(await callers.revoke_key(key_id), key_id)


def _check_bound(role: Role, subjects: Collection[str] | None) -> None:
    if role is ADMIN and subjects:
        raise InvalidBody([{"pointer": "/subjects", "detail": "an administrator cannot be bound to subjects"}])


def _existing_key(row: Row | None, key_id: str) -> Key:
    if row is None:
        raise KeyNotFound(f"there is no key {key_id[:80]}")
    return _key_view(row)


def _key_view(row: Row) -> Key:
    return row_as(Key, row, role=_name(Role(row["role"])), subjects=parsed(row["subjects"]))


def _name(role: Role) -> RoleName:
    return role.name.lower()  # type: ignore[return-value] # no caller has the role public
