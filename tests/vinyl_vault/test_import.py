"""Imports and exports: checked first, applied once, and invisible to other users."""

import asyncio
import csv
import io
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.vinyl_vault.conftest import ENV, as_admin, as_member
from tests.vinyl_vault.test_csv import FILE, HEADER, ROWS, WANTED

from edge.testing import Client
from edge.testing.runner import Runner
from sims.discogs import DiscogsSim, Fault
from vinyl_vault.app import app

pytestmark = pytest.mark.slow

CSV = [("content-type", "text/csv; charset=utf-8")]
PATH = "/api/collection/import"

type Run = Runner[Client]


class AdasRunner(Runner[Client]):
    """Runs cases with a client of a user."""

    @asynccontextmanager
    async def opened(self, client: Client) -> AsyncIterator[Client]:
        yield await as_member(client, "ada")


@pytest.fixture(scope="module")
def shared_sim() -> Iterator[DiscogsSim]:
    with DiscogsSim() as sim:
        yield sim


@pytest.fixture
def sim(shared_sim: DiscogsSim) -> DiscogsSim:
    shared_sim.reset()
    return shared_sim


@pytest.fixture
def run(tmp_path: Path, sim: DiscogsSim) -> Run:
    env = ENV | {
        "DISCOGS_CALLS_PER_MINUTE": "60",
        "DISCOGS_WAIT_S": "5",
        "DISCOGS_API_URL": sim.url,
        "DISCOGS_KEY": sim.key,
        "DISCOGS_SECRET": sim.secret,
    }
    return AdasRunner(app, tmp_path / "state", env, [])


async def send(client: Client, data: str | bytes, query: str = "", status: int = 201) -> Any:
    body = data if isinstance(data, bytes) else data.encode()
    answer = await client.request("POST", f"{PATH}{query}", body=body, headers=CSV)
    assert answer.status == status, answer.body
    return answer.json()


async def apply(client: Client, import_id: str, **choice: str) -> Any:
    answer = await client.post(f"{PATH}/{import_id}/apply", json=choice)
    assert answer.status == 200, answer.body
    return answer.json()


async def imported(client: Client, data: str | bytes, **choice: str) -> Any:
    return await apply(client, (await send(client, data))["id"], **choice)


async def records(client: Client, status: str = "owned") -> list[dict[str, Any]]:
    answer = await client.get(f"/api/collection/export?format=json&status={status}")
    assert answer.status == 200, answer.body
    listed: list[dict[str, Any]] = answer.json()
    return listed


def test_dry_run_changes_nothing(run: Run) -> None:
    async def case(client: Client) -> None:
        report = await send(client, FILE + ",,,,,,,,,,,,\n", "?name=mine.csv")
        assert report["state"] == "checked"
        assert report["rows"] == {"read": 6, "new": 5, "same": 0, "possible": 0, "refused": 1}
        assert report["refused"] == [{"row": 7, "reason": "it has neither an artist nor a title"}]
        assert (report["name"], report["encoding"], report["delimiter"]) == ("mine.csv", "utf-8", ",")
        assert await records(client) == []

    run(case)


def test_export_of_an_import_is_the_file(run: Run) -> None:
    async def case(client: Client) -> None:
        report = await imported(client, FILE)
        assert report["state"] == "done"
        assert report["progress"] == {"done": 1, "total": 1, "minutes": 0}
        answer = await client.get("/api/collection/export")
        assert answer.header("content-type") == "text/csv; charset=utf-8"
        assert sorted(table(answer.body.decode())) == sorted(table(FILE))
        assert sorted(answer.body.decode().splitlines()) == sorted(FILE.splitlines())
        quoted = (await client.get("/api/collection/export?quotes=all")).body.decode()
        assert table(quoted) == table(answer.body.decode())
        assert quoted.startswith('"Catalog#","Artist"')

    run(case)


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_importing_twice_leaves_two_copies_two(run: Run) -> None:
    async def case(client: Client) -> None:
        await imported(client, FILE)
        first = await records(client)
        again = await send(client, FILE)
        assert again["rows"] == {"read": 5, "new": 0, "same": 5, "possible": 0, "refused": 0}
        await apply(client, again["id"], possible="add")
        assert await records(client) == first
        one_more = await send(client, FILE + ROWS[4] + "\n")
        assert one_more["rows"]["new"] == 1
        await apply(client, one_more["id"])
        assert len(await records(client)) == 6

    run(case)


