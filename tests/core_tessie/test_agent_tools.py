"""The agent's look-ups for a model: in the caller's scope, with validated arguments, cut, and limited in number."""

import json
from typing import Any

import pytest
from pydantic_core import from_json

from core_tessie.agent.tools import ToolContext, call_tool
from core_tessie.agent.turns import LOOK_UPS, ROUNDS, STOPPED
from core_tessie.energy.summary import ReportNews
from core_tessie.tables import TABLES
from edge.access import READER, Actor
from edge.ports import Clock
from edge.ports.model import ToolCall
from edge.testing import Answer, Client
from sims.model import ModelSim, Turn

from .conftest import Runner
from .energy_rows import A, B, database, put_all, put_vehicle
from .test_agent_chat import CHAT, ask, sse, stored_messages
from .test_report_summary import summary

JANUARY = {"from": "2025-01-01", "to": "2025-02-01"}


def test_what_the_model_asks_for_is_looked_up(run: Runner, model_sim: ModelSim) -> None:
    model_sim.say(
        Turn("", [("list_table", {"table": "vehicles", "select": "id,display_name", "order": "id.asc"})]),
        Turn("Two."),
        Turn("Yes."),
    )

    async def case(client: Client) -> tuple[Answer, list[dict[str, Any]]]:
        await put_vehicle(client)
        await put_vehicle(client, B, "Redbird")
        answer = await client.post(CHAT, {"message": "How many?", "stream": True})
        conversation_id = sse(answer.text)[0][1]["conversation_id"]
        rows = await stored_messages(client, conversation_id)
        await ask(client, "Sure?", conversation_id=conversation_id)
        return answer, rows

    answer, rows = run(case)
    events = sse(answer.text)
    assert [name for name, _ in events] == ["start", "tool", "token", "done"]
    tool, done = events[1][1], events[-1][1]
    assert (tool["name"], tool["ok"], tool["summary"]) == ("list_table", True, "2 rows")
    assert json.loads(tool["arguments"])["table"] == "vehicles"
    assert (done["rounds"], done["usage"]) == (2, {"prompt_tokens": 22, "completion_tokens": 14})
    _, _, calling, result = model_sim.requests[1]["messages"]
    assert (calling["role"], result["role"]) == ("assistant", "tool")
    assert calling["tool_calls"][0]["id"] == result["tool_call_id"]
    assert json.loads(result["content"]) == [
        {"id": A, "display_name": "Bluebird"},
        {"id": B, "display_name": "Redbird"},
    ]
    assert [row["role"] for row in rows] == ["user", "assistant", "tool", "assistant"]
    assert rows[1]["tool_calls"] == calling["tool_calls"]
    assert (rows[2]["tool_call_id"], rows[2]["content"]) == (result["tool_call_id"], result["content"])
    _, *later = model_sim.requests[-1]["messages"]
    assert [message["role"] for message in later] == ["user", "assistant", "tool", "assistant", "user"]
    assert later[1]["tool_calls"] == calling["tool_calls"]


WRONG: list[tuple[str, Any, str]] = [
    ("drive", {}, "there is no tool drive"),
    ("list_table", {}, "do not fit"),
    ("list_table", {"table": "vehicles", "limit": 51}, "do not fit"),
    ("list_table", {"table": "vehicles", "and": 1}, "do not fit"),
    ("list_table", {"table": "cars"}, "no table"),
    ("list_table", {"table": "vehicles", "select": "password"}, "password"),
    ("list_table", {"table": "vehicles", "filters": {"id": "is.red"}}, "red"),
    ("energy_report", {"from": "yesterday"}, "do not fit"),
    ("energy_report", JANUARY | {"vin": "5YJ3E1EA1KF999999"}, "no vehicle"),
    ("get_energy_report", {"report_id": "none"}, "no report"),
]


@pytest.mark.parametrize(("name", "arguments", "error"), WRONG)
def test_what_is_wrong_with_a_look_up_is_told_to_the_model(
    run: Runner, model_sim: ModelSim, name: str, arguments: Any, error: str
) -> None:
    model_sim.say(Turn("", [(name, arguments)]), Turn("I see."))

    async def case(client: Client) -> Answer:
        return await client.post(CHAT, {"message": "Well?", "stream": True})

    events = sse(run(case).text)
    assert (events[1][0], events[1][1]["ok"], events[-1][0]) == ("tool", False, "done")
    assert error in json.loads(model_sim.requests[1]["messages"][-1]["content"])["error"]


@pytest.mark.local_only("the stand-in writes arguments that are JSON; a tool can only be called in process")
def test_arguments_that_are_no_json_are_told_to_the_model(run: Runner) -> None:
    async def case(client: Client) -> str:
        return (await call_tool(ToolCall("1", "list_table", "{table:"), tool_context(client, READER))).text

    assert "do not fit" in json.loads(run(case))["error"]


@pytest.mark.local_only("the only key of the tests is an administrator's, and a tool can only be called in process")
@pytest.mark.parametrize("table", ["logs", "tessie_raw"])
def test_a_look_up_sees_no_more_than_its_caller_may(run: Runner, table: str) -> None:
    async def case(client: Client) -> tuple[Any, Any]:
        call = ToolCall("1", "list_table", json.dumps({"table": table}))
        there = await call_tool(ToolCall("2", "describe_tables", ""), tool_context(client, READER))
        return await call_tool(call, tool_context(client, READER)), from_json(there.text)

    outcome, there = run(case)
    assert (outcome.ok, "needs the role admin" in outcome.text) == (False, True)
    assert "vehicles" in there
    assert table not in there


