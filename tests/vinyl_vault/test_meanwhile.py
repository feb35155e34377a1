"""An account that is deleted between two database calls of a request causes no fault of the server."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import pytest
from tests.between import Change, each_moment, kind_of
from tests.vinyl_vault.conftest import Run, as_admin, as_member
from tests.vinyl_vault.test_csv import FILE

from edge.testing import Answer, Client

CSV = [("content-type", "text/csv")]
SYNC = "/api/collection/sync"
PUSH = {"client_id": "phone", "seq": 1, "albums": [{"id": "r", "rev": 0, "set": {"artist": "Joni", "album": "Blue"}}]}


async def pull(client: Client) -> Answer:
    return await client.post(SYNC, {"last_sync": None})


async def repeated_push(client: Client) -> Answer:
    return await client.post(SYNC, PUSH)


async def next_push(client: Client) -> Answer:
    return await client.post(SYNC, PUSH | {"seq": 2})


async def share(client: Client) -> Answer:
    return await client.post("/api/shares", {"name": "x"})


@pytest.mark.parametrize("ask", [pull, repeated_push, next_push, share])
def test_account_deleted_between_two_calls_of_database(local: Run, ask: Callable[[Client], Awaitable[Answer]]) -> None:
    async def case(client: Client) -> None:
        db: Any = client.ports.settings.db

        async def world(name: str) -> tuple[Callable[[Client], Awaitable[Answer]], Change, Client]:
            member = await as_member(client, name)
            assert (await member.post(SYNC, PUSH)).status == 200

            async def change() -> None:
                await db.run("DELETE FROM users WHERE id = ?", name)

            return ask, change, member

        answers = [(place, kind_of(answer)) async for place, _, answer in each_moment(world)]
        assert answers[-1][1][0] < 300, "without a deletion it succeeds"
        assert {kind[0] for _, kind in answers[:-1]} <= {200, 201, 401, 409}, answers

    local(case)


async def job(client: Client) -> Answer:
    return await client.post("/jobs/carry_on")


@pytest.mark.slow
def test_job_of_imports_outlasts_an_account_that_is_deleted_meanwhile(local: Run) -> None:
    async def case(client: Client) -> None:
        db: Any = client.ports.settings.db

        async def world(name: str) -> tuple[Callable[[Client], Awaitable[Answer]], Change, Client]:
            member = await as_member(client, name)
            sent = await member.request("POST", "/api/collection/import", body=FILE.encode(), headers=CSV)
            begin = "UPDATE imports SET state = 'running', next_chunk = -1 WHERE id = ?"
            await db.run(begin, sent.json()["id"])

            async def change() -> None:
                await db.run("DELETE FROM users WHERE id = ?", name)

            return job, change, as_admin(client)

        answers = [(place, kind_of(answer)) async for place, _, answer in each_moment(world)]
        assert {kind for _, kind in answers} == {(200, "")}, answers
        assert len(answers) > 10

    local(case)


async def upload(client: Client) -> Answer:
    return await client.request("POST", "/api/collection/import", body=FILE.encode(), headers=CSV)


def test_file_that_arrives_while_its_account_is_deleted_leaves_no_object(local: Run) -> None:
    async def case(client: Client) -> None:
        settings: Any = client.ports.settings
        deleted = []

        async def world(name: str) -> tuple[Callable[[Client], Awaitable[Answer]], Change, Client]:
            member = await as_member(client, name)

            async def change() -> None:
                deleted.append(name)
                await settings.db.run("DELETE FROM users WHERE id = ?", name)
                for stored in (await settings.cache.list(folder(name))).objects:
                    await settings.cache.delete(stored.key)

            return upload, change, member

        answers = [kind_of(answer)[0] async for _, _, answer in each_moment(world)]
        assert answers[-1] == 201
        assert set(answers[:-1]) <= {201, 401, 404, 409}
        assert [name for name in deleted if (await settings.cache.list(folder(name))).objects] == []

    def folder(name: str) -> str:
        return f"imports/{sha256(name.encode()).hexdigest()[:32]}/"

    local(case)
