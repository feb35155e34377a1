"""`/agent/chat` and its conversations: events, look-ups and stored rows, however a turn ends."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.patience import pauses
from tests.served import ADMIN, Served, served_locally
from websockets.sync.client import connect

from core_tessie.agent.tools import TOOLS
from edge.ports import Database, Result, Statement
from edge.testing import Answer, Client
from sims.model import MODEL, ModelSim, Turn

from .conftest import Runner
from .energy_rows import database, put_vehicle
from .test_live_events import Event, data_of, events_after, mark
from .test_usage import counted

pytestmark = pytest.mark.slow

CHAT, CONVERSATIONS = "/agent/chat", "/agent/conversations"


def sse(text: str) -> list[tuple[str, Any]]:
    """Return the named events of a stream."""
    pairs = [block.split("\n", 1) for block in text.split("\n\n") if block.startswith("event: ")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in pairs]


async def ask(client: Client, message: str = "Hello?", **more: Any) -> Answer:
    """Ask for a whole turn."""
    return await client.post(CHAT, {"message": message, "stream": False} | more)


async def stored_messages(client: Client, conversation_id: str) -> list[dict[str, Any]]:
    """Return the messages of a conversation, once its last turn is over."""
    rows: list[dict[str, Any]] = []
    async for _ in pauses():
        rows = (await client.get(f"{CONVERSATIONS}/{conversation_id}")).json()
        if not any(row["status"] == "open" for row in rows):
            return rows
    raise AssertionError(rows)


def test_a_turn_is_streamed_as_named_events(run: Runner, model_sim: ModelSim) -> None:
    model_sim.say(Turn("Grüße \U0001f697 an alle"))

    async def case(client: Client) -> tuple[Answer, list[dict[str, Any]]]:
        answer = await client.post(CHAT, {"message": "Hello?"}, headers=[("accept", "text/event-stream")])
        return answer, await stored_messages(client, sse(answer.text)[0][1]["conversation_id"])

    answer, rows = run(case)
    assert (answer.status, answer.header("content-type")) == (200, "text/event-stream")
    events = sse(answer.text)
    names = [name for name, _ in events]
    assert names == ["start", *["token"] * (len(events) - 2), "done"]
    assert len(events) > 4
    assert "".join(data["text"] for name, data in events if name == "token") == "Grüße \U0001f697 an alle"
    start, done = events[0][1], events[-1][1]
    assert done == {
        "conversation_id": start["conversation_id"],
        "turn": 1,
        "message_id": rows[1]["id"],
        "text": "Grüße \U0001f697 an alle",
        "status": "complete",
        "model": done["model"],
        "finish_reason": "stop",
        "rounds": 1,
        "usage": {"prompt_tokens": 11, "completion_tokens": 7},
    }
    assert done["model"] == (MODEL if run.runtime == "local" else "@cf/meta/llama-3.3-70b-instruct-fp8-fast")
    assert [(row["role"], row["content"], row["status"], row["turn"]) for row in rows] == [
        ("user", "Hello?", "complete", 1),
        ("assistant", done["text"], "complete", 1),
    ]
    assert (rows[1]["prompt_tokens"], rows[1]["completion_tokens"], rows[1]["finish_reason"]) == (11, 7, "stop")
    assert rows[1]["model"] == done["model"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({}, []),
        ({}, [("accept", "*/*")]),
        ({}, [("accept", "application/json")]),
        ({}, [("accept", "application/json, text/event-stream, application/problem+json")]),
        ({"stream": False}, [("accept", "text/event-stream")]),
    ],
)
def test_a_turn_is_one_json_object_unless_events_are_asked_for(
    run: Runner, model_sim: ModelSim, body: dict[str, Any], headers: list[tuple[str, str]]
) -> None:
    model_sim.say(Turn("Whole."))

    async def case(client: Client) -> Answer:
        return await client.post(CHAT, {"message": "Hello?"} | body, headers=headers)

    answer = run(case)
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    assert (answer.json()["text"], answer.json()["status"]) == ("Whole.", "complete")


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({}, 422),
    ({"message": ""}, 422),
    ({"message": "a" * 16_001}, 422),
    ({"message": 1}, 422),
    ({"message": "Hello?", "more": 1}, 422),
    ({"message": "Hello?", "conversation_id": "a" * 81}, 422),
    ({"message": "Hello?", "conversation_id": "none"}, 404),
]


@pytest.mark.parametrize(("body", "status"), REFUSED)
def test_a_wrong_message_is_refused_before_the_model_is_asked(
    run: Runner, model_sim: ModelSim, body: dict[str, Any], status: int
) -> None:
    async def case(client: Client) -> tuple[Answer, list[Any]]:
        return await client.post(CHAT, body), await database(client).all("SELECT id FROM agent_messages")

    answer, rows = run(case)
    assert (answer.status, answer.header("content-type")) == (status, "application/problem+json")
    assert (rows, model_sim.requests) == ([], [])


def test_the_longest_message_is_taken(run: Runner) -> None:
    async def case(client: Client) -> Answer:
        return await ask(client, "ü" * 16_000)

    assert run(case).status == 200


@pytest.mark.local_only("the Worker of the tests has a model")
def test_without_a_model_it_is_said_how_to_have_one(run: Runner) -> None:
    del run.env["LOCAL_AI_URL"]

    async def case(client: Client) -> tuple[Answer, list[Any]]:
        return await ask(client), await database(client).all("SELECT id FROM agent_messages")

    answer, rows = run(case)
    assert (answer.status, answer.json()["setting"], rows) == (503, "WORKERS_AI", [])
    assert "LOCAL_AI_URL" in answer.json()["detail"]


def test_the_model_is_told_the_vehicles_and_what_was_said_before(run: Runner, model_sim: ModelSim) -> None:
    model_sim.say(Turn("First."), Turn("Second."))

    async def case(client: Client) -> None:
        await put_vehicle(client)
        first = (await ask(client, "One?")).json()
        second = (await ask(client, "Two?", conversation_id=first["conversation_id"])).json()
        assert (second["turn"], second["conversation_id"]) == (2, first["conversation_id"])

    run(case)
    system, *messages = model_sim.requests[-1]["messages"]
    assert system["role"] == "system"
    assert "Bluebird" in system["content"]
    assert [(message["role"], message["content"]) for message in messages] == [
        ("user", "One?"),
        ("assistant", "First."),
        ("user", "Two?"),
    ]
    assert {tool["function"]["name"] for tool in model_sim.requests[-1]["tools"]} == {*TOOLS}


def test_the_oldest_turns_are_left_out_of_a_long_conversation(run: Runner, model_sim: ModelSim) -> None:
    async def case(client: Client) -> None:
        members: dict[str, Any] = {}
        for number in range(4):
            model_sim.say(Turn(f"Answer {number}."))
            answer = await ask(client, f"{number}" * 10_000, **members)
            members = {"conversation_id": answer.json()["conversation_id"]}

    run(case)
    _, *messages = model_sim.requests[-1]["messages"]
    assert [message["content"][:1] for message in messages if message["role"] == "user"] == ["1", "2", "3"]


def test_an_answer_that_was_cut_says_so(run: Runner, model_sim: ModelSim) -> None:
    model_sim.reset("openai")
    model_sim.say(Turn("Too lo", finish="length"))

    async def case(client: Client) -> tuple[Any, list[Any]]:
        answer = (await ask(client)).json()
        return answer, await stored_messages(client, answer["conversation_id"])

    answer, rows = run(case)
    assert (answer["status"], answer["finish_reason"], answer["text"]) == ("cut", "length", "Too lo")
    assert (rows[1]["status"], rows[1]["finish_reason"]) == ("cut", "length")


FAULTS = [
    ([Turn(status=429, error="3040: out of capacity")] * 6, 429, "model-overloaded", ""),
    ([Turn(status=413, error="3006: too large")], 400, "prompt-refused", ""),
    ([Turn(status=500, error="9999: broken")] * 6, 502, "model-broke", ""),
    ([Turn("abcd" * 60, cut=900, pieces=100)], 502, "model-broke", "abcd"),
    (
        [Turn("", [("list_table", {"table": "vehicles"})]), Turn("abcd" * 60, cut=900, pieces=100)],
        502,
        "model-broke",
        "abcd",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("turns", "status", "kind", "text"), FAULTS)
def test_a_turn_that_the_model_fails_in_is_told_and_kept(  # noqa: PLR0913, PLR0917 - a table's columns
    run: Runner, model_sim: ModelSim, turns: list[Turn], status: int, kind: str, text: str, stream: bool
) -> None:
    model_sim.say(*turns)

    async def case(client: Client) -> tuple[Answer, list[Any]]:
        answer = await client.post(CHAT, {"message": "Hello?", "stream": stream})
        (row,) = await database(client).all("SELECT DISTINCT conversation_id FROM agent_messages")
        return answer, await stored_messages(client, row["conversation_id"])

    answer, rows = run(case)
    if stream:
        name, problem = sse(answer.text)[-1]
        assert (answer.status, name) == (200, "error")
    else:
        problem = answer.json()
        assert answer.status == status
    assert (problem["status"], problem["type"]) == (status, f"urn:problem:{kind}")
    assert problem["request_id"] == answer.header("x-request-id")
    assert (rows[-1]["role"], rows[-1]["status"], rows[-1]["error"]) == ("assistant", "failed", problem["detail"])
    assert rows[-1]["content"].startswith(text)
    assert bool(rows[-1]["content"]) is bool(text)


def test_after_a_turn_that_failed_the_conversation_goes_on(run: Runner, model_sim: ModelSim) -> None:
    model_sim.say(Turn(status=413, error="3006: too large"), Turn("Here I am."))

    async def case(client: Client) -> Answer:
        failed = sse((await client.post(CHAT, {"message": "One?", "stream": True})).text)
        return await ask(client, "Two?", conversation_id=failed[0][1]["conversation_id"])

    answer = run(case)
    assert (answer.status, answer.json()["turn"], answer.json()["text"]) == (200, 2, "Here I am.")
    assert [message["content"] for message in model_sim.requests[-1]["messages"][1:]] == ["Two?"]


@pytest.mark.local_only("a table is broken, of which the Worker's tests have but one")
def test_a_fault_of_ours_ends_the_turn_and_tells_nothing_of_itself(run: Runner) -> None:
    async def case(client: Client) -> tuple[Answer, list[Any]]:
        await database(client).run("ALTER TABLE vehicles RENAME COLUMN odometer_mi TO gone")
        answer = await client.post(CHAT, {"message": "Hello?", "stream": True})
        return answer, await stored_messages(client, sse(answer.text)[0][1]["conversation_id"])

    answer, rows = run(case)
    (_, (name, problem)) = sse(answer.text)
    assert (name, problem["status"], problem["type"]) == ("error", 500, "urn:problem:internal-error")
    assert "odometer" not in answer.text
    assert rows[1]["status"] == "failed"
    assert "odometer" not in str(rows[1]["error"])


class SlowDatabase:
    """A database that takes its time to write several statements."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.all, self.first, self.run, self.probe = database.all, database.first, database.run, database.probe

    async def batch(self, statements: Sequence[Statement]) -> list[Result]:
        await asyncio.sleep(0.2)
        return await self._database.batch(statements)


