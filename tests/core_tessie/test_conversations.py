"""A conversation belongs to the key that began it, with its scope at that time; administrators may read all."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.runtimes.local.migrations import migrate
from edge.testing import Answer, Client
from sims.model import ModelSim, Turn

from .conftest import ROOT, Runner
from .energy_rows import A, B, database, put_vehicle
from .test_agent_chat import CONVERSATIONS, ask, stored_messages
from .test_auth import by, keyed

SECRET = "marked words of another caller"


async def begun(client: Client, message: str = SECRET) -> str:
    """Begin a conversation and return its id."""
    answer = await ask(client, message)
    assert answer.status == 200, answer.text
    return str(answer.json()["conversation_id"])


async def token(client: Client, **less: Any) -> Client:
    """Return a client with a token of the client's key that may do less."""
    answer = await client.post("/auth/token", less)
    assert answer.status == 201, answer.text
    return by(client, answer.json()["access_token"])


async def tries(caller: Client, conversation_id: str) -> list[Answer]:
    """Return the answers to a caller that lists, reads pages of, continues and deletes a conversation."""
    path = f"{CONVERSATIONS}/{conversation_id}"
    return [
        await caller.get(CONVERSATIONS),
        await caller.get(f"{CONVERSATIONS}?before={conversation_id}"),
        await caller.get(path),
        await caller.request("HEAD", path),
        await ask(caller, "And?", conversation_id=conversation_id),
        await caller.request("DELETE", path),
    ]


CALLERS = ("token bound to a vehicle", "another key", "another key of the same vehicle", "token of a lesser role")


async def pair(client: Client, which: str) -> tuple[Client, Client]:
    """Return two callers: the first begins a conversation that the second may not see."""
    if which == "token bound to a vehicle":
        owner = await keyed(client, role="operator")
        return owner, await token(owner, subjects=[A])
    if which == "another key":
        return await keyed(client, role="operator"), await keyed(client, role="operator")
    if which == "another key of the same vehicle":
        return tuple([await keyed(client, role="operator", subjects=[A]) for _ in range(2)])  # type: ignore[return-value]
    return client, await token(client, role="operator")


@pytest.mark.parametrize("which", CALLERS)
def test_conversation_of_another_scope_gets_the_answer_of_an_unknown_one(
    run: Runner, model_sim: ModelSim, which: str
) -> None:
    async def case(client: Client) -> tuple[str, list[Answer], list[Answer], int, Answer]:
        owner, caller = await pair(client, which)
        conversation_id = await begun(owner)
        count = len(model_sim.requests)
        foreign = await tries(caller, conversation_id)
        unknown = await tries(caller, "0" * 32)
        assert len(model_sim.requests) == count
        return conversation_id, foreign, unknown, count, await owner.get(f"{CONVERSATIONS}/{conversation_id}")

    conversation_id, foreign, unknown, _, own = run(case)
    assert [answer.status for answer in foreign] == [200, 200, 404, 404, 404, 404]
    for first, other in zip(foreign, unknown, strict=True):
        assert SECRET not in first.text
        assert first.status == other.status
        if first.status == 200 or not first.body:
            assert first.body == other.body
        else:
            problem = {name: value for name, value in first.json().items() if name not in {"request_id", "instance"}}
            assert problem["detail"].replace(conversation_id, "0" * 32) == other.json()["detail"]
            assert (problem["title"], problem["type"]) == (other.json()["title"], other.json()["type"])
    assert own.status == 200
    assert SECRET in own.text


def test_key_lists_reads_continues_and_deletes_its_conversations(run: Runner) -> None:
    async def case(client: Client) -> list[Answer]:
        owner = await keyed(client, role="operator")
        return await tries(owner, await begun(owner))

    listed, before, read, _, continued, forgotten = run(case)
    assert (len(listed.json()), before.json(), read.json()[0]["content"]) == (1, [], SECRET)
    assert (continued.status, continued.json()["turn"], forgotten.status) == (200, 2, 204)


