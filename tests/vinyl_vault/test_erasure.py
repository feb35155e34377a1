"""After an erasure no row, file or lease holds the user's address or id."""

from typing import Any

from tests.patience import pauses
from tests.traces import traces
from tests.vinyl_vault.conftest import Run, as_admin
from tests.vinyl_vault.test_account_end import ACCOUNT, fill
from tests.vinyl_vault.test_csv import FILE
from tests.vinyl_vault.test_own_covers import send

from edge.testing import Client


def test_erased_user_leaves_no_trace(local: Run) -> None:
    local.env["ACCOUNT_CONFIRMATION"] = "none"

    async def case(client: Client) -> list[str]:
        settings: Any = client.ports.settings
        tokens = (await client.post("/api/auth/register", ACCOUNT)).json()
        eve = client.anonymous()
        eve.headers = [("authorization", f"Bearer {tokens['access_token']}")]
        await fill(eve)
        assert (await send(eve, "r")).status == 200
        csv = [("content-type", "text/csv")]
        sent = await eve.request("POST", "/api/collection/import", body=FILE.encode(), headers=csv)
        path = f"/api/collection/import/{sent.json()['id']}"
        assert (await eve.post(f"{path}/apply", {})).status == 200
        waiting = await eve.request("POST", "/api/collection/import", body=FILE.encode(), headers=csv)
        assert waiting.status == 201
        refused = await as_admin(client).request("DELETE", f"/api/shares/{tokens['user_id']}")
        assert refused.status == 403, "the audit log has it nevertheless"
        assert (await eve.request("DELETE", "/api/auth/me", json={"password": ACCOUNT["password"]})).status == 204
        assert (await as_admin(client).post("/jobs/remove_covers")).status == 200
        async for _ in pauses():
            if not (await settings.cache.list("imports/")).objects:
                break
        assert not (await settings.cache.list("imports/")).objects
        assert not [stored for stored in (await settings.cache.list("images/")).objects if "own" in stored.key]
        return [tokens["user_id"], ACCOUNT["email"], "joni mitchell"]

    words = local(case)
    assert traces(local.state, words) == []