@pytest.mark.local_only("the database is in process")
@pytest.mark.parametrize("stream", [True, False])
def test_who_is_told_the_end_of_a_turn_may_begin_the_next_at_once(run: Runner, stream: bool) -> None:
    async def case(client: Client) -> list[int]:
        settings: Any = client.ports.settings
        settings.db = SlowDatabase(settings.db)
        first = await client.post(CHAT, {"message": "One?", "stream": stream})
        conversation_id = sse(first.text)[0][1]["conversation_id"] if stream else first.json()["conversation_id"]
        return [(await ask(client, "Two?", conversation_id=conversation_id)).status for _ in range(2)]

    assert run(case) == [200, 200]


@pytest.mark.local_only("the clock of a Worker cannot be set")
def test_a_turn_that_died_with_its_process_holds_its_conversation_up_for_minutes_only(run: Runner) -> None:
    async def case(client: Client) -> list[int]:
        conversation_id = (await ask(client)).json()["conversation_id"]
        again = "UPDATE agent_messages SET status = 'open', created_at = datetime('now', ?) WHERE role = 'user'"
        statuses = []
        for age in ("-9 minutes", "-11 minutes"):
            await database(client).run(again, age)
            statuses.append((await ask(client, "Two?", conversation_id=conversation_id)).status)
        return statuses

    assert run(case) == [409, 200]