def test_administrator_reads_and_deletes_all_and_continues_its_own(run: Runner, model_sim: ModelSim) -> None:
    async def case(client: Client) -> tuple[list[Answer], list[Answer]]:
        owner = await keyed(client, subjects=[A])
        administrator = await keyed(client, role="admin")
        first = await tries(client, await begun(owner))
        return first, await tries(administrator, await begun(client))

    for listed, _, read, _, continued, forgotten in run(case):
        assert SECRET in listed.text
        assert SECRET in read.text
        assert (continued.status, forgotten.status) == (404, 204)
    assert [request for request in model_sim.requests if "And?" in str(request)] == []


def test_key_that_continues_its_tokens_conversation_stays_in_the_tokens_scope(run: Runner, model_sim: ModelSim) -> None:
    look = Turn("", [("list_table", {"table": "vehicles"}), ("list_table", {"table": "sync_runs"})])
    model_sim.say(Turn("First."), look, Turn("Second."))

    async def case(client: Client) -> tuple[Any, ...]:
        await put_vehicle(client)
        await put_vehicle(client, B, "Redbird")
        owner = await keyed(client, role="operator")
        bound = await token(owner, subjects=[A])
        conversation_id = await begun(bound)
        await stored_messages(bound, conversation_id)
        assert (await ask(owner, "And?", conversation_id=conversation_id)).status == 200
        await stored_messages(owner, conversation_id)
        rows = await database(client).all("SELECT DISTINCT subjects, least_role FROM agent_messages")
        return rows, await bound.get(f"{CONVERSATIONS}/{conversation_id}"), str(model_sim.requests)

    rows, read, prompts = run(case)
    assert rows == [{"subjects": f'["{A}"]', "least_role": 2}]
    assert (read.status, "Second." in read.text) == (200, True)
    assert "Bluebird" in prompts
    assert B not in prompts + read.text
    assert "Redbird" not in prompts + read.text
    assert "a key that is bound to vehicles does not reach sync_runs" in prompts


def test_token_of_two_vehicles_covers_conversations_about_one(run: Runner) -> None:
    async def case(client: Client) -> list[list[int]]:
        owner = await keyed(client, role="operator", subjects=[A, B])
        first, other = await token(owner, subjects=[A]), await token(owner, subjects=[B])
        ids = [await begun(caller) for caller in (owner, first, other)]
        callers = (owner, first, other, await token(owner, subjects=[A, B]))
        return [[(await caller.get(f"{CONVERSATIONS}/{each}")).status for each in ids] for caller in callers]

    assert run(case) == [[200, 200, 200], [404, 200, 404], [404, 404, 200], [200, 200, 200]]


OWN_ROWS = ("", "?select=content", "?role=eq.user", "?content=like.*marked*", "?order=created_at.desc", "/list")


def test_table_of_messages_shows_a_caller_its_own(run: Runner, model_sim: ModelSim) -> None:
    model_sim.say(Turn("First."), Turn("Second."), Turn("", [("list_table", {"table": "agent_messages"})]), Turn("Ok."))

    async def case(client: Client) -> tuple[Any, ...]:
        owner, caller = await keyed(client, role="operator"), await keyed(client, role="operator")
        foreign = await begun(owner)
        own = await begun(caller, "my own words")
        (row,) = await database(client).all("SELECT id FROM agent_messages WHERE content = ?", SECRET)
        await stored_messages(owner, foreign)
        await stored_messages(caller, own)
        answers = [await caller.get(f"/d1/agent_messages{query}") for query in OWN_ROWS]
        gone = [await caller.get(f"/d1/agent_messages/{id_}") for id_ in (row["id"], "0" * 32)]
        every = await client.get("/d1/agent_messages")
        bound = await (await token(caller, subjects=[A])).get("/d1/agent_messages")
        await ask(caller, "What did others say?")
        return own, answers, gone, every, bound, model_sim.requests[-1]["messages"][-1]["content"]

    own, answers, gone, every, bound, looked_up = run(case)
    for query, answer in zip(OWN_ROWS, answers, strict=True):
        assert answer.status == 200, answer.text
        assert SECRET not in answer.text, query
        count = int((answer.header("content-range") or "").rpartition("/")[2])
        assert count == len(answer.json()) == {"?role=eq.user": 1, "?content=like.*marked*": 0}.get(query, 2)
    assert {message["conversation_id"] for message in answers[0].json()} == {own}
    assert [answer.status for answer in gone] == [404, 404]
    assert SECRET in every.text
    assert len(every.json()) == 4
    assert (bound.status, bound.json()["code"]) == (403, "42501")
    assert "my own words" in looked_up
    assert SECRET not in looked_up


