"""`/agent/actions` against a simulated Tessie, on both runtimes: each is done once, even if delivered twice."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.patience import pauses

from core_tessie.actions.routes import RELAY_CRON
from core_tessie.sync.work import DEAD_LETTERS, QUEUE
from edge.auth.callers import ADMINISTRATOR
from edge.ports import PortError, Row
from edge.ports.events import Follow
from edge.testing import Answer, Client
from sims.tessie import Fleet, Simulator

from .conftest import Runner
from .test_auth import keyed
from .test_sync import NOW, TWO_WEEKS

pytestmark = pytest.mark.slow

ENDED = {"succeeded", "failed", "dead", "cancelled"}


@pytest.fixture
def sim(run: Any) -> Iterator[Simulator]:
    """A Tessie of two weeks, which `run` talks to."""
    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW), port=run.tessie_port) as simulator:
        yield simulator


def fail(sim: Simulator, *rules: dict[str, object]) -> None:
    sim.ask("/_sim/faults", "PUT", list(rules))


def calls(sim: Simulator, part: str) -> list[Any]:
    return [call for call in sim.ask("/_sim/requests") if part in call["path"]]


async def insert_vehicles(client: Client) -> str:
    """Insert the fleet's vehicles and return one VIN."""
    listed = (await client.get("/tessieapi/vehicles")).json()
    vins = [vehicle["vin"] for vehicle in listed["results"]]
    for vin in vins:
        await db(client).run("INSERT INTO vehicles (id, vin) VALUES (?, ?) ON CONFLICT DO NOTHING", vin, vin)
    return str(vins[0])


def db(client: Client) -> Any:
    return client.ports.settings.db


async def request_action(client: Client, kind: str, payload: object = None, key: str | None = None) -> Answer:
    headers = [("idempotency-key", key)] if key else []
    return await client.post("/agent/actions", {"kind": kind, "payload": payload or {}}, headers=headers)


async def ended(client: Client, action_id: str) -> Any:
    async for _ in pauses():
        action = (await client.get(f"/agent/actions/{action_id}")).json()
        if action["status"] in ENDED:
            return action
    raise AssertionError(f"not ended in 30 s: {action}")


async def done(client: Client, kind: str, payload: object = None) -> Any:
    answer = await request_action(client, kind, payload)
    assert answer.status == 202, answer.text
    assert answer.header("location") == f"/agent/actions/{answer.json()['id']}"
    return await ended(client, answer.json()["id"])


async def written(client: Client, kind: str, vin: str | None, **columns: object) -> str:
    """Insert an action's row without sending it, like a process that died in between; return the id."""
    row = {"id": uuid4().hex, "kind": kind, "status": "queued", "vin": vin, "actor": "admin", **columns}
    row.setdefault("payload", f'{{"vin": "{vin}"}}' if vin else "{}")
    marks = ", ".join("?" * len(row))
    await db(client).run(f"INSERT INTO agent_actions ({', '.join(row)}) VALUES ({marks})", *row.values())
    return str(row["id"])


async def rows(client: Client, action_id: str) -> Row:
    row: Row = await db(client).first("SELECT * FROM agent_actions WHERE id = ?", action_id)
    return row


@pytest.mark.usefixtures("sim")
def test_a_vehicle_is_synced(run: Any) -> None:
    async def case(client: Client) -> None:
        vin = await insert_vehicles(client)
        action = await done(client, "sync_vehicle", {"vin": vin})
        assert (action["status"], action["error"], action["attempts"]) == ("succeeded", None, 1), action
        assert action["result"]["status"] == "succeeded"
        assert action["result"]["run_id"] == action["id"]
        assert (await db(client).first("SELECT count(*) AS n FROM drives WHERE vin = ?", vin))["n"] > 20
        assert (await db(client).first("SELECT count(DISTINCT vin) AS n FROM drives"))["n"] == 1

    run(case, started=True)


@pytest.mark.usefixtures("sim")
def test_everything_is_read_again(run: Any) -> None:
    async def case(client: Client) -> None:
        vin = await insert_vehicles(client)
        first = await done(client, "backfill")
        assert first["status"] == "succeeded", first
        drives = await db(client).all("SELECT id, distance_mi FROM drives ORDER BY id")
        assert len(drives) > 100
        await db(client).run("DELETE FROM drives WHERE vin = ?", vin)
        again = await done(client, "backfill", {"vin": vin})
        assert (again["status"], again["result"]["vehicles_total"]) == ("succeeded", 1)
        assert await db(client).all("SELECT id, distance_mi FROM drives ORDER BY id") == drives

    run(case, started=True)


