"""The `Model` port on any server with OpenAI's chat completions, such as one on this machine."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp
from pydantic_core import from_json, to_json

from edge.ports.model import ModelError, ModelRefused, ModelTimeout, Prompt
from edge.runtimes.model_wire import ModelAdapter, as_stream, in_order, refusal

CONNECT = 10.0
"""Seconds to connect, and for a list of models."""


class LocalModel(ModelAdapter):
    """A server at `base_url`, which ends in `/v1`. No message holds its key."""

    def __init__(self, base_url: str, key: str | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._opened: aiohttp.ClientSession | None = None
        self._names: list[str] = []
        self._tells_usage = True

    async def names(self) -> list[str]:
        try:
            async with asyncio.timeout(CONNECT):
                async with self._session.get(f"{self._base_url}/models", allow_redirects=False) as answer:
                    await _check(answer)
                    listed = (await answer.json(content_type=None)).get("data")
        except (aiohttp.ClientError, OSError, ValueError, AttributeError) as fault:
            raise ModelError(f"the model's server has no list of models: {type(fault).__name__}") from None
        except TimeoutError:
            raise ModelTimeout(f"no list of models in {CONNECT:g} s", 504) from None
        models = listed if isinstance(listed, list) else []
        self._names = [str(model["id"]) for model in models if isinstance(model, dict) and "id" in model]
        return self._names

    async def probe(self) -> None:
        await self.names()

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT)
            self._opened = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self._opened

    async def _ask(self, prompt: Prompt, *, stream: bool, tells_usage: bool = True) -> AsyncGenerator[bytes]:
        body = await self._body(prompt, stream, tells_usage and self._tells_usage)
        try:
            async with self._post("chat/completions", body) as answer:
                if answer.content_type == "text/event-stream":
                    async for part in answer.content.iter_any():
                        yield part
                else:
                    yield as_stream(from_json(await answer.read()))
        except ModelRefused as fault:
            if fault.status != 400 or "stream_options" not in body:
                raise
            async with aclosing(self._ask(prompt, stream=stream, tells_usage=False)) as parts:
                async for part in parts:
                    self._tells_usage = False  # an older server: it does not know how to tell usage in a stream
                    yield part

    async def _embed(self, texts: Sequence[str], model: str) -> object:
        body = {"model": await self._resolve(model, embeds=True), "input": texts}
        async with self._post("embeddings", body) as answer:
            return in_order(from_json(await answer.read()))

    @asynccontextmanager
    async def _post(self, path: str, body: object) -> AsyncGenerator[aiohttp.ClientResponse]:
        url = f"{self._base_url}/{path}"
        headers = {"content-type": "application/json"}
        try:
            async with self._session.post(url, data=to_json(body), headers=headers, allow_redirects=False) as answer:
                await _check(answer)
                yield answer
        except ValueError:
            raise ModelError("the answer is no JSON") from None
        except (aiohttp.ClientError, OSError) as fault:
            raise ModelError(f"the connection to the model's server failed: {type(fault).__name__}") from None

    async def _body(self, prompt: Prompt, stream: bool, tells_usage: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            **prompt.options,
            "model": await self._resolve(prompt.model),
            "messages": prompt.messages,
        }
        if prompt.tools:
            body["tools"] = prompt.tools
        if stream:
            body["stream"] = True
            if tells_usage:
                body["stream_options"] = {"include_usage": True}
        return body

    async def _resolve(self, name: str, *, embeds: bool = False) -> str:
        """Return the model, or the server's first one of its kind if there is none of this name, as with Cloudflare's.

        The kind is known by the name alone: an embedding model has "embed" in it.
        """
        names = self._names or await self.names()
        fitting = [candidate for candidate in names if ("embed" in candidate.lower()) is embeds]
        return name if name in names or not fitting else fitting[0]


async def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status == 200:
        return
    raise refusal(answer.status, await answer.content.read(65536), answer.headers.get("retry-after", ""))


class LocalModelServers:
    """Model servers by address; all connections are closed with the runtime."""

    def __init__(self) -> None:
        self._models: dict[tuple[str, str | None], LocalModel] = {}

    def at(self, base_url: str, key: str | None = None) -> LocalModel:
        return self._models.setdefault((base_url, key), LocalModel(base_url, key))

    async def close(self) -> None:
        """Close the connections."""
        for model in self._models.values():
            await model.close()
