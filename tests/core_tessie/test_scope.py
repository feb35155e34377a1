"""Scope: every endpoint, frame, tool and kind of action, called within a scope, against marked data outside it."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from tests.served import ADMIN, Served, served_locally
from websockets.sync.client import connect

from core_tessie.actions.kinds import KINDS
from core_tessie.agent.tools import TOOLS
from core_tessie.app import app
from core_tessie.tables import SERVED as TABLES
from edge.testing.host import Host
from sims.model import ModelSim
from sims.tessie import Fleet, Simulator

from .conftest import KEY, Runner
from .test_live import Stream

pytestmark = pytest.mark.slow

PERIOD = {"from": "2025-11-01", "to": "2025-12-01"}
CAR_MARKS = {
    "name": "Markedname",
    "odometer": "98765.4",
    "place": "Markedstreet 7",
    "distance": "4321.5",
    "version": "2099.77.7",
    "capacity": "77.123",
    "summary": "Markedsummary",
    "report": "Markedtitle",
    "run": "Markedrun",
    "result": "Markedresult",
    "key": "Markedidempotency",
    "tariff": "Markedtariff",
}
"""Data of car B, and of all cars together."""
OTHERS_MARKS = {"talk": "Markedtalk", "log": "Markedlog", "raw": "Markedraw", "secret": "Markedkey"}
"""Data of other callers, and of the administrators."""
OWN_TALK = "Markedownwords"
"""Messages of a key that sees all cars: its narrowed token must not read them."""


class Ask(NamedTuple):
    """A request; `{name}` in its path and in the texts of its body stands for an id of the world."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = {}


def gets(*paths: str) -> list[Ask]:
    return [Ask("GET", path) for path in paths]


def posts(path: str, *bodies: Any) -> list[Ask]:
    return [Ask("POST", path, body) for body in bodies]


REPORT, ACTIONS, TALKS = "/colbycommands/energy-report", "/agent/actions", "/agent/conversations"
ROWS = {
    "vehicles": "{b}",
    "vehicle_settings": "{b}",
    "charges": "{b}-7",
    "drives": "{b}-7",
    "idles": "{b}-7",
    "climates": "{b}-2025-11-05 10:00:00",
    "software_updates": "{b}-2099.77.7",
    "tessie_raw": "{raw}",
    "battery_health": "{b}-2025-11-05 10:00:00",
    "sync_runs": "{run}",
    "energy_reports": "{report}",
    "logs": "{log}",
    "agent_messages": "{message}",
    "agent_actions": "{action}",
    "overrides": "vehicles:{b}:display_name",
    "tariffs": "{tariff}",
    "sync_parts": "{b}-drives",
    "removed_records": "{b}-drives-77",
}
"""A marked row of each table."""
DRIVE = {"vin": "{b}", "tessie_id": 9, "started_at": "2025-11-05T10:00:00Z"}
SHOWN = {"prefer": "return=representation"}
TARIFF = {"name": "mine", "vin": "{b}", "currency": "EUR", "rates": [{"per_kwh": 1}]}
CHAT = {"message": "How far did all cars drive?", "stream": False}

