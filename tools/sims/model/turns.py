"""The stand-in's answers: a turn, written in one of the shapes that servers use."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

type Shape = Literal["openai", "azure", "classic", "mixed", "responses", "string"]
"""`mixed` is how Workers AI streams its newer models: OpenAI's chunks, then one of the classic form."""

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer.

    `status` other than 200 answers with `error` instead; `cut` ends the response after so many bytes (`reset`: by
    breaking the connection, else without the final event); `stall` waits so many seconds before the last piece;
    `pieces` cuts the response into pieces of this many bytes; `pause` is in seconds between them;
    `vectors` replace the computed vectors in a request for embeddings.
    """

    text: str = "Hello."
    calls: Sequence[tuple[str, Mapping[str, Any]]] = ()
    finish: str = "stop"
    status: int = 200
    error: str = ""
    retry_after: int | None = None
    cut: int | None = None
    reset: bool = False
    stall: float = 0.0
    pieces: int | None = None
    pause: float = 0.0
    vectors: Sequence[Any] | None = None
    usage: Mapping[str, int] | None = field(default_factory=lambda: dict(USAGE))


def whole(turn: Turn, shape: Shape, model: str) -> Any:
    """Return the answer as one JSON value."""
    if shape == "string":
        return turn.text
    if shape == "classic":
        calls = [{"name": name, "arguments": dict(arguments)} for name, arguments in turn.calls]
        return {"response": turn.text, "usage": turn.usage} | ({"tool_calls": calls} if calls else {})
    if shape == "responses":
        content = [{"type": "output_text", "text": turn.text}]
        reasoning = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "not for the user"}]}
        usage = {"input_tokens": 11, "output_tokens": 7}
        output = [reasoning, {"type": "message", "content": content}]
        return {"id": "resp_1", "model": model, "output": output, "usage": usage}
    message: dict[str, Any] = {"role": "assistant", "content": turn.text, "reasoning": "not for the user"}
    if turn.calls:
        message |= {"content": None, "tool_calls": _calls(turn)}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if turn.calls else turn.finish}
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice]}
    return answer | ({"usage": turn.usage} if turn.usage else {})


def streamed(turn: Turn, shape: Shape, model: str, *, tells_usage: bool = True) -> Iterator[bytes]:
    """Yield the events of the answer's stream."""
    if shape == "classic":
        chunks = _classic(turn)
    else:
        chunks = _openai(turn, model, azure=shape == "azure", tells_usage=tells_usage)
    for chunk in chunks:
        yield b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"
    if shape == "mixed":
        yield b"data: " + json.dumps({"response": "", "usage": turn.usage}).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def cut_up(data: bytes, size: int | None, seed: int = 7) -> Iterator[bytes]:
    """Yield bytes in pieces: of one size, or, for 0, of sizes drawn by the seed."""
    if size is None:
        yield data
        return
    drawn = random.Random(seed)
    while data:
        end = size or drawn.randint(1, 40)
        yield data[:end]
        data = data[end:]


def _words(text: str) -> list[str]:
    return [text[start : start + 4] for start in range(0, len(text), 4)]


def _classic(turn: Turn) -> Iterator[dict[str, Any]]:
    for word in _words(turn.text):
        yield {"response": word, "p": "abcdefgh"[: len(word)]}
    if turn.calls:
        yield {
            "response": "",
            "tool_calls": [{"name": name, "arguments": dict(arguments)} for name, arguments in turn.calls],
        }
    yield {"response": "", "usage": turn.usage}


def _openai(turn: Turn, model: str, *, azure: bool, tells_usage: bool) -> Iterator[dict[str, Any]]:
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}

    def chunk(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
        return frame | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    if azure:
        yield frame | {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    yield chunk({"role": "assistant", "content": ""})
    yield chunk({"reasoning_content": "not for the user"})
    for word in () if turn.calls else _words(turn.text):
        yield chunk({"content": word})
    for index, call in enumerate(_calls(turn)):
        arguments = call["function"]["arguments"]
        yield chunk({"tool_calls": [{"index": index, **call, "function": {**call["function"], "arguments": ""}}]})
        for piece in _words(arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, "tool_calls" if turn.calls else turn.finish)
    if tells_usage and turn.usage:
        yield frame | {"choices": [], "usage": turn.usage}


def _calls(turn: Turn) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{index}x",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(dict(arguments))},
        }
        for index, (name, arguments) in enumerate(turn.calls)
    ]
