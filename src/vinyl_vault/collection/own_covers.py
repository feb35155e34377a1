"""Covers uploaded by users: checked by content, stripped of metadata, under an address that cannot be guessed."""

from secrets import token_hex
from typing import Any

from edge import (
    READER,
    Actor,
    Bucket,
    Clock,
    Operation,
    Problem,
    Request,
    Routes,
    Statement,
    SystemDatabase,
    Tick,
)
from edge.data import ScopedDatabase
from edge.errors import Overloaded, PayloadTooLarge
from edge.instants import to_text
from edge.pictures.formats import MOST_BYTES, SENT, NoPicture
from edge.pictures.metadata import without_metadata
from edge.ports import OutOfScope
from vinyl_vault.collection.routes import RecordNotFound, change, live, record_of
from vinyl_vault.discogs.covers import address_of, path_of
from vinyl_vault.discogs.images import OWN
from vinyl_vault.members import MEMBER
from vinyl_vault.record import Record
from vinyl_vault.retention import CRON
from vinyl_vault.sync.merge import NEWEST, Change
from vinyl_vault.sync.store import SyncStore
from vinyl_vault.tables import MOST_STORED

routes = Routes("/api/collection", tag="collection", access=READER, reach=MEMBER)

PER_RUN = 200
"""Most objects removed per run."""
PER_DAY = 5_000
"""Most unused covers released per daily run."""

_ADDRESS = f"'{address_of('')[: -len('.jpg')]}' || own_covers.key || '.jpg'"
"""The address of a cover, in SQL."""
_ORPHANS = (
    "UPDATE own_covers SET user_id = NULL WHERE rowid IN (SELECT rowid FROM own_covers WHERE user_id IS NOT NULL "
    f"AND NOT EXISTS (SELECT 1 FROM collections WHERE user_id = own_covers.user_id AND cover = {_ADDRESS}) "
    "AND NOT EXISTS (SELECT 1 FROM sync_conflicts WHERE user_id = own_covers.user_id "
    f"AND field = 'cover' AND lost = json_quote({_ADDRESS})) AND created_at < datetime(?, '-1 day') LIMIT ?)"
)
"""A deleted record still counts as a use of its cover, as it can be restored."""


class UnfitCover(Problem):
    """The picture cannot be a cover."""

    title = "The picture cannot be a cover"
    status = 422


class TooManyCovers(Problem):
    """The limit for covers is reached."""

    title = "The limit for covers is reached"
    status = 409


@routes.put(
    "/{record_id}/cover",
    RecordNotFound,
    UnfitCover,
    PayloadTooLarge,
    TooManyCovers,
    Overloaded,
    operation=Operation(body=SENT),
)
async def put_cover(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
    record_id: str,
    request: Request,
    actor: Actor,
    db: ScopedDatabase,
    store: SyncStore,
    cache: Bucket,
    clock: Clock,
) -> Record:
    """Upload a record's cover: the body is a JPEG, PNG or WebP of at most 5 MiB and 25 million pixels.

    Its metadata, such as the location, is removed. To remove a cover, change `cover` to null.
    """
    await live(record_id, db)
    try:
        picture, body = without_metadata(await request.body(MOST_BYTES))
    except NoPicture as fault:
        raise UnfitCover(str(fault)) from None
    key = f"{OWN}{token_hex(16)}"
    row = {"key": key, "user_id": actor.name, "bytes": len(body), "created_at": to_text(clock.now())}
    try:
        await db.insert("own_covers", [row])
    except OutOfScope:
        detail = f"your covers may use {MOST_STORED} bytes: remove some; their space is freed within a day"
        raise TooManyCovers(detail) from None
    await cache.put(path_of(key), body, content_type=picture.media_type)
    await change(store, Change(record_id, NEWEST, {"cover": address_of(key)}))
    return await record_of(record_id, db)


@routes.cron(CRON)
async def release_covers(tick: Tick, db: SystemDatabase, clock: Clock) -> dict[str, Any]:
    """Release covers that no record has used for a day; the job of the next minute removes them."""
    if tick.is_dry:
        return {}
    [released] = await db.batch([Statement(_ORPHANS, (to_text(clock.now()), PER_DAY))])
    return {"covers": released.changes}


@routes.cron("* * * * *")
async def remove_covers(tick: Tick, db: SystemDatabase, cache: Bucket) -> dict[str, Any]:
    """Remove released covers, and those of deleted accounts."""
    rows = await db.all("SELECT key FROM own_covers WHERE user_id IS NULL LIMIT ?", PER_RUN)
    for row in [] if tick.is_dry else rows:
        await cache.delete(path_of(row["key"]))
        await db.run("DELETE FROM own_covers WHERE key = ?", row["key"])
    return {"covers": len(rows)}
