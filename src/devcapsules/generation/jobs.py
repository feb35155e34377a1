"""Jobs: one row each, processed by one delivery at a time, with at most one capsule as a result.

This also holds for repeated messages and crashed deliveries: capsule, version and end of the job are written in one
transaction, which requires the delivery's lease.
"""

import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from devcapsules.capsules import store
from devcapsules.generation.drafts import Order
from devcapsules.generation.rounds import Generated
from edge import Clock, SystemDatabase
from edge.instants import from_epoch, to_text
from edge.ports import Row, Statement, Value

LEASE_S = 180.0
"""Seconds for which a delivery's lease is valid after its last step."""
LOST_S = 300
"""Seconds after which the message of a stalled job is sent again, in case it was lost."""

_INSERT = (
    "INSERT INTO generation_jobs (id, user_id, prompt, language, difficulty, created_at, updated_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_CHARGE = (
    "INSERT INTO usage_daily (user_id, day, kind, used) VALUES (?, ?, 'generation', 1) "
    "ON CONFLICT (user_id, day, kind) DO UPDATE SET used = used + 1"
)
_CLAIM = (
    "UPDATE generation_jobs SET state = 'running', lease = ?, lease_until = ?, updated_at = ? "
    "WHERE id = ? AND state IN ('queued', 'running') AND coalesce(lease_until, 0) <= ? RETURNING *"
)
_STEP = (
    "UPDATE generation_jobs SET step = ?, rounds = ?, tokens = ?, lease_until = ?, updated_at = ? "
    "WHERE id = ? AND lease = ? AND state = 'running' RETURNING id"
)
_RELEASE = (
    "UPDATE generation_jobs SET state = 'queued', step = ?, lease = NULL, lease_until = NULL, updated_at = ? "
    "WHERE id = ? AND lease = ? AND state = 'running'"
)
_END = (
    "UPDATE generation_jobs SET state = ?, reason = ?, faults = ?, lease = NULL, lease_until = NULL, step = '', "
    "updated_at = ?, finished_at = ? WHERE id = ? AND state IN ('queued', 'running') AND "
)
_FAIL = f"{_END}lease = ?"
_BURY = f"{_END}coalesce(lease_until, 0) <= ?"
_SUCCEED = (
    "UPDATE generation_jobs SET state = 'succeeded', capsule_id = ?, score = ?, parts = ?, rounds = ?, tokens = ?, "
    "reason = NULL, lease = NULL, lease_until = NULL, step = '', updated_at = ?, finished_at = ? "
    "WHERE id = ? AND lease = ? AND state = 'running' RETURNING id"
)
_HOLDS = "EXISTS (SELECT 1 FROM generation_jobs WHERE id = ? AND lease = ? AND state = 'running')"
_REVIVE = (
    "UPDATE generation_jobs SET state = 'queued', reason = NULL, faults = '[]', finished_at = NULL, rounds = 0, "
    "tokens = 0, updated_at = ? "
    "WHERE id = ? AND state = 'dead' RETURNING id"
)
_DEAD = "SELECT * FROM generation_jobs WHERE state = 'dead' ORDER BY created_at LIMIT 100"
_LOST = (
    "SELECT id FROM generation_jobs WHERE state IN ('queued', 'running') AND updated_at <= ? "
    "AND coalesce(lease_until, 0) <= ? ORDER BY state, created_at LIMIT 50"
)
_TOUCH = "UPDATE generation_jobs SET updated_at = ? WHERE id IN (SELECT value FROM json_each(?))"


class LeaseLost(Exception):
    """Another delivery has taken over the job, or it has ended."""


class Claimed(NamedTuple):
    """A job leased by this delivery."""

    row: Row
    lease: str

    @property
    def order(self) -> Order:
        """The exercise to generate."""
        row = self.row
        return Order(prompt=row["prompt"], language=row["language"], difficulty=row["difficulty"])