def test_possible_duplicates_are_offered_and_never_merged(run: Run) -> None:
    moved = FILE.replace("Uncategorized", "Sold")

    async def case(client: Client) -> None:
        await imported(client, FILE)
        report = await send(client, moved)
        assert report["rows"] == {"read": 5, "new": 0, "same": 4, "possible": 1, "refused": 0}
        assert report["possible"][0] | {"row": 2, "album": "Night Ferry", "folder": "Sold"} == report["possible"][0]
        await apply(client, report["id"])
        assert len(await records(client)) == 5
        await imported(client, moved, possible="add")
        folders = [record["folder"] for record in await records(client) if record["album"] == "Night Ferry"]
        assert sorted(folders) == ["Sold", "Uncategorized"]

    run(case)


def test_record_without_a_pressing_may_be_any_of_the_album(run: Run) -> None:
    async def case(client: Client) -> None:
        await imported(client, FILE)
        report = await send(client, "Artist,Title\nThe glass harbour,NIGHT FERRY\nNobody,Nothing\n", "?status=owned")
        assert (report["rows"]["possible"], report["rows"]["new"]) == (1, 1)

    run(case)


def test_wantlist_is_a_list_of_its_own(run: Run) -> None:
    async def case(client: Client) -> None:
        report = await imported(client, WANTED)
        assert report["status"] == "wanted"
        assert await records(client) == []
        assert [record["album"] for record in await records(client, "wanted")] == ["Salt Works"]
        assert (await client.get("/api/collection/export?status=wanted")).body.decode() == WANTED

    run(case)


def test_large_file_comes_in_parts_and_a_part_may_be_sent_again(run: Run) -> None:
    rows = [f'c{n},Artist {n % 7},"Title ""{n}""",,,,,,All,2020-01-01 00:00:{n % 60:02d},,,é' for n in range(1_700)]
    data = "\n".join((HEADER, *rows, "")).encode()
    cuts = [0, 10, 40_001, 90_000, len(data)]
    parts = [data[start:end] for start, end in pairwise(cuts)]

    async def case(client: Client) -> None:
        report = await send(client, parts[0], "?more=true")
        import_id = report["id"]
        assert report["state"] == "open"
        for number, part in enumerate(parts[1:], 1):
            more = "true" if number < len(parts) - 1 else "false"
            path = f"{PATH}/{import_id}/parts/{number}?more={more}"
            skipped = await client.request("PUT", f"{PATH}/{import_id}/parts/{number + 1}", body=part, headers=CSV)
            assert skipped.status == 409
            for _ in range(2):
                answer = await client.request("PUT", path, body=part, headers=CSV)
                assert answer.status == 200, answer.body
        assert answer.json()["rows"] == {"read": 1_700, "new": 1_700, "same": 0, "possible": 0, "refused": 0}
        done = await apply(client, import_id)
        assert (done["state"], done["progress"]["total"]) == ("done", 5)
        assert sorted((await client.get("/api/collection/export")).body.decode().splitlines()) == sorted(
            data.decode().splitlines()
        )
        late = await client.request("PUT", f"{PATH}/{import_id}/parts/9", body=b"x", headers=CSV)
        assert late.status == 409

    run(case)


def test_browser_storage_is_read_in_its_shapes(run: Run) -> None:
    album = {
        "id": 7,
        "artist": "Eat (2)",
        "title": "Split",
        "year": 1991,
        "genre": "Rock",
        "discogsId": 1010,
        "x": {"y": 1},
    }
    storage = {
        "vinyl-vault:albums": json.dumps([album]),
        "vinyl-vault:wantlist": json.dumps([{"title": "W"}]),
        "theme": "dark",
    }

    async def case(client: Client) -> None:
        for body in ([album], {"albums": [album]}, storage):
            answer = await client.post(PATH, json=body)
            assert answer.status == 201, answer.body
        report = answer.json()
        assert (report["source"], report["rows"]["new"]) == ("browser", 2)
        await apply(client, report["id"])
        (record,) = await records(client)
        expected = {"artist": "Eat (2)", "album": "Split", "year": 1991, "genre": ["Rock"], "extra": {"x": '{"y":1}'}}
        assert record | expected | {"discogs": {"kind": "release", "id": 1010}} == record
        assert [record["album"] for record in await records(client, "wanted")] == ["W"]
        again = (await client.post(PATH, json=storage)).json()
        assert again["rows"] == {"read": 2, "new": 0, "same": 2, "possible": 0, "refused": 0}

    run(case)