def test_a_turn_is_told_as_events(run: Runner, model_sim: ModelSim) -> None:
    model_sim.say(Turn("word " * 30), Turn(status=413, error="3006: too large"))

    async def case(client: Client) -> tuple[Any, list[Event]]:
        since = await mark(client)
        done = (await ask(client)).json()
        await ask(client, conversation_id=done["conversation_id"])
        events = await events_after(
            client, since, lambda events: any(event["type"] == "agent.turn.failed" for event in events)
        )
        return done, [event for event in events if event["type"].startswith("agent.")]

    done, events = run(case)
    first = [event for event in events if event["data"]["turn"] == 1]
    tokens = [data_of(event)["text"] for event in first if event["type"] == "agent.token"]
    assert [event["type"] for event in first] == [
        "agent.turn.started",
        *["agent.token"] * len(tokens),
        "agent.turn.done",
    ]
    assert "".join(tokens) == done["text"] == "word " * 30
    assert len(tokens) < 30, "tokens that come together go together"
    assert {event["data"]["conversation_id"] for event in events} == {done["conversation_id"]}
    begun, failed = (event for event in events if event["data"]["turn"] == 2)
    assert (begun["type"], failed["type"]) == ("agent.turn.started", "agent.turn.failed")
    assert (failed["data"]["status"], failed["data"]["text"]) == ("failed", "")
    assert failed["data"]["error"].endswith("too large")
    assert first[-1]["data"]["text"] == done["text"]


