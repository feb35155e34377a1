"""`python -m benchmarks.accounts [--log-ins N]`: how long refused log-ins take, by whether the address has an account.

Log-ins of all kinds are interleaved, so that the machine's moods fall on all of them alike: addresses with an account,
addresses without, and accounts with hashes of older costs. Every log-in is refused. The time alone must not tell the
kinds apart.
"""

import argparse
import asyncio
import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from shutil import copy
from statistics import quantiles

from edge.app import App
from edge.auth.accounts.hashes import HASH_BYTES, POLICY, PasswordHash
from edge.auth.accounts.routes import Accounts
from edge.auth.accounts.settings import AccountSettings
from edge.auth.callers import authenticate
from edge.auth.limits import Limits
from edge.injection import singleton
from edge.ports import Clock, Database, Limit, Statement
from edge.ports.crypto import ScryptCost
from edge.request import Request
from edge.runtimes.local.crypto import LocalCrypto
from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import HeaderTable

TABLES = Path(__file__).parents[1] / "tools" / "parts" / "accounts.sql"
COSTS = {
    "account": POLICY,
    "no account": None,
    "account of cost p=1": ScryptCost(POLICY.n, POLICY.r, 1),
    "account of cost N=2^13": ScryptCost(POLICY.n // 2, POLICY.r, POLICY.p),
}
"""The kinds of log-ins, with the costs of the stored hashes."""
ENV = {"JWT_SECRET": "a-signing-key-of-a-benchmark-of-32-bytes", "RATE_LIMITER": "off", "LOG_LEVEL": "error"}


class BenchmarkSettings(AccountSettings):
    """Settings of the app that is measured."""

    db: Database


def make_limits(settings: BenchmarkSettings, clock: Clock) -> Limits:
    """Return no limits: each log-in comes from an address of its own."""
    return Limits(settings.rate_limiter, None, clock)


app = App(
    "benchmark",
    version="1",
    settings=BenchmarkSettings,
    authenticate=authenticate,
    providers=[singleton(make_limits)],
    limits={"RATE_LIMITER": Limit(1000, 60)},
    resources=[Accounts()],
)


async def fill(db: Database, count: int) -> dict[str, list[str]]:
    """Store users of each kind and return their addresses; those without an account are only returned."""
    emails = {kind: [f"{number}.{place}@example.org" for number in range(count)] for place, kind in enumerate(COSTS)}
    for kind, cost in COSTS.items():
        if cost is None:
            continue
        digest = await LocalCrypto().scrypt(b"another password", b"0123456789abcdef", cost, HASH_BYTES)
        stored = str(PasswordHash(cost, b"0123456789abcdef", digest))
        user = "INSERT INTO users (id, email, email_key, created_at, updated_at) VALUES (?1, ?1, ?1, '', '')"
        password = "INSERT INTO user_passwords (user_id, hash, changed_at) VALUES (?, ?, '')"
        for email in emails[kind]:
            await db.batch([Statement(user, (email,)), Statement(password, (email, stored))])
    return emails


async def log_in(runtime: LocalRuntime, email: str, number: int) -> float:
    """Return how many milliseconds a refused log-in takes."""
    body = b'{"email": "%s", "password": "a wrong password"}' % email.encode()

    async def read(_limit: int) -> bytes:
        return body

    headers = HeaderTable([("content-type", "application/json")])
    client = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    began = time.perf_counter()
    response = await app.fetch(Request("POST", "/api/auth/login", "", headers, read, runtime.ports(), client))
    elapsed = (time.perf_counter() - began) * 1000
    if response.status != 401:
        raise SystemExit(f"a log-in was answered with {response.status}: {response.body!r}")
    return elapsed


async def measure(count: int) -> dict[str, list[float]]:
    """Return the milliseconds of so many log-ins of each kind."""
    with tempfile.TemporaryDirectory() as folder:
        migrations = Path(folder) / "migrations"
        migrations.mkdir()
        copy(TABLES, migrations / "0001_accounts.sql")
        runtime = LocalRuntime.open(app, Path(folder) / "state", ENV, migrations=migrations)
        try:
            emails = await fill(runtime.settings.db, count)
            order = [(kind, email) for kind, addresses in emails.items() for email in addresses]
            Random(1).shuffle(order)
            times: dict[str, list[float]] = {kind: [] for kind in COSTS}
            await log_in(runtime, "warm-up@example.org", 0)
            for number, (kind, email) in enumerate(order, 1):
                times[kind].append(await log_in(runtime, email, number))
        finally:
            await runtime.stop()
    return times


def distance(some: Sequence[float], others: Sequence[float]) -> float:
    """Return the largest distance of two distributions (Kolmogorov and Smirnov): 0 for equal ones, 1 for disjoint."""
    left = sorted(some)
    right = sorted(others)
    return max(abs(bisect_right(left, at) / len(left) - bisect_right(right, at) / len(right)) for at in left + right)


def table(times: dict[str, list[float]]) -> Iterable[str]:
    """Yield a Markdown table of the distributions, each compared with that of the addresses without an account."""
    count = len(times["no account"])
    chance = 1.36 * (2 / count) ** 0.5
    yield f"| {count} refused log-ins, ms | p5 | p25 | p50 | p75 | p95 | distance (chance: up to {chance:.2f}) |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for kind, elapsed in times.items():
        cuts = quantiles(elapsed, n=20)
        cells = [f"{cuts[place]:.1f}" for place in (0, 4, 9, 14, 18)]
        yield f"| {kind} | {' | '.join(cells)} | {distance(elapsed, times['no account']):.2f} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accounts", description=__doc__)
    parser.add_argument("--log-ins", type=int, default=200, help="log-ins of each kind")
    print("\n".join(table(asyncio.run(measure(parser.parse_args().log_ins)))))