def test_import_can_be_applied_immediately(run: Run) -> None:
    async def case(client: Client) -> None:
        assert (await send(client, FILE, "?apply=true"))["state"] == "done"
        assert len(await records(client)) == 5

    run(case)


def test_records_of_an_import_go_to_other_devices(run: Run) -> None:
    async def case(client: Client) -> None:
        await imported(client, FILE)
        answer = (await client.post("/api/collection/sync", json={"client_id": "phone", "seq": 1})).json()
        assert len(answer["albums"]) == 5
        assert answer["conflicts"] == []
        deleted = [{"id": album["id"], "rev": album["rev"]} for album in answer["albums"]]
        await client.post("/api/collection/sync", json={"client_id": "phone", "seq": 2, "deleted_ids": deleted})
        assert await records(client) == []
        await imported(client, FILE)
        assert len(await records(client)) == 5
        conflicts = (await client.get("/api/conflicts")).json()
        assert conflicts["total"] == 0

    run(case)


def test_only_its_user_can_access_an_import(run: Run) -> None:
    async def case(client: Client) -> None:
        report = await send(client, FILE)
        bob = await as_member(client, "bob")
        admin = as_admin(client)
        path = f"{PATH}/{report['id']}"
        for other, status in ((bob, 404), (admin, 403), (client.anonymous(), 401)):
            answers = [
                await other.get(path),
                await other.request("DELETE", path),
                await other.post(f"{path}/apply", json={}),
                await other.request("PUT", f"{path}/parts/1", body=b"x", headers=CSV),
            ]
            assert [answer.status for answer in answers] == [status] * 4
        assert (await bob.get(PATH)).json() == {"imports": []}
        await apply(client, report["id"])
        assert await records(bob) == []
        assert (await imported(bob, FILE))["state"] == "done"
        assert (len(await records(bob)), len(await records(client))) == (5, 5)

    run(case)


def test_import_can_be_removed(run: Run) -> None:
    async def case(client: Client) -> None:
        report = await send(client, FILE)
        assert (await client.request("DELETE", f"{PATH}/{report['id']}")).status == 204
        assert (await client.get(f"{PATH}/{report['id']}")).status == 404
        assert not [path for path in run.state.rglob("files/*") if path.is_file()]

    run(case)


def test_simultaneous_imports_run_one_after_another(run: Run) -> None:
    async def case(client: Client) -> None:
        reports = [await send(client, FILE) for _ in range(6)]
        answers = await asyncio.gather(*(client.post(f"{PATH}/{report['id']}/apply", json={}) for report in reports))
        assert {answer.status for answer in answers} <= {200, 409}
        assert len(await records(client)) == 5
        for report in reports:
            await client.post(f"{PATH}/{report['id']}/apply", json={})
        assert len(await records(client)) == 5

    run(case)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "text/csv", 422),
        (b"a,b\n1,2\n", "text/csv", 422),
        (b'Artist,Title\n"x', "text/csv", 422),
        (b"{}", "application/json", 422),
        (b"[1, 2]", "application/json", 422),
        (b"{", "application/json", 422),
        (b"NaN", "application/json", 422),
        (b"Artist\nx", "application/pdf", 415),
        (b"Artist\nx", "", 415),
        (b"x" * (8 * 1024 * 1024 + 1), "text/csv", 413),
    ],
)
def test_files_that_cannot_be_read_leave_nothing(run: Run, body: bytes, kind: str, status: int) -> None:
    async def case(client: Client) -> None:
        answer = await client.request("POST", PATH, body=body, headers=[("content-type", kind)])
        assert answer.status == status, answer.body
        assert answer.header("content-type") == "application/problem+json"
        assert (await client.get(PATH)).json() == {"imports": []}

    run(case)