@pytest.mark.usefixtures("sim")
def test_a_report_is_made(run: Any) -> None:
    async def case(client: Client) -> None:
        await insert_vehicles(client)
        action = await done(client, "energy_report", {"from": "2026-01-01", "to": "2026-01-03"})
        assert action["status"] == "succeeded", action
        report = await client.get(f"/colbycommands/energy-report/{action['result']['report_id']}")
        assert report.status == 200

    run(case, started=True)


def test_wake_and_command_are_sent_to_a_car(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        vin = await insert_vehicles(client)
        woken = await done(client, "wake", {"vin": vin})
        assert (woken["status"], woken["result"]["answer"]["result"]) == ("succeeded", True), woken
        action = await done(client, "command", {"vin": vin, "command": "set_charge_limit", "params": {"percent": 80}})
        assert (action["status"], action["result"]["status"]) == ("succeeded", 200), action
        assert len(calls(sim, "command/set_charge_limit")) == 1
        assert "percent=80" in str(calls(sim, "command/set_charge_limit"))

    run(case, started=True)


CHARGE_LIMIT = {"vin": "5YJ3E1EA7KF000001", "command": "set_charge_limit"}
REFUSED = {
    "an unknown kind": ({"kind": "fly"}, 422, "/kind"),
    "no kind": ({}, 422, "/kind"),
    "a payload that is none": ({"kind": "wake", "payload": [1]}, 422, "/payload"),
    "a payload without its vehicle": ({"kind": "wake"}, 422, "/payload/vin"),
    "a VIN that is none": ({"kind": "wake", "payload": {"vin": "x"}}, 422, "/payload/vin"),
    "a member too many": ({"kind": "backfill", "payload": {"all": True}}, 422, "/payload/all"),
    "a command that Tessie has not": (
        {"kind": "command", "payload": {"vin": "5YJ3E1EA7KF000001", "command": "explode"}},
        422,
        "/payload/command",
    ),
    "a parameter out of range": (
        {
            "kind": "command",
            "payload": {"vin": "5YJ3E1EA7KF000001", "command": "set_charge_limit", "params": {"percent": 7}},
        },
        422,
        "/payload",
    ),
    "a parameter that is not the command's": (
        {"kind": "command", "payload": {"vin": "5YJ3E1EA7KF000001", "command": "flash", "params": {"percent": 70}}},
        422,
        "/payload",
    ),
    "a report on no time": ({"kind": "energy_report", "payload": {"from": "soon"}}, 422, "/payload/from"),
}


@pytest.mark.parametrize(("body", "status", "pointer"), REFUSED.values(), ids=REFUSED)
def test_invalid_action_is_refused(run: Any, body: object, status: int, pointer: str) -> None:
    async def case(client: Client) -> None:
        answer = await client.post("/agent/actions", body)
        assert answer.status == status, answer.text
        assert answer.json()["errors"][0]["pointer"].startswith(pointer)
        assert await db(client).all("SELECT 1 FROM agent_actions") == []

    run(case)


@pytest.mark.parametrize("command", ["unlock", "remote_start", "activate_front_trunk", "disable_sentry"])
def test_a_command_that_is_not_allowed_is_refused(run: Any, sim: Simulator, command: str) -> None:
    async def case(client: Client) -> None:
        answer = await request_action(client, "command", {"vin": await insert_vehicles(client), "command": command})
        assert (answer.status, "AGENT_COMMANDS" in answer.text) == (403, True)

    run(case)
    assert calls(sim, "command/") == []


def test_unknown_vehicle_is_refused(run: Any) -> None:
    async def case(client: Client) -> None:
        answer = await request_action(client, "wake", {"vin": "5YJ3E1EA7KF999999"})
        assert (answer.status, answer.json()["type"]) == (422, "urn:problem:vehicle-unknown")

    run(case)


def test_idempotency_key_makes_one_action_of_many_requests(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        vin = await insert_vehicles(client)
        command = {"vin": vin, "command": "flash"}
        answers = await asyncio.gather(*(request_action(client, "command", command, "key-1") for _ in range(8)))
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sorted(answer.status for answer in answers) == [200] * 7 + [202]
        assert sum(answer.header("idempotency-replayed") == "true" for answer in answers) == 7
        other = await request_action(client, "command", command | {"command": "lock"}, "key-1")
        assert (other.status, other.json()["type"]) == (422, "urn:problem:key-reused")
        assert (await request_action(client, "command", command, "key-2")).status == 202
        assert (await ended(client, answers[0].json()["id"]))["status"] == "succeeded"
        await asyncio.sleep(0.5)
        assert len(calls(sim, "command/flash")) == 2

    run(case, started=True)


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "ü"])
def test_invalid_idempotency_key_is_refused(run: Any, key: str) -> None:
    async def case(client: Client) -> None:
        headers = [("idempotency-key", key)]
        answer = await client.post("/agent/actions", {"kind": "backfill"}, headers=headers)
        assert answer.status in ({400} if key else {202, 400}), answer.text

    run(case)