CASES: dict[str, list[Ask]] = {
    "GET /": gets("/"),
    "GET /health": gets("/health"),
    "GET /auth/me": gets("/auth/me"),
    "POST /auth/token": posts("/auth/token", {}, {"subjects": ["{b}"]}, {"role": "admin"}),
    "GET /auth/keys": gets("/auth/keys"),
    "POST /auth/keys": posts("/auth/keys", {"name": "mine"}),
    "GET /auth/keys/{key_id}": gets("/auth/keys/{key}"),
    "POST /auth/keys/{key_id}/revoke": posts("/auth/keys/{key}/revoke", None),
    "GET /d1": gets("/d1"),
    "GET /d1/{table}": [
        *gets(*(f"/d1/{name}" for name in ROWS), *(f"/d1/{name}?id=eq.{row}" for name, row in ROWS.items())),
        *gets(*(f"/d1/{name}?vin=eq.{{b}}" for name in ROWS), *(f"/d1/{name}?not.id=is.null" for name in ROWS)),
        *gets("/d1/drives?order=distance_mi.desc&limit=1", "/d1/vehicles?select=*&odometer_mi=gte.90000"),
        *gets("/d1/agent_messages?content=like.*Marked*", "/d1/agent_messages?subjects=is.null&limit=1000"),
    ],
    "GET /d1/{table}/list": gets(*(f"/d1/{name}/list" for name in ROWS)),
    "GET /d1/{table}/{row_id}": gets(*(f"/d1/{name}/{row}" for name, row in ROWS.items())),
    "POST /d1/{table}": posts("/d1/drives", DRIVE),
    "PATCH /d1/{table}": [Ask("PATCH", f"/d1/{row}?id=not.is.null", {"actor": "me"}, SHOWN) for row in ROWS],
    "DELETE /d1/{table}": [Ask("DELETE", f"/d1/{row}?id=not.is.null", None, SHOWN) for row in ROWS],
    "PUT /d1/{table}/{row_id}": [Ask("PUT", f"/d1/{name}/{row}", {}, SHOWN) for name, row in ROWS.items()],
    "PATCH /d1/{table}/{row_id}": [Ask("PATCH", f"/d1/{name}/{row}", {}, SHOWN) for name, row in ROWS.items()],
    "DELETE /d1/{table}/{row_id}": [Ask("DELETE", f"/d1/{name}/{row}", None, SHOWN) for name, row in ROWS.items()],
    "GET /tessieapi/vehicles": [
        *gets("/tessieapi/vehicles", "/tessieapi/vehicles?only_active=true&vin={b}"),
        Ask("HEAD", "/tessieapi/vehicles"),
        Ask("GET", "/tessieapi/vehicles", None, {"range": "bytes=0-100000", "if-none-match": '"x"'}),
    ],
    "GET /tessieapi/battery_health": [
        *gets("/tessieapi/battery_health", "/tessieapi/battery_health?vin={b}", "/tessieapi/battery_health?format=csv"),
        Ask("GET", "/tessieapi/battery_health", None, {"range": "bytes=0-100000", "if-none-match": '"x"'}),
    ],
    "GET /tessieapi/charging_invoices": gets(
        "/tessieapi/charging_invoices",
        "/tessieapi/charging_invoices?vin={b}",
        "/tessieapi/charging_invoices?format=csv",
    ),
    "GET /tessieapi/auth/tesla_scopes": gets("/tessieapi/auth/tesla_scopes"),
    "* /tessieapi/api/1/{path:path}": [
        *gets(*(f"/tessieapi/api/1/{path}" for path in ("vehicles", "products", "vehicles/{a}/vehicle_data"))),
        *gets(
            "/tessieapi/api/1/vehicles/{b}/vehicle_data", "/tessieapi/api/1/vehicles/{b}", "/tessieapi/api/1/users/me"
        ),
        *gets("/tessieapi/api/1/vehicles/{a}%2f..%2f{b}/vehicle_data", "/tessieapi/api/1/Vehicles/{b}/vehicle_data"),
        *gets("/tessieapi/api/1/dx/charging/history?vin={b}", "/tessieapi/api/1/vehicles?vin={b}"),
        *posts("/tessieapi/api/1/vehicles/{b}/command/honk_horn", None),
        *posts("/tessieapi/api/1/vehicles/fleet_status", {"vins": ["{b}"]}),
    ],
    "* /tessieapi/{vin}/{path:path}": [
        *gets("/tessieapi/{a}/state", "/tessieapi/{b}/state", "/tessieapi/{a}/drives?vin={b}", "/tessieapi/{a}/roles"),
        *gets("/tessieapi/{a}/..%2f{b}/state", "/tessieapi/{a}/%252e%252e/vehicles", "/tessieapi/{b}/drives"),
        *posts("/tessieapi/{b}/command/honk", None),
        *posts("/tessieapi/{b}/wake", None),
    ],
    "GET /colbycommands": gets("/colbycommands"),
    "GET /colbycommands/energy-report": gets(REPORT, f"{REPORT}?vin={{b}}", f"{REPORT}?vin={{a}}"),
    "POST /colbycommands/energy-report": posts(REPORT, PERIOD | {"vin": "{a}"}, PERIOD | {"vin": "{b}"}, PERIOD),
    "GET /colbycommands/energy-report/{report_id}": [
        Ask("GET", f"{REPORT}/{{{name}}}", None, {"accept": kind})
        for name in ("report", "report_of_all")
        for kind in ("application/json", "text/html", "text/markdown")
    ],
    "GET /colbycommands/energy-report/{report_id}/page": gets(
        f"{REPORT}/{{report}}/page", f"{REPORT}/{{report_of_all}}/page", f"{REPORT}/{{report}}/page?link=none"
    ),
    "POST /colbycommands/sync": posts("/colbycommands/sync", None),
    "GET /colbycommands/sync/{run_id}": gets("/colbycommands/sync/{run}"),
    "GET /tariffs": gets("/tariffs"),
    "POST /tariffs": posts("/tariffs", TARIFF, TARIFF | {"vin": "{a}"}),
    "POST /tariff-estimates": posts("/tariff-estimates", None),
    "GET /tariffs/{tariff_id}": gets("/tariffs/{tariff}", "/tariffs/{tariff_of_all}"),
    "PUT /tariffs/{tariff_id}": [Ask("PUT", f"/tariffs/{{{id_}}}", TARIFF) for id_ in ("tariff", "tariff_of_all")],
    "DELETE /tariffs/{tariff_id}": [Ask("DELETE", f"/tariffs/{{{id_}}}") for id_ in ("tariff", "tariff_of_all")],
    "GET /colbycommands/usage": gets("/colbycommands/usage?by=name,outcome,detail,actor"),
    "GET /events": [],  # read to its end below, after all else
    "POST /events": posts("/events", {"type": "custom.mine", "data": 1, "subject": "{b}"}, {"type": "custom.mine"}),
    "DELETE /events": [Ask("DELETE", "/events")],
    "GET /ws": gets("/ws"),
    "POST /ws/ticket": posts("/ws/ticket", None),
    "POST /agent/chat": posts("/agent/chat", CHAT, *({**CHAT, "conversation_id": id_} for id_ in ("{talk}", "{own}"))),
    "GET /agent/conversations": gets(TALKS, f"{TALKS}?before={{talk}}", f"{TALKS}?limit=100"),
    "GET /agent/conversations/{conversation_id}": gets(f"{TALKS}/{{talk}}", f"{TALKS}/{{own}}"),
    "DELETE /agent/conversations/{conversation_id}": [Ask("DELETE", f"{TALKS}/{{{id_}}}") for id_ in ("talk", "own")],
    "GET /agent/actions": gets(ACTIONS, f"{ACTIONS}?limit=100&status=dead", f"{ACTIONS}?kind=backfill"),
    "POST /agent/actions": [],  # one of each kind, below
    "GET /agent/actions/kinds": gets(f"{ACTIONS}/kinds"),
    "GET /agent/actions/{action_id}": gets(f"{ACTIONS}/{{action}}", f"{ACTIONS}/{{action_of_all}}"),
    "POST /agent/actions/{action_id}/cancel": [
        *posts(f"{ACTIONS}/{{action}}/cancel", None),
        *posts(f"{ACTIONS}/{{action_of_all}}/cancel", None),
    ],
    "POST /agent/actions/{action_id}/retry": [
        *posts(f"{ACTIONS}/{{action}}/retry", None),
        *posts(f"{ACTIONS}/{{action_of_all}}/retry", None),
    ],
    "POST /agent/v1/chat/completions": posts(
        "/agent/v1/chat/completions",
        {"messages": [{"role": "user", "content": "Which cars are there?"}]},
        {"messages": [{"role": "user", "content": "Which cars?"}], "conversation_id": "{talk}", "stream": True},
    ),
    "GET /agent/v1/models": gets("/agent/v1/models"),
    "GET /agent/v1/models/{model:path}": gets("/agent/v1/models/none"),
}
FRAMES: dict[str, list[Any]] = {
    "chat": [{"message": "Which cars are there?"}, {"message": "Go on", "conversation_id": "{talk}"}]
}
LOOK_UPS: dict[str, list[Any]] = {
    "list_table": [
        *({"table": name} for name in ROWS),
        *({"table": name, "filters": {"id": f"eq.{row}"}} for name, row in ROWS.items()),
        {"table": "energy_reports", "select": "title,summary"},
        {"table": "drives", "filters": {"vin": "eq.{b}"}},
        {"table": "agent_messages", "select": "content", "order": "created_at.asc", "limit": 50},
    ],
    "describe_tables": [{}],
    "energy_report": [PERIOD, PERIOD | {"vin": "{a}"}, PERIOD | {"vin": "{b}"}],
    "get_energy_report": [{"report_id": "{report}"}, {"report_id": "{report_of_all}"}],
    "sync_status": [{}],
}
PAYLOADS: dict[str, dict[str, Any]] = {
    "sync_vehicle": {},
    "backfill": {},
    "energy_report": PERIOD,
    "wake": {},
    "command": {"command": "lock"},
}
"""Payloads of the kinds of actions: each is sent for A, for B, and for no vehicle."""