def test_conversation_in_openais_dialect_is_its_callers_own(run: Runner) -> None:
    async def case(client: Client) -> tuple[Any, ...]:
        owner = await keyed(client, role="operator")
        bound = await token(owner, subjects=[A])
        other = await keyed(client)
        body = {"messages": [{"role": "user", "content": SECRET}]}
        assert (await owner.post("/agent/v1/chat/completions", body)).status == 200
        (listed,) = (await owner.get(CONVERSATIONS)).json()
        await stored_messages(owner, listed["id"])
        rows = await database(client).all("SELECT actor, subjects, least_role FROM agent_messages")
        seen = [await reader.get(f"{CONVERSATIONS}/{listed['id']}") for reader in (owner, bound, other, client)]
        return rows, [answer.status for answer in seen], (await other.get("/d1/agent_messages")).json()

    rows, statuses, others = run(case)
    assert len({row["actor"] for row in rows}) == 1
    assert [(row["subjects"], row["least_role"]) for row in rows] == [(None, 2)] * 2
    assert (statuses, others) == ([200, 404, 404, 200], [])


def test_model_is_not_shown_what_others_said_in_a_conversation(run: Runner, model_sim: ModelSim) -> None:
    """Rows of earlier versions: callers that saw all vehicles could continue any conversation."""

    async def case(client: Client) -> None:
        owner = await keyed(client)
        conversation_id = await begun(owner, "One?")
        await stored_messages(owner, conversation_id)
        columns = "id, conversation_id, role, content, status, actor, turn, least_role"
        for number, role in enumerate(("user", "assistant")):
            values = (f"other-{number}", conversation_id, role, SECRET, "complete", "other", 2, 1)
            await database(client).run(
                f"INSERT INTO agent_messages ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *values
            )
        assert SECRET not in (await owner.get(f"{CONVERSATIONS}/{conversation_id}")).text
        assert (await ask(owner, "Two?", conversation_id=conversation_id)).json()["turn"] == 3

    run(case)
    assert SECRET not in str(model_sim.requests)
    assert "One?" in str(model_sim.requests[-1])


def test_messages_of_earlier_versions_get_the_scope_of_their_key(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    paths = sorted((ROOT / "migrations").glob("*.sql"))
    for path in paths[:6]:
        shutil.copy(path, folder)
    migrate(tmp_path / "DB.sqlite", folder)
    with closing(sqlite3.connect(tmp_path / "DB.sqlite")) as db:
        key = "INSERT INTO api_keys (id, name, role, prefix, hash, subjects) VALUES (?, '', ?, '', '', ?)"
        db.executemany(key, [("bound", 2, f'["{A}"]'), ("reader", 1, None)])
        columns = "id, conversation_id, role, content, status, actor"
        message = f"INSERT INTO agent_messages ({columns}) VALUES (?, 'c', '', '', '', ?)"
        db.executemany(message, [(str(name), name) for name in ("bound", "reader", "admin", "gone", None)])
        db.commit()
    shutil.copy(paths[6], folder)
    migrate(tmp_path / "DB.sqlite", folder)
    with closing(sqlite3.connect(tmp_path / "DB.sqlite")) as db:
        scopes = {row[0]: row[1:] for row in db.execute("SELECT id, subjects, least_role FROM agent_messages")}
    assert paths[6].name == "0007_message_scope.sql"
    assert scopes == {
        "bound": (f'["{A}"]', 2),
        "reader": (None, 1),
        "admin": (None, 3),
        "gone": (None, 3),
        "None": (None, 3),
    }