def test_repeated_message_is_done_once(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        action_id = await written(client, "wake", await insert_vehicles(client), sent_at="2026-01-01 00:00:00")
        message = {"kind": "run_action", "action_id": action_id}
        outcomes = await asyncio.gather(*(client.queue(QUEUE, [message]) for _ in range(5)))
        assert (await ended(client, action_id))["status"] == "succeeded"
        await client.queue(QUEUE, [message, message])
        assert len(calls(sim, "/wake")) == 1
        assert any(retry.retry_after is None for outcome in outcomes for retry in outcome)

    run(case)


def test_relay_sends_unsent_actions(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        old = await written(client, "wake", await insert_vehicles(client), created_at="2026-01-01 00:00:00")
        await client.scheduled(RELAY_CRON)
        assert (await ended(client, old))["status"] == "succeeded"
        assert (await rows(client, old))["sent_at"] is not None
        await client.scheduled(RELAY_CRON)
        assert len(calls(sim, "/wake")) == 1

    run(case, started=True)


def test_action_is_dead_after_all_retries(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        vin = await insert_vehicles(client)
        action_id = await written(client, "sync_vehicle", vin, sent_at="2026-01-01 00:00:00")
        fail(sim, {"kind": "server_error", "path": "/state$"})
        message = {"kind": "run_action", "action_id": action_id}
        (outcome,) = await client.queue(QUEUE, [message], attempts=3)
        assert outcome.retry_after is not None
        row = await rows(client, action_id)
        assert (row["status"], row["attempts"]) == ("queued", 1)
        assert "500" in row["error"]
        await client.queue(DEAD_LETTERS, [message])
        dead = (await client.get("/agent/actions?status=dead")).json()
        assert [action["id"] for action in dead] == [action_id]
        fail(sim)
        again = await client.post(f"/agent/actions/{action_id}/retry")
        assert (again.status, again.json()["status"], again.json()["attempts"]) == (202, "queued", 0)
        assert (await ended(client, action_id))["status"] == "succeeded"

    run(case, started=True)


def test_action_that_tessie_refuses_fails_at_once(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        vin = await insert_vehicles(client)
        fail(sim, {"kind": "unauthorized", "status": 403, "path": "/command/"})
        action = await done(client, "command", {"vin": vin, "command": "lock"})
        assert (action["status"], action["attempts"]) == ("failed", 1)
        assert "403" in action["error"]

    run(case, started=True)


@pytest.mark.parametrize("kind", ["wake", "command"])
def test_command_of_unknown_outcome_is_not_repeated(run: Any, sim: Simulator, kind: str) -> None:
    async def case(client: Client) -> None:
        vin = await insert_vehicles(client)
        payload = (
            f'{{"vin": "{vin}", "command": "flash", "params": {{}}}}' if kind == "command" else f'{{"vin": "{vin}"}}'
        )
        cut_off = {"status": "running", "attempts": 1, "claimed_by": "x", "lease_ends_at": "2026-01-01 00:00:00"}
        action_id = await written(client, kind, vin, payload=payload, **cut_off)
        await client.queue(QUEUE, [{"kind": "run_action", "action_id": action_id}], attempts=2)
        action = await ended(client, action_id)
        assert action["status"] == "failed"
        assert "not repeated" in action["error"]

    run(case)
    assert calls(sim, "/wake") == calls(sim, "/command/") == []


@pytest.mark.usefixtures("sim")
def test_interrupted_repeatable_action_is_done_again(run: Any) -> None:
    async def case(client: Client) -> None:
        vin = await insert_vehicles(client)
        cut_off = {"status": "running", "attempts": 1, "claimed_by": "x", "lease_ends_at": "2026-01-01 00:00:00"}
        action_id = await written(client, "sync_vehicle", vin, **cut_off)
        await client.queue(QUEUE, [{"kind": "run_action", "action_id": action_id}], attempts=2)
        assert (await ended(client, action_id))["status"] == "succeeded"

    run(case, started=True)


def test_claimed_action_is_left_to_its_message(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        leased = {"status": "running", "attempts": 1, "claimed_by": "x", "lease_ends_at": "2099-01-01 00:00:00"}
        action_id = await written(client, "wake", await insert_vehicles(client), **leased)
        (outcome,) = await client.queue(QUEUE, [{"kind": "run_action", "action_id": action_id}])
        assert outcome.retry_after is not None
        assert (await rows(client, action_id))["status"] == "running"

    run(case)
    assert calls(sim, "/wake") == []


class AwayOnce:
    """A binding to a workflow that fails at its first start."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self._fails = True

    async def start(self, name: str, _params: object) -> None:
        if self._fails:
            self._fails = False
            raise PortError("the workflow cannot be reached")
        self.started.append(name)


def test_failed_hand_over_to_the_workflow_gives_the_claim_back(tmp_path: Path, tessie_port: int) -> None:
    workflow = AwayOnce()

    async def case(client: Client) -> None:
        object.__setattr__(client.ports.settings, "sync_workflow", workflow)
        action_id = await written(client, "backfill", await insert_vehicles(client))
        message = [{"kind": "run_action", "action_id": action_id}]
        (first,) = await client.queue(QUEUE, message)
        assert first.retry_after is not None
        row = await rows(client, action_id)
        assert (row["status"], row["lease_ends_at"]) == ("queued", None)
        assert "cannot be reached" in row["error"]
        (second,) = await client.queue(QUEUE, message, attempts=2)
        assert second.retry_after is None
        assert workflow.started == [f"{action_id}-0"]

    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW), port=tessie_port):
        Runner(tmp_path / "state", tessie_port)(case)


def test_action_is_cancelled(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        vin = await insert_vehicles(client)
        waiting = await written(client, "wake", vin, sent_at="2026-01-01 00:00:00")
        answer = await client.post(f"/agent/actions/{waiting}/cancel")
        assert (answer.status, answer.json()["status"]) == (200, "cancelled")
        await client.queue(QUEUE, [{"kind": "run_action", "action_id": waiting}])
        assert (await client.post(f"/agent/actions/{waiting}/cancel")).status == 409
        running = {"status": "running", "attempts": 1, "claimed_by": "x", "lease_ends_at": "2026-01-01 00:00:00"}
        acting = await written(client, "wake", vin, **running)
        assert (await client.post(f"/agent/actions/{acting}/cancel")).status == 409
        syncing = await written(client, "sync_vehicle", vin, **running)
        assert (await client.post(f"/agent/actions/{syncing}/cancel")).json()["status"] == "running"
        await client.queue(QUEUE, [{"kind": "run_action", "action_id": syncing}], attempts=2)
        assert (await ended(client, syncing))["status"] == "cancelled"
        assert (await client.post("/agent/actions/none/cancel")).status == 404
        assert (await client.post("/agent/actions/none/retry")).status == 404
        assert (await client.get("/agent/actions/none")).status == 404

    run(case)
    assert calls(sim, "/wake") == []


UNLOCK = '{"vin": "%s", "command": "unlock", "params": {}}'
FLASH = '{"vin": "%s", "command": "flash", "params": {}}'


@pytest.mark.parametrize("status", ["dead", "failed", "cancelled"])
def test_command_that_is_no_longer_allowed_is_not_retried(run: Any, sim: Simulator, status: str) -> None:
    async def case(client: Client) -> None:
        vin = await insert_vehicles(client)
        action_id = await written(client, "command", vin, payload=UNLOCK % vin, status=status)
        for caller in (client, await keyed(client, role="operator", subjects=[vin])):
            answer = await caller.post(f"/agent/actions/{action_id}/retry")
            assert (answer.status, answer.json()["type"]) == (403, "urn:problem:command-not-allowed")
        assert (await rows(client, action_id))["status"] == status

    run(case)
    assert calls(sim, "/command/") == []


def test_command_that_is_no_longer_allowed_is_not_sent(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        vin = await insert_vehicles(client)
        action_id = await written(client, "command", vin, payload=UNLOCK % vin, sent_at="2026-01-01 00:00:00")
        await client.queue(QUEUE, [{"kind": "run_action", "action_id": action_id}])
        action = await ended(client, action_id)
        assert (action["status"], action["error"]) == ("failed", "unlock is not in AGENT_COMMANDS")

    run(case)
    assert calls(sim, "/command/") == []


def test_command_runs_where_the_owner_allows_it(run: Any, sim: Simulator) -> None:
    run.env["AGENT_COMMANDS"] = "unlock"

    async def case(client: Client) -> None:
        vin = await insert_vehicles(client)
        unlocking = await written(client, "command", vin, payload=UNLOCK % vin, status="dead")
        assert (await client.post(f"/agent/actions/{unlocking}/retry")).status == 202
        assert (await ended(client, unlocking))["status"] == "succeeded"
        flashing = await written(client, "command", vin, payload=FLASH % vin, status="dead")
        assert (await client.post(f"/agent/actions/{flashing}/retry")).status == 403

    run(case, started=True)
    assert [call["path"].partition("?")[0].rpartition("/")[2] for call in calls(sim, "/command/")] == ["unlock"]


def test_retry_needs_the_rights_of_the_action(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> list[int]:
        vin = await insert_vehicles(client)
        other = sim.vins[1]
        theirs = await written(client, "wake", vin, status="dead")
        every = await written(client, "backfill", None, status="dead")
        reader = await keyed(client)
        bound = await keyed(client, role="operator", subjects=[other])
        return [
            (await who.post(f"/agent/actions/{id_}/retry")).status for who in (reader, bound) for id_ in (theirs, every)
        ]

    assert run(case) == [403, 403, 404, 404]
    assert calls(sim, "/wake") == []


BROKEN = {
    "another vehicle's": ("wake", '{"vin": "5YJ3E1EA7KF999999"}'),
    "no vehicle's": ("energy_report", '{"from": "2026-01-01"}'),
    "out of range": ("command", '{"vin": "VIN", "command": "set_charge_limit", "params": {"percent": 7}}'),
    "a command that Tessie has not": ("command", '{"vin": "VIN", "command": "explode", "params": {}}'),
    "no object": ("wake", "[]"),
    "no JSON": ("wake", "{"),
}


@pytest.mark.parametrize(("kind", "payload"), BROKEN.values(), ids=BROKEN)
def test_payload_that_does_not_fit_its_action_is_not_run(run: Any, sim: Simulator, kind: str, payload: str) -> None:
    async def case(client: Client) -> tuple[Any, Answer]:
        vin = await insert_vehicles(client)
        sent = {"payload": payload.replace("VIN", vin), "sent_at": "2026-01-01 00:00:00"}
        action_id = await written(client, kind, vin, **sent)
        await client.queue(QUEUE, [{"kind": "run_action", "action_id": action_id}])
        again = await client.post(f"/agent/actions/{action_id}/retry")
        return await rows(client, action_id), again

    row, again = run(case)
    assert (row["status"], "ask for a new action" in row["error"]) == ("failed", True)
    assert again.status == 422, again.text
    assert calls(sim, "/wake") == calls(sim, "/command/") == []


def test_actions_are_listed_newest_first(run: Any) -> None:
    async def case(client: Client) -> None:
        for number in range(3):
            await written(
                client, "backfill", None, created_at=f"2026-01-0{number + 1} 00:00:00", sent_at="x", status="dead"
            )
        listed = (await client.get("/agent/actions?kind=backfill&limit=2")).json()
        assert [action["created_at"][9] for action in listed] == ["3", "2"]
        assert len((await client.get("/agent/actions?offset=2")).json()) == 1
        assert (await client.get("/agent/actions?status=queued")).json() == []
        assert (await client.get("/agent/actions?status=gone")).status == 400
        kinds = (await client.get("/agent/actions/kinds")).json()
        assert {kind["kind"]: kind["repeatable"] for kind in kinds} == {
            "sync_vehicle": True,
            "backfill": True,
            "energy_report": True,
            "wake": False,
            "command": False,
        }

    run(case)


@pytest.mark.usefixtures("sim")
def test_each_change_is_an_event(run: Any) -> None:
    async def case(client: Client) -> None:
        vin = await insert_vehicles(client)
        action = await done(client, "wake", {"vin": vin})
        await asyncio.sleep(0.3)
        log = client.ports.settings.events
        page = await log.read(Follow(ADMINISTRATOR, 0, ("action.*",)))
        events = [event for event in page.events if action["id"] in event.json]
        assert [event.type for event in events] == ["action.queued", "action.running", "action.succeeded"]
        assert all(f'"subject":"{vin}"' in event.json for event in events)

    if run.runtime == "local":
        run(case, started=True)