def test_no_endpoint_frame_tool_table_or_action_is_left_out() -> None:
    assert {f"{endpoint.method} {endpoint.path}" for endpoint in app.endpoints} == {*CASES}
    assert {*app.frames} == {*FRAMES}
    assert {*TOOLS} == {*LOOK_UPS}
    assert {*KINDS} == {*PAYLOADS}
    assert {*TABLES} == {*ROWS}


@dataclass(slots=True)
class World:
    """A service with two cars, of which B has marked data; `named` are the ids of its objects."""

    served: Served
    tessie: Simulator
    model: ModelSim
    named: dict[str, str] = field(default_factory=dict)

    def fill(self, value: Any) -> Any:
        """Return a value with the names in its texts replaced."""
        if isinstance(value, str):
            for name, text in self.named.items():
                value = value.replace(f"{{{name}}}", text)
            return value
        if isinstance(value, dict):
            return {name: self.fill(member) for name, member in value.items()}
        return [self.fill(entry) for entry in value] if isinstance(value, list) else value

    def send(self, key: str, ask: Ask) -> tuple[int, str]:
        """Send a request with a key; return the status, and headers and body as text."""
        where = urlsplit(self.served.url)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=60)
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json", **ask.headers}
        body = None if ask.body is None else json.dumps(self.fill(ask.body))
        try:
            connection.request(ask.method, self.fill(ask.path).replace(" ", "%20"), body, headers)
            response = connection.getresponse()
            return response.status, f"{response.getheaders()} {response.read().decode('utf-8', 'replace')}"
        finally:
            connection.close()

    def admin(self, method: str, path: str, body: Any = None, *statuses: int) -> Any:
        """Send a request as the administrator, which must succeed."""
        status, answer = self.served.ask(method, self.fill(path), self.fill(body))
        assert status in (statuses or (200, 201, 202, 204)), (path, status, answer)
        return answer

    def say(self, key: str, words: str) -> str:
        """Send a message in a new conversation; return its id when the turn has ended."""
        body = {"message": words, "stream": False}
        status, answer = self.served.ask("POST", "/agent/chat", body, authorization=f"Bearer {key}")
        assert status == 200, answer
        return str(answer["conversation_id"])

    def key(self, **members: Any) -> Any:
        return self.admin("POST", "/auth/keys", {"name": OTHERS_MARKS["secret"], **members})


