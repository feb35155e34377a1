"""One exchange of `/agent/v1` with the model: the prompt, the answer, and the rows that store both."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from time import perf_counter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import to_json

from core_tessie.agent.conversations import Opened, calls_json, close_turn, ending, message_insert, open_turn
from core_tessie.agent.turn_counter import TurnCounter
from core_tessie.console.usage_points import Usage
from core_tessie.reach import author
from core_tessie.settings import TessieSettings
from edge import Actor, Background, BadRequest, Clock
from edge.clients.model_faults import ModelNotConfigured, ModelNotFound, problem_of
from edge.data import ScopedDatabase
from edge.ports.model import Answer, Model, ModelError, Part, Prompt

_OPTIONS = (
    "max_tokens",
    "temperature",
    "top_p",
    "stop",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "tool_choice",
    "response_format",
    "parallel_tool_calls",
)
_REFUSED = (
    "audio",
    "functions",
    "function_call",
    "logit_bias",
    "logprobs",
    "prediction",
    "top_logprobs",
    "web_search_options",
)
_DEFAULTS = {"", "default"}
_ROLES = ("system", "developer", "user", "assistant", "tool")


class UnsupportedOption(BadRequest):
    """An option that is not served here."""

    title = "An option that is not served here"


def _with_known_role(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message with a role that every model knows."""
    role = message.get("role")
    if role not in _ROLES:
        raise ValueError(f"role is one of {', '.join(_ROLES)}")
    return {**message, "role": "system"} if role == "developer" else message


Message = Annotated[
    dict[str, Any],
    AfterValidator(_with_known_role),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": True,
            "required": ["role"],
            "properties": {"role": {"type": "string", "enum": [*_ROLES]}, "content": {}},
        }
    ),
]
"""A message in OpenAI's form; the model's own server validates its content."""


class StreamOptions(BaseModel):
    """The members of a stream's end: usage, finish reason, tool calls."""

    include_usage: bool = False


class Completion(BaseModel):
    """A request for a chat completion, in the form of OpenAI's clients. Other members are ignored."""

    model_config = ConfigDict(extra="allow")

    model: Annotated[str, Field(max_length=200)] = ""
    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    tools: list[dict[str, Any]] | None = None
    max_completion_tokens: int | None = Field(None, ge=1)
    max_tokens: int | None = Field(None, ge=1)
    n: Literal[1] | None = 1


class Dialect:
    """Calls the model for a caller of `/agent/v1`, and stores question and answer."""

    def __init__(  # noqa: PLR0913, PLR0917 - a provider's parameters are what it is made of
        self,
        settings: TessieSettings,
        db: ScopedDatabase,
        counter: TurnCounter,
        clock: Clock,
        usage: Usage,
        background: Background,
    ) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._counter = counter
        self._usage = usage
        self._background = background

    @property
    def model(self) -> Model:
        """The model's server; `ModelNotConfigured` without one."""
        model: Model | None = self._settings.workers_ai
        if model is None:
            raise ModelNotConfigured
        return model

    async def names(self) -> list[str]:
        """Return the models' names, the default first."""
        try:
            names = await self.model.names()
        except ModelError as fault:
            raise problem_of(fault) from None
        default = self._settings.ai_model
        return [default, *(name for name in names if name != default)] if default in names else names

    async def prompt(self, completion: Completion) -> Prompt:
        """Return the prompt for the model; a name of Cloudflare's catalogue is trusted, any other must be listed."""
        members = completion.model_dump(exclude_unset=True)
        refuse_options(members)
        names = [] if completion.model in _DEFAULTS or completion.model.startswith("@") else await self.names()
        if names and completion.model not in names:
            raise ModelNotFound(f"there is no model {completion.model[:80]}; there are {', '.join(names)}")
        options = {name: members[name] for name in _OPTIONS if members.get(name) is not None}
        if completion.max_completion_tokens is not None:
            options["max_tokens"] = completion.max_completion_tokens
        name = self._settings.ai_model if completion.model in _DEFAULTS else completion.model
        return Prompt(name, completion.messages, completion.tools or (), options)

    async def open(self, prompt: Prompt, actor: Actor, request_id: str) -> "Exchange":
        """Store the caller's last message, as a conversation of its own."""
        last = prompt.messages[-1].get("content")
        text = last if isinstance(last, str) else to_json(last).decode()
        opened = await open_turn(self._db, self._counter, None, text, actor, request_id, self._clock.now())
        return Exchange(self, opened, request_id, prompt.model)

    def keep(self, exchange: "Exchange", status: str, error: str | None) -> None:
        """Store the answer and close the turn, in the background."""
        last, usage = exchange.last, exchange.last.usage
        calls = calls_json(last.tool_calls) if last.tool_calls else None
        how = {"status": status, "error": error, "finish_reason": last.finish_reason or None, "tool_calls": calls}
        counted = {
            "prompt_tokens": usage.prompt_tokens if usage else None,
            "completion_tokens": usage.completion_tokens if usage else None,
        }
        by = author(exchange.actor) | {"request_id": exchange.request_id, "model": last.model or exchange.model}
        row = message_insert(exchange.db, exchange.id, 1, "assistant", exchange.text, **how, **counted, **by)
        self._background.add(exchange.db.batch(close_turn(exchange.db, exchange.id, 1, [row])))
        ms = (perf_counter() - exchange.started) * 1000
        counts = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        self._usage.chat(last.model or exchange.model, status, ms, *counts, 1)


class Exchange:
    """One prompt and its answer."""

    def __init__(self, dialect: Dialect, opened: Opened, request_id: str, model: str) -> None:
        self.id, self.actor, self.db = opened.conversation_id, opened.actor, opened.db
        self.request_id = request_id
        self.model = model
        self.text = ""
        self.last = Part()
        self.started = perf_counter()
        self._dialect = dialect

    async def answer(self, prompt: Prompt) -> Answer:
        """Return the whole answer. Errors: the problem of a model's fault."""
        try:
            answer = await self._dialect.model.answer(prompt)
        except ModelError as fault:
            self._dialect.keep(self, "failed", str(fault))
            raise problem_of(fault) from None
        self.text = answer.text
        self.last = Part("", answer.tool_calls, answer.usage, answer.finish_reason, answer.model)
        self._dialect.keep(self, ending(answer.finish_reason), None)
        return answer

    async def parts(self, prompt: Prompt) -> AsyncGenerator[Part]:
        """Yield the answer as it comes, and store it however it ends."""
        status = "cancelled"
        error = None
        try:
            async with aclosing(self._dialect.model.stream(prompt)) as parts:
                async for part in parts:
                    self.text += part.text
                    self.last = part
                    yield part
            status = ending(self.last.finish_reason)
        except ModelError as fault:
            status = "failed"
            error = str(fault)
            raise
        finally:
            self._dialect.keep(self, status, error)


def refuse_options(members: Mapping[str, Any]) -> None:
    """Refuse options that would change the answer and are not supported: `UnsupportedOption`."""
    refused = [name for name in _REFUSED if members.get(name)]
    if [modality for modality in members.get("modalities") or [] if modality != "text"]:
        refused.append("modalities")
    if refused:
        raise UnsupportedOption(
            f"{refused[0]} is not served here", errors=[{"pointer": f"/{refused[0]}", "detail": ""}]
        )
