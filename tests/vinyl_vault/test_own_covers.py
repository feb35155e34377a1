"""Uploaded covers: only for one's own records, checked by content, removed when unused."""

from typing import Any

from tests.edge.test_pictures import exif, png, segment, with_segments
from tests.vinyl_vault.conftest import Run, as_admin, as_member
from tests.vinyl_vault.test_collection import add

from edge.pictures.formats import MOST_BYTES
from edge.testing import Answer, Client
from vinyl_vault.tables import MOST_STORED

BLUE = {"artist": "Joni Mitchell", "album": "Blue"}
PHOTO = with_segments(segment(0xE1, exif(6)))
JPEG = [("content-type", "image/jpeg")]
LONG_AGO = "UPDATE own_covers SET created_at = '2020-01-01 00:00:00'"


async def send(client: Client, record_id: str, body: bytes = PHOTO) -> Answer:
    return await client.request("PUT", f"/api/collection/{record_id}/cover", body=body, headers=JPEG)


async def remove(client: Client) -> None:
    """Run the jobs that remove covers."""
    for name in ("release_covers", "remove_covers"):
        assert (await as_admin(client).post(f"/jobs/{name}")).status == 200


def test_cover_of_ones_own_is_stored_without_metadata_and_served(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        [record_id] = await add(ada, BLUE)
        sent = await send(ada, record_id)
        picture = await client.get(sent.json()["cover"])
        synced = (await ada.post("/api/collection/sync", {"last_sync": None})).json()["albums"]
        return [sent, picture, synced]

    sent, picture, synced = run(case)
    assert (sent.status, sent.json()["rev"]) == (200, 2)
    assert sent.json()["cover"].startswith("/cache/images/own-")
    assert (picture.status, picture.header("content-type")) == (200, "image/jpeg")
    assert picture.header("cache-control") == "private, max-age=31536000, immutable"
    assert b"SECRET" in PHOTO
    assert b"SECRET" not in picture.body
    assert [record["cover"] for record in synced] == [sent.json()["cover"]]


def test_cover_of_anothers_record_is_not_found_and_nothing_is_stored(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        used, gone = await add(ada, BLUE, BLUE)
        await ada.request("DELETE", f"/api/collection/{gone}")
        answers = [await send(*to) for to in ((bob, used), (bob, "nothing"), (ada, gone), (ada, "nothing"))]
        refused = [await send(ada, used, body) for body in (b"<svg/>", b"", PHOTO[:-9], png(60_000, 60_000))]
        stranger = await send(client.anonymous(), used)
        rows = await client.ports.settings.db.all("SELECT key FROM own_covers")
        return [answers, refused, stranger.status, [*rows]]

    answers, refused, stranger, rows = run(case)
    assert [answer.status for answer in answers] == [404] * 4
    assert [answer.status for answer in refused] == [422] * 4, refused
    assert (stranger, rows) == (401, [])


def test_picture_of_too_many_bytes_is_refused(local: Run) -> None:
    async def case(client: Client) -> list[int]:
        ada = await as_member(client, "ada")
        [record_id] = await add(ada, BLUE)
        bodies = (PHOTO + bytes(MOST_BYTES - len(PHOTO)), bytes(MOST_BYTES + 1))
        return [(await send(ada, record_id, body)).status for body in bodies]

    assert local(case) == [200, 413]


def test_unused_covers_are_removed(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        db = client.ports.settings.db
        used, replaced, deleted, purged = await add(ada, BLUE, BLUE, BLUE, BLUE)
        paths = [(await send(ada, record_id)).json()["cover"] for record_id in (used, replaced, deleted, purged)]
        await send(ada, replaced)
        await ada.request("DELETE", f"/api/collection/{deleted}")
        await db.run("DELETE FROM collections WHERE id = ?", purged)
        await remove(client)
        young = [(await client.get(path)).status for path in paths]
        await db.run(LONG_AGO)
        dry = (await as_admin(client).post("/jobs/release_covers?dry_run=true")).status
        await remove(client)
        rows = await db.all("SELECT key FROM own_covers")
        return [young, dry, [(await client.get(path)).status for path in paths], len(rows)]

    assert run(case) == [[200] * 4, 200, [200, 404, 200, 404], 3]


def test_cover_that_lost_a_conflict_stays_until_it_is_dismissed(local: Run) -> None:
    async def case(client: Client) -> list[int]:
        ada = await as_member(client, "ada")
        db = client.ports.settings.db
        [record_id] = await add(ada, BLUE)
        path = (await send(ada, record_id)).json()["cover"]
        other = [{"id": record_id, "rev": 1, "set": {"cover": "/cache/images/release-1.jpg"}}]
        answer = await ada.post("/api/collection/sync", {"client_id": "phone", "seq": 1, "albums": other})
        assert [(conflict["field"], conflict["lost"]) for conflict in answer.json()["conflicts"]] == [("cover", path)]
        await db.run(LONG_AGO)
        await remove(client)
        before = (await client.get(path)).status
        await ada.request("DELETE", f"/api/conflicts/{(await ada.get('/api/conflicts')).json()['conflicts'][0]['id']}")
        await remove(client)
        return [before, (await client.get(path)).status]

    assert local(case) == [200, 404]


def test_covers_of_a_deleted_account_are_removed_by_the_next_job(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        paths = [(await send(user, (await add(user, BLUE))[0])).json()["cover"] for user in (ada, bob)]
        await client.ports.settings.db.run("DELETE FROM users WHERE id = 'ada'")
        await client.scheduled("* * * * *")
        return [(await client.get(path)).status for path in paths]

    assert run(case) == [404, 200]


def test_covers_of_a_user_are_bounded(local: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        mine = (await add(ada, BLUE))[0]
        others = (await add(bob, BLUE))[0]
        assert (await send(ada, mine)).status == 200
        await client.ports.settings.db.run("UPDATE own_covers SET bytes = ?", MOST_STORED)
        refused = await send(ada, mine)
        return [refused.status, refused.json()["title"], (await send(bob, others)).status]

    assert local(case) == [409, "The limit for covers is reached", 200]
