"""The stand-in's HTTP server, in a thread of its own."""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from typing import Any, ClassVar

from aiohttp import web

from sims.model.embeddings import EMBEDDER, MOST_TEXTS, embedded, in_openai, in_workers_ai, texts_of
from sims.model.exercises import BEGINNING, exercise
from sims.model.turns import Shape, Turn, cut_up, streamed, whole
from sims.server import StandIn

KEY = "model-sim-key"
MODEL = "sim-large"


class ModelSim(StandIn):
    """Answers with the scripted turns, one by one, and after them with a fitting turn of its own.

    A prompt, or a text to embed, of `#turn {…}` holds the members of the `Turn` that answers it; with `once`, a name,
    only the first time.
    `requests` are the received bodies, `left` the number of clients that disconnected before the end of their answer;
    `shape` is that of Workers AI.
    """

    options: ClassVar = {"handler_cancellation": True}

    def __init__(self, port: int = 0, *, shape: Shape = "classic", key: str = KEY) -> None:
        super().__init__(port)
        self.shape = shape
        self.key = key
        self.requests: list[dict[str, Any]] = []
        self.left = 0
        self._turns: deque[Turn] = deque()
        self._sent_once: set[object] = set()

    @property
    def openai_url(self) -> str:
        """The base address of OpenAI's dialect."""
        return f"{self.url}/v1"

    def say(self, *turns: Turn) -> None:
        """Answer the next requests with these turns."""
        self._turns.extend(turns)

    def reset(self, shape: Shape = "classic") -> None:
        """Forget everything."""
        self._turns.clear()
        self.requests.clear()
        self.left = 0
        self.shape = shape

    def application(self) -> web.Application:
        """Return both dialects: OpenAI's, and Workers AI's `POST /run/{model}`."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._chat),
                web.post("/v1/embeddings", self._embeddings),
                web.get("/v1/models", self._models),
                web.post("/run/{model:.+}", self._run),
            ]
        )
        return app

    async def _models(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refused(request):
            return refused
        names = (MODEL, "sim-small", EMBEDDER)
        models = [{"id": name, "object": "model", "created": 1, "owned_by": "sim"} for name in names]
        return web.json_response({"object": "list", "data": models})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refused(request):
            return refused
        document = await request.json()
        self.requests.append(document)
        if document["model"] not in {MODEL, "sim-small"}:
            return _error(404, f"The model `{document['model']}` does not exist", "model_not_found")
        turn = self._turn(document)
        if turn.status != 200:
            return _error(turn.status, turn.error, None, turn.retry_after)
        usage = bool((document.get("stream_options") or {}).get("include_usage"))
        return await self._answer(request, turn, document, "openai" if self.shape != "azure" else "azure", usage)

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refused(request):
            return refused
        document = await request.json()
        self.requests.append(document)
        model = str(document.get("model") or "")
        texts = texts_of(document.get("input"))
        if not model:
            return _error(400, "you must provide a model parameter", None)
        if model != EMBEDDER and not model.startswith("@cf/"):
            return _error(
                404, f"The model `{model}` does not exist or you do not have access to it.", "model_not_found"
            )
        if texts is None:
            return _error(400, "'$.input' is invalid. Please check the API reference.", None)
        turn = self._scripted(texts) or Turn()
        if turn.status != 200:
            return _error(turn.status, turn.error, None, turn.retry_after)
        return await _sent(turn, in_openai(_vectors(turn, texts), model))

    async def _run(self, request: web.Request) -> web.StreamResponse:
        document = await request.json()
        model = request.match_info["model"]
        self.requests.append(document | {"model": model})
        if "text" in document:
            return await self._run_texts(document)
        turn = self._turn(document)
        if turn.status != 200:
            return web.Response(text=turn.error, status=turn.status)
        return await self._answer(request, turn, document | {"model": model}, self.shape, True)

    async def _run_texts(self, document: dict[str, Any]) -> web.StreamResponse:
        texts = texts_of(document["text"])
        if texts is None or len(texts) > MOST_TEXTS:
            return web.Response(text="5004: invalid input: text", status=400)
        turn = self._scripted(texts) or Turn()
        if turn.status != 200:
            return web.Response(text=turn.error, status=turn.status)
        return await _sent(turn, in_workers_ai(_vectors(turn, texts)))

    async def _answer(
        self, request: web.Request, turn: Turn, document: dict[str, Any], shape: Shape, usage: bool
    ) -> web.StreamResponse:
        if not document.get("stream"):
            await asyncio.sleep(turn.stall)
            return web.json_response(whole(turn, shape, document["model"]))
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        try:
            await response.prepare(request)
            data = b"".join(streamed(turn, shape, document["model"], tells_usage=usage))
            await self._send(request, response, turn, data)
        except (ConnectionError, asyncio.CancelledError):
            self.left += 1
            raise
        return response

    async def _send(self, request: web.Request, response: web.StreamResponse, turn: Turn, data: bytes) -> None:
        end = len(data) if turn.cut is None else turn.cut
        size = turn.pieces if turn.pieces is not None or not turn.pause else 60
        pieces = [*cut_up(data[:end], size)]
        for number, piece in enumerate(pieces, 1):
            if turn.stall and number == len(pieces):
                await asyncio.sleep(turn.stall)
            await response.write(piece)
            await asyncio.sleep(turn.pause)
        if turn.reset and request.transport is not None:
            request.transport.abort()

    def _turn(self, document: dict[str, Any]) -> Turn:
        return self._scripted([str(document["messages"][-1].get("content") or "")]) or own_turn(document)

    def _scripted(self, texts: Sequence[str]) -> Turn | None:
        if self._turns:
            return self._turns.popleft()
        content = next((text for text in texts if text.startswith("#turn ")), None)
        if content is None:
            return None
        members = json.loads(content.removeprefix("#turn "))
        once = members.pop("once", None)
        if once is not None and once in self._sent_once:
            return Turn()
        self._sent_once.add(once)
        self.shape = members.pop("shape", self.shape)
        return Turn(**members)

    def _refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("authorization") == f"Bearer {self.key}":
            return None
        return _error(401, "Incorrect API key provided", "invalid_api_key")


def own_turn(document: dict[str, Any]) -> Turn:
    """Return a fitting turn: an exercise, a look-up of the vehicles if there is a tool for it, else an echo."""
    last = document["messages"][-1]
    content = str(last.get("content") or "")
    if str(document["messages"][0].get("content") or "").startswith(BEGINNING) and (written := exercise(content)):
        return Turn(written)
    if last.get("role") == "tool":
        return Turn(f"I looked it up: {content[:200]}")
    tools = [tool["function"]["name"] for tool in document.get("tools") or [] if "function" in tool]
    if "list_table" in tools and "vehicles" in content:
        return Turn("", [("list_table", {"table": "vehicles"})])
    return Turn(f"You said: {content[:200]}")


def _vectors(turn: Turn, texts: Sequence[str]) -> Sequence[Any]:
    return [embedded(text) for text in texts] if turn.vectors is None else turn.vectors


async def _sent(turn: Turn, answer: object) -> web.Response:
    """Return a JSON answer after the turn's wait, as much of it as the turn leaves."""
    await asyncio.sleep(turn.stall)
    return web.Response(body=json.dumps(answer).encode()[: turn.cut], content_type="application/json")


def _error(status: int, message: str, code: str | None, retry_after: int | None = None) -> web.Response:
    headers = {"retry-after": str(retry_after)} if retry_after is not None else {}
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)
