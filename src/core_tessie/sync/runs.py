"""The `sync_runs` rows: how a run begins, the progress of its vehicles, and how the last one closes it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict
from uuid import uuid4

from pydantic_core import from_json, to_json

from edge import Database, Statement
from edge.instants import to_text
from edge.ports import Row
from edge.rows import row_as

ABANDONED_AFTER = timedelta(hours=24)
"""A run that is still open after this has lost its messages: the next run closes it."""

ENDED = ("succeeded", "partial", "failed", "archived")
"""The final statuses of a vehicle in a run; the other ones are pending and retrying."""

type Cause = Literal["cron", "api", "command line", "poll"]


class SyncRun(TypedDict):
    """One run of the sync. `progress` holds each VIN's status, rows by kind and the instant it has gone back to."""

    id: str
    cause: str
    status: Literal["started", "succeeded", "partial", "failed"]
    actor: str | None
    request_id: str | None
    started_at: str
    ended_at: str | None
    vehicles_total: int
    vehicles_done: int
    vehicles_failed: int
    rows_written: int
    progress: dict[str, dict[str, Any]]
    error: str | None


def run_of(row: Row) -> SyncRun:
    """Return a row as a run."""
    return row_as(SyncRun, row, progress=from_json(row["progress"]))


async def begin(db: Database, now: datetime, cause: Cause, actor: str, request_id: str) -> tuple[SyncRun, list[Row]]:
    """Store a new run and return it, with the rows of abandoned runs, which are closed."""
    run_id = uuid4().hex
    values = (run_id, cause, actor, request_id, to_text(now))
    results = await db.batch(
        [
            Statement(_ABANDON, (to_text(now), to_text(now - ABANDONED_AFTER))),
            Statement(_BEGIN, values),
        ]
    )
    return run_of(results[1].rows[0]), results[0].rows


def begin_for(
    run_id: str, vins: list[str], now: datetime, actor: str, request_id: str | None
) -> tuple[Statement, Statement]:
    """Return the statements that begin a run for these vehicles under its caller's id, if it has not begun."""
    values = (run_id, "poll" if actor == "poll" else "api", actor, request_id, to_text(now))
    begun = _BEGIN.replace(" RETURNING *", " ON CONFLICT (id) DO NOTHING RETURNING *")
    return Statement(begun, values), expect(run_id, vins)


async def read(db: Database, run_id: str) -> SyncRun | None:
    """Return a run, or None."""
    row: Row | None = await db.first("SELECT * FROM sync_runs WHERE id = ?", run_id)
    return run_of(row) if row else None


def expect(run_id: str, vins: list[str]) -> Statement:
    """Name the vehicles that a run waits for."""
    pending = {vin: {"status": "pending"} for vin in vins}
    return Statement(
        f"{_UPDATE} progress = json_patch(?, progress), vehicles_total = ? WHERE id = ? AND ended_at IS NULL",
        (to_json(pending).decode(), len(vins), run_id),
    )


def waits_for(run_id: str, vin: str) -> Statement:
    """Return the statement that finds a row if a run is open and the vehicle has not ended in it."""
    status = f'$."{vin}".status'
    return Statement(
        f"SELECT 1 FROM sync_runs WHERE id = ? AND ended_at IS NULL AND progress ->> ? NOT IN {ENDED}",
        (run_id, status),
    )


def report(run_id: str, vin: str, facts: Mapping[str, object]) -> Statement:
    """Store facts about one vehicle in an open run, and return the run's progress; None removes a fact."""
    return Statement(
        f"{_UPDATE} progress = json_patch(progress, ?) WHERE id = ? AND ended_at IS NULL RETURNING progress",
        (to_json({vin: facts}).decode(), run_id),
    )


def count_rows(run_id: str) -> Statement:
    """Add the number of rows that the batch's previous statement changed; write nothing if it changed none."""
    return Statement(f"{_UPDATE} rows_written = rows_written + changes() WHERE id = ? AND changes() > 0", (run_id,))


def close(run_id: str, now: datetime) -> Statement:
    """Count the vehicles that have ended, end the run when none is left, and return its row if it was open."""
    return Statement(_CLOSE, (run_id, to_text(now), run_id))


def fail(run_id: str, now: datetime, error: str) -> Statement:
    """End a run that could not begin, and return its row."""
    return Statement(
        f"{_UPDATE} status = 'failed', ended_at = ?, error = ? WHERE id = ? AND ended_at IS NULL {_RETURNING}",
        (to_text(now), error, run_id),
    )


_UPDATE = "UPDATE sync_runs SET updated_at = CURRENT_TIMESTAMP,"
_RETURNING = (
    "RETURNING id, cause, status, started_at, ended_at, vehicles_total, vehicles_done, vehicles_failed, "
    "rows_written, error"
)
_BEGIN = (
    "INSERT INTO sync_runs (id, cause, status, actor, request_id, started_at) "
    "VALUES (?, ?, 'started', ?, ?, ?) RETURNING *"
)
_ABANDON = (
    f"{_UPDATE} status = 'failed', error = 'abandoned', ended_at = ? "
    f"WHERE status = 'started' AND started_at < ? {_RETURNING}"
)
_CLOSE = f"""
WITH counted AS (
  SELECT count(*) FILTER (WHERE value ->> 'status' IN ('succeeded', 'partial', 'archived')) AS done,
         count(*) FILTER (WHERE value ->> 'status' = 'failed') AS failed,
         count(*) FILTER (WHERE value ->> 'status' = 'partial') AS partly,
         count(*) AS total
  FROM sync_runs AS run, json_each(run.progress) WHERE run.id = ?
)
{_UPDATE}
  vehicles_done = counted.done,
  vehicles_failed = counted.failed,
  ended_at = CASE WHEN counted.done + counted.failed = counted.total THEN ? END,
  status = CASE WHEN counted.done + counted.failed < counted.total THEN 'started'
                WHEN counted.failed + counted.partly = 0 THEN 'succeeded'
                WHEN counted.done = 0 THEN 'failed'
                ELSE 'partial' END
FROM counted WHERE sync_runs.id = ? AND sync_runs.ended_at IS NULL {_RETURNING}
"""
