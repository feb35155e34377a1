"""News of a sync: live events and usage points after each commit, made from the batch's results."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic_core import to_json

from core_tessie.console.usage_points import Usage
from core_tessie.d1.values import render
from core_tessie.journal import Journal, mask
from core_tessie.live_events import (
    ChargeRecorded,
    DriveRecorded,
    RecordMoved,
    SoftwareUpdate,
    SyncFinished,
    SyncPartFailed,
    SyncProgress,
    SyncStarted,
    SyncUnreadable,
    SyncVehicleDone,
    SyncVehicleFailed,
    TessieKeyRefused,
    VehicleArchived,
    VehicleChanged,
    VehicleReturned,
)
from core_tessie.sync.runs import SyncRun
from core_tessie.tables import TABLES
from core_tessie.tessie.records import VEHICLE
from edge import Statement
from edge.instants import to_epoch
from edge.live.publisher import Publisher
from edge.ports import Row

ROUTE = "queue:core-tessie-queue"
"""The route that a sync's notes in the log have."""
PUBLISHED = frozenset(VEHICLE.columns) - {"latitude", "longitude", "heading_deg", "recorded_at"}
"""Columns of a vehicle with published changes: not its position, and not the time of reading."""
RECORDED: Mapping[str, tuple[str, Any]] = {
    "drives": ("drive.recorded", DriveRecorded),
    "charges": ("charge.recorded", ChargeRecorded),
}
"""Kinds of history with an event for each new record: the event's type, and its data, which are columns."""