@pytest.mark.local_only("the Worker of the tests has no dataset that can be read")
def test_a_turn_is_counted(run: Runner, model_sim: ModelSim) -> None:
    model_sim.say(Turn("", [("sync_status", {})]), Turn("None yet."), Turn(status=413, error="3006: too large"))

    async def case(client: Client) -> dict[str, Any]:
        await ask(client)
        await ask(client)
        points = await counted(client, 4, "?by=outcome")
        return {key[1]: total["sums"] for key, total in points.items() if key[0] == "chat"}

    sums = run(case)
    assert sums.keys() == {"complete", "failed"}
    assert (sums["complete"]["prompt_tokens"], sums["complete"]["completion_tokens"]) == (22, 14)
    assert (sums["complete"]["rounds"], sums["failed"]["rounds"]) == (2, 1)


def test_conversations_are_listed_read_and_forgotten(run: Runner) -> None:
    async def case(client: Client) -> None:
        ids = [(await ask(client, f"{number}?" + "x" * 90)).json()["conversation_id"] for number in range(5)]
        pages = [(await client.get(f"{CONVERSATIONS}?limit=2")).json()]
        for _ in range(2):
            pages.append((await client.get(f"{CONVERSATIONS}?limit=2&before={pages[-1][-1]['id']}")).json())
        assert [[conversation["id"] for conversation in page] for page in pages] == [
            [ids[4], ids[3]],
            [ids[2], ids[1]],
            [ids[0]],
        ]
        assert (pages[0][0]["title"], pages[0][0]["turns"]) == ("4?" + "x" * 78, 1)
        assert (await client.request("DELETE", f"{CONVERSATIONS}/{ids[4]}")).status == 204
        assert (await client.get(f"{CONVERSATIONS}/{ids[4]}")).status == 404
        assert (await client.request("DELETE", f"{CONVERSATIONS}/{ids[4]}")).status == 404
        assert [conversation["id"] for conversation in (await client.get(CONVERSATIONS)).json()] == ids[3::-1]
        assert (await client.get(f"{CONVERSATIONS}?limit=101")).status == 400

    run(case)


def test_a_stranger_is_not_answered(run: Runner, model_sim: ModelSim) -> None:
    async def case(client: Client) -> list[int]:
        stranger = client.anonymous()
        answer = await stranger.post(CHAT, {"message": "Hello?"})
        return [answer.status, (await stranger.get(CONVERSATIONS)).status]

    assert run(case) == [401, 401]
    assert model_sim.requests == []


@contextmanager
def opened(served: Served, body: dict[str, Any]) -> Iterator[HTTPResponse]:
    """Open a stream; leaving the block is leaving the stream."""
    where = urlsplit(served.url)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=30)
    headers = {"authorization": f"Bearer {ADMIN}", "content-type": "application/json"}
    connection.request("POST", CHAT, json.dumps({"stream": True} | body), headers)
    response = connection.getresponse()
    try:
        yield response
    finally:
        response.close()
        connection.close()


def until(response: HTTPResponse, name: str) -> Any:
    """Read a stream to the first event of a name and return its data."""
    while line := response.readline():
        if line == f"event: {name}\n".encode():
            return json.loads(response.readline().removeprefix(b"data: "))
    raise AssertionError(f"no {name}")


def ended(served: Served, conversation_id: str) -> list[Any]:
    """Return the messages of a conversation, once its last turn is over."""
    rows: list[Any] = []
    for _ in range(300):
        _, rows = served.ask("GET", f"{CONVERSATIONS}/{conversation_id}")
        if not any(row["status"] == "open" for row in rows):
            return rows
        time.sleep(0.05)
    raise AssertionError(rows)