@pytest.fixture
def tessie(tessie_port: int) -> Iterator[Simulator]:
    fleet = Fleet(seed=7, until=datetime(2025, 11, 8, tzinfo=UTC))
    with Simulator(fleet, port=tessie_port) as simulator:
        yield simulator


@pytest.fixture(params=["local", "workers"])
def served(request: pytest.FixtureRequest, tmp_path: Path, tessie: Simulator, model_sim: ModelSim) -> Iterator[Served]:
    """Return the app on each runtime when it is idle: a new local server begins with a sync."""
    model_sim.reset()
    runner = Runner(tmp_path, urlsplit(tessie.url).port or 0, model_sim)
    if request.param == "local":
        with served_locally(tmp_path, runner.env) as served:
            for _ in range(600):
                _, runs = served.ask("GET", "/d1/sync_runs?status=eq.succeeded")
                if runs:
                    break
                time.sleep(0.05)
            assert runs
            yield served
    else:
        host: Host = request.getfixturevalue("workers_host")
        asyncio.run(host.client(app, Runner(tmp_path, runner.tessie_port, host=host).env, KEY))
        yield Served(host.worker.url.rstrip("/"), "workers")


@pytest.fixture
def world(served: Served, tessie: Simulator, model_sim: ModelSim) -> World:
    """Return a service with marks in the data of car B, of all cars, of others and of the administrator."""
    world = World(served, tessie, model_sim, {"a": tessie.vins[0], "b": tessie.vins[1]})
    put_cars(world)
    put_history(world)
    other = world.key(role="reader")
    world.named |= {"key": other["id"], "talk": world.say(other["key"], OTHERS_MARKS["talk"])}
    world.say(ADMIN, f"{OTHERS_MARKS['talk']} of the administrator's")
    (message,) = world.admin("GET", "/d1/agent_messages?conversation_id=eq.{talk}&role=eq.user")
    world.named["message"] = message["id"]
    return world


