"""Access: every route answers to another user's id as to none, and changes nothing."""

from typing import Any

from devcapsules.app import app
from edge import ADMIN, PUBLIC
from edge.testing import Client

from .conftest import Member, Run, as_member
from .test_capsules import add
from .test_community import team_of

ROUTES = [endpoint for endpoint in app.endpoints if "{" in endpoint.path and endpoint.access not in {PUBLIC, ADMIN}]
BODIES: dict[str, Any] = {
    "attempts": {"code": "x"},
    "hints": {},
    "publish": {"visibility": "public"},
    "reports": {"reason": "other"},
    "members": {"email": "eve@example.org"},
}
TABLES = ("capsules", "capsule_versions", "teams", "team_members", "team_capsules", "api_keys", "generation_jobs")
NOBODY = {
    "capsule_id": "cap_0",
    "team_id": "team_0",
    "user_id": "usr_0",
    "key_id": "wk_0",
    "job_id": "job_0",
    "session_id": "s0",
}


async def world(client: Client) -> tuple[dict[str, str], Member]:
    """Create rows of ada and of bob, a member of her team; return ids of theirs, and a stranger with a team."""
    ada, bob, eve = [await as_member(client, name) for name in ("ada", "bob", "eve")]
    capsule_id = await add(ada)
    team = await team_of(ada, bob)
    assert (await ada.request("PUT", f"{team}/capsules/{capsule_id}")).status == 204
    key = await ada.post("/api/v1/auth/api-keys", {"name": "x"})
    db: Any = client.ports.settings.db
    job = "INSERT INTO generation_jobs (id, user_id, prompt, language, difficulty, created_at, updated_at)"
    now = "2027-01-01 00:00:00"
    job_id = f"job_{ada.user_id}"
    await db.run(f"{job} VALUES (?, ?, 'x', 'python', 'easy', ?, ?)", job_id, ada.user_id, now, now)
    session = await db.first("SELECT id FROM refresh_tokens WHERE user_id = ?", ada.user_id)
    await team_of(eve)
    ids = {"capsule_id": capsule_id, "team_id": team.rpartition("/")[2], "user_id": bob.user_id}
    return ids | {"key_id": key.json()["key"]["id"], "job_id": job_id, "session_id": session["id"]}, eve


async def everything(db: Any) -> list[Any]:
    return [await db.all(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES]


def test_other_users_ids_are_answered_as_none(run: Run) -> None:
    async def case(client: Client) -> None:
        theirs, eve = await world(client)
        db: Any = client.ports.settings.db
        before = await everything(db)
        assert all(before)
        for endpoint in ROUTES:
            body = BODIES.get(endpoint.path.rpartition("/")[2], {} if endpoint.method in {"POST", "PATCH"} else None)
            texts = []
            for ids in (theirs, NOBODY):
                answer = await eve.request(endpoint.method, endpoint.path.format(**ids, version=1), json=body)
                assert answer.status == 404, (endpoint.method, endpoint.path, answer.text)
                problem = answer.json()
                texts.append([problem["type"], problem["title"], problem["detail"].replace(ids["session_id"], "")])
            assert texts[0] == texts[1]
        assert await everything(db) == before

    run(case)


def test_member_of_a_team_writes_what_it_shares_and_owns_none_of_it(run: Run) -> None:
    async def case(client: Client) -> dict[str, int]:
        ada, bob, cyd = [await as_member(client, name) for name in ("ada", "bob", "cyd")]
        team = await team_of(ada, bob, cyd)
        shared, own = await add(ada), await add(bob)
        for owner, capsule_id in ((ada, shared), (bob, own)):
            assert (await owner.request("PUT", f"{team}/capsules/{capsule_id}")).status == 204
        path = f"/api/v1/capsules/{shared}"
        statuses = {
            "content": (await bob.request("PATCH", path, json={"title": "Ours"})).status,
            "visibility": (await bob.request("PATCH", path, json={"visibility": "public", "title": "x"})).status,
            "publish": (await bob.post(f"{path}/publish", {"visibility": "private"})).status,
            "delete": (await bob.request("DELETE", path)).status,
            "unshare": (await bob.request("DELETE", f"{team}/capsules/{shared}")).status,
            "other member": (await bob.request("DELETE", f"{team}/members/{cyd.user_id}")).status,
            "owner leaves": (await ada.request("DELETE", f"{team}/members/{ada.user_id}")).status,
            "unshares for another": (await ada.request("DELETE", f"{team}/capsules/{own}")).status,
            "removes": (await ada.request("DELETE", f"{team}/members/{bob.user_id}")).status,
            "twice": (await ada.request("DELETE", f"{team}/members/{bob.user_id}")).status,
        }
        after = (await ada.get(team)).json()
        assert after["capsules"] == [shared], "a removed member takes the shared capsules along"
        assert {member["user_id"] for member in after["members"]} == {ada.user_id, cyd.user_id}
        assert (await ada.get(path)).json()["title"] == "Ours"
        statuses["owner"] = (await ada.request("PATCH", path, json={"visibility": "private"})).status
        statuses["ends"] = (await ada.request("DELETE", team)).status
        return statuses

    assert run(case) == {
        "content": 200,
        "visibility": 403,
        "publish": 404,
        "delete": 404,
        "unshare": 404,
        "other member": 404,
        "owner leaves": 404,
        "unshares for another": 404,
        "removes": 204,
        "twice": 404,
        "owner": 200,
        "ends": 204,
    }
