"""Deleting an account removes its collection, and no data of other users."""

from hashlib import sha256
from typing import Any

import pytest
from tests.patience import pauses
from tests.vinyl_vault.conftest import Run, as_member
from tests.vinyl_vault.test_csv import FILE

from edge.testing import Client

pytestmark = pytest.mark.slow

TABLES = ("collections", "sync_heads", "sync_queue", "sync_conflicts", "shares")
ACCOUNT = {"email": "eve@example.org", "password": "correct horse battery"}
BLUE = {"id": "r", "rev": 0, "set": {"artist": "Joni Mitchell", "album": "Blue"}}


async def fill(client: Client) -> None:
    """Insert a row of a member into every table."""
    for seq, (name, notes) in enumerate((("phone", "one"), ("desk", "two"))):
        album = BLUE | {"set": {"artist": "Joni Mitchell", "album": "Blue", "notes": notes}}
        answer = await client.post("/api/collection/sync", {"client_id": name, "seq": seq, "albums": [album]})
        assert answer.status == 200
    assert (await client.post("/api/shares", {"name": "x"})).status == 201


async def counts(client: Client) -> list[int]:
    """Return the number of users with rows in each table."""
    db = client.ports.settings.db
    rows = [await db.first(f"SELECT count(DISTINCT user_id) AS n FROM {table}") for table in TABLES]
    return [row["n"] for row in rows if row]


def test_deleted_account_takes_its_collection_with_it(run: Run) -> None:
    run.env["ACCOUNT_CONFIRMATION"] = "none"

    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        tokens = (await client.post("/api/auth/register", ACCOUNT)).json()
        eve = client.anonymous()
        eve.headers = [("authorization", f"Bearer {tokens['access_token']}")]
        for member in (ada, eve):
            await fill(member)
        before = await counts(client)
        deleted = await eve.request("DELETE", "/api/auth/me", json={"password": ACCOUNT["password"]})
        late = await eve.post("/api/collection/sync", {"client_id": "phone", "seq": 9, "albums": [BLUE | {"id": "s"}]})
        albums = (await ada.get("/api/collection")).json()["total"]
        return [before, deleted.status, late.status, await counts(client), albums]

    before, deleted, late, after, albums = run(case)
    assert (before, after) == ([2] * 5, [1] * 5)
    assert (deleted, albums) == (204, 1)
    assert late == 401


def test_push_of_a_deleted_user_writes_nothing(local: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        assert (await ada.get("/api/collection")).status == 200  # the session is cached for half a minute
        await client.ports.settings.db.run("DELETE FROM users")
        answer = await ada.post("/api/collection/sync", {"client_id": "phone", "seq": 1, "albums": [BLUE]})
        return [answer.status, await counts(client)]

    status, left = local(case)
    assert (status, left) == (409, [0] * 5)


def test_files_of_imports_go_with_their_account(local: Run) -> None:
    local.env["ACCOUNT_CONFIRMATION"] = "none"

    async def case(client: Client) -> None:
        ada = await as_member(client, "ada")
        tokens = (await client.post("/api/auth/register", ACCOUNT)).json()
        eve = client.anonymous()
        eve.headers = [("authorization", f"Bearer {tokens['access_token']}")]
        csv = [("content-type", "text/csv")]
        for member in (ada, eve):
            sent = await member.request("POST", "/api/collection/import", body=FILE.encode(), headers=csv)
            assert sent.status == 201, sent.text
        settings: Any = client.ports.settings
        before = [stored.key for stored in (await settings.cache.list("imports/")).objects]
        assert (await eve.request("DELETE", "/api/auth/me", json={"password": ACCOUNT["password"]})).status == 204
        left: list[str] = []
        async for _ in pauses():
            left = [stored.key for stored in (await settings.cache.list("imports/")).objects]
            if len(left) < len(before):
                break
        own = f"imports/{sha256(b'ada').hexdigest()[:32]}/"
        assert left == [key for key in before if key.startswith(own)]
        assert len(left) * 2 == len(before)

    local(case)