def put_cars(world: World) -> None:
    at = "2025-11-05T10:00:00Z"
    marks = CAR_MARKS
    for vin, name, odometer in (("{a}", "Alpha", 10), ("{b}", marks["name"], float(marks["odometer"]))):
        world.admin("PUT", f"/d1/vehicles/{vin}", {"display_name": name, "odometer_mi": odometer})
        world.admin("PUT", f"/d1/vehicle_settings/{vin}", {})
        world.admin("PATCH", f"/d1/vehicles/{vin}", {"display_name": name})  # a correction, which no late sync replaces
    place = marks["place"]
    far = float(marks["distance"])
    common = {"vin": "{b}", "tessie_id": 7, "started_at": at, "ended_at": "2025-11-05T11:00:00Z"}
    world.admin(
        "POST",
        "/d1/drives",
        common
        | {"ended_at": "2025-11-07T10:00:00Z", "starting_location": place}
        | {"distance_mi": far, "energy_used_kwh": far / 4},
    )
    world.admin("POST", "/d1/drives", common | {"vin": "{a}", "distance_mi": 12, "energy_used_kwh": 3})
    world.admin("POST", "/d1/charges", common | {"location": place, "energy_added_kwh": 1})
    world.admin("POST", "/d1/idles", common | {"location": place})
    world.admin("POST", "/d1/climates", {"vin": "{b}", "recorded_at": at, "climate_keeper_mode": marks["name"]})
    world.admin("PUT", "/d1/sync_parts/{b}-drives", {"vin": "{b}", "part": "drives", "error": marks["name"]})
    gone = {"kind": "drives", "tessie_id": 77, "started_at": at, "removed_at": at}
    world.admin("POST", "/d1/removed_records", {"vin": "{b}", **gone, "payload": {"starting_location": place}})
    version = {"version": marks["version"], "status": "installed", "first_seen_at": at}
    world.admin("POST", "/d1/software_updates", {"vin": "{b}", **version})
    world.admin(
        "POST", "/d1/battery_health", {"vin": "{b}", "recorded_at": at, "capacity_kwh": float(marks["capacity"])}
    )


