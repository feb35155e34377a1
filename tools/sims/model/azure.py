"""A stand-in for Azure OpenAI: the dated API by deployments and the v1 API, with content filters and their errors."""

from collections import deque
from typing import Any

from aiohttp import web

from sims.model.turns import Turn, whole
from sims.server import StandIn

KEY = "azure-sim-key"
DEPLOYMENT = "writer"
VERSIONS = frozenset({"2024-10-21", "2025-04-01-preview"})
REASONING = "thinker"
"""A deployment that takes `max_completion_tokens` alone, as reasoning models do."""
FILTERED = "#filtered"
"""A prompt with this text is refused by the content filter."""
_SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}


class AzureSim(StandIn):
    """Answers with the scripted turns; `requests` are the received bodies with the path that they came by."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self._turns: deque[Turn] = deque()

    def say(self, *turns: Turn) -> None:
        """Answer the next requests with these turns."""
        self._turns.extend(turns)

    def application(self) -> web.Application:
        """Return both forms of the API."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/openai/deployments/{deployment}/chat/completions", self._dated),
                web.post("/openai/v1/chat/completions", self._newest),
            ]
        )
        return app

    async def _dated(self, request: web.Request) -> web.Response:
        if request.query.get("api-version") not in VERSIONS:
            return _error(404, "404", "Resource not found")
        return await self._answer(request, request.match_info["deployment"])

    async def _newest(self, request: web.Request) -> web.Response:
        if request.query:
            return _error(400, "BadRequest", "API version not supported")
        return await self._answer(request, None)

    async def _answer(self, request: web.Request, deployment: str | None) -> web.Response:
        if request.headers.get("api-key") != KEY:
            message = "Access denied due to invalid subscription key or wrong API endpoint."
            return _error(401, "401", message)
        document: dict[str, Any] = await request.json()
        self.requests.append((request.path, document))
        name = deployment or str(document.get("model"))
        if name not in {DEPLOYMENT, REASONING}:
            return _error(404, "DeploymentNotFound", "The API deployment for this resource does not exist.")
        if name == REASONING and "max_tokens" in document:
            message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return _error(400, "unsupported_parameter", message, param="max_tokens")
        if any(FILTERED in str(message.get("content")) for message in document["messages"]):
            return _filtered()
        turn = self._turns.popleft() if self._turns else Turn()
        if turn.status != 200:
            return _error(turn.status, str(turn.status), turn.error, retry_after=turn.retry_after)
        answer = whole(turn, "azure", name)
        is_stopped = turn.finish == "content_filter"
        results = _SAFE | ({"violence": {"filtered": True, "severity": "medium"}} if is_stopped else {})
        answer["choices"][0]["content_filter_results"] = results
        if is_stopped:
            answer["choices"][0]["message"]["content"] = None
        if turn.finish == "refusal":
            answer["choices"][0]["finish_reason"] = "stop"
            answer["choices"][0]["message"] |= {"content": None, "refusal": turn.text}
        prompt_results = [{"prompt_index": 0, "content_filter_results": _SAFE}]
        return web.json_response(answer | {"prompt_filter_results": prompt_results})


def _filtered() -> web.Response:
    inner = {
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": _SAFE | {"violence": {"filtered": True, "severity": "medium"}},
    }
    error = {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": inner,
    }
    return web.json_response({"error": error}, status=400)


def _error(
    status: int, code: str, message: str, *, param: str | None = None, retry_after: int | None = None
) -> web.Response:
    headers = {} if retry_after is None else {"retry-after": str(retry_after), "retry-after-ms": f"{retry_after}000"}
    error = {"code": code, "message": message} | ({} if param is None else {"param": param})
    return web.json_response({"error": error}, status=status, headers=headers)
