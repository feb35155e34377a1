"""Sync: both formats of a push, repeated pushes, pages, rejections per row, restored databases, and concurrency."""

import asyncio
from typing import Any

import pytest
from tests.vinyl_vault.conftest import Run, as_member

from edge.testing import Answer, Client

SYNC = "/api/collection/sync"
BLUE = {"artist": "Joni Mitchell", "album": "Blue"}


async def push(client: Client, name: str | None, seq: int, /, *albums: Any, **more: Any) -> dict[str, Any]:
    """Send a push; return its answer."""
    named = {"client_id": name, "seq": seq} if name else {}
    answer = await client.post(SYNC, {**named, "albums": albums, **more})
    assert answer.status == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def new(record_id: str, **fields: Any) -> dict[str, Any]:
    """Return the row of a new record."""
    return {"id": record_id, "rev": 0, "set": BLUE | fields}


def changed(record_id: str, rev: int, **fields: Any) -> dict[str, Any]:
    """Return the row of a change."""
    return {"id": record_id, "rev": rev, "set": fields}


def test_fields_of_two_devices_merge_and_conflicts_are_kept(run: Run) -> None:
    async def case(client: Client) -> list[dict[str, Any]]:
        ada = await as_member(client, "ada")
        first = await push(ada, "phone", 1, new("r"))
        await push(ada, "desk", 1, changed("r", 1, notes="desk", year=1971), last_sync=first["last_sync"])
        third = await push(ada, "phone", 2, changed("r", 1, notes="phone", rating=5), last_sync=first["last_sync"])
        refused = await push(ada, "desk", 2, deleted_ids=[{"id": "r", "rev": 2}], last_sync=first["last_sync"])
        conflicts = (await ada.get("/api/conflicts")).json()
        for conflict in conflicts["conflicts"]:
            path = f"/api/conflicts/{conflict['id']}"
            assert (await (await as_member(client, "bob")).request("DELETE", path)).status == 404
            assert [(await ada.request("DELETE", path)).status for _ in range(2)] == [204, 404]
        return [first, third, refused, conflicts, (await ada.get("/api/conflicts")).json()]

    first, third, refused, conflicts, none = run(case)
    assert (first["applied"], first["albums"]) == ([{"id": "r", "rev": 1}], [])
    [record] = third["albums"]
    assert (record["notes"], record["year"], record["rating"], third["applied"]) == ("phone", 1971, 5, [])
    assert third["conflicts"] == [
        {"id": "r", "field": "notes", "kind": "field", "kept": "phone", "lost": "desk", "lost_by": "desk"}
    ]
    assert [conflict["kind"] for conflict in refused["conflicts"]] == ["delete_refused"]
    assert [record["notes"] for record in refused["albums"]] == ["phone"]
    assert sorted(conflict["kind"] for conflict in conflicts["conflicts"]) == ["delete_refused", "field"]
    assert none == {"conflicts": [], "total": 0}


def test_change_of_deleted_record_revives_it_whole(run: Run) -> None:
    async def case(client: Client) -> dict[str, Any]:
        ada = await as_member(client, "ada")
        first = await push(ada, "phone", 1, new("r", tags={"add": ["a"]}))
        await push(ada, "desk", 1, deleted_ids=[{"id": "r", "rev": 1}], last_sync=first["last_sync"])
        return await push(ada, "phone", 2, changed("r", 1, notes="still here"), last_sync=first["last_sync"])

    revived = run(case)
    assert [(record["notes"], record["album"], record["tags"]) for record in revived["albums"]] == [
        ("still here", "Blue", ["a"])
    ]
    assert [(conflict["kind"], conflict["lost_by"]) for conflict in revived["conflicts"]] == [("revived", "desk")]


