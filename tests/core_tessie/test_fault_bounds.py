"""Answers to faulty input are small: actions, frames, queries, rows, OpenAI's errors, tools."""

import json
from typing import Any

import pytest
from tests.served import Served
from websockets.sync.client import connect

from core_tessie.agent.tools import ARGUMENTS_LIMIT, RESULT_LIMIT, ToolContext, call_tool
from core_tessie.energy.summary import ReportNews
from core_tessie.tables import TABLES
from edge.access import ADMIN, Actor
from edge.errors import MOST_FAULT_BYTES
from edge.ports import Clock
from edge.ports.model import ToolCall
from edge.runtimes.live_wire import FRAME_LIMIT
from edge.testing import Answer, Client

from .conftest import KEY, Runner
from .energy_rows import A, database

LARGEST = 3 * MOST_FAULT_BYTES // 2
LONG = "x" * 200_000
WIDE: dict[str, list[object]] = {f"m{number}": [] for number in range(20_000)}
SHORT = {f"m{number}" + "x" * 1500: 1 for number in range(400)}
SENT: dict[str, tuple[str, str, object]] = {
    "members of a payload": ("POST", "/agent/actions", {"kind": "wake", "payload": SHORT}),
    "many members of a payload": ("POST", "/agent/actions", {"kind": "wake", "payload": WIDE}),
    "parameters of a command": (
        "POST",
        "/agent/actions",
        {"kind": "command", "payload": {"vin": A, "command": "lock", "params": WIDE}},
    ),
    "other parameters of a command": (
        "POST",
        "/agent/actions",
        {"kind": "command", "payload": {"vin": A, "command": "lock", "params": dict.fromkeys(SHORT, 1)}},
    ),
    "a kind": ("POST", "/agent/actions", {"kind": LONG}),
    "columns": ("POST", "/d1/vehicles", dict.fromkeys(SHORT, 1)),
    "columns of many rows": ("POST", "/d1/vehicles", [{f"c{n}" + "y" * 900: 1} for n in range(900)]),
    "one long column": ("POST", "/d1/vehicles", {"vin": A, LONG: 1}),
    "a long id": ("POST", "/d1/vehicles", {"vin": LONG}),
    "members of a chat": ("POST", "/agent/chat", {"message": "hi", **SHORT}),
    "messages": ("POST", "/agent/v1/chat/completions", {"messages": [{"role": LONG}]}),
    "many tools": ("POST", "/agent/v1/chat/completions", {"messages": [{"role": "user"}], "tools": [[]] * 400}),
    "a model": ("POST", "/agent/v1/chat/completions", {"messages": [{"role": "user"}], "model": LONG}),
    "subjects": ("POST", "/auth/keys", {"name": "x", "subjects": [LONG] + ["y"] * 100}),
    "an event": ("POST", "/events", {"type": "x" * 100_000}),
}


@pytest.mark.parametrize("what", SENT)
def test_refusal_of_a_body_is_small(run: Runner, what: str) -> None:
    method, target, body = SENT[what]
    answer = run(lambda client: client.request(method, target, json=body))
    assert 400 <= answer.status < 500, answer.text[:300]
    assert len(answer.body) < LARGEST
    assert answer.json()["detail"]


def test_openai_client_is_told_the_first_fault_of_a_bounded_list(run: Runner) -> None:
    body = {"messages": [{"role": "nobody"}] * 400}
    answer = run(lambda client: client.post("/agent/v1/chat/completions", body))
    assert (answer.status, answer.json()["error"]["param"]) == (400, "/messages/0")
    assert len(answer.body) < LARGEST


@pytest.mark.parametrize(
    "target",
    [
        "/agent/actions?" + "&".join(f"q{n}=1" for n in range(1800)),
        "/agent/actions?limit=" + "9" * 16_000,
        "/d1/vehicles?" + "z" * 16_000 + "=eq.1",
        "/d1/vehicles?select=" + ",".join(["z" * 200] * 70),
        "/d1/vehicles?vin=in.(" + "," * 16_000,
        "/colbycommands/energy-report?vin=" + "x" * 16_000,
        "/events?types=" + "x," * 8000,
        "/agent/actions/" + "x" * 16_000,
        "/auth/keys/" + "x" * 16_000,
    ],
)
def test_refusal_of_a_query_or_path_is_small(run: Runner, target: str) -> None:
    answer = run(lambda client: client.get(target))
    assert 400 <= answer.status < 500, answer.text[:300]
    assert len(answer.body) < LARGEST + len(target)


@pytest.mark.parametrize("number", ["1.0", "59.0", "3601.0", "1e3", "900.0"])
def test_integer_out_of_bounds_is_not_a_server_error(run: Runner, number: str) -> None:
    async def case(client: Client) -> Answer:
        headers = [("content-type", "application/json")]
        return await client.request(
            "POST", "/auth/token", body=b'{"lifetime_s": %s}' % number.encode(), headers=headers
        )

    answer = run(case)
    assert answer.status == (201 if 60 <= float(number) <= 3600 else 422), answer.text


@pytest.mark.slow
def test_refusal_of_a_frame_is_small(served: Served) -> None:
    frames: list[dict[str, Any]] = [
        {"type": "chat", "message": "hi"} | {f"m{number}": 1 for number in range(5000)},
        {"type": "chat", "message": "hi"} | {f"m{number}" + "x" * 500: 1 for number in range(100)},
        {"type": "chat", "message": ["x"] * 12_000},
        {"type": "x" * 60_000},
    ]
    with connect(f"{served.ws_url}/ws", additional_headers=dict(KEY), max_size=None) as socket:
        socket.recv(10)
        for frame in frames:
            assert len(json.dumps(frame)) < FRAME_LIMIT
            socket.send(json.dumps(frame))
            answer = next(text for text in iter(lambda: socket.recv(20), "") if "problem" in json.loads(text)["data"])
            assert json.loads(answer)["data"]["problem"]["status"] in {400, 422}
            assert len(answer) < LARGEST


@pytest.mark.local_only("calls the tool itself, which answers no request")
@pytest.mark.parametrize(
    "arguments",
    [
        json.dumps({f"m{number}": 1 for number in range(1200)}),
        json.dumps({f"m{number}" + "x" * 100: 1 for number in range(100)}),
        json.dumps({"table": "vehicles", "filters": {"x" * 15_000: "eq.1"}}),
        json.dumps({"table": "x" * 15_000}),
        "[" * 16_000,
        "x" * (ARGUMENTS_LIMIT + 1),
        json.dumps({"table": "vehicles", "filters": {"vin": "eq." + "x" * 200_000}}),
    ],
)
def test_model_gets_a_short_error_of_a_lookup(run: Runner, arguments: str) -> None:
    async def case(client: Client) -> str:
        clock: Any = client.ports.runtime[Clock]
        news: Any = client.app.provide(ReportNews, client.ports)
        actor = Actor("a", ADMIN)
        context = ToolContext(TABLES.scoped(database(client), actor), clock, actor, "r", news, client.ports.log)
        outcome = await call_tool(ToolCall("1", "list_table", arguments), context)
        assert not outcome.ok
        assert len(outcome.summary) < RESULT_LIMIT
        return outcome.text

    assert len(run(case)) < RESULT_LIMIT + 100
