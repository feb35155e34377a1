"""The `Model` port on Workers AI."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from js import JSON
from pydantic_core import from_json
from pyodide.ffi import JsException

from edge.ports.model import Prompt
from edge.runtimes.model_wire import Asking, as_stream, thrown
from edge.runtimes.workers.border import NativeStream, from_object, message_of, raw, to_object

MODELS = (
    "@cf/meta/llama-3.3-70b-instruct-fp8-fast",
    "@cf/openai/gpt-oss-120b",
    "@cf/openai/gpt-oss-20b",
    "@cf/meta/llama-4-scout-17b-16e-instruct",
    "@cf/zai-org/glm-4.7-flash",
    "@cf/google/gemma-4-26b-a4b-it",
    "@cf/meta/llama-3.1-8b-instruct-fp8",
)
"""Models for chats. The binding lists none: these are Cloudflare's of November 2026, and others can be asked, too."""


ANSWER_TOKENS = 2048
"""Tokens of an answer unless a prompt says otherwise: Workers AI's own default is 256, and it tells of no cut."""


class WorkersAi(Asking):
    """Cloudflare's models. An answer crosses as one text, a stream part by part."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def names(self) -> list[str]:
        return [*MODELS]

    async def probe(self) -> None:
        """The binding has nothing that can be asked at no cost: that it is there is all there is to know."""

    async def _ask(self, prompt: Prompt, *, stream: bool) -> AsyncGenerator[bytes]:
        inputs = {
            "max_tokens": ANSWER_TOKENS,
            **prompt.options,
            "messages": [_said(message) for message in prompt.messages],
        }
        if prompt.tools:
            inputs["tools"] = prompt.tools
        if stream:
            inputs["stream"] = True
        try:
            answer = await self._binding.run(prompt.model or MODELS[0], to_object(inputs))
            if hasattr(answer, "getReader"):
                async for part in NativeStream(answer):
                    yield part
            else:
                yield as_stream(answer if isinstance(answer, str) else from_json(JSON.stringify(answer)))
        except JsException as fault:
            raise thrown(message_of(fault)) from None

    async def _embed(self, texts: Sequence[str], model: str) -> object:
        try:
            answer = from_object(await self._binding.run(model, to_object({"text": texts})))
        except JsException as fault:
            raise thrown(message_of(fault)) from None
        return answer.get("data") if isinstance(answer, dict) else None


def _said(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a message as Workers AI takes it: the content of one that only calls tools is an empty text."""
    return message if message.get("content") is not None else {**message, "content": ""}
