"""`/agent/v1`: the agent's model in OpenAI's dialect, for OpenAI's clients."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from time import time
from typing import Any, Literal, TypedDict

from pydantic_core import from_json, to_json

from core_tessie.agent.conversations import call_of
from core_tessie.agent.openai_exchange import Completion, Dialect, Exchange, UnsupportedOption
from edge import READER, Actor, Body, Operation, Request, Response, Routes
from edge.clients.model_faults import (
    ModelBroke,
    ModelNotConfigured,
    ModelNotFound,
    ModelOverloaded,
    ModelSlow,
    PromptRefused,
    problem_of,
)
from edge.http import percent_decode
from edge.live.event_stream import SSE, event_stream
from edge.ports.model import Answer, ModelError, Part

PREFIX = "/agent/v1"
routes = Routes(PREFIX, tag="agent", access=READER)

JSON = "application/json"
_SHAPES = "core_tessie.agent.shapes:Chat"
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class ListedModel(TypedDict):
    """A model that can be asked."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ListedModels(TypedDict):
    """The models, the default first."""

    object: Literal["list"]
    data: list[ListedModel]


@routes.post(
    "/chat/completions",
    ModelNotConfigured,
    ModelNotFound,
    ModelOverloaded,
    PromptRefused,
    UnsupportedOption,
    ModelBroke,
    ModelSlow,
    operation=Operation({200: {JSON: f"{_SHAPES}Completion", SSE: f"{_SHAPES}CompletionChunk"}}),
)
async def complete_chat(body: Body[Completion], request: Request, actor: Actor, dialect: Dialect) -> Response:
    """Ask the model as OpenAI's clients do: whole, or streamed."""
    prompt = await dialect.prompt(body)
    exchange = await dialect.open(prompt, actor, request.id)
    if not body.stream:
        return Response.json(_completion(exchange, await exchange.answer(prompt)))
    parts = exchange.parts(prompt)
    try:
        first = await anext(parts)  # before the headers: what fails now is told by its status
    except ModelError as fault:
        raise problem_of(fault) from None
    tells_usage = bool(body.stream_options and body.stream_options.include_usage)
    return event_stream(_chunks(exchange, first, parts, tells_usage))


@routes.get("/models", ModelNotConfigured)
async def list_models(dialect: Dialect) -> ListedModels:
    """List the available models, the default first."""
    return ListedModels(object="list", data=[_listed(name) for name in await dialect.names()])


@routes.get("/models/{model:path}", ModelNotConfigured, ModelNotFound)
async def get_model(model: str, dialect: Dialect) -> ListedModel:
    """Get one model."""
    model = percent_decode(model)  # clients encode the slashes in Cloudflare's names
    if model not in await dialect.names():
        raise ModelNotFound(f"there is no model {model[:80]}")
    return _listed(model)


def _listed(name: str) -> ListedModel:
    return ListedModel(id=name, object="model", created=0, owned_by="workers-ai")


def translate_problem(_request: Request, response: Response) -> Response:
    """Add OpenAI's `error` to a problem's members: its clients raise their errors by it."""
    if not isinstance(response.body, bytes):
        return response
    problem: dict[str, Any] = from_json(response.body)
    status = 400 if response.status == 422 else response.status
    faults = problem.get("errors") or [{}]
    error = {
        "message": problem.get("detail") or problem["title"],
        "type": _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error"),
        "param": faults[0].get("pointer"),
        "code": problem["type"].rpartition(":")[2].replace("-", "_"),
    }
    response.body = to_json({**problem, "status": status, "error": error})
    response.status = status
    return response


routes.translate_problem = translate_problem


def _completion(exchange: Exchange, answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.tool_calls:
        message |= {"content": answer.text or None, "tool_calls": [call_of(call) for call in answer.tool_calls]}
    choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason, "logprobs": None}
    return {**_frame(exchange, "chat.completion", answer.model), "choices": [choice], "usage": _usage(exchange.last)}


async def _chunks(
    exchange: Exchange, first: Part, parts: AsyncGenerator[Part], tells_usage: bool
) -> AsyncGenerator[bytes]:
    """Yield the answer as OpenAI's chunks; a fault half-way is an error event, the last."""
    frame = _frame(exchange, "chat.completion.chunk", exchange.model)

    def chunk(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        return _event(frame | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]})

    part: Part | None = first
    async with aclosing(parts):
        yield chunk({"role": "assistant", "content": ""})
        try:
            while part is not None:
                if part.text:
                    yield chunk({"content": part.text})
                if part.tool_calls:
                    calls = [{"index": index, **call_of(call)} for index, call in enumerate(part.tool_calls)]
                    yield chunk({"tool_calls": calls})
                part = await anext(parts, None)
        except ModelError as fault:
            yield _event(
                {"error": {"message": str(fault), "type": "server_error", "param": None, "code": fault.status}}
            )
            return
    yield chunk({}, exchange.last.finish_reason)
    if tells_usage:
        yield _event(frame | {"choices": [], "usage": _usage(exchange.last)})
    yield b"data: [DONE]\n\n"


def _event(value: object) -> bytes:
    return b"data: %s\n\n" % to_json(value)


def _frame(exchange: Exchange, kind: str, model: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{exchange.id}", "object": kind, "created": int(time()), "model": model}


def _usage(last: Part) -> dict[str, int] | None:
    if last.usage is None:
        return None
    prompt, completion = last.usage
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
