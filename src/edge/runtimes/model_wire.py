"""Reads the answers of models' servers, in every shape, into parts; and their faults."""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from pydantic import FiniteFloat, TypeAdapter
from pydantic_core import from_json, to_json

from edge.ports.model import Answer, ModelBusy, ModelError, ModelRefused, ModelTimeout, Part, Prompt, ToolCall, Usage

LINE_LIMIT = 1024 * 1024
"""Bytes of one line of a stream."""
ATTEMPTS = 3
LONGEST_PAUSE = 10.0
"""Most seconds to wait for a server's `Retry-After`."""
TEXTS_LIMIT = 100
"""Most texts that are embedded at a time, as in Workers AI."""

_CODED = re.compile(r"(?:\w*Error: )*(\d{4}): (.*)", re.DOTALL)
_QUOTA = 3036
_STATUSES = {
    **dict.fromkeys((5007, 5004, 3003, 3039), 400),
    **dict.fromkeys((5016, 5018, 3023, 3041), 403),
    3042: 404,
    **dict.fromkeys((5005, 5019), 405),
    **dict.fromkeys((3007, 3008), 408),
    3006: 413,
    **dict.fromkeys((_QUOTA, 3040), 429),
}
"""Workers AI's codes and their HTTP statuses."""
_REASONS = {
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
_END = b"data: [DONE]\n\n"
_VECTORS = TypeAdapter(list[list[FiniteFloat]])


class QuotaUsedUp(ModelBusy):
    """The day's quota is used up: another try would fail, too."""


class PartReader:
    """Reads the bytes of a stream, cut anywhere, into parts: text as it comes, all else with the last part."""

    def __init__(self) -> None:
        self._rest = b""
        self._calls: dict[int, dict[str, str]] = {}
        self._usage: Usage | None = None
        self._finish = ""
        self._model = ""
        self._is_done = False

    def feed(self, data: bytes) -> Iterator[Part]:
        """Yield the text that these bytes complete. Errors: `ModelError` if the stream reports one, or is not JSON."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_LIMIT:
            raise ModelError("a line of the answer is too long")
        for line in lines:
            if line.startswith(b"data:") and (text := self._read(line[5:].strip())):
                yield Part(text)

    def end(self) -> Part:
        """Return the last part; `ModelError` if the stream broke off before its end."""
        if self._rest.strip() == b"data: [DONE]":
            self._is_done = True
        if not (self._is_done or self._finish):
            raise ModelError("the answer broke off")
        calls = tuple(
            ToolCall(call["id"] or f"call_{index}", call["name"], call["arguments"] or "{}")
            for index, call in sorted(self._calls.items())
        )
        finish = "tool_calls" if calls else _REASONS.get(self._finish, "stop")
        return Part("", calls, self._usage, finish, self._model)

    def _read(self, data: bytes) -> str:
        if data == b"[DONE]":
            self._is_done = True
        if not data or self._is_done:
            return ""
        try:
            chunk = from_json(data)
        except ValueError:
            raise ModelError("the answer is no JSON") from None
        if isinstance(chunk, str):
            return chunk
        if not isinstance(chunk, dict):
            raise ModelError("the answer is no JSON object")
        if "success" in chunk and isinstance(chunk.get("result"), dict):
            chunk = chunk["result"]
        if fault := chunk.get("error") or chunk.get("errors"):
            raise answer_fault(fault)
        return self._chunk(chunk)

    def _chunk(self, chunk: Mapping[str, Any]) -> str:
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            counts = [usage.get(f"{new}_tokens", usage.get(f"{old}_tokens")) for new, old in _COUNTS]
            self._usage = Usage(*(count if isinstance(count, int) else 0 for count in counts))
        if isinstance(chunk.get("model"), str):
            self._model = chunk["model"] or self._model
        choices = chunk.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            return self._choice(choices[0])
        self._keep_calls(chunk.get("tool_calls"))
        if isinstance(chunk.get("output"), list):
            return _output(chunk["output"])
        response = chunk.get("response")
        return response if isinstance(response, str) else "" if response is None else to_json(response).decode()

    def _choice(self, choice: Mapping[str, Any]) -> str:
        if isinstance(choice.get("finish_reason"), str):
            self._finish = choice["finish_reason"]
        message = choice.get("delta") or choice.get("message") or {}
        if not isinstance(message, dict):
            return ""
        self._keep_calls(message.get("tool_calls"))
        content = message.get("content")
        return content if isinstance(content, str) else ""

    def _keep_calls(self, value: object) -> None:
        """Put tool calls together: OpenAI's come in pieces by index, Workers AI's whole, their arguments an object."""
        for place, call in enumerate(value if isinstance(value, list) else []):
            if not isinstance(call, dict):
                continue
            function: Mapping[str, Any] = call["function"] if isinstance(call.get("function"), dict) else call
            index = call["index"] if isinstance(call.get("index"), int) else place
            entry = self._calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
            entry["id"] = entry["id"] or str(call.get("id") or "")
            entry["name"] = entry["name"] or str(function.get("name") or "")
            arguments = function.get("arguments")
            text = arguments if isinstance(arguments, str) else "" if arguments is None else to_json(arguments).decode()
            entry["arguments"] += text


_COUNTS = (("prompt", "input"), ("completion", "output"))


def as_stream(value: object) -> bytes:
    """Return a whole answer (an object or a string) as the equivalent stream."""
    return b"data: " + to_json(value) + b"\n\n" + _END


async def parts_of(chunks: AsyncGenerator[bytes], timeout: float) -> AsyncGenerator[Part]:
    """Yield the parts of a stream; `ModelTimeout` if nothing comes for `timeout` seconds."""
    reader = PartReader()
    async with aclosing(chunks):
        while True:
            try:
                data = await asyncio.wait_for(anext(chunks, None), timeout)
            except TimeoutError:
                raise ModelTimeout(f"nothing came from the model for {timeout:g} s", 504) from None
            if data is None:
                break
            for part in reader.feed(data):
                yield part
        yield reader.end()


async def joined(parts: AsyncGenerator[Part], prompt: Prompt) -> Answer:
    """Return the whole answer, put together from its parts."""
    texts = list[str]()
    last = Part()
    async for part in parts:
        texts.append(part.text)
        last = part
    return Answer("".join(texts), last.tool_calls, last.finish_reason, last.model or prompt.model, last.usage)


class ModelAdapter:
    """The adapters' shared parsing of `_ask`'s bytes and `_embed`'s result."""

    def _ask(self, prompt: Prompt, *, stream: bool) -> AsyncGenerator[bytes]:
        raise NotImplementedError

    async def _embed(self, texts: Sequence[str], model: str) -> object:
        raise NotImplementedError

    async def answer(self, prompt: Prompt, *, timeout: float = 60.0) -> Answer:
        """Implements `Model.answer`."""

        async def attempt() -> Answer:
            return await joined(parts_of(self._ask(prompt, stream=False), timeout), prompt)

        return await _in_time(attempt, timeout)

    async def embed(self, texts: Sequence[str], model: str, *, timeout: float = 30.0) -> list[list[float]]:
        """Implements `Model.embed`."""
        if len(texts) > TEXTS_LIMIT:
            raise ModelRefused(f"more than {TEXTS_LIMIT} texts", 413)
        if not texts:
            return []
        return vectors(await _in_time(lambda: self._embed(texts, model), timeout), len(texts))

    def stream(self, prompt: Prompt, *, timeout: float = 30.0) -> AsyncGenerator[Part]:
        """Implements `Model.stream`."""
        return retried_stream(lambda: parts_of(self._ask(prompt, stream=True), timeout))


async def _in_time[T](attempt: Callable[[], Awaitable[T]], timeout: float) -> T:
    try:
        async with asyncio.timeout(timeout):
            return await retried(attempt)
    except TimeoutError:
        raise ModelTimeout(f"no whole answer in {timeout:g} s", 504) from None


def vectors(value: object, count: int) -> list[list[float]]:
    """Return the vectors if there are `count` of them, finite and of one length; else `ModelError`."""
    try:
        checked = _VECTORS.validate_python(value, strict=True)
    except ValueError:
        checked = []
    if len(checked) != count or len({*map(len, checked)}) > 1 or not checked[0]:
        raise ModelError("the answer is no vector for each text")
    return checked


async def retried[T](attempt: Callable[[], Awaitable[T]]) -> T:
    """Return the result of an attempt; retry after a transient fault."""
    for number in range(1, ATTEMPTS):
        try:
            return await attempt()
        except ModelError as fault:
            if not is_transient(fault):
                raise
            await asyncio.sleep(_pause(fault, number))
    return await attempt()


async def retried_stream(make: Callable[[], AsyncGenerator[Part]]) -> AsyncGenerator[Part]:
    """Yield the parts of a stream; restart it after a transient fault before its first part."""

    async def begin() -> tuple[AsyncGenerator[Part], Part]:
        parts = make()
        try:
            return parts, await anext(parts)
        except BaseException:
            await parts.aclose()
            raise

    parts, first = await retried(begin)
    async with aclosing(parts):
        yield first
        async for part in parts:
            yield part


def is_transient(fault: ModelError) -> bool:
    """Tell whether a fault is transient, so that another try may succeed."""
    return not isinstance(fault, ModelRefused | ModelTimeout | QuotaUsedUp)


def refusal(status: int, body: bytes, retry_after: str) -> ModelError:
    """Return the fault of a server with OpenAI's API, with its own message."""
    try:
        error = from_json(body)["error"]
        message = str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError):
        message = ""
    return fault_of(status, message, min(float(retry_after), 43_200.0) if retry_after.isdecimal() else None)


