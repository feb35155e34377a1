"""Links that share a collection: read-only, revocable, and without prices, places and notes."""

import secrets
from hashlib import sha256
from typing import Annotated, Literal, TypedDict
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from edge import PUBLIC, READER, Actor, Body, Clock, NotFound, Problem, Query, Response, Routes, SystemDatabase
from edge.data import ScopedDatabase
from edge.endpoint import Operation
from edge.instants import to_text
from edge.ports import OutOfScope
from edge.rows import row_as
from edge.text import NO_NUL
from vinyl_vault.collection.listing import Filters, View, page
from vinyl_vault.collection.stats import SOLD
from vinyl_vault.members import MEMBER
from vinyl_vault.tables import MOST_SHARES, TABLES

routes = Routes("/api/shares", tag="shares", access=READER, reach=MEMBER)
public = Routes("/api/shared", tag="shares", access=PUBLIC)

_TOKEN_BYTES = 32
_STRANGER = View(f"NOT {SOLD}", ("artist", "album", "label", "catalogue_number", "colour"))
"""A search reads only shared columns; otherwise it would reveal the contents of notes."""


class ShareNotFound(NotFound):
    """No such link."""

    title = "No such link"


class TooManyShares(Problem):
    """Too many links."""

    title = "Too many links"
    status = 409


class NewShare(BaseModel):
    """A new link; its name is visible to anyone with the link."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100), NO_NUL]


class Share(TypedDict):
    """A link to a collection; times are in UTC."""

    id: str
    name: str
    created_at: str


class CreatedShare(TypedDict):
    """A new link: `token` is returned only once, `path` is the address of the collection."""

    id: str
    name: str
    created_at: str
    token: str
    path: str


class SharedFilters(BaseModel):
    """Filters of a shared collection, and its page."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["owned", "wanted"] = "owned"
    artist: Annotated[str, Field(max_length=500), NO_NUL] | None = None
    genre: Annotated[str, Field(max_length=500), NO_NUL] | None = None
    q: Annotated[str, Field(max_length=500), NO_NUL] | None = None
    limit: int = Field(50, ge=1, le=200)
    after: Annotated[str, Field(max_length=500), NO_NUL] | None = None


class SharedRecord(TypedDict):
    """A record in a shared collection."""

    id: str
    status: Literal["owned", "wanted"]
    artist: str
    album: str
    year: int | None
    label: str | None
    catalogue_number: str | None
    format: str | None
    genre: list[str]
    style: list[str]
    country: str | None
    cover: str | None
    media_condition: str | None
    sleeve_condition: str | None
    colour: str | None


class SharedRecords(TypedDict):
    """A page of a shared collection; `next` is null on the last page."""

    name: str
    records: list[SharedRecord]
    next: str | None
    total: int


class SharedCollections:
    """Finds the collection of a link. Only the link is looked up without a scope; records are read as its owner."""

    def __init__(self, db: SystemDatabase) -> None:
        self._db = db

    async def find(self, token: str) -> tuple[str, ScopedDatabase]:
        """Return a link's name and the database scope of its owner; raises `ShareNotFound` for an unknown link."""
        row = await self._db.first("SELECT user_id, name FROM shares WHERE token_hash = ?", _hashed(token))
        if row is None:
            raise ShareNotFound("the link was revoked or never existed")
        return row["name"], TABLES.scoped(self._db, Actor(row["user_id"], READER, is_member=True))


@routes.get()
async def list_shares(db: ScopedDatabase) -> list[Share]:
    """List your links."""
    return [row_as(Share, row) for row in await db.all("SELECT id, name, created_at FROM shares ORDER BY created_at")]


@routes.post("", TooManyShares, status=201, location="/api/shared/{token}")
async def add_share(new: Body[NewShare], actor: Actor, db: ScopedDatabase, clock: Clock) -> CreatedShare:
    """Create a link to your collection; anyone with the link can read it."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    share = {"id": str(uuid4()), "name": new.name, "created_at": to_text(clock.now())}
    try:
        await db.insert("shares", [share | {"user_id": actor.name, "token_hash": _hashed(token)}])
    except OutOfScope:
        raise TooManyShares(f"there are {MOST_SHARES} links: revoke one") from None
    return row_as(CreatedShare, share, token=token, path=f"{public.prefix}/{token}")


@routes.delete("/{share_id}", ShareNotFound, status=204)
async def revoke_share(share_id: str, db: ScopedDatabase) -> None:
    """Revoke a link; from now on it answers 404."""
    if not (await db.delete("shares", "id = ?", share_id)).changes:
        raise ShareNotFound(f"there is no link {share_id[:80]}")


@public.get("/{token}", ShareNotFound, operation=Operation({200: {"application/json": SharedRecords}}))
async def get_shared_collection(token: str, query: Query[SharedFilters], shared: SharedCollections) -> Response:
    """Read a shared collection by its link."""
    name, db = await shared.find(token)
    records_page = await page(Filters(**query.model_dump()), db, _STRANGER)
    records = [row_as(SharedRecord, record) for record in records_page["records"]]
    response = Response.json(
        SharedRecords(name=name, records=records, next=records_page["next"], total=records_page["total"])
    )
    response.headers.append(("cache-control", "no-store"))
    return response


def _hashed(token: str) -> str:
    """Return a token's hash; one round is enough for 256 random bits."""
    return sha256(token.encode(errors="surrogatepass")).hexdigest()
