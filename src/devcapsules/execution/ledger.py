"""Records runs: their account and result, without source and output."""

import secrets

from edge import Clock, SystemDatabase
from edge.instants import to_text
from edge.ports import Statement
from edge.ports.executor import Execution, Language

_RUN = (
    "INSERT INTO executions (id, user_id, capsule_id, language, status, time_ms, memory_kb, created_at) "
    "SELECT ?, id, ?, ?, ?, ?, ?, ? FROM users WHERE id = ?"
)
_DAY = (
    "INSERT INTO usage_daily (user_id, day, kind, used) SELECT id, ?, 'execution', 1 FROM users WHERE id = ? "
    "ON CONFLICT (user_id, day, kind) DO UPDATE SET used = used + 1"
)


class Ledger:
    """Records the runs of accounts."""

    def __init__(self, db: SystemDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def record(self, account: str, language: Language, ended: Execution, capsule_id: str | None = None) -> None:
        """Record a run of an account; does nothing without an account, or if it was deleted."""
        now = to_text(self._clock.now())
        run_id = f"run_{secrets.token_hex(8)}"
        run = (run_id, capsule_id, language, ended.status, ended.time_ms, ended.memory_kb, now, account)
        if account:
            await self._db.batch([Statement(_RUN, run), Statement(_DAY, (now[:10], account))])
