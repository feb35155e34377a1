"""The merge of a client's changes into records, without any I/O.

Each field of a record has the revision of its last write, and the client that wrote it. A change names the revision
last seen by its author. If another client has written a different value since then, there is a conflict: the value
that reaches the server later wins, the other is reported. No clocks are compared.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json

from vinyl_vault.record import DEFAULTS, EXTRA, LARGEST_RECORD, MOST_EXTRA, MOST_TAGS

DELETED = "deleted_at"
"""The name of the pseudo-field that tracks the last deletion or revival of a record."""
TAG = "tags."
"""Prefix of the names of pseudo-fields that track single tags."""
NEWEST = 2**53 - 1
"""A seen revision that stands for all changes, so that there are no conflicts."""
MOST_RECORDS = 100_000
"""Most records of a user; the same number of deleted records may await purging."""
MOST_CONFLICTS = 2_000
"""Most open conflicts of a user; a change that would add one more is rejected."""


class Change(NamedTuple):
    """A change of one record: `fields` are the edited ones, `rev` is the revision last seen by its author.

    If it `expects_record` and the record is missing, the record was purged, and the change does not create a new one.
    """

    id: str
    rev: int
    fields: Mapping[str, Any]
    is_deletion: bool = False
    expects_record: bool = False


class Conflict(NamedTuple):
    """A value or deletion that was overwritten: `kept` is the winner, `lost` the other."""

    id: str
    kind: str
    field: str | None
    kept: Any
    lost: Any
    lost_by: str


class Rejection(NamedTuple):
    """A rejected change, with the reason and the field."""

    id: str | None
    code: str
    field: str | None


class Room(NamedTuple):
    """The number of records that may become present, and of those that may be stored in addition, deleted ones too."""

    present: int
    stored: int


class Rejected(Exception):
    """A change is rejected."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code)
        self.code = code
        self.field = field


class Stored:
    """A record during a merge; negative revisions are placeholders for those assigned by the write."""

    __slots__ = ("by", "created_at", "deleted_at", "fields", "id", "rev", "revs")

    def __init__(self, id: str, created_at: str) -> None:  # noqa: A002 - a record's id
        self.id = id
        self.created_at = created_at
        self.deleted_at: str | None = None
        self.fields: dict[str, Any] = dict(DEFAULTS)
        self.revs: dict[str, int] = {}
        self.by: dict[str, str] = {}
        self.rev = 0

    def is_unseen(self, name: str, rev: int, client: str) -> bool:
        """Tell whether another client has written a field after a revision."""
        return self.revs.get(name, 0) > rev and self.by.get(name) != client