def test_formulas_are_harmless_in_a_spreadsheet_and_come_back(run: Run) -> None:
    async def case(client: Client) -> None:
        names = ['=HYPERLINK("http://x")', "-M-", "+44", "@home", "'=quoted", "'plain"]
        rows = "".join(f'"{name.replace(chr(34), chr(34) * 2)}",T{n}\n' for n, name in enumerate(names))
        await imported(client, "Artist,Title\n" + rows.replace('"\'=quoted"', "\"''=quoted\""))
        assert sorted(record["artist"] for record in await records(client)) == sorted(names)
        text = (await client.get("/api/collection/export")).body.decode()
        assert not [cell for row in table(text) for cell in row if cell[:1] in {*"=+-@"}]
        assert (await send(client, text))["rows"]["same"] == len(names)

    run(case)


def change(path: Path, sql: str, params: tuple[object, ...] = ()) -> None:
    """Change a stored file directly, without the app."""
    connection = sqlite3.connect(path)
    connection.execute(sql, params)
    connection.commit()
    connection.close()


async def tick(client: Client) -> None:
    """Run the job of the minute."""
    await client.scheduled("* * * * *")


def test_covers_and_prices_come_in_the_background_and_fill_only_what_is_empty(run: Run, sim: DiscogsSim) -> None:
    text = "Artist,Title,release_id,Country,Barcode\nThe Glass Harbour,Night Ferry,1001,Mars,own code\nX,Gone,1030,,\n"

    async def case(client: Client) -> None:
        report = await imported(client, text)
        assert report["details"] == {"done": 0, "total": 2, "minutes": 1}
        assert sim.requests == []
        await tick(client)
        ferry, gone = sorted(await records(client), key=lambda record: str(record["album"]), reverse=True)
        assert (ferry["country"], ferry["barcode"], ferry["year"]) == ("Mars", "own code", 1979)
        assert ferry["cover"] == "/cache/images/release-1001.jpg"
        assert ferry["market_value"] == {"amount": 1807, "currency": "USD"}
        assert ferry["genre"] == ["Rock"]
        assert gone["cover"] is None
        after = (await client.get(f"{PATH}/{report['id']}")).json()
        assert after["details"] == {"done": 2, "total": 2, "minutes": 0}
        assert (await client.get("/api/conflicts")).json()["total"] == 0

    run(case)


def test_price_is_asked_for_again_when_it_is_due(run: Run) -> None:
    async def case(client: Client) -> None:
        await imported(client, "Artist,Title,release_id\nThe Glass Harbour,Night Ferry,1001\nX,Gone,1030\n")
        await tick(client)
        database = next(run.state.rglob("DB.sqlite"))
        [row] = await client.ports.settings.db.all("SELECT * FROM details_due")
        assert (row["release_id"], row["import_id"]) == (1001, "")
        assert row["due_at"] > (datetime.now(UTC) + timedelta(days=29)).strftime("%Y-%m-%d")
        change(database, "UPDATE collections SET market_value = NULL")
        await tick(client)
        assert {record["album"]: record["market_value"] for record in await records(client)} == {
            "Night Ferry": None,
            "Gone": None,
        }
        change(database, "UPDATE details_due SET due_at = '2020-01-01'")
        await tick(client)
        values = {record["album"]: record["market_value"] for record in await records(client)}
        assert values == {"Night Ferry": {"amount": 1807, "currency": "USD"}, "Gone": None}

    run(case)


def test_background_leaves_calls_to_visitors(run: Run, sim: DiscogsSim) -> None:
    run.env |= {"DISCOGS_CALLS_PER_MINUTE": "10", "DISCOGS_SPARE_CALLS": "6", "DISCOGS_WAIT_S": "0"}
    text = "Artist,Title,release_id\n" + "".join(f"A,T{id_},{id_}\n" for id_ in (1001, 1002, 1003, 1011, 1020, 1031))

    async def case(client: Client) -> None:
        report = await imported(client, text)
        assert report["details"]["minutes"] == 3
        await tick(client)
        await tick(client)
        assert len(sim.requests) == 4
        left = (await client.get(f"{PATH}/{report['id']}")).json()["details"]
        assert (left["done"], left["total"]) == (2, 6)
        assert (await client.get("/api/discogs/search?artist=Mono+Lake&album=Salt+Works")).status == 200

    run(case)