def put_history(world: World) -> None:
    marks = CAR_MARKS
    named = world.named
    for name, vin in (("report", {"vin": "{b}"}), ("report_of_all", {})):
        named[name] = world.admin("POST", REPORT, {**PERIOD, **vin})["id"]
        change = {"title": marks["report"], "summary": marks["summary"]}
        for _ in range(100):  # the model's own summary, which would overwrite it, comes first
            if world.admin("GET", f"{REPORT}/{{{name}}}")["summary"]:
                break
            time.sleep(0.05)
        world.admin("PATCH", f"/d1/energy_reports/{{{name}}}", change)
    for name, vin in (("action", {"vin": "{b}"}), ("action_of_all", {})):
        row = {"kind": "backfill", "status": "dead", "payload": vin, "result": {"x": marks["result"]}, **vin}
        row |= {"error": marks["result"], "idempotency_key": f"{marks['key']} {name}", "actor": "other"}
        named[name] = world.admin("POST", "/d1/agent_actions", row)[0]["id"]
    progress = {named["b"]: {"status": "failed", "error": marks["run"]}}
    run = {"cause": "api", "status": "failed", "started_at": "2025-11-05T10:00:00Z", "ended_at": "2025-11-05T10:00:01Z"}
    named["run"] = world.admin("POST", "/d1/sync_runs", run | {"progress": progress, "error": marks["run"]})[0]["id"]
    for name, car in (("tariff", "{b}"), ("tariff_of_all", None)):
        named[name] = world.admin("POST", "/tariffs", {**TARIFF, "vin": car, "name": marks["tariff"]})["id"]
    log = {"level": "info", "message": OTHERS_MARKS["log"]}
    named["log"] = world.admin("POST", "/d1/logs", log)[0]["id"]
    raw = {"method": "GET", "path": "/x", "body": OTHERS_MARKS["raw"]}
    named["raw"] = world.admin("POST", "/d1/tessie_raw", raw)[0]["id"]


@dataclass(slots=True)
class Caller:
    """A caller, its name in the rows, and the marks that are hidden from it."""

    key: str
    name: str
    hidden: dict[str, str]
    leaks: list[tuple[str, str]] = field(default_factory=list)

    def look(self, where: str, text: str, sent: str = "") -> None:
        """Search a text for hidden marks, except those in the caller's own request."""
        self.leaks += [(where, mark) for mark in self.hidden.values() if mark in text and mark not in sent]


def caller_of(world: World, kind: str) -> Caller:
    tokens = {
        f"token {number} of {name}": token
        for name in ("a", "b")
        for number, token in enumerate(world.tessie.ask(world.fill(f"/{{{name}}}/state"))["tokens"])
    }
    state = world.tessie.ask(world.fill("/{b}/state"))
    cars = CAR_MARKS | {"b": world.named["b"], "live name": state["display_name"], "live id": str(state["id"])}
    hidden = OTHERS_MARKS | tokens
    if kind == "reader":
        key = world.key(role="reader")
        world.named["own"] = world.named["talk"]
        return Caller(key["key"], key["id"], hidden)
    if kind == "key bound to A":
        key = world.key(role="operator", subjects=["{a}"])
        world.named["own"] = world.named["talk"]
        return Caller(key["key"], key["id"], hidden | cars)
    key = world.key(role="operator")
    world.named["own"] = world.say(key["key"], OWN_TALK)
    body = {"subjects": [world.named["a"]]}
    _, token = world.served.ask("POST", "/auth/token", body, authorization=f"Bearer {key['key']}")
    return Caller(token["access_token"], key["id"], hidden | cars | {"own talk": OWN_TALK})


def call_everything(world: World, caller: Caller, *, only_reading: bool = False) -> None:
    for name, asks in CASES.items():
        for ask in asks:
            if only_reading and ask.method not in {"GET", "HEAD"} and ask.path != "/agent/chat":
                continue
            status, text = world.send(caller.key, ask)
            assert status < 500 or name == "GET /colbycommands/usage", (ask, text)
            caller.look(f"{name}: {ask.path}", text, world.fill(f"{ask.path} {json.dumps(ask.body)}"))


