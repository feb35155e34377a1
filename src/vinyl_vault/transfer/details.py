"""Covers, genres and prices of records: fetched and refreshed in the background, with spare calls only."""

from datetime import timedelta
from math import ceil
from time import monotonic
from typing import Any

from edge import Clock, Log, NotConfigured, Problem, SystemDatabase
from edge.data import ScopedDatabase
from edge.instants import to_text
from edge.ports import ForeignKeyViolation, Row
from vinyl_vault.discogs.budget import DiscogsBusy
from vinyl_vault.discogs.client import Json
from vinyl_vault.discogs.covers import PENDING
from vinyl_vault.discogs.releases import Releases
from vinyl_vault.discogs.settings import DiscogsSettings
from vinyl_vault.record import fields_of
from vinyl_vault.sync.merge import Change
from vinyl_vault.sync.store import SyncStore
from vinyl_vault.tables import TABLES
from vinyl_vault.transfer.work import member

CLIENT = "@discogs"
"""The client name of filled-in fields; no device can choose a name with @."""
CALLS = 2
"""Calls to Discogs per release: the release and its cover."""
MOST_ATTEMPTS = 6
FIRST_PAUSE = timedelta(minutes=5)

_DUE = "SELECT * FROM details_due WHERE user_id > ? AND due_at <= ? ORDER BY user_id, due_at LIMIT 1"
"""The first due record of the next user, in the order of ids."""
_FILLED = ("year", "label", "catalogue_number", "format", "formats", "genre", "style", "country", "barcode", "cover")
"""Fields that are filled in if they are empty; values written by users stay."""


class Details:
    """Fills in records, one per user in turn, until the spare calls are used up."""

    def __init__(
        self, db: SystemDatabase, releases: Releases, settings: DiscogsSettings, clock: Clock, log: Log
    ) -> None:
        self._db = db
        self._releases = releases.spare()
        self._pause = timedelta(days=settings.discogs_keep_days, hours=1)
        self._clock = clock
        self._log = log

    async def fill(self, seconds: float) -> int:
        """Fill in records for some seconds; return their number."""
        end = monotonic() + seconds
        filled = 0
        last = ""
        while monotonic() < end:
            row = await self._db.first(_DUE, last, to_text(self._clock.now()))
            if row is None and not last:
                break
            last = row["user_id"] if row else ""  # after the last user, start again with the first
            if row is None:
                continue
            if not await self._fill(row):
                break
            filled += 1
        return filled

    async def _fill(self, row: Row) -> bool:
        """Fill in one record, or postpone it; return false if no further call is possible now."""
        db = TABLES.scoped(self._db, member(row["user_id"]))
        try:
            answer = await self._releases.get(row["release_id"])
        except (DiscogsBusy, NotConfigured):
            return False
        except Problem as fault:
            await self._postpone(db, row, f"{type(fault).__name__}: {fault}")
            return True
        if answer.data is not None and answer.data["cover"] == PENDING and row["attempts"] < MOST_ATTEMPTS:
            await self._postpone(db, row, "the cover could not be fetched")
            return True
        if answer.data is not None and await self._write(db, row, answer.data):
            later = {"import_id": "", "attempts": 0, "due_at": to_text(self._clock.now() + self._pause)}
            await db.update("details_due", later, "record_id = ?", row["record_id"])
        else:
            await db.delete("details_due", "record_id = ?", row["record_id"])
        return True

    async def _write(self, db: ScopedDatabase, row: Row, release: Json) -> bool:
        """Write the empty fields of a record, and its value; return false if it was deleted or its release changed."""
        record = await db.first("SELECT * FROM collections WHERE id = ?", row["record_id"])
        if record is None or record["deleted_at"] is not None:
            return False
        fields = fields_of(record)
        if fields["discogs"] != {"kind": "release", "id": row["release_id"]}:
            return False
        filled: dict[str, Any] = {
            name: release[name] for name in _FILLED if not fields[name] and release[name] not in (None, "", [], PENDING)
        }
        if release["price_minor"] is not None:
            filled["market_value"] = {"amount": release["price_minor"], "currency": release["currency"]}
            filled["valued_on"] = self._clock.now().date().isoformat()
        if filled:
            change = Change(row["record_id"], record["rev"], filled, expects_record=True)
            try:
                await SyncStore(db, row["user_id"], self._clock).change([change], CLIENT)
            except ForeignKeyViolation:  # the account was deleted meanwhile
                return False
        return True

    async def _postpone(self, db: ScopedDatabase, row: Row, reason: str) -> None:
        self._log(
            "warning", "details postponed", release=row["release_id"], attempts=row["attempts"], error=reason[:300]
        )
        if row["attempts"] >= MOST_ATTEMPTS:
            await db.delete("details_due", "record_id = ?", row["record_id"])
            return
        due_at = to_text(self._clock.now() + FIRST_PAUSE * 2 ** row["attempts"])
        changes = {"attempts": row["attempts"] + 1, "due_at": due_at}
        await db.update("details_due", changes, "record_id = ?", row["record_id"])


def minutes_for(records: int, settings: DiscogsSettings) -> int:
    """Return the approximate number of minutes to fetch the details of some records."""
    calls = max(1, settings.discogs_calls_per_minute - settings.discogs_spare_calls)
    return ceil(records * CALLS / calls)
