"""Limits on attempts: by network, by account, and by both, with delays that double.

An attempt is counted before it is made, so that concurrent ones all count, and given back if it succeeds. The limit of
an account alone does not apply to networks from which its user has logged in: nobody can lock the user out.
"""

from hmac import digest
from typing import NamedTuple

from pydantic_core import to_json

from edge.auth.accounts.users import key_of
from edge.auth.limits import TooManyRequests
from edge.ports import Clock, SystemDatabase


class Allowance(NamedTuple):
    """A limit: `free` attempts, then a delay that doubles from `first_s` to `longest_s`. Idle counts are deleted."""

    free: int
    first_s: float
    longest_s: float
    forget_s: float


BY_BOTH = Allowance(5, 1, 900, 86_400)
BY_ADDRESS = Allowance(30, 1, 900, 3600)
BY_ACCOUNT = Allowance(20, 1, 60, 3600)
BY_USER = Allowance(5, 1, 900, 3600)
BY_SENDER = Allowance(20, 5, 900, 3600)
BY_MAILBOX = Allowance(3, 60, 1800, 86_400)

_MOST_DOUBLED = 20
_COUNT = f"""
INSERT INTO auth_attempts (key, failures, free_at, seen_at)
SELECT key, n, ?1 + CASE WHEN n < free THEN 0 ELSE min(longest, first * (1 << min(n - free, {_MOST_DOUBLED}))) END, ?1
FROM (
  SELECT value ->> 0 AS key, value ->> 1 AS free, value ->> 2 AS first, value ->> 3 AS longest,
    1 + coalesce((
      SELECT failures FROM auth_attempts WHERE key = value ->> 0 AND seen_at > ?1 - (value ->> 4)
    ), 0) AS n
  FROM json_each(?2)
)
WHERE NOT EXISTS (
  SELECT 1 FROM auth_attempts WHERE key IN (SELECT value ->> 0 FROM json_each(?2)) AND free_at > ?1
)
ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, free_at = excluded.free_at, seen_at = excluded.seen_at
RETURNING key
""".strip()
_WAIT = "SELECT max(free_at) AS free_at FROM auth_attempts WHERE key IN (SELECT value ->> 0 FROM json_each(?))"
_REFUND = (
    "UPDATE auth_attempts SET failures = max(failures - 1, 0), free_at = min(free_at, ?) "
    "WHERE key IN (SELECT value ->> 0 FROM json_each(?))"
)
_KNOWN = (
    "SELECT 1 FROM users u JOIN refresh_tokens r ON r.user_id = u.id WHERE u.email_key = ?1 AND r.network = ?2 "
    "UNION ALL SELECT 1 FROM auth_attempts WHERE key = ?3 LIMIT 1"
)
_WELCOME = "INSERT OR REPLACE INTO auth_attempts (key, failures, free_at, seen_at) VALUES (?, 0, 0, ?)"


class Counted(NamedTuple):
    """A counted attempt, to be given back if it succeeds."""

    document: str


class Attempts:
    """Counts attempts. Keys are keyed hashes, so the table reveals neither addresses nor accounts."""

    def __init__(self, db: SystemDatabase, clock: Clock, key: str) -> None:
        self._db = db
        self._clock = clock
        self._key = key.encode()

    async def log_in(self, network: str, mark: str, email: str) -> Counted:
        """Count a log-in; `mark` is the network's mark in sessions. `TooManyRequests` if it is too early."""
        account = key_of(email)
        limits = [(f"both {network} {account}", BY_BOTH), (f"address {network}", BY_ADDRESS)]
        if await self._db.first(_KNOWN, account, mark, self._mark(f"known {network} {account}")) is None:
            limits.append((f"account {account}", BY_ACCOUNT))
        return await self.count(*limits)

    async def exempt_network(self, network: str, email: str) -> None:
        """Exempt a network's next log-ins from the account's limit, as it has just proved access to the mailbox."""
        account = key_of(email)
        now = self._clock.now().timestamp()
        for name in (f"known {network} {account}", f"both {network} {account}"):
            await self._db.run(_WELCOME, self._mark(name), now)

    async def count(self, *limits: tuple[str, Allowance]) -> Counted:
        """Count an attempt against each limit; `TooManyRequests` if one is used up, and then none is counted."""
        counted = Counted(to_json([[self._mark(name), *allowance] for name, allowance in limits]).decode())
        if not await self.take(counted):
            now = self._clock.now().timestamp()
            row = await self._db.first(_WAIT, counted.document)
            wait = 1 if row is None or row["free_at"] is None else max(1, int(row["free_at"] - now) + 1)
            raise TooManyRequests("attempts", wait)
        return counted

    async def may_mail(self, email: str) -> bool:
        """Count a mail to an address; False if it has just got some with links that are still valid."""
        limit = [[self._mark(f"mail {key_of(email)}"), *BY_MAILBOX]]
        return await self.take(Counted(to_json(limit).decode()))

    async def take(self, counted: Counted) -> bool:
        """Count an attempt; False if a limit is used up."""
        return bool((await self._db.run(_COUNT, self._clock.now().timestamp(), counted.document)).rows)

    async def give_back(self, counted: Counted) -> None:
        """Take an attempt that succeeded out of the count."""
        await self._db.run(_REFUND, self._clock.now().timestamp(), counted.document)

    def _mark(self, name: str) -> str:
        return digest(self._key, f"attempts {name}".encode(errors="surrogatepass"), "sha256").hex()[:32]