@pytest.mark.slow
def test_tokens_come_while_the_model_speaks(served: Served, model_sim: ModelSim) -> None:
    model_sim.say(Turn("abcd" * 50, stall=2, pieces=200))
    with opened(served, {"message": "Hello?"}) as response:
        assert until(response, "token")["text"] == "abcd"
        _, rows = served.ask("GET", "/d1/agent_messages?select=role,status")
        assert rows == [{"role": "user", "status": "open"}], "the answer was held back to its end"
        assert until(response, "done")["text"] == "abcd" * 50


LEFT = [
    (Turn("abcd" * 400, pause=0.05), "token", "abcd"),
    (Turn("abcd", stall=20), "start", ""),
]


@pytest.mark.slow
@pytest.mark.parametrize(("turn", "name", "text"), LEFT)
def test_a_caller_that_leaves_half_way_ends_the_models_work(
    served: Served, model_sim: ModelSim, turn: Turn, name: str, text: str
) -> None:
    model_sim.say(turn, Turn("Back."))
    with opened(served, {"message": "Hello?"}) as response:
        start = until(response, "start")
        for _ in range(250):  # the model is at it
            if model_sim.requests:
                break
            time.sleep(0.02)
        if name != "start":
            until(response, name)
    conversation_id = start["conversation_id"]
    rows = ended(served, conversation_id)
    assert [(row["role"], row["status"]) for row in rows] == [("user", "complete"), ("assistant", "cancelled")]
    assert rows[1]["content"].startswith(text)
    assert len(text) <= len(rows[1]["content"]) < 1600
    for _ in range(100):
        if model_sim.left:
            break
        time.sleep(0.05)
    assert model_sim.left == 1
    status, again = served.ask(
        "POST", CHAT, {"message": "Still there?", "conversation_id": conversation_id, "stream": False}
    )
    assert (status, again["text"], again["turn"]) == (200, "Back.", 2)


@pytest.mark.slow
def test_of_two_turns_at_once_the_second_is_refused(served: Served, model_sim: ModelSim) -> None:
    model_sim.say(Turn("First.", stall=1.5), Turn("Second."))
    with opened(served, {"message": "One?"}) as response:
        conversation_id = until(response, "start")["conversation_id"]
        second = {"message": "Two?", "conversation_id": conversation_id, "stream": False}
        status, problem = served.ask("POST", CHAT, second)
        assert (status, problem["type"]) == (409, "urn:problem:conversation-busy")
        until(response, "done")
    ended(served, conversation_id)
    status, answer = served.ask("POST", CHAT, second)
    assert (status, answer["text"], answer["turn"]) == (200, "Second.", 2)


@pytest.mark.slow
def test_a_server_that_is_told_to_stop_keeps_the_turns_that_it_breaks_off(
    tmp_path: Path, tessie_port: int, model_sim: ModelSim
) -> None:
    model_sim.reset()
    model_sim.say(Turn("abcd" * 4000, pause=0.2))
    env = Runner(tmp_path, tessie_port, model_sim).env
    with served_locally(tmp_path, env) as served, opened(served, {"message": "Hello?"}) as response:
        until(response, "token")
        assert served.process is not None
        served.process.terminate()
        served.process.wait(30)
    with served_locally(tmp_path, env) as served:
        _, rows = served.ask("GET", "/d1/agent_messages?select=role,status,content&order=role.desc")
    assert [(row["role"], row["status"]) for row in rows] == [("user", "complete"), ("assistant", "cancelled")]
    assert rows[1]["content"].startswith("abcd")


@pytest.mark.slow
def test_a_turn_over_the_socket_comes_as_events_and_a_reply(served: Served, model_sim: ModelSim) -> None:
    model_sim.say(Turn("From afar."))
    headers = {"authorization": f"Bearer {ADMIN}"}
    with connect(f"{served.ws_url}/ws?types=agent.*", additional_headers=headers) as socket:
        socket.send(json.dumps({"type": "chat", "id": 7, "message": "Hello?"}))
        frames: list[Any] = []
        while not {"live.reply", "agent.turn.done"} <= {frame["type"] for frame in frames}:
            frames.append(json.loads(socket.recv(20)))
        socket.send(json.dumps({"type": "chat", "id": "b", "message": ""}))
        refused = json.loads(socket.recv(20))
    (reply,) = (frame["data"] for frame in frames if frame["type"] == "live.reply")
    done = reply["result"]
    assert (reply["id"], done["text"], done["status"]) == (7, "From afar.", "complete")
    assert "".join(frame["data"]["text"] for frame in frames if frame["type"] == "agent.token") == "From afar."
    assert (refused["data"]["id"], refused["data"]["problem"]["status"]) == ("b", 422)
    assert [row["content"] for row in ended(served, done["conversation_id"])] == ["Hello?", "From afar."]
