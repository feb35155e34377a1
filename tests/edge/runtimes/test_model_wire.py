"""Answers of models' servers, cut anywhere and in every shape, and the meaning of their errors."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ports.model import ModelBusy, ModelError, ModelRefused, ModelTimeout, Part, Prompt, Usage
from edge.runtimes import model_wire as wire
from sims.model import Shape, Turn
from sims.model.turns import streamed, whole

TEXT = "Grüße \U0001f697, two\nlines and \u2028 one more"
CALLS = [("look", {"table": "vehicles", "note": "ü\U0001f697"}), ("again", {})]


def read(pieces: Iterable[bytes]) -> list[Part]:
    reader = wire.PartReader()
    return [*(part for piece in pieces for part in reader.feed(piece)), reader.end()]


@pytest.mark.parametrize("shape", ["openai", "azure", "classic", "mixed"])
@given(data=st.data())
def test_a_cut_anywhere_changes_nothing(shape: Shape, data: st.DataObject) -> None:
    sent = b"".join(streamed(Turn(TEXT), shape, "m"))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=12)))
    pieces = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    *parts, last = read(pieces)
    assert "".join(part.text for part in parts) == TEXT
    assert (last.finish_reason, last.usage) == ("stop", Usage(11, 7))


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_lines_may_end_either_way_and_comments_are_passed_over(ending: bytes) -> None:
    sent = b"".join(streamed(Turn(TEXT), "openai", "m")).replace(b"\n", ending)
    parts = read([b": keep-alive" + ending + b"event: x" + ending + b"id: 3" + ending, sent])
    assert "".join(part.text for part in parts) == TEXT


@pytest.mark.parametrize("shape", ["openai", "classic", "mixed"])
def test_tool_calls_are_put_together(shape: Shape) -> None:
    last = read([b"".join(streamed(Turn("", CALLS), shape, "m"))])[-1]
    assert [(call.name, json.loads(call.arguments)) for call in last.tool_calls] == CALLS
    assert last.finish_reason == "tool_calls"


@pytest.mark.parametrize("shape", ["openai", "classic", "mixed", "responses"])
def test_a_whole_answer_is_read_in_every_shape(shape: Shape) -> None:
    *parts, last = read([wire.as_stream(whole(Turn(TEXT), shape, "m"))])
    assert "".join(part.text for part in parts) == TEXT
    assert last.usage == Usage(11, 7)


def test_a_bare_string_is_an_answer() -> None:
    assert read([wire.as_stream("just text")])[0].text == "just text"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"result": {"response": "inside"}, "success": True, "errors": [], "messages": []}, "inside"),
        ({"response": {"a": [1, "b"]}}, '{"a":[1,"b"]}'),
        ({"response": 7}, "7"),
        ({"choices": []}, ""),
        ({"choices": [{"delta": None}]}, ""),
        ({"choices": [{"delta": {"content": [{"type": "text"}]}}]}, ""),
        ({"usage": {"prompt_tokens": None}}, ""),
        ({}, ""),
    ],
)
def test_odd_answers_are_no_fault(value: Any, text: str) -> None:
    assert "".join(part.text for part in read([wire.as_stream(value)])) == text


@pytest.mark.parametrize(
    ("finish", "expected"),
    [("stop", "stop"), ("eos", "stop"), ("length", "length"), ("max_tokens", "length"), ("content_filter",) * 2],
)
def test_finish_reasons_are_normalized(finish: str, expected: str) -> None:
    assert read([b"".join(streamed(Turn("x", finish=finish), "openai", "m"))])[-1].finish_reason == expected


@pytest.mark.parametrize(
    ("sent", "kind", "status"),
    [
        (b'data: {"error": {"message": "overloaded", "code": 503}}\n', ModelError, 502),
        (b'data: {"error": {"message": "slow down", "code": 429}}\n', ModelBusy, 429),
        (b'data: {"error": "3040: out of capacity"}\n', ModelBusy, 429),
        (b'data: {"errors": [{"message": "no such model", "code": 5007}]}\n', ModelRefused, 400),
        (b"data: {not json}\n", ModelError, 502),
        (b"data: [1]\n", ModelError, 502),
        (b"data: " + b"x" * (wire.LINE_LIMIT + 1), ModelError, 502),
        (b'data: {"response": "half"}\n', ModelError, 502),
        (b"", ModelError, 502),
    ],
)
def test_faults_of_a_stream(sent: bytes, kind: type[ModelError], status: int) -> None:
    with pytest.raises(kind) as caught:
        read([sent])
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("message", "kind", "status", "passes"),
    [
        ("5007: No such model @cf/x or task", ModelRefused, 400, False),
        ("AiError: 3042: invalid model", ModelRefused, 404, False),
        ("InferenceUpstreamError: 3040: Capacity temporarily exceeded", ModelBusy, 429, True),
        ("InferenceUpstreamError: AiError: 3036: you have used up", ModelBusy, 429, False),
        ("3007: timeout", ModelTimeout, 504, False),
        ("3006: too large", ModelRefused, 413, False),
        ("5016: not allowed", ModelRefused, 403, False),
        ("1031: upstream", ModelError, 502, True),
        ("something without a code", ModelError, 502, True),
    ],
)
def test_workers_ai_tells_by_words(message: str, kind: type[ModelError], status: int, passes: bool) -> None:
    fault = wire.exception_fault(message)
    assert isinstance(fault, kind)
    assert (fault.status, wire.is_transient(fault)) == (status, passes)


@pytest.mark.parametrize(
    ("header", "seconds"), [("", None), ("7", 7.0), ("-7", None), ("\xb2", None), ("9" * 400, 43_200.0)]
)
def test_retry_after_is_a_number_of_seconds_within_bounds(header: str, seconds: float | None) -> None:
    assert wire.refusal(429, b"", header).retry_after == seconds


def test_a_retry_waits_as_long_as_the_server_asks() -> None:
    assert wire._pause(ModelBusy("x", 429, 0.5), 1) == 0.5
    assert wire._pause(ModelBusy("x", 429, 900), 1) == wire.LONGEST_PAUSE


def test_closing_the_parts_closes_their_source() -> None:
    closed = []

    async def chunks() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b'data: {"response": "a"}\n'
        finally:
            closed.append(True)

    async def run() -> None:
        parts = wire.retried_stream(lambda: wire.parts_of(chunks(), 5))
        assert (await anext(parts)).text == "a"
        await parts.aclose()

    asyncio.run(run())
    assert closed == [True]


def test_a_fault_after_the_first_part_is_not_tried_again() -> None:
    tries = []

    async def chunks() -> AsyncGenerator[bytes]:
        tries.append(1)
        yield b'data: {"response": "a"}\n'
        raise ModelError("broken")

    async def run() -> None:
        answer = wire.joined(wire.retried_stream(lambda: wire.parts_of(chunks(), 5)), Prompt("m", []))
        with pytest.raises(ModelError):
            await answer

    asyncio.run(run())
    assert tries == [1]