def look_up_everything(world: World, caller: Caller) -> None:
    """Have the model call every tool; its prompts contain the results."""
    for name, calls in LOOK_UPS.items():
        for arguments in world.fill(calls):
            before = len(world.model.requests)
            words = f"#turn {json.dumps({'text': '', 'calls': [[name, arguments]]})}"
            status, text = world.send(caller.key, Ask("POST", "/agent/chat", {"message": words, "stream": False}))
            assert status == 200, text
            caller.look(f"tool {name}", text, words)
            assert len(world.model.requests) > before + 1
            caller.look(f"prompt of {name}", json.dumps(world.model.requests[before:]), words)


def speak(world: World, caller: Caller) -> None:
    """Send every frame over the socket."""
    headers = {"authorization": f"Bearer {caller.key}"}
    with connect(f"{world.served.ws_url}/ws", additional_headers=headers) as socket:
        for type_, frames in FRAMES.items():
            for number, frame in enumerate(world.fill(frames)):
                socket.send(json.dumps({"type": type_, "id": number, **frame}))
                text = ""
                while '"live.reply"' not in text:
                    text = str(socket.recv(30))
                    caller.look(f"frame {type_}", text, json.dumps(frame))


def act(world: World, caller: Caller) -> None:
    """Request every kind of action and wait for those that are accepted."""
    ids = []
    for kind, payload in PAYLOADS.items():
        for vin in ({"vin": "{a}"}, {"vin": "{b}"}, {}):
            body = {"kind": kind, "payload": {**payload, **vin}}
            status, text = world.send(
                caller.key,
                Ask("POST", ACTIONS, body, {"idempotency-key": f"{kind}-{len(vin)}-{vin.get('vin', '')[1:2]}"}),
            )
            assert status in {202, 200, 403, 422}, text
            caller.look(f"action {kind}", text, world.fill(json.dumps(body)))
            if status == 202:
                ids.append(json.loads(text[text.index("] {") + 2 :])["id"])
    assert ids
    for _ in range(600):
        actions = [world.admin("GET", f"{ACTIONS}/{id_}") for id_ in ids]
        if all(action["ended_at"] for action in actions):
            break
        time.sleep(0.05)
    for action in actions:
        assert action["status"] == "succeeded", action
        caller.look("action", world.send(caller.key, Ask("GET", f"{ACTIONS}/{action['id']}"))[1])


def follow(world: World, caller: Caller, since: int) -> list[str]:
    """Search the events that the caller receives; return their types."""
    end = {"type": "custom.scope.end", "data": None, "subject": world.named["a"]}
    assert world.served.ask("POST", "/events", end)[0] == 202
    stream = Stream(world.served, f"?since={since}", authorization=f"Bearer {caller.key}")
    types = []
    for line in stream.lines():
        if line.startswith("data:"):
            caller.look("event", line)
            types.append(json.loads(line[5:])["type"])
            if types[-1] == "custom.scope.end":
                break
    stream.close()
    return types


KEPT = ("energy_reports", "agent_actions", "sync_runs", "logs")
"""Tables with rows for a caller, beside its messages. `tessie_raw` has Tessie's answers, for administrators."""


def look_at_rows(world: World, caller: Caller) -> None:
    """Search the rows that were stored for the caller."""
    for table in KEPT:
        rows = world.admin("GET", f"/d1/{table}?actor=eq.{caller.name}&limit=1000")
        caller.look(f"rows of {table}", json.dumps(rows))
    rows = world.admin("GET", f"/d1/agent_messages?actor=eq.{caller.name}&limit=1000&order=created_at.asc")
    questions = [row["content"] for row in rows if row["role"] == "user"]
    caller.look("rows of agent_messages", json.dumps([row["content"] for row in rows]), " ".join(questions))
    assert len(rows) > 20


@pytest.mark.parametrize("kind", ["key bound to A", "token bound to A", "reader"])
def test_caller_of_limited_scope_gets_nothing_from_outside_it(world: World, kind: str) -> None:
    caller = caller_of(world, kind)
    since = world.served.publish("custom.scope.begin")
    world.model.requests.clear()
    call_everything(world, caller)
    speak(world, caller)
    prompts = json.dumps(world.model.requests)
    assert len(world.model.requests) > 3
    caller.look("prompt", prompts)
    assert "Alpha" in prompts
    look_up_everything(world, caller)
    act(world, caller)
    types = follow(world, caller, since)
    assert {"action.succeeded", "report.created"} <= {*types}
    look_at_rows(world, caller)
    assert caller.leaks == []