def tool_context(client: Client, role: Any) -> ToolContext:
    """Return the services that tools are called with in process."""
    ports = client.ports
    news = client.app.provide(ReportNews, ports)
    clock: Any = ports.runtime[Clock]
    actor = Actor("test", role)
    return ToolContext(TABLES.scoped(database(client), actor), clock, actor, "r1", news, ports.log)


def last_result(model_sim: ModelSim) -> Any:
    """Return the last look-up's result in the model's messages."""
    messages = [request["messages"][-1] for request in model_sim.requests]
    return json.loads([message["content"] for message in messages if message["role"] == "tool"][-1])


def test_a_report_is_made_and_read(run: Runner, model_sim: ModelSim) -> None:
    model_sim.say(Turn("", [("energy_report", JANUARY | {"vin": A})]), Turn("Done."), Turn("Summed up."))

    async def case(client: Client) -> tuple[Any, Any]:
        await put_all(client)
        await client.post(CHAT, {"message": "Report?", "stream": True})
        report = last_result(model_sim)
        await summary(client, report["id"])  # which asks the model, too
        model_sim.say(Turn("", [("get_energy_report", {"report_id": report["id"]})]), Turn("Read."))
        await client.post(CHAT, {"message": "And again?", "stream": True})
        return report, last_result(model_sim)

    report, read = run(case)
    assert report == read
    assert (report["vin"], report["numbers"]["distance_mi"]) == (A, "43.0 mi")
    assert report["left_out"]["drives_running"] == 1
    assert [(row["currency"], row["recorded_cost"]) for row in report["costs"]] == [("unknown", 21.9)]


def test_a_long_answer_of_a_tool_is_cut(run: Runner, model_sim: ModelSim) -> None:
    model_sim.say(Turn("", [("list_table", {"table": "vehicles", "limit": 50})]), Turn("Many."))

    async def case(client: Client) -> None:
        for number in range(40):
            await put_vehicle(client, f"5YJ3E1EA1KF0{number:05}", "B" * 200)
        assert (await ask(client)).status == 200

    run(case)
    result = model_sim.requests[1]["messages"][-1]["content"]
    assert len(result) < 6_100
    assert result.endswith("ask for less)")


def test_of_a_turn_that_looked_up_too_much_the_answer_is_remembered(run: Runner, model_sim: ModelSim) -> None:
    calls = [("list_table", {"table": "vehicles", "limit": limit}) for limit in range(36, 41)]
    model_sim.say(Turn("", calls), Turn("Many."), Turn("Yes."))

    async def case(client: Client) -> None:
        for number in range(40):
            await put_vehicle(client, f"5YJ3E1EA1KF0{number:05}", "B" * 200)
        first = (await ask(client, "How many?")).json()
        await ask(client, "Really?", conversation_id=first["conversation_id"])

    run(case)
    assert [(message["role"], message["content"]) for message in model_sim.requests[-1]["messages"][1:]] == [
        ("user", "How many?"),
        ("assistant", "Many."),
        ("user", "Really?"),
    ]


def test_a_model_that_only_looks_things_up_is_stopped(run: Runner, model_sim: ModelSim) -> None:
    model_sim.say(*[Turn("", [("energy_report", JANUARY)])] * ROUNDS, Turn("Never said."))

    async def case(client: Client) -> tuple[Answer, list[Any], list[Any]]:
        answer = await ask(client)
        reports = await database(client).all("SELECT id FROM energy_reports")
        return answer, reports, await stored_messages(client, answer.json()["conversation_id"])

    answer, reports, rows = run(case)
    assert (answer.status, answer.json()["status"], answer.json()["rounds"]) == (200, "stopped", ROUNDS)
    assert answer.json()["text"] == STOPPED
    assert len(model_sim.requests) == ROUNDS
    assert len(reports) == 1, "what was asked for again was done again"
    assert [row["role"] for row in rows] == ["user", *["assistant", "tool"] * ROUNDS, "assistant"]
    assert rows[-1]["status"] == "stopped"


def test_a_turn_makes_only_so_many_look_ups(run: Runner, model_sim: ModelSim) -> None:
    calls = [("list_table", {"table": "vehicles", "limit": limit + 1}) for limit in range(LOOK_UPS + 1)]
    model_sim.say(Turn("", calls), Turn("Enough."))

    async def case(client: Client) -> Answer:
        return await client.post(CHAT, {"message": "All?", "stream": True})

    tools = [data for name, data in sse(run(case).text) if name == "tool"]
    assert [tool["ok"] for tool in tools] == [*[True] * LOOK_UPS, False]


@pytest.mark.local_only("a table is broken, of which the Worker's tests have but one")
def test_a_look_up_that_the_database_fails_in_does_not_end_the_turn(run: Runner, model_sim: ModelSim) -> None:
    model_sim.say(Turn("", [("list_table", {"table": "climates"})]), Turn("Sorry."))

    async def case(client: Client) -> Answer:
        await database(client).run("DROP TABLE climates")
        return await client.post(CHAT, {"message": "Hello?", "stream": True})

    events = sse(run(case).text)
    assert (events[1][1]["ok"], events[1][1]["summary"]) == (False, "the look-up failed; it may work later")
    assert events[-1][1]["text"] == "Sorry."