class Jobs:
    """Reads and writes jobs without a scope, as queue consumers and cron jobs have no caller."""

    def __init__(self, db: SystemDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def add(self, user_id: str, order: Order) -> str:
        """Add a job and its charge in one batch; return its id."""
        now = self._clock.now()
        job_id = f"job_{secrets.token_hex(12)}"
        times = (to_text(now), to_text(now))
        await self._db.batch(
            [
                Statement(_INSERT, (job_id, user_id, order.prompt, order.language, order.difficulty, *times)),
                Statement(_CHARGE, (user_id, now.strftime("%Y-%m-%d"))),
            ]
        )
        return job_id

    async def row(self, job_id: str) -> Row | None:
        """Return a job's row, or None."""
        return await self._db.first("SELECT * FROM generation_jobs WHERE id = ?", job_id)

    async def claim(self, job_id: str) -> Claimed | None:
        """Lease a job to this delivery; None if it has ended, was deleted, or is leased to another delivery."""
        now = self._clock.now()
        lease = secrets.token_hex(8)
        until = now.timestamp() + LEASE_S
        row = await self._db.first(_CLAIM, lease, until, to_text(now), job_id, now.timestamp())
        return Claimed(row, lease) if row else None

    async def step(self, claimed: Claimed, step: str, rounds: int, tokens: int) -> None:
        """Record a job's progress and extend the lease; raises `LeaseLost` if another delivery has it."""
        now = self._clock.now()
        values = (step, rounds, tokens, now.timestamp() + LEASE_S, to_text(now), claimed.row["id"], claimed.lease)
        if await self._db.first(_STEP, *values) is None:
            raise LeaseLost(claimed.row["id"])

    async def release(self, claimed: Claimed, step: str) -> None:
        """Release a job, so that another delivery can retry it."""
        await self._db.run(_RELEASE, step[:200], to_text(self._clock.now()), claimed.row["id"], claimed.lease)

    async def fail(self, claimed: Claimed, reason: str, faults: Sequence[str] = ()) -> bool:
        """End a job without a capsule; return false if another delivery has it, or it had ended before."""
        return await self._end(_FAIL, ("failed", reason), faults, claimed.row["id"], claimed.lease)

    async def bury(self, job_id: str, faults: Sequence[str]) -> bool:
        """End a job whose retries all failed; return false if a delivery is working on it, or it had ended before."""
        return await self._end(_BURY, ("dead", "gave_up"), faults, job_id, self._clock.now().timestamp())

    async def _end(self, sql: str, outcome: tuple[str, str], faults: Sequence[str], *condition: Value) -> bool:
        now = to_text(self._clock.now())
        result = await self._db.run(sql, *outcome, to_json([*faults][:10]).decode(), now, now, *condition)
        return result.changes > 0

    async def succeed(self, claimed: Claimed, exercise: Generated) -> str | None:
        """Store the capsule and end the job in one transaction; None if another delivery has the job."""
        now = to_text(self._clock.now())
        capsule_id = store.new_id()
        order = claimed.order
        job_id, lease = claimed.row["id"], claimed.lease
        capsule = {
            "id": capsule_id,
            "owner_id": claimed.row["user_id"],
            "title": exercise.content.title,
            "language": order.language,
            "difficulty": order.difficulty,
            "tags": to_json(exercise.tags).decode(),
            "search_text": store.search_text(exercise.content, exercise.tags),
            "score": exercise.score,
            "job_id": job_id,
            "created_at": now,
            "updated_at": now,
        }
        open_part, answers = store.version_cells(capsule_id, 1, exercise.content, now)
        parts = to_json(exercise.parts).decode()
        end = (capsule_id, exercise.score, parts, exercise.rounds, exercise.tokens, now, now, job_id, lease)
        results = await self._db.batch(
            [
                _insert_if("capsules", capsule, _HOLDS, job_id, lease),
                _insert_if("capsule_versions", open_part, "EXISTS (SELECT 1 FROM capsules WHERE id = ?)", capsule_id),
                _insert_if("capsule_answers", answers, "EXISTS (SELECT 1 FROM capsules WHERE id = ?)", capsule_id),
                Statement(_SUCCEED, end),
            ]
        )
        return capsule_id if results[-1].rows else None

    async def dead(self) -> list[Row]:
        """Return the dead jobs, the oldest first."""
        return await self._db.all(_DEAD)

    async def requeue(self, job_id: str) -> bool:
        """Requeue a dead job without a second charge; return false if there is none."""
        return await self._db.first(_REVIVE, to_text(self._clock.now()), job_id) is not None

    async def stalled(self) -> list[str]:
        """Return the ids of stalled jobs; each is returned at most once in five minutes."""
        now = self._clock.now().timestamp()
        ids = [row["id"] for row in await self._db.all(_LOST, from_epoch(now - LOST_S), now)]
        if ids:
            await self._db.run(_TOUCH, from_epoch(now), to_json(ids).decode())
        return ids


def _insert_if(table: str, cells: dict[str, Any], condition: str, *params: Value) -> Statement:
    marks = ", ".join("?" * len(cells))
    sql = f"INSERT INTO {table} ({', '.join(cells)}) SELECT {marks} WHERE {condition}"
    return Statement(sql, (*cells.values(), *params))


def faults_of(row: Row) -> list[str]:
    """Return the faults of a job's last draft."""
    faults: list[str] = from_json(row["faults"])
    return faults
