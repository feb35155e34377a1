"""Limits of an account hold exactly, also for requests that are made at once."""

import asyncio
from collections import Counter
from typing import Any

from devcapsules.tables import MOST_KEYS, MOST_MEMBERS, MOST_TEAMS
from edge.testing import Answer, Client

from .conftest import Run, as_member
from .test_community import TEAMS, team_of, with_email

KEYS = "/api/v1/auth/api-keys"
NOW = "'2027-01-01 00:00:00'"


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def test_account_has_fifty_keys_and_no_more(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        await client.ports.settings.db.run(
            "INSERT INTO api_keys (id, user_id, name, prefix, hash, created_at) "
            f"SELECT ? || value, ?, 'x', 'x', ? || value, {NOW} FROM json_each(?)",
            ada.user_id,
            ada.user_id,
            ada.user_id,
            str([*range(MOST_KEYS - 2)]),
        )
        answers = await asyncio.gather(*(ada.post(KEYS, {"name": "x"}) for _ in range(5)))
        key_id = next(answer.json()["key"]["id"] for answer in answers if answer.status == 201)
        assert (await ada.request("DELETE", f"{KEYS}/{key_id}")).status == 204
        after = [(await user.post(KEYS, {"name": "x"})).status for user in (ada, ada, bob)]
        return [statuses(answers), after]

    assert run(case) == [{201: 2, 409: 3}, [201, 409, 201]]


def test_account_has_twenty_teams_and_no_more(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        answers = await asyncio.gather(*(ada.post(TEAMS, {"name": "x"}) for _ in range(MOST_TEAMS + 3)))
        listed = (await ada.get(TEAMS)).json()["teams"]
        assert (await ada.request("DELETE", f"{TEAMS}/{listed[0]['id']}")).status == 204
        return [statuses(answers), len(listed), (await ada.post(TEAMS, {"name": "x"})).status]

    assert run(case) == [{201: MOST_TEAMS, 409: 3}, MOST_TEAMS, 201]


def test_team_has_a_hundred_members_and_no_more(run: Run) -> None:
    async def case(client: Client) -> int:
        ada, *others = [await as_member(client, name) for name in ("ada", "bob", "cyd", "dan")]
        team = await team_of(ada)
        db: Any = client.ports.settings.db
        numbers = str([*range(MOST_MEMBERS - 3)])
        users = "INSERT INTO users (id, email, email_key, created_at, updated_at)"
        await db.run(
            f"{users} SELECT ? || value, value, ? || value, {NOW}, {NOW} FROM json_each(?)", *[team] * 2, numbers
        )
        members = f"INSERT INTO team_members SELECT ?, ? || value, {NOW} FROM json_each(?)"
        await db.run(members, team.rpartition("/")[2], team, numbers)
        await asyncio.gather(*[ada.post(f"{team}/members", {"email": await with_email(user)}) for user in others])
        return len((await ada.get(team)).json()["members"])

    assert run(case) == MOST_MEMBERS
