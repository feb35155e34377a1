"""The contract of every `Model` for its server's answers. The prompt tells the stand-in its answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

from edge.ports.model import Model, ModelBusy, ModelError, ModelRefused, ModelTimeout, Part, Prompt, ToolCall, Usage

type Case = Callable[[Model], Awaitable[None]]

TEXT = 'Grüße \U0001f697 "quoted"\nand a second line: data: [DONE] {"response": 1}'
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]


def asking(*, tools: Sequence[Any] = (), **turn: Any) -> Prompt:
    """Return a prompt that is answered by a turn of these members."""
    return Prompt("sim-large", [{"role": "user", "content": f"#turn {json.dumps(turn)}"}], tools)


async def parts(model: Model, prompt: Prompt, timeout: float = 5.0) -> list[Part]:
    """Return the parts of a streamed answer."""
    async with aclosing(model.stream(prompt, timeout=timeout)) as stream:
        return [part async for part in stream]


async def fails(kind: type[ModelError], work: Awaitable[object]) -> ModelError:
    """Return the fault that this work must end in."""
    try:
        await work
    except kind as fault:
        return fault
    raise AssertionError(f"no {kind.__name__}")


async def a_whole_answer_has_text_usage_and_reason(model: Model) -> None:
    answer = await model.answer(asking(text=TEXT))
    assert (answer.text, answer.finish_reason, answer.tool_calls) == (TEXT, "stop", ())
    assert answer.usage == Usage(11, 7)


async def a_streamed_answer_comes_in_parts(model: Model) -> None:
    got = await parts(model, asking(text=TEXT))
    assert "".join(part.text for part in got) == TEXT
    assert len(got) > 5
    assert [part.finish_reason for part in got if part.finish_reason] == ["stop"]
    assert got[-1].usage == Usage(11, 7)


async def parts_come_as_they_are_sent(model: Model) -> None:
    """The first part is here while the server still waits with the rest."""
    async with aclosing(model.stream(asking(text="a" * 40, stall=3.0, pieces=50), timeout=10)) as stream:
        async with asyncio.timeout(2.5):
            assert (await anext(stream)).text


async def a_cut_anywhere_changes_nothing(model: Model) -> None:
    for size in (1, 2, 3, 7, 0):
        got = await parts(model, asking(text=TEXT, pieces=size))
        assert "".join(part.text for part in got) == TEXT, size


async def tool_calls_come_whole(model: Model) -> None:
    calls = [("look", {"table": "vehicles", "deep": {"a": [1, "ü"]}}), ("look", {})]
    answer = await model.answer(asking(tools=TOOLS, text="", calls=calls))
    streamed = (await parts(model, asking(tools=TOOLS, text="", calls=calls, pieces=5)))[-1]
    for made_calls in (answer.tool_calls, streamed.tool_calls):
        assert [(call.name, json.loads(call.arguments)) for call in made_calls] == calls
        assert len({call.id for call in made_calls}) == 2
        assert all(isinstance(call, ToolCall) for call in made_calls)
    assert answer.finish_reason == streamed.finish_reason == "tool_calls"


async def a_prompt_that_is_refused_is_not_repeated(model: Model) -> None:
    fault = await fails(ModelRefused, model.answer(asking(status=400, error="5004: invalid prompt")))
    assert fault.status == 400
    await fails(ModelRefused, parts(model, asking(status=413, error="3006: request too large")))


async def transient_failures_are_retried(model: Model) -> None:
    busy: dict[str, Any] = {"status": 429, "error": "3040: out of capacity"}
    assert (await model.answer(asking(once="whole", **busy))).text == "Hello."
    got = await parts(model, asking(once="stream", **busy))
    assert "".join(part.text for part in got) == "Hello."


async def a_busy_server_is_reported(model: Model) -> None:
    fault = await fails(ModelBusy, model.answer(asking(status=429, error="3040: out of capacity")))
    assert fault.status == 429
    await fails(ModelError, model.answer(asking(status=503, error="5000: gone")))


async def an_exhausted_quota_is_reported(model: Model) -> None:
    fault = await fails(ModelBusy, model.answer(asking(status=429, error="3036: the daily neurons are used up")))
    assert "neurons" in str(fault)


async def a_stalled_answer_times_out(model: Model) -> None:
    await fails(ModelTimeout, parts(model, asking(text="a" * 40, stall=5.0, pieces=50), timeout=0.4))
    await fails(ModelTimeout, model.answer(asking(stall=5.0), timeout=0.4))


async def an_answer_that_breaks_off_is_a_fault_after_its_parts(model: Model) -> None:
    for reset in (False, True):
        got = list[Part]()
        try:
            async for part in model.stream(asking(text="a" * 200, cut=700, reset=reset, pieces=100), timeout=5):
                got.append(part)
        except ModelError:
            pass
        else:
            raise AssertionError("the answer broke off, and nobody said so")
        assert got
        assert not any(part.finish_reason for part in got)


async def a_model_that_answers_nothing_answers(model: Model) -> None:
    answer = await model.answer(asking(text=""))
    assert (answer.text, answer.finish_reason) == ("", "stop")
    assert [part.text for part in await parts(model, asking(text=""))] == [""]


async def names_are_listed(model: Model) -> None:
    names = await model.names()
    assert names
    assert all(names)


async def probe_answers(model: Model) -> None:
    await model.probe()


CASES: list[Case] = [
    a_whole_answer_has_text_usage_and_reason,
    a_streamed_answer_comes_in_parts,
    parts_come_as_they_are_sent,
    a_cut_anywhere_changes_nothing,
    tool_calls_come_whole,
    a_prompt_that_is_refused_is_not_repeated,
    transient_failures_are_retried,
    a_busy_server_is_reported,
    an_exhausted_quota_is_reported,
    a_stalled_answer_times_out,
    an_answer_that_breaks_off_is_a_fault_after_its_parts,
    a_model_that_answers_nothing_answers,
    names_are_listed,
    probe_answers,
]