class SyncNews(NamedTuple):
    """Publishes and counts. It waits for nothing, and never changes the course of a sync."""

    publisher: Publisher
    usage: Usage
    journal: Journal

    def started(self, run: SyncRun) -> None:
        """Publish that a run has begun."""
        self.publisher.publish("sync.started", SyncStarted(run_id=run["id"], cause=run["cause"], actor=run["actor"]))

    def ended(self, rows: Iterable[Row]) -> None:
        """Publish the runs that a statement of `runs` has ended; its rows include runs that go on."""
        for row in rows:
            if row["ended_at"] is None:
                continue
            data = {name: row[name] for name in SyncFinished.__annotations__ if name != "run_id"}
            self.publisher.publish("sync.finished", {"run_id": row["id"], **data})
            ms = (to_epoch(row["ended_at"]) - to_epoch(row["started_at"])) * 1000
            self.usage.sync(
                "run", row["status"], ms, rows=row["rows_written"], vehicles=row["vehicles_total"], cause=row["cause"]
            )

    def progressed(self, vin: str, progress: SyncProgress) -> None:
        """Publish how far back a kind of history is copied."""
        self.publisher.publish("sync.progress", progress, vin)

    def vehicle_done(self, vin: str, done: SyncVehicleDone, ms: float) -> None:
        """Publish that a vehicle is up to date."""
        self.publisher.publish("sync.vehicle.done", done, vin)
        self.usage.sync("vehicle", "succeeded", ms, rows=sum(done["rows"].values()), vehicles=1)

    def vehicle_failed(self, vin: str, failed: SyncVehicleFailed) -> None:
        """Publish and log that a vehicle was given up."""
        self._note("error", "sync failed", vin, failed["run_id"], error=failed["error"])
        self.publisher.publish("sync.vehicle.failed", failed, vin)
        self.usage.sync("vehicle", "failed", 0, vehicles=1)

    def part_failed(self, vin: str, failed: SyncPartFailed) -> None:
        """Publish that a part failed while others are up to date."""
        about = {name: value for name, value in failed.items() if name != "run_id"}
        self._note("warning", "a part of a sync failed", vin, failed["run_id"], **about)
        self.publisher.publish("sync.part.failed", failed, vin)

    def unreadable(self, vin: str, unreadable: SyncUnreadable) -> None:
        """Publish and log the fields that could not be read."""
        self._note("warning", "fields not readable", vin, unreadable["run_id"], fields=unreadable["fields"])
        self.publisher.publish("sync.unreadable", unreadable, vin)

    def archived(self, vin: str, rows: Iterable[Row]) -> None:
        """Publish and log that a vehicle was archived."""
        for row in rows:
            data = VehicleArchived(display_name=row["display_name"], archived_at=row["archived_at"])
            self._note("warning", "vehicle archived: Tessie no longer has it", vin, "", archived_at=row["archived_at"])
            self.publisher.publish("vehicle.archived", data, vin)

    def returned(self, rows: Iterable[Row]) -> None:
        """Publish the vehicles that came back from the archive."""
        for row in rows:
            self.publisher.publish("vehicle.returned", VehicleReturned(display_name=row["display_name"]), row["id"])

    def bad_listing(self, run_id: str, count: int) -> None:
        """Log that Tessie's list has entries without a VIN."""
        if count:
            text = "Tessie's list has entries without a VIN"
            self.journal.note("warning", text, route=ROUTE, actor="sync", request_id=run_id, entries=count)

    def key_refused(self, run_id: str, error: str) -> None:
        """Publish and log that Tessie refuses the key."""
        self.journal.note("error", error, route=ROUTE, actor="sync", request_id=run_id)
        self.publisher.publish("tessie.key.refused", TessieKeyRefused(error=error))

    def changed(self, vin: str, changed: dict[str, Any]) -> None:
        """Publish the columns of a vehicle that have changed, if any."""
        if changed:
            self.publisher.publish("vehicle.changed", VehicleChanged(changed=changed), vin)

    def updated(self, vin: str, rows: Iterable[Row]) -> None:
        """Publish the software updates that were written."""
        for row in rows:
            self.publisher.publish("software.update", SoftwareUpdate(**row), vin)  # type: ignore[typeddict-item]

    def recorded(self, vin: str, kind: str, rows: Iterable[Row]) -> None:
        """Publish new records."""
        type_, _ = RECORDED[kind]
        for row in rows:
            self.publisher.publish(type_, row, vin)

    def record_ended(self, vin: str, kind: str, rows: Iterable[Row]) -> None:
        """Publish the records that have ended, with their final numbers."""
        for row in rows:
            self.publisher.publish(f"{kind.removesuffix('s')}.ended", row, vin)

    def removed(self, vin: str, kind: str, rows: Iterable[Row]) -> None:
        """Publish the records that Tessie no longer has."""
        self._publish_moved(vin, f"{kind.removesuffix('s')}.removed", rows)

    def restored(self, vin: str, kind: str, rows: Iterable[Row]) -> None:
        """Publish the removed records that came back."""
        self._publish_moved(vin, f"{kind.removesuffix('s')}.restored", rows)

    def _publish_moved(self, vin: str, type_: str, rows: Iterable[Row]) -> None:
        for row in rows:
            self.publisher.publish(type_, RecordMoved(id=row["id"], started_at=row["started_at"]), vin)

    def _note(self, level: str, text: str, vin: str, run_id: str, **payload: object) -> None:
        about = {"vehicle": mask(vin), **payload}
        self.journal.note(level, text, route=ROUTE, actor="sync", request_id=run_id, **about)


def difference(before: Row, after: Row) -> dict[str, Any]:
    """Return the published columns of a vehicle that have changed, in the form of an HTTP answer."""
    changed = {name for name in PUBLISHED if before[name] != after[name]}
    columns = [column for name, column in TABLES["vehicles"].columns.items() if name in changed]
    (rendered,) = render(columns, [dict(after)])
    return {column.name: rendered[column.name] for column in columns}


def record_lookup(kind: str, vin: str, ids: Iterable[int]) -> list[Statement]:
    """Return the statement that finds records by Tessie's ids, to run before and after they are written; or none."""
    if kind not in RECORDED:
        return []
    columns = ", ".join(RECORDED[kind][1].__annotations__)
    sql = f"SELECT {columns} FROM {kind} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY started_at"
    return [Statement(sql, (to_json([f"{vin}-{id_}" for id_ in ids]).decode(),))]
