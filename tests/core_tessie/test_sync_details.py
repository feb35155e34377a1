"""Small truths of a sync: names, places and versions as an owner expects them."""

from collections.abc import Iterator

import pytest

from core_tessie.sync.rows import snapshot
from edge.testing import Client
from sims.tessie import Fleet, Simulator

from .conftest import Runner
from .test_sync import NOW, TWO_WEEKS, fail, rows, synced


@pytest.fixture
def sim(run: Runner) -> Iterator[Simulator]:
    """A Tessie of two cars and two weeks, which `run` talks to."""
    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW, number=2), port=run.tessie_port) as simulator:
        yield simulator


def test_car_without_a_display_name_has_its_own(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]
    name = sim.ask(f"/{vin}/state")["vehicle_state"]["vehicle_name"]

    async def case(client: Client) -> None:
        fail(sim, {"kind": "fields", "vin": vin, "path": "/state$", "fields": {"display_name": None}})
        await synced(client)
        (row,) = await rows(client, "vehicles", f"id = '{vin}'")
        assert row["display_name"] == name

    run(case, started=True)


def test_first_version_has_no_time_of_installation_and_the_next_has(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]

    async def case(client: Client) -> None:
        await synced(client)
        (first,) = await rows(client, "software_updates", f"vin = '{vin}' AND status = 'installed'")
        assert first["installed_at"] is None
        newer = snapshot(vin, {"vehicle_state": {"car_version": "2027.1.1 abc"}}, "2026-11-01 00:00:00")
        await client.ports.settings.db.batch(newer)
        (second,) = await rows(client, "software_updates", f"vin = '{vin}' AND version = '2027.1.1'")
        assert second["installed_at"] == "2026-11-01 00:00:00"

    run(case, started=True)


def test_empty_saved_location_shows_the_address(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]

    async def case(client: Client) -> None:
        blank: dict[str, object] = {"starting_saved_location": "", "ending_saved_location": " "}
        fail(sim, {"kind": "fields", "vin": vin, "path": "/drives$", "fields": blank})
        await synced(client)
        asked = {"vin": vin, "from": "2025-01-01T00:00:00Z"}
        report = (await client.post("/colbycommands/energy-report", asked)).json()["report"]
        places = [row[end] for row in report["best_drives"]["rows"] for end in ("starting_place", "ending_place")]
        assert places
        assert all(place and place.strip() for place in places)

    run(case, started=True)