def in_order(answer: object) -> object:
    """Return the vectors of an answer, in the order of their `index`; None if the answer has no vectors."""
    try:
        by_index = {entry["index"]: entry["embedding"] for entry in answer["data"]}  # type: ignore[index]
        return [by_index[number] for number in range(len(by_index))]
    except (KeyError, TypeError):
        return None


def fault_of(status: int, message: str, retry_after: float | None = None) -> ModelError:
    """Return the fault that a status stands for."""
    text = message[:500] or f"the model's server answered {status}"
    if status == 429:
        return ModelBusy(text, status, retry_after)
    if status in {408, 504}:
        return ModelTimeout(text, 504)
    return ModelRefused(text, status) if 400 <= status < 500 else ModelError(text, 502, retry_after)


def exception_fault(message: str) -> ModelError:
    """Return the fault of a Workers AI exception, whose message holds a code and a text."""
    coded = _CODED.match(message)
    if not coded:
        return ModelError(message[:500])
    code = int(coded[1])
    if code == _QUOTA:
        return QuotaUsedUp(coded[2][:500], 429)
    return fault_of(_STATUSES.get(code, 502), coded[2])


def answer_fault(fault: object) -> ModelError:
    """Return the fault in an answer's `error` or `errors`."""
    first = fault[0] if isinstance(fault, list) and fault else fault
    if not isinstance(first, dict):
        return exception_fault(str(first))
    code = first.get("code")
    message = str(first.get("message") or "")
    if isinstance(code, int):
        return exception_fault(f"{code}: {message}") if code > 999 else fault_of(code, message)
    return exception_fault(message)


def _pause(fault: ModelError, number: int) -> float:
    if fault.retry_after is not None:
        return min(fault.retry_after, LONGEST_PAUSE)
    return random.uniform(0.05, 0.25 * 2**number)


def _output(items: list[Any]) -> str:
    """Return the text of an answer in the format of OpenAI's Responses."""
    contents = [item.get("content") for item in items if isinstance(item, dict) and item.get("type") != "reasoning"]
    pieces = [piece for content in contents if isinstance(content, list) for piece in content]
    return "".join(str(piece.get("text") or "") for piece in pieces if isinstance(piece, dict))