def test_repeated_push_is_answered_equally_and_other_bytes_are_refused(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        first, again = [await push(ada, "phone", 7, new("r"), {"id": "bad", "set": {"year": "x"}}) for _ in range(2)]
        reused = await ada.post(SYNC, {"client_id": "phone", "seq": 7, "albums": [new("s")]})
        behind = await ada.post(SYNC, {"client_id": "phone", "seq": 6, "albums": [new("t")]})
        pull = await push(ada, "phone", 7)
        return [first, again, reused, behind, [record["id"] for record in pull["albums"]]]

    first, again, reused, behind, ids = run(case)
    assert first == again
    assert first["rejected"] == [{"id": "bad", "code": "invalid", "field": "year"}]
    assert (reused.status, reused.json()["type"]) == (409, "urn:problem:seq-reused")
    assert (behind.status, behind.json()["type"]) == (409, "urn:problem:client-behind")
    assert ids == ["r"]


def test_old_pushes_are_forgotten_and_refused(local: Run) -> None:
    async def case(client: Client) -> tuple[int, int]:
        ada = await as_member(client, "ada")
        for seq in range(1, 41):
            await push(ada, "phone", seq, new(f"r{seq}"))
        [row] = await client.ports.settings.db.all("SELECT count(*) AS n FROM sync_queue")
        return row["n"], (await ada.post(SYNC, {"client_id": "phone", "seq": 1, "albums": [new("r1")]})).status

    assert local(case) == (33, 409)


def test_pushes_of_many_clients_are_bounded(local: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        bob = await as_member(client, "bob")
        db = client.ports.settings.db
        await push(bob, "phone", 1, new("r"))
        for count, form in ((150, "c%d"), (1_500, "@hash:%064x")):
            await db.run(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO sync_queue "
                "SELECT 'ada', printf(?, i), s, '', '{}', 0, strftime('%Y-%m-%d %H:%M:%S', 'now', -i || ' seconds') "
                "FROM n, (SELECT 0 AS s UNION SELECT 1)",
                count,
                form,
            )
        pushes = [("c200", 1, new("a")), (None, 0, new("b"))]
        answers = [await push(ada, *sent) for sent in pushes]
        rows = await db.all("SELECT user_id, client_id FROM sync_queue ORDER BY pushed_at DESC, client_id")
        named = {row["client_id"] for row in rows if row["client_id"][0] == "c"}
        nameless = {row["client_id"] for row in rows if row["client_id"][0] == "@"}
        assert sum(row["user_id"] == "bob" for row in rows) == 1
        again = [await push(ada, *sent) for sent in pushes]
        return [named, len(nameless), [answer["applied"] for answer in answers] == [one["applied"] for one in again]]

    named, nameless, is_repeated = local(case)
    assert named == {"c200", *(f"c{n}" for n in range(1, 100))}
    assert (nameless, is_repeated) == (1_000, True)


@pytest.mark.parametrize("name", ["phone", None])
def test_push_without_number_is_forgotten_after_a_day(local: Run, name: str | None) -> None:
    body = {"client_id": name, "albums": [new("r", notes="old")]}

    async def case(client: Client) -> list[str]:
        ada = await as_member(client, "ada")
        db = client.ports.settings.db
        notes = []
        for change in ("", "UPDATE sync_queue SET pushed_at = datetime('now', '-25 hours') WHERE client_id LIKE '@%'"):
            if change:
                await db.run(change)
            for _ in range(2):
                assert (await ada.post(SYNC, body)).status == 200
                notes.append((await ada.get("/api/collection/r")).json()["notes"])
                await ada.request("PATCH", "/api/collection/r", json={"notes": "new"})
        return notes

    assert local(case) == ["old", "new", "old", "new"]


def test_full_list_of_conflicts_rejects_a_change_and_loses_nothing(run: Run) -> None:
    run.env["MOST_CONFLICTS"] = "2"

    async def case(client: Client) -> list[Any]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        for member in (bob, ada):
            first = await push(member, "phone", 1, new("r"), new("s"))
            await push(
                member, "desk", 1, changed("r", 1, notes="desk", shelf="1", folder="A"), changed("s", 2, shelf="1")
            )
        cursor = {"last_sync": first["last_sync"]}
        rows = [changed("r", 1, notes="phone"), changed("r", 1, shelf="2", folder="B"), changed("s", 2, colour="red")]
        pushed = await push(ada, "phone", 2, *rows, deleted_ids=[{"id": "s", "rev": 2}], **cursor)
        full = await push(ada, "phone", 3, changed("r", 1, folder="C"), deleted_ids=[{"id": "s", "rev": 2}], **cursor)
        patched = await ada.request("PATCH", "/api/collection/r", json={"rev": 1, "folder": "C"})
        others = await push(bob, "phone", 2, changed("r", 1, notes="phone"))
        [first_open, *_] = (await ada.get("/api/conflicts")).json()["conflicts"]
        assert (await ada.request("DELETE", f"/api/conflicts/{first_open['id']}")).status == 204
        again = await push(ada, "phone", 4, changed("r", 1, folder="C"))
        return [pushed, full, patched, others, again]

    pushed, full, patched, others, again = run(case)
    assert [(conflict["field"], conflict["kind"]) for conflict in pushed["conflicts"]] == [
        ("notes", "field"),
        (None, "delete_refused"),
    ]
    [rejected] = pushed["rejected"]
    assert (rejected["code"], rejected["field"] in {"shelf", "folder"}) == ("conflicts_full", True)
    assert [(r["id"], r["code"], r["field"]) for r in full["rejected"]] == [
        ("r", "conflicts_full", "folder"),
        ("s", "conflicts_full", "id"),
    ]
    assert (patched.status, patched.json()["type"]) == (409, "urn:problem:conflicts-full")
    assert len(others["conflicts"]) == 1
    folders = {record["id"]: record["folder"] for record in again["albums"]}
    assert ([conflict["field"] for conflict in again["conflicts"]], folders["r"]) == (["folder"], "C")


def test_flat_records_of_simple_clients_are_accepted(run: Run) -> None:
    body = {
        "albums": [
            {"artist": "Can", "album": "Tago Mago", "genre": "Krautrock", "price": {"usd": 20}, "updated_at": "2026"},
            {"id": 5, "artist": "Neu!", "album": "Neu! 75", "year": 1975},
        ],
        "deleted_ids": ["gone", 6],
        "last_sync": "2026-11-29T12:00:00Z",
    }

    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        first, again = [(await ada.post(SYNC, body)).json() for _ in range(2)]
        records = (await ada.get("/api/collection")).json()["records"]
        change = {"albums": [{"id": "5", "notes": "mine"}], "deleted_ids": [records[0]["id"]]}
        second = await push(ada, None, 0, **(change | {"last_sync": first["last_sync"]}))
        return [first, again, records, second, (await ada.get("/api/collection")).json()["records"]]

    first, again, records, second, left = run(case)
    assert first == again
    assert [record["album"] for record in records] == ["Tago Mago", "Neu! 75"]
    assert (records[0]["genre"], records[0]["extra"], records[1]["id"]) == (["Krautrock"], {"price": '{"usd":20}'}, "5")
    assert (first["reset"], {change["id"] for change in first["applied"]}) == (
        False,
        {records[0]["id"], "5", "gone", "6"},
    )
    assert (second["conflicts"], [record["notes"] for record in left]) == ([], ["mine"])


def test_pages_end_at_the_last_row_that_was_sent(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        await push(ada, "phone", 1, *[new(f"r{n}") for n in range(5)])
        await push(ada, "phone", 2, deleted_ids=[{"id": "r3", "rev": 4}])
        pages: list[tuple[list[str], list[str], bool]] = []
        cursor = None
        while not pages or pages[-1][2]:
            page = await push(ada, "desk", 1, limit=2, last_sync=cursor)
            pages.append(([record["id"] for record in page["albums"]], page["deleted_ids"], page["more"]))
            cursor = page["last_sync"]
        return pages

    assert run(case) == [(["r0", "r1"], [], True), (["r2", "r4"], [], True), ([], ["r3"], False)]


@pytest.mark.parametrize("restored", ["epoch = '0123456789abcdef'", "rev = 1", "floor = 4"])
def test_cursor_that_is_no_longer_valid_leads_to_the_full_state(run: Run, restored: str) -> None:
    async def case(client: Client) -> list[dict[str, Any]]:
        ada = await as_member(client, "ada")
        await push(ada, "phone", 1, new("a"), new("b"))
        cursor = (await push(ada, "desk", 1))["last_sync"]
        await push(ada, "phone", 2, new("c"), new("d"))
        await client.ports.settings.db.run(f"UPDATE sync_heads SET {restored}")
        if "rev" in restored:
            await client.ports.settings.db.run("DELETE FROM collections WHERE rev > 1")
        first = await push(ada, "desk", 2, limit=1, last_sync=cursor)
        return [first, await push(ada, "desk", 2, last_sync=first["last_sync"])]

    first, second = run(case)
    assert (first["reset"], [record["id"] for record in first["albums"]]) == (True, ["a"])
    ids = [] if "rev" in restored else ["b", "c", "d"]
    assert (second["reset"], second["more"], [record["id"] for record in second["albums"]]) == (False, False, ids)


def test_push_from_before_a_restore_reports_what_it_replaces(local: Run) -> None:
    async def case(client: Client) -> dict[str, Any]:
        ada = await as_member(client, "ada")
        first = await push(ada, "phone", 1, new("r", notes="old"))
        await client.ports.settings.db.run("UPDATE sync_heads SET epoch = '0123456789abcdef'")
        await push(ada, "desk", 1, changed("r", 1, notes="desk"))
        return await push(ada, "phone", 2, changed("r", 9, notes="phone"), last_sync=first["last_sync"])

    answer = local(case)
    assert answer["reset"]
    assert [(conflict["kept"], conflict["lost"]) for conflict in answer["conflicts"]] == [("phone", "desk")]


def test_change_of_a_purged_record_is_rejected_as_gone(local: Run) -> None:
    async def case(client: Client) -> list[dict[str, Any]]:
        ada = await as_member(client, "ada")
        gone = await push(ada, "phone", 1, changed("r", 5, album="Blue"))
        return [gone, await push(ada, "phone", 2, new("r"))]

    gone, again = local(case)
    assert gone["rejected"] == [{"id": "r", "code": "gone", "field": "id"}]
    assert [change["id"] for change in again["applied"]] == ["r"]


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        ({"id": "a/b", "set": BLUE}, "invalid", "id"),
        ({"id": True, "set": BLUE}, "invalid", "id"),
        ({"id": "x", "rev": -1, "set": BLUE}, "invalid", "rev"),
        ({"id": "x", "rev": "1", "set": BLUE}, "invalid", "rev"),
        ({"id": "x", "set": []}, "invalid", "set"),
        ({"id": "x", "set": BLUE | {"colour": "x" * 501}}, "invalid", "colour"),
        ({"id": "x", "set": BLUE | {"market_value": None}}, "unknown_field", "market_value"),
        ({"id": "x", "set": {"notes": "nothing else"}}, "missing", "album"),
        ({"id": "x", "set": BLUE | {"extra": {"k": "x\0"}}}, "invalid", "extra"),
        ({"id": "x", "notes": 1}, "invalid", "notes"),
    ],
)
def test_invalid_row_is_rejected_without_blocking_others(
    local: Run, row: dict[str, Any], code: str, field: str
) -> None:
    async def case(client: Client) -> dict[str, Any]:
        return await push(await as_member(client, "ada"), "phone", 1, new("good"), row)

    answer = local(case)
    assert [change["id"] for change in answer["applied"]] == ["good"]
    assert [(rejection["code"], rejection["field"]) for rejection in answer["rejected"]] == [(code, field)]


def test_record_does_not_grow_without_bound(local: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        first = await push(ada, "phone", 1, new("r", notes="n" * 9_000, extra={f"k{n}": "x" * 900 for n in range(9)}))
        more = changed("r", 1, extra={f"m{n}": "x" * 900 for n in range(9)})
        whole = new("s", notes="\U0001f3b6" * 9_000)
        patched = await ada.request("PATCH", "/api/collection/r", json={"extra": more["set"]["extra"]})
        return [first["rejected"], (await push(ada, "phone", 2, more, whole))["rejected"], patched.status]

    first, rejected, status = local(case)
    assert (first, status) == ([], 422)
    assert [(rejection["id"], rejection["code"]) for rejection in rejected] == [("s", "invalid"), ("r", "too_long")]


def test_too_much_at_once_is_refused(local: Run) -> None:
    async def case(client: Client) -> list[Answer]:
        ada = await as_member(client, "ada")
        ids = [f"r{n}" for n in range(501)]
        return [await ada.post(SYNC, {"deleted_ids": ids}), await ada.post(SYNC, {"last_sync": "x" * 3 * 2**20})]

    assert [answer.status for answer in local(case)] == [413, 413]


@pytest.mark.slow
def test_large_push_is_written_whole(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        rows = [new(f"r{n}", notes="n" * 3_000, tags=["a", "b"]) for n in range(500)]
        first = await push(ada, "phone", 1, *rows, limit=1)
        changes = [changed(f"r{n}", n + 1, shelf=str(n)) for n in range(500)]
        second = await push(ada, "phone", 2, *changes, last_sync=first["last_sync"], limit=1)
        await push(ada, "phone", 3, new("one-more"))
        page = await push(ada, "desk", 1, limit=1_000)
        assert (len(page["albums"]), page["more"]) == (500, True)
        last = (await ada.get("/api/collection/r499")).json()
        return [first, second, last["shelf"], last["notes"][:1], last["rev"]]

    first, second, *last = run(case)
    assert [len(answer["applied"]) for answer in (first, second)] == [500, 500]
    assert last == ["499", "n", 1_000]


def test_many_devices_lose_nothing_of_one_record(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        await push(ada, "d", 1, new("r"))
        names = [f"f{n}" for n in range(12)]
        todo = {name: {"client_id": name, "seq": 1, "albums": [changed("r", 1, extra={name: 1})]} for name in names}
        attempts = 0
        while todo and attempts < 20:
            attempts += 1
            answers = await asyncio.gather(*(ada.post(SYNC, body) for body in todo.values()))
            assert {answer.status for answer in answers} <= {200, 503}
            todo = {name: todo[name] for name, answer in zip(todo, answers, strict=True) if answer.status != 200}
        record = (await ada.get("/api/collection/r")).json()
        return [sorted(record["extra"]), sorted(names), record["rev"], todo]

    extra, names, rev, todo = run(case)
    assert (extra, rev, todo) == (names, 13, {})


def test_users_with_equal_ids_never_mix(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        answers = []
        for name in ("ada", "bob"):
            member = await as_member(client, name)
            answer = await push(member, "phone", 1, new("r", notes=name))
            answers.append(
                [answer["albums"], answer["conflicts"], (await member.get("/api/collection/r")).json()["notes"]]
            )
        ada = await as_member(client, "ada")
        return [*answers, [record["notes"] for record in (await push(ada, "desk", 1))["albums"]]]

    assert run(case) == [[[], [], "ada"], [[], [], "bob"], ["ada"]]


def test_full_collection_takes_changes_and_deletions_but_no_new_record(run: Run) -> None:
    run.env["MOST_RECORDS"] = "3"

    async def case(client: Client) -> list[Any]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        await push(ada, "phone", 1, new("r0"), new("r1"))
        pushes = [await push(ada, "phone", 2, changed("r0", 1, year=1971), new("r2"), new("r3")) for _ in range(2)]
        refused = await ada.post("/api/collection", BLUE)
        file = b"Artist,Title\nCan,Delay\n"
        sent = await ada.request("POST", "/api/collection/import", body=file, headers=[("content-type", "text/csv")])
        applied = await ada.post(f"/api/collection/import/{sent.json()['id']}/apply", {})
        others = (await bob.post("/api/collection", BLUE)).status
        await ada.request("DELETE", "/api/collection/r1")
        return [*pushes, refused, applied, others, (await ada.post("/api/collection", BLUE)).status]

    pushed, again, refused, applied, others, after = run(case)
    assert [change["id"] for change in pushed["applied"]] == ["r0", "r2"]
    assert pushed["rejected"] == [{"id": "r3", "code": "full", "field": "id"}] == again["rejected"]
    assert (refused.status, refused.json()["title"]) == (409, "The collection is full")
    detail = "only 0 of 1 records can be added: a collection has at most 3"
    assert (applied.status, applied.json()["detail"]) == (409, detail)
    assert (others, after) == (201, 201)


def test_deleted_records_are_bounded_too(local: Run) -> None:
    local.env["MOST_RECORDS"] = "2"

    async def case(client: Client) -> list[int]:
        ada = await as_member(client, "ada")
        statuses = []
        for n in range(6):
            statuses.append((await ada.post("/api/collection", BLUE | {"id": f"r{n}"})).status)
            await ada.request("DELETE", f"/api/collection/r{n}")
        return statuses

    assert local(case) == [201] * 4 + [409] * 2
