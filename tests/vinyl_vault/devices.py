"""Devices that sync one collection: each has a copy, pending edits, and a push that is repeated until answered."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

FIELDS = ("artist", "album", "notes", "extra.k", "tags")


class Reply(NamedTuple):
    """An answer to a request; None if it was lost."""

    status: int
    body: dict[str, Any]


type Exchange = Callable[[bytes], Awaitable[Reply | None]]


class Edits:
    """Pending edits of one record; `rev` is the lowest revision seen at the time of an edit."""

    def __init__(self, rev: int) -> None:
        self.rev = rev
        self.fields: dict[str, Any] = {}
        self.is_deletion = False


class Device:
    """A client of the sync protocol. With `whole_records` it carelessly sends all fields of a record."""

    def __init__(self, name: str, *, whole_records: bool = False) -> None:
        self.name = name
        self.whole_records = whole_records
        self.seq = 0
        self.cursor: str | None = None
        self.revs: dict[str, int] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.pending: dict[str, Edits] = {}
        self.frozen: tuple[bytes, dict[str, Edits]] | None = None
        self.more = False
        self.ghosts: dict[str, dict[str, Any]] = {}
        """Removed records: a change of a purged one is sent with all its fields."""

    def screen(self, record_id: str) -> dict[str, Any] | None:
        """Return a record as displayed by the device, or None."""
        fields = self.records.get(record_id)
        for edits in (self.frozen[1] if self.frozen else {}, self.pending):
            if record_id in edits:
                fields = overlaid(fields, edits[record_id])
        return fields

    def seen(self, record_id: str) -> int:
        """Return the revision of a record seen by the user: pending edits hide newer values."""
        rev = self.revs.get(record_id, 0)
        return min(rev, self.frozen[1][record_id].rev) if self.frozen and record_id in self.frozen[1] else rev

    def edit(self, record_id: str, name: str, value: Any) -> None:
        """Edit a field; for tags, the value has additions and removals."""
        edits = self.pending.setdefault(record_id, Edits(self.seen(record_id)))
        edits.is_deletion = False
        if name == "tags" and isinstance(value, dict) and "tags" in edits.fields:
            before = edits.fields["tags"]
            added = ({*before["add"]} - {*value["remove"]}) | {*value["add"]}
            removed = ({*before["remove"]} - {*value["add"]}) | {*value["remove"]}
            value = {"add": sorted(added), "remove": sorted(removed)}
        edits.fields[name] = value

    def delete(self, record_id: str) -> None:
        """Delete a record."""
        edits = self.pending.setdefault(record_id, Edits(self.seen(record_id)))
        edits.fields.clear()
        edits.is_deletion = True

    @property
    def is_waiting(self) -> bool:
        """True if a push or edit has not been answered yet."""
        return bool(self.pending or self.frozen or self.more)

    async def sync(self, exchange: Exchange, limit: int) -> bool:
        """Send the pending push or a new one; return true if it was answered."""
        if self.frozen is None:
            self.seq += 1
            self.frozen = (self._body(limit), self.pending)
            self.pending = {}
        reply = await exchange(self.frozen[0])
        if reply is None or reply.status == 503:
            return False
        assert reply.status == 200, reply
        self._take(reply.body)
        return True

    def _body(self, limit: int) -> bytes:
        albums = [
            {"id": name, "rev": edits.rev, "set": nested(self._sent(name, edits))}
            for name, edits in self.pending.items()
            if not edits.is_deletion
        ]
        deleted = [{"id": name, "rev": edits.rev} for name, edits in self.pending.items() if edits.is_deletion]
        body = {"client_id": self.name, "seq": self.seq, "schema": 1, "last_sync": self.cursor, "limit": limit}
        return json.dumps(body | {"albums": albums, "deleted_ids": deleted}).encode()

    def _sent(self, record_id: str, edits: Edits) -> dict[str, Any]:
        """Return the fields of a record to send."""
        return overlaid(self.records.get(record_id), edits) or {} if self.whole_records else edits.fields

    def _take(self, answer: dict[str, Any]) -> None:
        assert self.frozen is not None
        pushed = self.frozen[1]
        self.frozen = None
        applied = {change["id"]: change["rev"] for change in answer["applied"]}
        sent_ids = {*[album["id"] for album in answer["albums"]], *answer["deleted_ids"]}
        assert not applied.keys() & sent_ids, "a record is applied, and comes back as new"
        gone = {rejection["id"] for rejection in answer["rejected"] if rejection["code"] == "gone"}
        assert len(gone) == len(answer["rejected"]), answer["rejected"]
        assert pushed.keys() <= applied.keys() | sent_ids | gone, "a record of the push is not answered"
        before = self.revision(self.cursor)
        assert answer["reset"] or self.revision(answer["last_sync"]) >= before, "the cursor goes back"
        if answer["reset"]:
            self.ghosts |= self.records
            self.records.clear()
            self.revs.clear()
        for name, rev in applied.items():
            self._adopt(name, rev, pushed.get(name))
        for record in answer["albums"]:
            if record["rev"] > self.revs.get(record["id"], 0):
                self.revs[record["id"]] = record["rev"]
                self.records[record["id"]] = flat(record)
        for name in answer["deleted_ids"]:
            self._drop(name)
        for name in gone:
            self._send_whole(name, pushed[name])
        self.cursor, self.more = answer["last_sync"], answer["more"]

    def _drop(self, record_id: str) -> None:
        if record_id in self.records:
            self.ghosts[record_id] = self.records.pop(record_id)

    def _send_whole(self, record_id: str, edits: Edits) -> None:
        """Send a purged record again as a new one, with the edits since then."""
        self._drop(record_id)
        later = self.pending.get(record_id)
        whole = overlaid(self.ghosts.get(record_id), edits) or {}
        if later is not None:
            whole = overlaid(whole, later) or {}
        if not whole:
            return
        self.revs.pop(record_id, None)
        again = self.pending[record_id] = Edits(0)
        again.fields = whole | ({"tags": {"add": whole["tags"], "remove": []}} if "tags" in whole else {})

    def _adopt(self, record_id: str, rev: int, edits: Edits | None) -> None:
        """Accept the server's version of a pushed record; later edits have seen it."""
        if rev <= self.revs.get(record_id, 0) or edits is None:
            return
        later = self.pending.get(record_id)
        if later is not None and later.rev == edits.rev:
            later.rev = rev
        fields = overlaid(self.records.get(record_id), edits)
        self.revs[record_id] = rev
        if fields is None:
            self.records.pop(record_id, None)
        else:
            self.records[record_id] = {name: value for name, value in fields.items() if value}

    @staticmethod
    def revision(cursor: str | None) -> int:
        """Return the revision of a cursor."""
        return int(cursor.rpartition(".")[2]) if cursor else 0


def overlaid(fields: dict[str, Any] | None, edits: Edits) -> dict[str, Any] | None:
    """Return a record with edits applied; None if they delete it."""
    if edits.is_deletion:
        return None
    changed = {**(fields or {}), **edits.fields}
    if "tags" in edits.fields:
        tags = edits.fields["tags"]
        changed["tags"] = sorted({*(fields or {}).get("tags", [])} - {*tags["remove"]} | {*tags["add"]})
    return changed


def nested(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields in the format of a push."""
    plain = {name: value for name, value in fields.items() if not name.startswith("extra.")}
    extra = {name[6:]: value for name, value in fields.items() if name.startswith("extra.")}
    return plain | ({"extra": extra} if extra else {})


def flat(record: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a record that test devices can edit."""
    fields = {name: record[name] for name in ("artist", "album", "notes", "tags") if record[name]}
    return fields | {f"extra.{name}": value for name, value in record["extra"].items()}
