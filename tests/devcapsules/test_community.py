"""Progress, teams and reports, and access to them."""

from typing import Any

from edge.testing import Client

from .conftest import Member, Run, as_admin, as_member
from .test_capsules import PATH, add
from .test_learning import tried

TEAMS = "/api/v1/teams"


async def with_email(member: Member) -> str:
    return f"{member.user_id}@example.org"


async def team_of(owner: Member, *members: Member) -> str:
    answer = await owner.post(TEAMS, {"name": "Teachers"})
    assert answer.status == 201, answer.text
    team = f"{TEAMS}/{answer.json()['id']}"
    for member in members:
        assert (await owner.post(f"{team}/members", {"email": await with_email(member)})).status == 202
    return team


def test_progress_is_the_users_own(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        capsule_id = await add(ada, visibility="public")
        await tried(bob, capsule_id, 3)
        return [(await user.get("/api/v1/progress")).json() for user in (bob, ada)]

    own, other = run(case)
    assert [(entry["title"], entry["attempts"], entry["solved_at"]) for entry in own["progress"]] == [
        ("Double it", 3, None)
    ]
    assert other == {"progress": [], "solved": 0}


def test_team_members_change_shared_capsules(run: Run) -> None:
    async def case(client: Client) -> dict[str, Any]:
        ada, bob, eve = [await as_member(client, name, "team") for name in ("ada", "bob", "eve")]
        team = await team_of(ada, bob)
        capsule_id = await add(ada)
        path = f"{PATH}/{capsule_id}"
        change = {"title": "Ours"}
        states: dict[str, Any] = {"before": (await bob.request("PATCH", path, json=change)).status}
        states["foreign share"] = (await bob.request("PUT", f"{team}/capsules/{capsule_id}")).status
        states["share"] = (await ada.request("PUT", f"{team}/capsules/{capsule_id}")).status
        states["member"] = (await bob.request("PATCH", path, json=change)).status
        states["version"] = (await bob.get(f"{path}/versions/2")).json().get("title")
        states["mine"] = [capsule["title"] for capsule in (await bob.get(f"{PATH}?mine=true")).json()["capsules"]]
        states["publish"] = (await bob.post(f"{path}/publish", {})).status
        states["delete"] = (await bob.request("DELETE", path)).status
        states["stranger"] = (await eve.request("PATCH", path, json=change)).status
        states["strangers"] = [
            (await eve.get(team)).status,
            (await eve.request("DELETE", team)).status,
            (await eve.post(f"{team}/members", {"email": await with_email(eve)})).status,
            (await eve.request("PUT", f"{team}/capsules/{capsule_id}")).status,
            (await bob.request("DELETE", f"{team}/members/{ada.user_id}")).status,
            (await bob.request("DELETE", team)).status,
        ]
        analytics = f"/api/v1/analytics/capsules/{capsule_id}"
        event = {"id": "event-0001", "capsule_id": capsule_id, "kind": "view"}
        assert (await ada.post("/api/v1/analytics/events", {"events": [event]})).status == 202
        states["views"] = [(await caller.get(analytics)).json()["totals"]["views"] for caller in (ada, bob)]
        states["overview"] = [
            [
                (entry["title"], entry["views"])
                for entry in (await caller.get("/api/v1/analytics/overview")).json()["capsules"]
            ]
            for caller in (ada, bob, eve)
        ]
        states["stranger's views"] = (await eve.get(analytics)).status
        states["members"] = [member["name"] for member in (await bob.get(team)).json()["members"]]
        states["leave"] = (await bob.request("DELETE", f"{team}/members/{bob.user_id}")).status
        states["after"] = (await bob.request("PATCH", path, json=change)).status
        return states

    assert run(case) == {
        "before": 404,
        "foreign share": 404,
        "share": 204,
        "member": 200,
        "version": "Ours",
        "mine": ["Ours"],
        "publish": 404,
        "delete": 404,
        "stranger": 404,
        "strangers": [404, 404, 404, 404, 404, 404],
        "views": [1, 1],
        "overview": [[("Ours", 1)], [("Ours", 1)], []],
        "stranger's views": 404,
        "members": ["ada", "bob"],
        "leave": 204,
        "after": 404,
    }


def test_member_shares_its_visibility_with_nobody(run: Run) -> None:
    async def case(client: Client) -> tuple[int, str]:
        ada, bob = await as_member(client, "ada", "team"), await as_member(client, "bob")
        team = await team_of(ada, bob)
        capsule_id = await add(ada)
        await ada.request("PUT", f"{team}/capsules/{capsule_id}")
        status = (await bob.request("PATCH", f"{PATH}/{capsule_id}", json={"visibility": "public"})).status
        return status, (await ada.get(f"{PATH}/{capsule_id}")).json()["visibility"]

    assert run(case) == (403, "private")


def test_teams_need_a_plan_that_has_them(run: Run) -> None:
    async def case(client: Client) -> list[int]:
        plans = ("free", "creator", "team", "enterprise")
        return [(await (await as_member(client, "ada", plan)).post(TEAMS, {"name": "x"})).status for plan in plans]

    assert run(case) == [403, 403, 201, 201]


def test_reported_capsule_is_taken_down(run: Run) -> None:
    async def case(client: Client) -> dict[str, Any]:
        ada = await as_member(client, "ada")
        bob = await as_member(client, "bob")
        admin = as_admin(client)
        capsule_id = await add(ada, visibility="public", tests=[])
        private = await add(ada)
        report = {"reason": "copied", "detail": "It is mine."}
        path = f"{PATH}/{capsule_id}"
        statuses = [
            (await bob.post(f"{path}/reports", report)).status,
            (await bob.post(f"{path}/reports", report)).status,
            (await ada.post(f"{path}/reports", {"reason": "wrong"})).status,
            (await bob.post(f"{PATH}/{private}/reports", report)).status,
            (await client.post(f"{path}/reports", report)).status,
            (await bob.post(f"{path}/reports", {"reason": "boring"})).status,
            (await bob.get("/api/v1/reports")).status,
        ]
        reports = (await admin.get("/api/v1/reports")).json()["reports"]
        decision = f"/api/v1/reports/{reports[0]['id']}/decision"
        refused = (await bob.post(decision, {"decision": "taken_down"})).status
        decided = (await admin.post(decision, {"decision": "taken_down"})).json()
        again = (await admin.post(decision, {"decision": "dismissed"})).status
        republished = await ada.post(f"{path}/publish", {"visibility": "public"})
        return {
            "statuses": statuses,
            "reports": len(reports),
            "decided": decided,
            "refused": [refused, again],
            "republished": republished.status,
            "copied": (await ada.post(f"{path}/fork")).status,
            "read": [(await caller.get(path)).status for caller in (ada, bob, client)],
            "listed": (await client.get(PATH)).json()["capsules"],
        }

    states = run(case)
    assert states["statuses"] == [202, 202, 202, 404, 401, 422, 403]
    assert (states["reports"], states["decided"], states["refused"]) == (2, {"decided": 2}, [403, 404])
    assert (states["republished"], states["read"]) == (200, [200, 404, 404])
    assert states["copied"] == 403, "a copy could be published"
    assert states["listed"] == []
