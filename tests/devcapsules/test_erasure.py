"""After an erasure no row, file, counter or message holds the user's name, address or id."""

from typing import Any

from tests.traces import traces

from edge.testing import Client

from .conftest import Run, as_admin, as_member
from .test_access import make_key, with_key
from .test_capsules import PATH, add

ACCOUNT = {"email": "zebulon.quagga@example.org", "password": "correct horse battery", "name": "Zebulon Quagga"}
LINK = "INSERT INTO account_links VALUES ('a-hash', 'register', NULL, ?, ?, '2099-01-01 00:00:00')"


def test_erased_user_leaves_no_trace_and_forks_are_anonymous(local: Run) -> None:
    local.env |= {"ACCOUNT_CONFIRMATION": "none", "GENERATION_MODEL_URL": "http://127.0.0.1:9/v1"}

    async def case(client: Client) -> list[str]:
        db: Any = client.ports.settings.db
        tokens = (await client.post("/api/v1/auth/register", ACCOUNT)).json()
        user_id = tokens["user_id"]
        await db.run("UPDATE users SET plan = 'team' WHERE id = ?", user_id)
        zeb = with_key(client, tokens["access_token"])
        ada = await as_member(client, "ada", "team")
        first, second = await add(zeb, visibility="public"), await add(zeb, visibility="public")
        forks = [(await ada.post(f"{PATH}/{capsule_id}/fork")).json() for capsule_id in (first, second)]
        assert {fork["forked_from"]["author"] for fork in forks} == {"Zebulon Quagga"}
        assert (await zeb.request("DELETE", f"{PATH}/{first}")).status == 204
        assert (await ada.get(f"{PATH}/{forks[0]['id']}")).json()["forked_from"]["author"] == "Zebulon Quagga"
        hers = await add(ada, visibility="public", hints=["one", "two"])
        key = with_key(client, (await make_key(zeb))["secret"])
        view = {"events": [{"id": "a-view-of-mine", "capsule_id": hers, "kind": "view"}]}
        calls = [
            await zeb.post(f"{PATH}/{hers}/reports", {"reason": "wrong"}),
            await zeb.post(f"{PATH}/{hers}/hints", {}),
            await key.post(f"{PATH}/{hers}/hints", {"learner": "pupil"}),
            await zeb.post("/api/v1/analytics/events", view),
            await key.post("/api/v1/analytics/events", view),
            await zeb.post("/api/v1/generate", {"prompt": "double a number", "language": "python"}),
            await as_admin(client).request("PUT", f"/api/v1/plans/{user_id}", json={"plan": "team"}),
        ]
        assert [answer.status for answer in calls] == [202, 200, 200, 202, 202, 202, 200]
        team = (await ada.post("/api/v1/teams", {"name": "Teachers"})).json()["id"]
        assert (await ada.post(f"/api/v1/teams/{team}/members", {"email": ACCOUNT["email"]})).status == 202
        refused = await as_admin(client).request("DELETE", f"/api/v1/teams/{team}/members/{user_id}")
        assert refused.status == 403, "the audit log has it nevertheless"
        await db.run(LINK, ACCOUNT["email"].upper(), '{"name": "Zebulon Quagga"}')
        audited = len(await db.all("SELECT 1 FROM admin_audit"))
        deleted = await zeb.request("DELETE", "/api/v1/auth/me", json={"password": ACCOUNT["password"]})
        assert deleted.status == 204
        for fork in forks:
            assert (await ada.get(f"{PATH}/{fork['id']}")).json()["forked_from"]["author"] == "anonymous"
        assert len(await db.all("SELECT 1 FROM admin_audit")) == audited == 2
        assert len(await db.all("SELECT 1 FROM reports")) == 1
        assert (await client.get(f"{PATH}/{hers}/counts")).json()["views"] == 1
        return [user_id, "quagga"]

    words = local(case)
    assert traces(local.state, words) == []