def test_users_take_turns_in_the_background(run: Run) -> None:
    run.env |= {"DISCOGS_CALLS_PER_MINUTE": "4", "DISCOGS_SPARE_CALLS": "0", "DISCOGS_WAIT_S": "0"}
    many = "Artist,Title,release_id\n" + "".join(f"A,T{id_},{id_}\n" for id_ in (1001, 1002, 1003, 1011))

    async def case(client: Client) -> None:
        bob = await as_member(client, "bob")
        await imported(client, many)
        await imported(bob, "Artist,Title,release_id\nB,U,1031\n")
        await tick(client)
        assert [len([record for record in await records(who) if record["cover"]]) for who in (client, bob)] == [1, 1]

    run(case)


def test_details_are_postponed_while_discogs_fails(run: Run, sim: DiscogsSim) -> None:
    sim.fail(Fault(500, path="/releases"))

    async def case(client: Client) -> None:
        report = await imported(client, "Artist,Title,release_id\nA,T,1001\nB,U,1031\n")
        await tick(client)
        left = (await client.get(f"{PATH}/{report['id']}")).json()["details"]
        assert (left["done"], left["total"]) == (1, 2)
        assert len([record for record in await records(client) if record["cover"]]) == 1

    run(case)


def test_interrupted_import_is_continued_by_the_job(run: Run) -> None:
    rows = "".join(f"A{n},T{n}\n" for n in range(1_200))

    async def case(client: Client) -> None:
        report = await send(client, "Artist,Title\n" + rows)
        database = next(run.state.rglob("DB.sqlite"))
        change(database, "UPDATE imports SET state = 'running' WHERE id = ?", (report["id"],))
        await tick(client)
        assert (await client.get(f"{PATH}/{report['id']}")).json()["state"] == "done"
        assert len(await records(client)) == 1_200

    run(case)


def test_row_that_no_longer_fits_is_reported(run: Run) -> None:
    run.env["MOST_RECORDS"] = "3"

    async def case(client: Client) -> None:
        report = await send(client, "Artist,Title,release_id\nA,T,1001\nB,U,1002\nC,V,1003\n")
        assert (await client.post("/api/collection", json={"artist": "Can", "album": "Delay"})).status == 201
        change(next(run.state.rglob("DB.sqlite")), "UPDATE imports SET state = 'running' WHERE id = ?", (report["id"],))
        await tick(client)
        done = (await client.get(f"{PATH}/{report['id']}")).json()
        assert (done["state"], done["rows"]["refused"], done["details"]["total"]) == ("done", 1, 2)
        assert done["refused"] == [{"row": 4, "reason": "the collection is full"}]
        assert len(await records(client)) == 3

    run(case)


def test_chunk_with_lost_progress_is_written_once(run: Run) -> None:
    rows = "".join(f"A{n},T{n}\n" for n in range(600))

    async def case(client: Client) -> None:
        report = await imported(client, "Artist,Title\n" + rows)
        before = (await client.post("/api/collection/sync", json={"client_id": "x", "seq": 1})).json()["last_sync"]
        database = next(run.state.rglob("DB.sqlite"))
        again = await send(client, "Artist,Title\n" + rows.replace("A", "B"))
        change(database, "UPDATE imports SET state = 'running' WHERE id = ?", (again["id"],))
        await tick(client)
        change(database, "UPDATE imports SET state = 'running', next_chunk = 0 WHERE id = ?", (again["id"],))
        await tick(client)
        assert len(await records(client)) == 1_200
        assert report["state"] == "done"
        assert before

    run(case)


def test_old_files_are_removed(run: Run) -> None:
    async def case(client: Client) -> None:
        await send(client, FILE)
        database = next(run.state.rglob("DB.sqlite"))
        objects = next(run.state.rglob("objects.sqlite"))
        change(database, "UPDATE imports SET updated_at = '2020-01-01 00:00:00'")
        change(objects, "UPDATE objects SET uploaded_at = 1")
        await client.scheduled("40 3 * * *")
        assert (await client.get(PATH)).json() == {"imports": []}
        assert not [path for path in run.state.rglob("files/*") if path.is_file()]

    run(case)
