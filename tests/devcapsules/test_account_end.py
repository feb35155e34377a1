"""Deleting an account ends its keys, pages, teams and jobs under way, and leaves others' data alone."""

from secrets import token_hex
from typing import Any

import pytest

from devcapsules.app import app
from devcapsules.capsules.models import NewCapsule
from devcapsules.capsules.store import content_of
from devcapsules.generation.drafts import Order
from devcapsules.generation.jobs import Jobs, LeaseLost
from devcapsules.generation.rounds import Generated
from edge.testing import Client

from .conftest import Run, as_member
from .test_access import make_key, with_key
from .test_capsules import CAPSULE, PATH, add
from .test_embed import config_of, page

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"


async def registered(client: Client, name: str) -> tuple[Client, str]:
    """Return the client of a user with a password and the plan of teams, and the user's id."""
    account = {"email": f"{name}{token_hex(4)}@example.org", "password": PASSWORD, "name": name.title()}
    tokens = (await client.post("/api/v1/auth/register", account)).json()
    db: Any = client.ports.settings.db
    await db.run("UPDATE users SET plan = 'team' WHERE id = ?", tokens["user_id"])
    return with_key(client, tokens["access_token"]), tokens["user_id"]


def test_deletion_ends_keys_pages_and_teams(run: Run) -> None:
    run.env["ACCOUNT_CONFIRMATION"] = "none"

    async def case(client: Client) -> None:
        eve, _ = await registered(client, "eve")
        ada = await as_member(client, "ada", "team")
        db: Any = client.ports.settings.db
        own, hers = await add(eve, visibility="public"), await add(ada)
        team = (await eve.post("/api/v1/teams", {"name": "Teachers"})).json()["id"]
        added = await eve.post(f"/api/v1/teams/{team}/members", {"email": f"{ada.user_id}@example.org"})
        assert added.status == 202
        for member, capsule_id in ((eve, own), (ada, hers)):
            assert (await member.request("PUT", f"/api/v1/teams/{team}/capsules/{capsule_id}")).status == 204
        key = await make_key(eve, "https://blog.example")
        visitor = with_key(client, config_of(await page(client, own, key["secret"]))["token"])
        widget = with_key(client, key["secret"])
        assert [(await caller.get(f"{PATH}/{own}")).status for caller in (visitor, widget)] == [200, 200]
        assert (await eve.request("DELETE", "/api/v1/auth/me", json={"password": PASSWORD})).status == 204
        assert [(await caller.get(f"{PATH}/{own}")).status for caller in (visitor, widget, eve)] == [401, 401, 401]
        assert (await page(client, own, key["secret"])).status == 401
        assert [(await ada.get(path)).status for path in (f"{PATH}/{own}", f"/api/v1/teams/{team}")] == [404, 404]
        assert (await ada.get(f"{PATH}/{hers}")).status == 200
        for table in ("api_keys", "team_members", "team_capsules", "teams"):
            assert await db.all(f"SELECT * FROM {table}") == [], table

    run(case)


def test_deletion_ends_a_job_in_flight_without_a_capsule(local: Run) -> None:
    local.env["ACCOUNT_CONFIRMATION"] = "none"

    async def case(client: Client) -> None:
        eve, user_id = await registered(client, "eve")
        jobs = app.provide(Jobs, client.ports.begin())
        job_id = await jobs.add(user_id, Order(prompt="double a number", language="python", difficulty="easy"))
        claimed = await jobs.claim(job_id)
        assert claimed is not None
        assert (await eve.request("DELETE", "/api/v1/auth/me", json={"password": PASSWORD})).status == 204
        try:
            await jobs.step(claimed, "testing", 1, 10)
            is_lost = False
        except LeaseLost:
            is_lost = True
        parts: Any = {}
        exercise = Generated(content_of(NewCapsule.model_validate(CAPSULE)), [], 90, parts, 1, 10)
        assert (is_lost, await jobs.succeed(claimed, exercise), await jobs.claim(job_id)) == (True, None, None)
        await jobs.release(claimed, "again")
        assert not await jobs.fail(claimed, "no_draft")
        db: Any = client.ports.settings.db
        for table in ("generation_jobs", "capsules", "capsule_versions", "capsule_answers", "usage_daily"):
            assert await db.all(f"SELECT * FROM {table}") == [], table

    local(case)
