"""The Worker on both runtimes: each case runs on a fresh app, with clients of members."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from tests.bundles import keep_tool
from tests.members import signed_in, with_key

from devcapsules.app import app
from edge.auth.accounts.members import ACCESS_LIFETIME
from edge.instants import to_text
from edge.testing import Client
from edge.testing.host import Host, Workers
from edge.testing.runner import Runner

keep_tool()
ROOT = Path(__file__).parents[2]
SECRET = "a-signing-key-for-tests-of-32-bytes"
ADMIN_KEY = "test-admin-key-for-all-tests"
ENV = {
    "LOG_LEVEL": "error",
    "RATE_LIMITER": "off",
    "WIDGET_LIMITER": "off",
    "JWT_SECRET": SECRET,
    "ADMIN_API_KEY": ADMIN_KEY,
    "SITE_URL": "https://capsules.example",
    "MAIL_SENDER": "capsules@capsules.example",
}

type Run = Runner[Client]


class Member(Client):
    """A client of a user, with the user's id."""

    user_id: str


async def as_member(
    client: Client, name: str, plan: str = "enterprise", lifetime: timedelta = ACCESS_LIFETIME
) -> Member:
    """Return a client of a new user with its own session, without a registration.

    Its id is unique across tests, as the counters of plans outlive a test in workerd.
    """
    db: Any = client.ports.settings.db
    now = to_text(datetime.now(UTC))
    user_id = f"usr_{name}{secrets.token_hex(4)}"
    address = f"{user_id}@example.org"
    columns = "(id, email, email_key, created_at, updated_at, name, plan)"
    await db.run(
        f"INSERT INTO users {columns} VALUES (?, ?, ?, ?, ?, ?, ?)", user_id, address, address, now, now, name, plan
    )
    await db.run("INSERT INTO user_passwords VALUES (?, 'none', ?)", user_id, now)
    other, session = signed_in(cast("Member", client), user_id, SECRET, lifetime)
    await db.run(session.sql, *session.params)
    other.user_id = user_id
    return other


def as_admin(client: Client) -> Client:
    """Return a client with the administrator's key."""
    return with_key(client, ADMIN_KEY)


@pytest.fixture(scope="session")
def workers_host(workers: Workers) -> Iterator[Host]:
    """Return the host of the Worker; it starts with the first test that uses it."""
    host = Host(workers, ROOT / "wrangler.toml", "devcapsules")
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
