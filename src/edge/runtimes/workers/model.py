"""The `Model` port on Workers AI."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from js import JSON, AbortController
from js import fetch as js_fetch
from pydantic_core import from_json, to_json
from pyodide.ffi import JsException, to_js

from edge.errors import PayloadTooLarge
from edge.ports.model import Model, ModelError, Prompt
from edge.runtimes.model_wire import ModelAdapter, as_stream, exception_fault, in_order, refusal
from edge.runtimes.workers.js_bridge import NativeStream, from_object, message_of, raw, read_all, to_object

MODELS = (
    "@cf/meta/llama-3.3-70b-instruct-fp8-fast",
    "@cf/openai/gpt-oss-120b",
    "@cf/openai/gpt-oss-20b",
    "@cf/meta/llama-4-scout-17b-16e-instruct",
    "@cf/zai-org/glm-4.7-flash",
    "@cf/google/gemma-4-26b-a4b-it",
    "@cf/meta/llama-3.1-8b-instruct-fp8",
)
"""Models for chats. The binding lists none: these are Cloudflare's of November 2026, and others work, too."""


ANSWER_TOKENS = 2048
"""Tokens of an answer unless a prompt sets them: Workers AI's own default is 256, and it does not report a cut."""


class WorkersAi(ModelAdapter):
    """Cloudflare's models. An answer crosses from JavaScript as one text, a stream part by part."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def names(self) -> list[str]:
        return [*MODELS]

    async def probe(self) -> None:
        """Do nothing: the binding has no free request, so a probe only confirms that it exists."""

    async def _ask(self, prompt: Prompt, *, stream: bool) -> AsyncGenerator[bytes]:
        inputs = {
            "max_tokens": ANSWER_TOKENS,
            **prompt.options,
            "messages": [_message(message) for message in prompt.messages],
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
            raise exception_fault(message_of(fault)) from None

    async def _embed(self, texts: Sequence[str], model: str) -> object:
        try:
            answer = from_object(await self._binding.run(model, to_object({"text": texts})))
        except JsException as fault:
            raise exception_fault(message_of(fault)) from None
        return answer.get("data") if isinstance(answer, dict) else None


MAX_WHOLE = 8 * 1024 * 1024
"""Most bytes of an answer that is no stream, and of a fault."""


class FetchedModels:
    """Servers of models by address; they share no state between events."""

    def at(self, base_url: str, key: str | None = None) -> Model:
        return FetchedModel(base_url, key)


class FetchedModel(ModelAdapter):
    """A server with OpenAI's chat completions, by the runtime's own fetch. No message holds its key."""

    def __init__(self, base_url: str, key: str | None) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})

    async def names(self) -> list[str]:
        answer = from_json(await self._whole(await self._fetch("/models", None)))
        listed = answer.get("data") if isinstance(answer, dict) else answer
        models = listed if isinstance(listed, list) else []
        return [str(model["id"]) for model in models if isinstance(model, dict) and "id" in model]

    async def probe(self) -> None:
        await self.names()

    async def _ask(self, prompt: Prompt, *, stream: bool) -> AsyncGenerator[bytes]:
        body: dict[str, Any] = {**prompt.options, "model": prompt.model, "messages": prompt.messages}
        body |= {"tools": prompt.tools} if prompt.tools else {}
        body |= {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        leaving = AbortController.new()
        try:
            answer = await self._fetch("/chat/completions", to_json(body), leaving.signal)
            if "text/event-stream" in (answer.headers.get("content-type") or ""):
                async for part in NativeStream(answer.body):
                    yield part
            else:
                yield as_stream(from_json(await self._whole(answer)))
        except JsException as fault:
            raise ModelError(f"the connection to the model's server failed: {fault.name}") from None
        except ValueError:
            raise ModelError("the answer is no JSON") from None
        finally:
            leaving.abort()

    async def _embed(self, texts: Sequence[str], model: str) -> object:
        body = to_json({"model": model, "input": texts})
        return in_order(from_json(await self._whole(await self._fetch("/embeddings", body))))

    async def _fetch(self, path: str, body: bytes | None, signal: Any = None) -> Any:
        method = "GET" if body is None else "POST"
        options = to_object({"method": method, "headers": self._headers, "redirect": "manual"})
        if body is not None:
            options.body = to_js(body)
        if signal is not None:
            options.signal = signal
        answer = await js_fetch(self._base_url + path, options)
        if answer.status != 200:
            raise refusal(answer.status, await self._whole(answer), str(answer.headers.get("retry-after") or ""))
        return answer

    async def _whole(self, answer: Any) -> bytes:
        try:
            return await read_all(answer.body, MAX_WHOLE)
        except PayloadTooLarge:
            raise ModelError(f"the answer is larger than {MAX_WHOLE} bytes") from None


def _message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a message as Workers AI takes it: the content of one that only calls tools is an empty text."""
    return message if message.get("content") is not None else {**message, "content": ""}