def test_administrator_is_shown_every_mark(world: World) -> None:
    """The marks are in the searched answers: a caller without a scope sees each of them."""
    caller = caller_of(world, "token bound to A")
    marks = caller.hidden
    administrator = Caller(ADMIN, "admin", marks)
    world.model.requests.clear()
    call_everything(world, administrator, only_reading=True)
    look_up_everything(world, administrator)
    assert {mark for _, mark in administrator.leaks} == {*marks.values()}
    in_prompts = {mark for where, mark in administrator.leaks if where.startswith("prompt")}
    assert {*CAR_MARKS.values(), *OTHERS_MARKS.values()} - in_prompts == {OTHERS_MARKS["secret"]}, "no tool reads keys"


ALIKE = {
    "report": (REPORT + "/{}", ["key bound to A", "token bound to A"]),
    "report_of_all": (REPORT + "/{}", ["key bound to A", "token bound to A"]),
    "action": (ACTIONS + "/{}", ["key bound to A", "token bound to A"]),
    "action_of_all": (ACTIONS + "/{}", ["key bound to A", "token bound to A"]),
    "talk": (TALKS + "/{}", ["key bound to A", "token bound to A", "reader"]),
    "own": (TALKS + "/{}", ["token bound to A"]),
    "run": ("/colbycommands/sync/{}", ["key bound to A", "token bound to A"]),
    "message": ("/d1/agent_messages/{}", ["key bound to A", "token bound to A", "reader"]),
    "key": ("/auth/keys/{}", ["key bound to A", "token bound to A", "reader"]),
}
"""Paths with ids, and the callers that get the answer of an unknown id for an id of others."""


@pytest.mark.parametrize("kind", ["key bound to A", "token bound to A", "reader"])
def test_ids_outside_a_scope_get_the_answer_of_unknown_ids(world: World, kind: str) -> None:
    caller = caller_of(world, kind)
    pairs = [(path, world.named[name]) for name, (path, kinds) in ALIKE.items() if kind in kinds]
    if kind != "reader":
        unknown = "5YJ3E1EA7KF999999"
        pairs += [(f"/d1/{name}/{{}}", world.fill(row)) for name, row in ROWS.items() if "{b}" in row]
        for ask in (
            *gets("/tessieapi/{v}/state", REPORT + "?vin={v}", "/d1/drives?vin=eq.{v}"),
            *posts(REPORT, PERIOD | {"vin": "{v}"}),
            *(
                Ask("POST", ACTIONS, {"kind": kind, "payload": {**more, "vin": "{v}"}})
                for kind, more in PAYLOADS.items()
            ),
        ):
            answers = []
            for vin in (world.named["b"], unknown):
                world.named["v"] = vin
                answers.append(stripped(world.send(caller.key, ask), vin))
            assert answers[0] == answers[1]
    for path, foreign in pairs:
        answers = [
            stripped(world.send(caller.key, Ask("GET", path.replace("{}", id_))), id_)
            for id_ in (foreign, foreign[:-1] + ("0" if foreign[-1] != "0" else "1"))
        ]
        assert answers[0] == answers[1]
        assert answers[0][0] in {403, 404}, path


def stripped(answer: tuple[int, str], sent: str) -> tuple[int, Any]:
    """Return status and body of an answer without the parts that depend on the request or the moment."""
    status, text = answer
    body = text[text.index("] ") + 2 :].replace(sent, "…").replace(sent.replace(" ", "%20"), "…")
    document = json.loads(body)
    if isinstance(document, dict):
        document.pop("request_id", None)
    return status, document


def test_marks_are_distinct() -> None:
    marks: Sequence[str] = [*CAR_MARKS.values(), *OTHERS_MARKS.values(), OWN_TALK]
    assert [mark for mark in marks if any(mark in other for other in marks if other != mark)] == []