class Merge:
    """Merges the changes of one client, in order, into the affected records.

    Afterwards `changed` are the records to write, in the order of their new revisions; `applied` are the records with
    a client's copy equal to the server's, with their revisions; `merged` are the records with a different copy.
    """

    def __init__(self, client: str, now: str, records: Mapping[str, Stored]) -> None:
        self.client = client
        self.now = now
        self.records = dict(records)
        self.room = Room(MOST_RECORDS, 2 * MOST_RECORDS)
        self.added = 0
        """The number of new records."""
        self.revived = 0
        """The number of records that are no longer deleted."""
        self.conflict_room = MOST_CONFLICTS
        """The number of conflicts that may be added."""
        self.changed: list[Stored] = []
        self.applied: dict[str, int] = {}
        self.merged: dict[str, None] = {}
        self.conflicts: list[Conflict] = []
        self.rejections: list[Rejection] = []

    def apply(self, changes: Sequence[Change]) -> None:
        """Merge changes; an invalid one is rejected without affecting the others."""
        for change in changes:
            try:
                if change.is_deletion:
                    self.delete(change)
                else:
                    self.update(change)
            except Rejected as fault:
                self.rejections.append(Rejection(change.id, fault.code, fault.field))

    def update(self, change: Change) -> None:
        """Write the differing fields; a change of a deleted record revives it."""
        record = self.records.get(change.id) or self.new_record(change)
        # A client drops the fields of a record that it deletes, so its copy of a revived record is not current.
        is_current = record.deleted_at is None and self.is_current(record, change)
        if record.deleted_at is not None:
            self.require_room()
        values, conflicts = self.resolve(record, change)
        self.records[record.id] = record
        self.report(*conflicts, *self.revival(record, change))
        if values or record.deleted_at is not None or not record.rev:
            self.touch(record)
        if record.deleted_at is not None:
            self.write(record, DELETED)
            record.deleted_at = None
            self.revived += 1
        for name, value in values.items():
            if name == "tags":
                self.write_tags(record, value)
            elif value is None and name.startswith(EXTRA):
                self.remove_field(record, name)
            else:
                self.write(record, name)
                record.fields[name] = value
        self.mark_current(record, is_current)

    def delete(self, change: Change) -> None:
        """Delete a record, unless another client has changed a field since the author's revision."""
        record = self.records.get(change.id)
        if record is None:
            self.applied.setdefault(change.id, 0)
            return
        is_current = self.is_current(record, change)
        if record.deleted_at is None and self.is_deletion_refused(record, change):
            self.report(Conflict(record.id, "delete_refused", None, False, True, self.client))
            is_current = False
        elif record.deleted_at is None:
            self.touch(record)
            self.write(record, DELETED)
            record.deleted_at = self.now
        self.mark_current(record, is_current)

    def report(self, *conflicts: Conflict) -> None:
        """Add conflicts; raises `Rejected` without room, as a lost value must not vanish unseen."""
        if conflicts and len(self.conflicts) + len(conflicts) > self.conflict_room:
            raise Rejected("conflicts_full", conflicts[0].field or "id")
        self.conflicts += conflicts

    def is_deletion_refused(self, record: Stored, change: Change) -> bool:
        """Tell whether a deletion would remove changes not seen by its author."""
        return any(record.is_unseen(name, change.rev, self.client) for name in record.revs)

    def is_current(self, record: Stored, change: Change) -> bool:
        """Tell whether the client's copy of a record equals the server's, apart from this push."""
        return record.id not in self.merged and record.rev <= change.rev

    def new_record(self, change: Change) -> Stored:
        """Return a new record; raises `Rejected` without artist and album, or if the collection is full."""
        if change.expects_record:
            raise Rejected("gone", "id")
        if not change.fields.get("artist") and not change.fields.get("album"):
            raise Rejected("missing", "album")
        if self.added >= self.room.stored:
            raise Rejected("full", "id")
        self.require_room()
        self.added += 1
        return Stored(change.id, self.now)

    def require_room(self) -> None:
        """Raise `Rejected` if no further record may be present."""
        if self.added + self.revived >= self.room.present:
            raise Rejected("full", "id")

    def resolve(self, record: Stored, change: Change) -> tuple[dict[str, Any], list[Conflict]]:
        """Return the differing values of a change, and its conflicts."""
        values: dict[str, Any] = {}
        conflicts: list[Conflict] = []
        for name, value in change.fields.items():
            current = record.fields.get(name)
            resolved = self.resolve_tags(record, change.rev, value) if name == "tags" else value
            if not differs(resolved, current):
                continue
            values[name] = resolved
            if record.is_unseen(name, change.rev, self.client):
                conflicts.append(Conflict(record.id, "field", name, value, current, record.by[name]))
        after = record.fields | values
        if sum(name.startswith(EXTRA) and value is not None for name, value in after.items()) > MOST_EXTRA:
            raise Rejected("too_many", "extra")
        if values and len(to_json(after)) > LARGEST_RECORD:
            raise Rejected("too_long", max(values, key=lambda name: len(to_json(values[name]))))
        return values, conflicts

    def resolve_tags(self, record: Stored, rev: int, value: Any) -> list[str]:
        """Return a record's tags after a change: a complete list keeps tags added by other clients since then."""
        current = {*record.fields["tags"]}
        if isinstance(value, dict):
            tags = current - {*value.get("remove", ())} | {*value.get("add", ())}
        else:
            tags = {*value} | {tag for tag in current if record.is_unseen(TAG + tag, rev, self.client)}
        if len(tags) > MOST_TAGS:
            raise Rejected("too_many", "tags")
        return sorted(tags)

    def revival(self, record: Stored, change: Change) -> list[Conflict]:
        """Return the conflict of a change with a deletion not seen by its author."""
        if record.deleted_at is None or not record.is_unseen(DELETED, change.rev, self.client):
            return []
        return [Conflict(record.id, "revived", None, False, True, record.by[DELETED])]

    def touch(self, record: Stored) -> None:
        """Give a record a new revision, once per merge."""
        if record not in self.changed:
            self.changed.append(record)
            record.rev = -len(self.changed)

    def write_tags(self, record: Stored, tags: Sequence[str]) -> None:
        """Write a record's tags; each has a revision of its own, as several clients can add tags."""
        for tag in {*tags} - {*record.fields["tags"]}:
            self.write(record, TAG + tag)
        for tag in {*record.fields["tags"]} - {*tags}:
            record.revs.pop(TAG + tag, None)
            record.by.pop(TAG + tag, None)
        record.fields["tags"] = tags

    def remove_field(self, record: Stored, name: str) -> None:
        """Remove a field of another program."""
        for values in (record.fields, record.revs, record.by):
            values.pop(name, None)

    def write(self, record: Stored, name: str) -> None:
        """Record the revision and the client of a field's new value."""
        record.revs[name] = record.rev
        record.by[name] = self.client

    def mark_current(self, record: Stored, is_current: bool) -> None:
        """Record whether the client's copy of a record is current."""
        if is_current:
            self.applied[record.id] = record.rev
        else:
            self.applied.pop(record.id, None)
            self.merged[record.id] = None


def differs(value: Any, other: Any) -> bool:
    """Tell whether two values differ in JSON, in which true is not 1."""
    return value != other or type(value) is not type(other)
