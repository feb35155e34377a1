"""Limits of a person hold exactly, also for requests that are made at once."""

import asyncio
from collections import Counter
from typing import Any

from tests.vinyl_vault.conftest import Run, as_member
from tests.vinyl_vault.test_collection import BLUE, add
from tests.vinyl_vault.test_own_covers import PHOTO, send

from edge.testing import Answer, Client
from vinyl_vault.tables import MOST_SHARES, MOST_STORED, MOST_WAITING

SYNC = "/api/collection/sync"


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def test_user_has_twenty_links_and_no_more(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        answers = await asyncio.gather(*(ada.post("/api/shares", {"name": "x"}) for _ in range(MOST_SHARES + 4)))
        listed = (await ada.get("/api/shares")).json()
        assert (await ada.request("DELETE", f"/api/shares/{listed[0]['id']}")).status == 204
        after = [(await user.post("/api/shares", {"name": "x"})).status for user in (ada, bob)]
        return [statuses(answers), len(listed), after]

    assert run(case) == [{201: MOST_SHARES, 409: 4}, MOST_SHARES, [201, 201]]


def test_user_has_twenty_open_imports_and_no_more(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        rows = "INSERT INTO imports (user_id, id, state, source, name, created_at, updated_at) SELECT 'ada', value, "
        now = "'2027-01-01 00:00:00'"
        numbers = "[" + ",".join(f'"i{n}"' for n in range(MOST_WAITING - 2)) + "]"
        await client.ports.settings.db.run(f"{rows} 'open', 'csv', '', {now}, {now} FROM json_each(?)", numbers)
        path = "/api/collection/import"
        headers = [("content-type", "text/csv")]
        file = b"Artist,Title\nCan,Delay\n"
        answers = await asyncio.gather(*(ada.request("POST", path, body=file, headers=headers) for _ in range(5)))
        opened = next(answer.json()["id"] for answer in answers if answer.status < 300)
        assert (await ada.request("DELETE", f"{path}/{opened}")).status == 204
        return [statuses(answers)[409], (await ada.request("POST", path, body=file, headers=headers)).status < 300]

    assert run(case) == [3, True]


def test_covers_sent_at_once_share_the_room(run: Run) -> None:
    async def case(client: Client) -> Counter[int]:
        ada = await as_member(client, "ada")
        ids = await add(ada, *[BLUE] * 4)
        assert (await send(ada, ids[0])).status == 200
        room = MOST_STORED - len(PHOTO) * 3 // 2
        await client.ports.settings.db.run("UPDATE own_covers SET bytes = ?", room)
        return statuses(await asyncio.gather(*(send(ada, record_id) for record_id in ids)))

    assert run(case) == {200: 1, 409: 3}


def test_records_added_at_once_share_the_room(run: Run) -> None:
    run.env["MOST_RECORDS"] = "3"

    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        answers = await asyncio.gather(*(ada.post("/api/collection", BLUE) for _ in range(6)))
        return [statuses(answers), (await ada.get("/api/collection")).json()["total"]]

    assert run(case) == [{201: 3, 409: 3}, 3]


def test_restored_records_share_the_room(run: Run) -> None:
    run.env["MOST_RECORDS"] = "2"

    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        ids = []
        for _ in range(2):
            ids += (pair := await add(ada, BLUE, BLUE))
            await asyncio.gather(*(ada.request("DELETE", f"/api/collection/{record_id}") for record_id in pair))
        restored = await asyncio.gather(*(ada.post(f"/api/collection/{record_id}/restore", {}) for record_id in ids))
        kept = (await ada.get("/api/collection")).json()
        deletion = await ada.request("DELETE", f"/api/collection/{kept['records'][0]['id']}")
        again = [(await ada.post(f"/api/collection/{record_id}/restore", {})).status for record_id in ids]
        return [statuses(restored), kept["total"], deletion.status, again.count(409) < 4]

    assert run(case) == [{200: 2, 409: 2}, 2, 204, True]


def test_conflicts_found_at_once_share_the_room(run: Run) -> None:
    run.env["MOST_CONFLICTS"] = "2"

    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        ids = await add(ada, *[BLUE] * 4)
        for record_id in ids:
            await ada.request("PATCH", f"/api/collection/{record_id}", json={"notes": "desk"})
        rows = [{"id": record_id, "rev": n + 1, "set": {"notes": "phone"}} for n, record_id in enumerate(ids)]
        pushes = [{"client_id": f"phone{n}", "seq": 1, "albums": [row]} for n, row in enumerate(rows)]
        answers = [answer.json() for answer in await asyncio.gather(*(ada.post(SYNC, push) for push in pushes))]
        found = (await ada.get("/api/conflicts")).json()["conflicts"]
        return [len(found), [len(answer["conflicts"]) + len(answer["rejected"]) for answer in answers]]

    assert run(case) == [2, [1] * 4]
