"""A change between two database calls of a request is answered as if it had come before the request, or after it."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from tests.between import Change, World, each_moment, kind_of

from devcapsules.erasure import erase
from edge import Statement
from edge.testing import Answer, Client

from .conftest import Member, Run, as_member
from .test_capsules import PATH, add

pytestmark = pytest.mark.slow


class Scene(NamedTuple):
    """A public capsule with its author, another user, and a team of the author's."""

    author: Member
    other: Member
    capsule_id: str
    team_id: str


type Ask = Callable[[Client], Awaitable[Answer]]
type Case = Callable[[Scene], tuple[Client, Ask]]

CHANGES = {
    "deleted": "DELETE FROM capsules WHERE id = ?",
    "hidden": "UPDATE capsules SET visibility = 'private' WHERE id = ?",
    "taken down": "UPDATE capsules SET taken_down_at = '2026-01-01 00:00:00' WHERE id = ?",
}


def fork(scene: Scene) -> tuple[Client, Ask]:
    return scene.other, lambda client: client.post(f"{PATH}/{scene.capsule_id}/fork")


def report(scene: Scene) -> tuple[Client, Ask]:
    return scene.other, lambda client: client.post(f"{PATH}/{scene.capsule_id}/reports", {"reason": "wrong"})


def change(scene: Scene) -> tuple[Client, Ask]:
    path = f"{PATH}/{scene.capsule_id}"
    return scene.author, lambda client: client.request("PATCH", path, json={"tags": ["numbers"]})


def sharing(scene: Scene) -> tuple[Client, Ask]:
    path = f"/api/v1/teams/{scene.team_id}/capsules/{scene.capsule_id}"
    return scene.author, lambda client: client.request("PUT", path)


def new_member(scene: Scene) -> tuple[Client, Ask]:
    body = {"email": f"{scene.other.user_id}@example.org"}
    return scene.author, lambda client: client.post(f"/api/v1/teams/{scene.team_id}/members", body)


CASES: dict[Case, dict[str, set[tuple[int, str]]]] = {
    fork: {name: set() for name in (*CHANGES, "author gone")},
    report: {"deleted": {(202, "")}, "author gone": {(202, "")}},
    change: {"deleted": set()},
    sharing: {"deleted": set(), "team gone": set()},
    new_member: {"other gone": set(), "team gone": {(202, "")}},
}
"""The changes that may meet a request, and further answers that they may have."""


def change_of(name: str, scene: Scene) -> Change:
    """Return a change of a scene's rows."""
    db: Any = scene.author.ports.settings.db

    async def change() -> None:
        if name in CHANGES:
            await db.run(CHANGES[name], scene.capsule_id)
        elif name == "team gone":
            await db.run("DELETE FROM teams WHERE id = ?", scene.team_id)
        else:
            user_id = (scene.author if name == "author gone" else scene.other).user_id
            await db.batch([*erase(user_id), Statement("DELETE FROM users WHERE id = ?", (user_id,))])

    return change


def world_of(client: Client, case: Case, change: str) -> World:
    """Return what makes a new scene, the request of a case, and a change that meets it."""

    async def world(_name: str) -> tuple[Ask, Change, Client]:
        author, other = await as_member(client, "ada", "team"), await as_member(client, "bob")
        team_id = (await author.post("/api/v1/teams", {"name": "Teachers"})).json()["id"]
        scene = Scene(author, other, await add(author, visibility="public", tests=[]), team_id)
        sender, ask = case(scene)
        return ask, change_of(change, scene), sender

    return world


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_change_between_two_calls_of_database_is_no_fault_of_server(local: Run, case: Case) -> None:
    async def run(client: Client) -> None:
        for name, further in CASES[case].items():
            answers = [(place, kind_of(answer)) async for place, _, answer in each_moment(world_of(client, case, name))]
            (_, first), *between, (_, last) = answers
            assert last[0] < 300, "without a change it succeeds"
            assert {kind for _, kind in between} <= {first, last} | further, (name, answers)

    local(run)


def test_content_that_was_not_run_is_not_published_meanwhile(local: Run) -> None:
    publish = "UPDATE capsules SET visibility = 'public' WHERE id = ? AND version = 1"
    failing = {"tests": [{"arguments": [2], "expected": 5}]}

    async def case(client: Client) -> None:
        db: Any = client.ports.settings.db

        async def world(_name: str) -> tuple[Ask, Change, Client]:
            author = await as_member(client, "ada")
            capsule_id = await add(author)

            async def change() -> None:
                await db.run(publish, capsule_id)

            path = f"{PATH}/{capsule_id}"
            return lambda sender: sender.request("PATCH", path, json=failing), change, author

        kinds = [kind_of(answer) async for _, _, answer in each_moment(world)]
        assert kinds[-1] == (200, "")
        assert (409, "urn:problem:version-conflict") in kinds
        assert await db.all("SELECT id FROM capsules WHERE visibility = 'public' AND version > 1") == []

    local(case)
