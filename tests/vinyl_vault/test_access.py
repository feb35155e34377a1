"""Access: every route answers to another user's id as to none, and changes nothing."""

from typing import Any

from tests.edge.test_pictures import png
from tests.vinyl_vault.conftest import Run, as_member
from tests.vinyl_vault.test_collection import BLUE, add

from edge import ADMIN, PUBLIC
from edge.testing import Client
from vinyl_vault.app import app
from vinyl_vault.transfer.imports import MOST_BYTES, MOST_ROWS

ROUTES = [endpoint for endpoint in app.endpoints if "{" in endpoint.path and endpoint.access not in {PUBLIC, ADMIN}]
THEIRS = {
    "record_id": "SELECT id FROM collections WHERE deleted_at IS {} NULL",
    "import_id": "SELECT id FROM imports",
    "share_id": "SELECT id FROM shares",
    "session_id": "SELECT id FROM refresh_tokens WHERE user_id = 'ada'",
}
"""For each path parameter, a query for an id that belongs to ada."""
TABLES = ("collections", "imports", "sync_conflicts", "shares", "refresh_tokens", "own_covers", "sync_heads")
CSV = [("content-type", "text/csv")]
FILE = b"Artist,Title\nCan,Delay\n"


async def world(client: Client) -> str:
    """Create ada's rows; return the id of her conflict."""
    ada = await as_member(client, "ada")
    ids = await add(ada, BLUE, BLUE)
    await ada.request("DELETE", f"/api/collection/{ids[1]}")
    await ada.request("PATCH", f"/api/collection/{ids[0]}", json={"notes": "a"})
    rows = [{"id": ids[0], "rev": 1, "set": {"notes": "b"}}]
    await ada.post("/api/collection/sync", {"client_id": "phone", "seq": 1, "albums": rows})
    await ada.post("/api/shares", {"name": "x"})
    assert (await ada.request("POST", "/api/collection/import", body=FILE, headers=CSV)).status < 300
    [conflict] = (await ada.get("/api/conflicts")).json()["conflicts"]
    return str(conflict["id"])


async def everything(db: Any) -> list[Any]:
    return [await db.all(f"SELECT * FROM {table} WHERE user_id = 'ada'") for table in TABLES]


def test_other_users_ids_are_answered_as_none(run: Run) -> None:
    async def case(client: Client) -> None:
        conflict = await world(client)
        bob = await as_member(client, "bob")
        db: Any = client.ports.settings.db
        before = await everything(db)
        assert all(before[:5])
        for endpoint in ROUTES:
            path = endpoint.path.replace("{number}", "0")
            name = path[path.index("{") + 1 : path.index("}")]
            query = THEIRS.get(name, "").format("NOT" if path.endswith("restore") else "")
            theirs = (await db.first(query))["id"] if query else conflict
            body, headers = (png(2, 2), [("content-type", "image/png")]) if path.endswith("cover") else (FILE, CSV)
            sent: dict[str, Any] = {"json": {}} if endpoint.method in {"POST", "PATCH"} else {}
            sent = {"body": body, "headers": headers} if endpoint.method == "PUT" else sent
            answers = [
                await bob.request(endpoint.method, path.replace(f"{{{name}}}", given), **sent)
                for given in (theirs, f"{theirs[:-1]}{'1' if theirs[-1] == '0' else '0'}")
            ]
            assert [answer.status for answer in answers] == [404, 404], (endpoint.method, path, answers)
            assert len({(answer.json()["type"], answer.json()["title"]) for answer in answers}) == 1
        assert await everything(db) == before

    run(case)


def test_file_has_at_most_so_many_bytes_and_rows(run: Run) -> None:
    async def case(client: Client) -> None:
        ada = await as_member(client, "ada")
        db: Any = client.ports.settings.db
        for column, most in (("bytes", MOST_BYTES), ("rows_read", MOST_ROWS)):
            path = "/api/collection/import"
            sent = await ada.request("POST", f"{path}?more=true", body=FILE, headers=CSV)
            part = f"{path}/{sent.json()['id']}/parts/1?more=true"
            await db.run(f"UPDATE imports SET {column} = ?", most)
            refused = await ada.request("PUT", part, body=b"Can,Soon\n" * 2, headers=CSV)
            assert (refused.status, refused.json()["limit"]) == (413, most), column
            await db.run(f"UPDATE imports SET {column} = ?", most - 18)
            assert (await ada.request("PUT", part, body=b"Can,Soon\n" * 2, headers=CSV)).status == 200

    run(case)
