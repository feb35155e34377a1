"""The Worker on both runtimes: each case runs on a fresh app, with clients of members."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.members import signed_in, with_key

from edge import Statement
from edge.instants import to_text
from edge.testing import Client
from edge.testing.host import Host, Workers
from edge.testing.runner import Runner
from klear_karma.app import app
from sims.cloudflare import AnalyticsSim

ROOT = Path(__file__).parents[2]
SECRET = "a-signing-key-for-tests-of-32-bytes"
ADMIN_KEY = "test-admin-key-for-all-tests"
ENV = {
    "LOG_LEVEL": "error",
    "CORS_ALLOWED_ORIGINS": "https://site.example",
    "RATE_LIMITER": "off",
    "JWT_SECRET": SECRET,
    "ADMIN_API_KEY": ADMIN_KEY,
    "SITE_URL": "https://karma.example",
    "MAIL_SENDER": "karma@karma.example",
    "ACCOUNT_CONFIRMATION": "none",
}

type Run = Runner[Client]


async def as_member(client: Client, name: str, user_type: str = "customer") -> Client:
    """Return a client of a new member with its own session, without a registration."""
    return (await as_members(client, [name], user_type))[0]


async def as_members(client: Client, names: Sequence[str], user_type: str = "customer") -> list[Client]:
    """Return clients of several members, created in one batch."""
    db: Any = client.ports.settings.db
    now = to_text(datetime.now(UTC))
    user = (
        "INSERT INTO users (id, email, email_key, name, user_type, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    )
    password = "INSERT INTO user_passwords VALUES (?, 'none', ?) ON CONFLICT DO NOTHING"
    statements = []
    clients = []
    for name in names:
        address = f"{name}@example.org"
        statements.append(Statement(user, (name, address, address, name.title(), user_type, now, now)))
        statements.append(Statement(password, (name, now)))
        other, session = signed_in(client, name, SECRET)
        statements.append(session)
        clients.append(other)
    await db.batch(statements)
    return clients


def as_admin(client: Client) -> Client:
    """Return a client with the administrator's key."""
    return with_key(client, ADMIN_KEY)


@pytest.fixture(scope="session")
def analytics() -> Iterator[AnalyticsSim]:
    """Return the stand-in of Analytics Engine that the Worker writes to."""
    with AnalyticsSim() as sim:
        yield sim


@pytest.fixture(scope="session")
def workers_host(workers: Workers, analytics: AnalyticsSim) -> Iterator[Host]:
    """Return the host of the Worker; it starts with the first test that uses it."""
    host = Host(workers, ROOT / "wrangler.toml", "klear-karma", analytics=analytics.url)
    yield host
    host.stop()


@pytest.fixture
def run(runtime: str, tmp_path: Path, request: pytest.FixtureRequest) -> Run:
    """Return a runner on each runtime, with an anonymous client."""
    host = request.getfixturevalue("workers_host") if runtime == "workers" else None
    return Runner(app, tmp_path / "state", ENV, [], host)


@pytest.fixture
def local(tmp_path: Path) -> Run:
    """Return a runner only on the local runtime."""
    return Runner(app, tmp_path / "state", ENV, [])
