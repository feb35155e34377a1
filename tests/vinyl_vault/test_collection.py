"""Single records: each user has separate ones, and all devices receive each write."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.vinyl_vault.conftest import Run, as_admin, as_member

from edge.instants import to_text
from edge.testing import Answer, Client

BLUE = {"artist": "Joni Mitchell", "album": "Blue", "year": 1971, "genre": ["Rock"], "media_condition": "VG+"}
KIND = {
    "artist": "Miles Davis",
    "album": "Kind of Blue",
    "year": 1959,
    "genre": ["Jazz", "Folk, World, & Country"],
    "price_paid": {"amount": 2500, "currency": "EUR"},
    "tags": ["modal", "gift"],
    "extra": {"Collection Zone": "A"},
}


async def add(client: Client, *records: dict[str, Any]) -> list[str]:
    """Add records and return their ids."""
    answers = [await client.post("/api/collection", record) for record in records]
    assert [answer.status for answer in answers] == [201] * len(records), answers[0].text
    return [answer.json()["id"] for answer in answers]


async def listed(client: Client, query: str = "") -> list[str]:
    """Return the albums of a page."""
    answer = await client.get(f"/api/collection{query}")
    assert answer.status == 200, answer.text
    return [record["album"] for record in answer.json()["records"]]


async def send(client: Client, **push: Any) -> dict[str, Any]:
    """Send a sync request; return the answer."""
    answer = await client.post("/api/collection/sync", push)
    assert answer.status == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_record_is_added_changed_deleted_and_restored(run: Run) -> None:
    async def case(client: Client) -> list[Answer]:
        ada = await as_member(client, "ada")
        [record_id] = await add(ada, KIND)
        path = f"/api/collection/{record_id}"
        changed = await ada.request("PATCH", path, json={"rating": 5, "tags": {"add": ["best"], "remove": ["gift"]}})
        return [
            await ada.get(path) if changed.status == 200 else changed,
            await ada.request("DELETE", path),
            await ada.get(path),
            await ada.get("/api/collection?deleted=true"),
            await ada.post(f"{path}/restore"),
            await ada.post(f"{path}/restore"),
            await ada.get("/api/conflicts"),
        ]

    record, deleted, gone, trash, restored, again, conflicts = run(case)
    expected = KIND | {"rating": 5, "tags": ["best", "modal"], "media_condition": None, "deleted_at": None}
    assert {name: record.json()[name] for name in expected} == expected
    assert (deleted.status, gone.status, trash.json()["total"]) == (204, 404, 1)
    assert (restored.status, restored.json()["rating"], again.json()) == (200, 5, restored.json())
    assert conflicts.json() == {"conflicts": [], "total": 0}


def test_writes_of_the_routes_reach_replicas(run: Run) -> None:
    async def case(client: Client) -> list[dict[str, Any]]:
        ada = await as_member(client, "ada")
        first = await send(ada, client_id="phone")
        [record_id] = await add(ada, BLUE)
        second = await send(ada, client_id="phone", last_sync=first["last_sync"])
        await ada.request("PATCH", f"/api/collection/{record_id}", json={"notes": "a gift"})
        third = await send(ada, client_id="phone", last_sync=second["last_sync"])
        await ada.request("DELETE", f"/api/collection/{record_id}")
        return [second, third, await send(ada, client_id="phone", last_sync=third["last_sync"])]

    second, third, fourth = run(case)
    assert [record["notes"] for record in second["albums"] + third["albums"]] == [None, "a gift"]
    assert fourth["deleted_ids"] == [second["albums"][0]["id"]]


def test_stale_change_is_kept_as_conflict_and_stale_deletion_refused(run: Run) -> None:
    async def case(client: Client) -> list[Answer]:
        ada = await as_member(client, "ada")
        [record_id] = await add(ada, BLUE)
        path = f"/api/collection/{record_id}"
        await ada.request("PATCH", path, json={"notes": "one", "rev": 1})
        await ada.request("PATCH", path, json={"notes": "two", "rev": 1})
        return [
            await ada.get("/api/conflicts"),
            await ada.request("DELETE", f"{path}?rev=2"),
            await ada.request("DELETE", f"{path}?rev=3"),
        ]

    conflicts, refused, deleted = run(case)
    [conflict] = conflicts.json()["conflicts"]
    assert (conflict["field"], conflict["kept"], conflict["lost"]) == ("notes", "two", "one")
    assert (refused.status, refused.json()["type"], deleted.status) == (409, "urn:problem:record-changed", 204)


def test_list_is_in_order_in_pages_and_filtered(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        await add(ada, KIND, BLUE, {"artist": "joni mitchell", "album": "Amelia", "status": "wanted"}, {"album": "?"})
        await add(ada, BLUE)
        pages: list[list[str]] = []
        after = ""
        while True:
            answer = (await ada.get(f"/api/collection?limit=2{after}")).json()
            pages.append([record["album"] for record in answer["records"]])
            assert answer["total"] == 5
            if answer["next"] is None:
                break
            after = f"&after={answer['next']}"
        queries = (
            "?status=wanted",
            "?genre=jazz",
            "?q=blue+davis",
            "?year_to=1960",
            "?tag=gift",
            "?artist=MILES+DAVIS",
        )
        filtered = [await listed(ada, query) for query in queries]
        return [pages, *filtered, (await ada.get("/api/collection?after=nothing")).status]

    pages, wantlist, jazz, words, years, tagged, artist, unknown = run(case)
    assert pages == [["?", "Amelia"], ["Blue", "Blue"], ["Kind of Blue"]]
    assert wantlist == ["Amelia"]
    assert jazz == words == years == tagged == artist == ["Kind of Blue"]
    assert unknown == 400


def test_other_users_records_answer_404(run: Run) -> None:
    async def case(client: Client) -> list[int]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        [record_id] = await add(ada, BLUE)
        path = f"/api/collection/{record_id}"
        other = [
            await bob.get(path),
            await bob.request("PATCH", path, json={"notes": "mine"}),
            await bob.request("DELETE", path),
            await bob.post(f"{path}/restore"),
            await bob.get("/api/collection/nothing"),
        ]
        assert await listed(bob) == []
        [same] = await add(bob, KIND | {"id": record_id})
        assert (await bob.get(f"/api/collection/{same}")).json()["album"] == "Kind of Blue"
        assert (await ada.get(path)).json()["album"] == "Blue"
        return [answer.status for answer in other]

    assert run(case) == [404] * 5


def test_administrator_has_no_collection(run: Run) -> None:
    async def case(client: Client) -> list[int]:
        ada = await as_member(client, "ada")
        admin = as_admin(client)
        [record_id] = await add(ada, BLUE)
        answers = [
            await admin.get("/api/collection"),
            await admin.get(f"/api/collection/{record_id}"),
            await admin.post("/api/collection", BLUE),
            await admin.post("/api/collection/sync", {}),
            await admin.get("/api/conflicts"),
            await admin.get("/api/stats"),
            await admin.get("/api/shares"),
        ]
        return [answer.status for answer in answers]

    assert run(case) == [403] * 7


@pytest.mark.slow
@pytest.mark.parametrize(
    ("record", "pointer"),
    [
        ({}, "/album"),
        (BLUE | {"year": 3000}, "/year"),
        (BLUE | {"price_paid": {"amount": 1.5, "currency": "EUR"}}, "/price_paid/amount"),
        (BLUE | {"price_paid": {"amount": 1, "currency": "euro"}}, "/price_paid/currency"),
        (BLUE | {"notes": "a\0b"}, "/notes"),
        (BLUE | {"discogs": {"kind": "artist", "id": 1}}, "/discogs/kind"),
        (BLUE | {"id": "a/b"}, "/id"),
        (BLUE | {"rev": 1}, "/rev"),
        (BLUE | {"market_value": None}, "/market_value"),
        (BLUE | {"bought_on": "2026-02-30"}, "/bought_on"),
        (BLUE | {"extra": {"k": []}}, "/extra/k"),
        (BLUE | {"extra": {"k": 2**53}}, "/extra/k"),
    ],
)
def test_invalid_record_is_refused(local: Run, record: dict[str, Any], pointer: str) -> None:
    async def case(client: Client) -> Answer:
        return await (await as_member(client, "ada")).post("/api/collection", record)

    answer = local(case)
    assert (answer.status, [fault["pointer"] for fault in answer.json()["errors"]]) == (422, [pointer])


def test_id_is_given_once(local: Run) -> None:
    async def case(client: Client) -> tuple[int, int]:
        ada = await as_member(client, "ada")
        await add(ada, BLUE | {"id": "mine"})
        first = (await ada.post("/api/collection", BLUE | {"id": "mine"})).status
        await ada.request("DELETE", "/api/collection/mine")
        return first, (await ada.post("/api/collection", BLUE | {"id": "mine"})).status

    assert local(case) == (409, 409)


def test_tags_and_fields_of_other_programs_are_bounded(local: Run) -> None:
    async def case(client: Client) -> list[int]:
        ada = await as_member(client, "ada")
        [record_id] = await add(ada, BLUE | {"tags": [f"t{n}" for n in range(100)]})
        path = f"/api/collection/{record_id}"
        extra = {f"k{n}": n for n in range(100)}
        changes: list[dict[str, Any]] = [{"tags": {"add": ["one more"]}}, {"extra": extra}, {"extra": {"one": 1}}]
        changes.append({"extra": {"k0": None, "one": 1}})
        return [(await ada.request("PATCH", path, json=change)).status for change in changes]

    assert local(case) == [422, 200, 422, 200]


def test_record_can_be_restored_for_30_days_and_is_purged_after_180(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        db = client.ports.settings.db
        ids = await add(ada, BLUE, KIND, BLUE)
        begin = await send(ada, client_id="phone")
        for record_id, days in zip(ids, (29, 31, 181), strict=True):
            await ada.request("DELETE", f"/api/collection/{record_id}")
            at = to_text(datetime.now(UTC) - timedelta(days=days))
            await db.run("UPDATE collections SET deleted_at = ? WHERE id = ?", at, record_id)
        statuses = [(await ada.post(f"/api/collection/{record_id}/restore")).status for record_id in ids]
        job = "/jobs/purge_deletions"
        reports = [(await as_admin(client).post(f"{job}{query}")).json()["report"] for query in ("?dry_run=true", "")]
        left = await db.all("SELECT id FROM collections")
        reset = await send(ada, client_id="phone", last_sync=begin["last_sync"])
        rest = await send(ada, client_id="phone", last_sync=reset["last_sync"], limit=1)
        return [statuses, reports, {row["id"] for row in left} == {*ids[:2]}, reset, rest]

    statuses, reports, is_purged, reset, rest = run(case)
    assert statuses == [200, 404, 404]
    assert reports == [{"records": 1}, {"records": 1, "users": 1}]
    assert is_purged
    assert (reset["reset"], len(reset["albums"]), len(reset["deleted_ids"])) == (True, 1, 1)
    assert (rest["reset"], rest["more"], rest["albums"]) == (False, False, [])
