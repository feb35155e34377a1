"""The Worker on both runtimes: each case runs on a fresh app, with clients of members."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.members import signed_in, with_key

from edge.instants import to_text
from edge.testing import Client
from edge.testing.host import Host, Workers
from edge.testing.runner import Runner
from vinyl_vault.app import app

ROOT = Path(__file__).parents[2]
SECRET = "a-signing-key-for-tests-of-32-bytes"
ADMIN_KEY = "test-admin-key-for-all-tests"
ENV = {
    "LOG_LEVEL": "error",
    "CORS_ALLOWED_ORIGINS": "https://site.example",
    "RATE_LIMITER": "off",
    "JWT_SECRET": SECRET,
    "ADMIN_API_KEY": ADMIN_KEY,
    "SITE_URL": "https://vinyl.example",
    "MAIL_SENDER": "vinyl@vinyl.example",
    "DISCOGS_KEY": "a-discogs-key",
    "DISCOGS_SECRET": "a-discogs-secret",
    "DISCOGS_API_URL": "http://127.0.0.1:9",  # nothing listens there: tests of Discogs have a simulator
    "DISCOGS_CALLS_PER_MINUTE": "2",
    "DISCOGS_WAIT_S": "0",
}

type Run = Runner[Client]


async def as_member(client: Client, name: str) -> Client:
    """Return a client of a new member with its own session, without a registration."""
    db: Any = client.ports.settings.db
    now = to_text(datetime.now(UTC))
    columns = "(id, email, email_key, created_at, updated_at)"
    address = f"{name}@example.org"
    await db.run(
        f"INSERT INTO users {columns} VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", name, address, address, now, now
    )
    await db.run("INSERT INTO user_passwords VALUES (?, 'none', ?) ON CONFLICT DO NOTHING", name, now)
    other, session = signed_in(client, name, SECRET)
    await db.run(session.sql, *session.params)
    return other


def as_admin(client: Client) -> Client:
    """Return a client with the administrator's key."""
    return with_key(client, ADMIN_KEY)


@pytest.fixture(scope="session")
def workers_host(workers: Workers) -> Iterator[Host]:
    """Return the host of the Worker; it starts with the first test that uses it."""
    host = Host(workers, ROOT / "wrangler.toml", "vinyl-vault")
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
