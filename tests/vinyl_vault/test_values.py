"""The value of a collection over time, and the schedule that refreshes prices."""

from typing import Any

from tests.vinyl_vault.conftest import Run, as_member
from tests.vinyl_vault.test_stats import filled

from edge.testing import Client
from vinyl_vault.collection.values import CRON


def test_value_is_recorded_once_a_day_by_currency(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await filled(client)
        bob = await as_member(client, "bob")
        await client.scheduled(CRON)
        before = (await ada.get("/api/stats/values")).json()
        await client.ports.settings.db.run("UPDATE daily_values SET day = '2025-01-01'")
        await client.ports.settings.db.run("DELETE FROM collections WHERE album = 'Bitches Brew'")
        await client.scheduled(CRON)
        await client.scheduled(CRON)
        after = (await ada.get("/api/stats/values?days=3660")).json()
        recent = (await ada.get("/api/stats/values?days=1")).json()
        return [before, after, recent, (await bob.get("/api/stats/values")).json()]

    before, after, recent, others = run(case)
    assert [(v["currency"], v["amount"], v["records"]) for v in before] == [("EUR", 2000, 2), ("USD", 1000, 1)]
    assert [(v["currency"], v["amount"]) for v in after] == [
        ("EUR", 2000),
        ("USD", 1000),
        ("EUR", 1000),
        ("USD", 1000),
    ]
    assert recent == after[2:]
    assert others == []


def test_every_record_of_a_release_gets_a_schedule_once(run: Run) -> None:
    async def case(client: Client) -> list[dict[str, Any]]:
        ada = await as_member(client, "ada")
        for number, kind in enumerate(("release", "master", "release")):
            record = {"artist": "Can", "album": f"Album {number}", "discogs": {"kind": kind, "id": number + 1}}
            assert (await ada.post("/api/collection", record)).status == 201
        gone = (await ada.get("/api/collection")).json()["records"][2]
        assert (await ada.request("DELETE", f"/api/collection/{gone['id']}")).status in {200, 204}
        await client.scheduled(CRON)
        await client.scheduled(CRON)
        rows: list[dict[str, Any]] = await client.ports.settings.db.all("SELECT * FROM details_due")
        return rows

    [row] = run(case)
    assert (row["release_id"], row["import_id"], row["attempts"]) == (1, "", 0)


def test_values_need_a_user(run: Run) -> None:
    async def case(client: Client) -> int:
        return (await client.anonymous().get("/api/stats/values")).status

    assert run(case) == 401
