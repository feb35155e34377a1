"""The mirror of Tessie's paths about a whole account, as tesla-fleet-api and Home Assistant use them."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from edge.testing import Answer, Client
from sims.tessie import Fleet, Simulator

from .test_auth import keyed

pytestmark = pytest.mark.slow

NOW = datetime(2025, 12, 1, 20, tzinfo=UTC)
SITE = {"energy_site_id": 12345, "resource_type": "battery", "site_name": "My Home", "id": "STE1"}
LISTS = {"battery_health": "results", "vehicles": "results", "api/1/vehicles": "response", "api/1/products": "response"}
FLEET_READS = ("vehicle_data", "nearby_charging_sites", "release_notes", "recent_alerts", "service_data", "options")


@pytest.fixture
def sim(tessie_port: int) -> Iterator[Simulator]:
    with Simulator(Fleet(seed=7, until=NOW), port=tessie_port, fleet_account=True) as simulator:
        simulator.app.state.other_products.append(SITE)
        yield simulator


def requests(sim: Simulator) -> list[str]:
    return [call["path"] for call in sim.ask("/_sim/requests")]


def without_tokens(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_tokens(part) for name, part in value.items() if not name.endswith(("token", "tokens"))}
    return [without_tokens(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "path",
    [
        "auth/tesla_scopes",
        "vehicles?only_active=false",
        "battery_health?distance_format=km&only_active=true",
        "charging_invoices?timezone=Europe/Berlin",
        "api/1/products",
        "api/1/vehicles",
        "api/1/energy_sites/12345/site_info",
        "api/1/energy_sites/12345/live_status",
    ],
)
def test_a_reader_gets_what_tessie_answers(run: Any, sim: Simulator, path: str) -> None:
    async def case(client: Client) -> Answer:
        return await (await keyed(client)).get(f"/tessieapi/{path}")

    answer = run(case)
    assert answer.status == 200, answer.text
    assert without_tokens(answer.json()) == without_tokens(sim.ask(f"/{path}"))


@pytest.mark.parametrize("role", ["reader", "operator"])
def test_a_bound_key_gets_the_rows_of_its_vehicles(run: Any, sim: Simulator, role: str) -> None:
    own = sim.vins[1]

    async def case(client: Client) -> dict[str, Any]:
        bound = await keyed(client, role=role, subjects=[own])
        answers = {path: await bound.get(f"/tessieapi/{path}") for path in (*LISTS, "charging_invoices")}
        assert {answer.status for answer in answers.values()} == {200}
        assert (await bound.get("/tessieapi/auth/tesla_scopes")).status == 200
        assert not any(other in answer.text for answer in answers.values() for other in (sim.vins[0], "My Home"))
        return {path: answer.json() for path, answer in answers.items()}

    answers = run(case)
    for path, member in LISTS.items():
        assert [row["vin"] for row in answers[path][member]] == [own]
    assert answers["api/1/vehicles"]["count"] == answers["api/1/vehicles"]["pagination"]["count"] == 1
    invoices = [row for row in sim.ask("/charging_invoices")["results"] if row["vin"] == own]
    assert answers["charging_invoices"]["results"] == invoices


def test_a_bound_key_reaches_no_other_vehicle_through_teslas_paths(run: Any, sim: Simulator) -> None:
    own, other = sim.vins[1], sim.vins[0]
    number = sim.ask(f"/{other}/state")["id_s"]
    refused = (
        *(f"api/1/vehicles/{other}/{path}" for path in FLEET_READS),
        f"api/1/vehicles/{other}",
        f"api/1/vehicles/{number}/vehicle_data",
        "api/1/energy_sites/12345/site_info",
        "api/1/users/region",
        "api/1/users/me",
        "api/1/dx/charging/history",
        f"api/1/dx/charging/history?vin={own}",
        f"api/1/Vehicles/{own}/vehicle_data",
        f"api/1/vehicles/{own.lower()}/vehicle_data",
        "api/1/vehicles/fleet_status",
        "charging_invoices?format=csv",
    )

    async def case(client: Client) -> dict[str, int]:
        bound = await keyed(client, role="operator", subjects=[own])
        assert (await bound.get(f"/tessieapi/api/1/vehicles/{own}/vehicle_data")).status in {200, 408}
        sim.ask("/_sim/requests", "DELETE")
        statuses = {path: (await bound.get(f"/tessieapi/{path}")).status for path in refused}
        body = {"vins": [other]}
        statuses["post"] = (await bound.post("/tessieapi/api/1/vehicles/fleet_status", body)).status
        command = f"/tessieapi/api/1/vehicles/{other}/command/honk_horn"
        statuses["command"] = (await bound.post(command, {})).status
        return statuses

    assert set(run(case).values()) == {403}
    assert [path.partition("?")[0] for path in requests(sim)] == ["/charging_invoices"]


@pytest.mark.parametrize("kind", ["malformed", "html_error", "cut_off"])
def test_inseparable_answer_is_refused_to_bound_callers(run: Any, sim: Simulator, kind: str) -> None:
    sim.ask("/_sim/faults", "PUT", [{"kind": kind}])
    paths = ["battery_health", "api/1/vehicles", "api/1/products", "charging_invoices"]

    async def case(client: Client) -> list[Answer]:
        bound = await keyed(client, subjects=[sim.vins[1]])
        return await asyncio.gather(*(bound.get(f"/tessieapi/{path}") for path in paths))

    for path, answer in zip(paths, run(case), strict=True):
        assert answer.status in {403, 500, 502}, (path, answer.text)
        assert sim.vins[0] not in answer.text, path


ACTING = (
    "api/1/vehicles/{}/wake_up",
    "api/1/vehicles/{}/command/honk_horn",
    "api/1/vehicles/{}/vehicle_data/x",
    "api/1/users/me",
    "api/1/users/backup_key",
    "api/1/energy_sites/12345/backup",
    "api/1/energy_sites/x/site_info",
    "api/1/nothing_here",
    "api/1/vehicles/{}/Vehicle_data",
    "api/1/vehicles/{}/signed_command",
    "api/1/products/x",
)


def test_reader_gets_only_reading_paths(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> list[int]:
        reader = await keyed(client)
        statuses = [(await reader.get(f"/tessieapi/{path.format(sim.vins[0])}")).status for path in ACTING]
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            statuses += [
                (await reader.request(method, f"/tessieapi/api/1/{path}")).status for path in ("products", "x")
            ]
        return statuses

    assert set(run(case)) == {403}
    assert requests(sim) == []


@pytest.mark.parametrize(
    "path", ["..%2fvehicles", "vehicles/..%2f..%2fvehicles", "%252e%252e/x", "vehicles%00", "a//b"]
)
def test_no_path_leaves_the_fleet_api(run: Any, sim: Simulator, path: str) -> None:
    async def case(client: Client) -> Answer:
        return await client.get(f"/tessieapi/api/1/{path}")

    assert run(case).status == 400
    assert requests(sim) == []
