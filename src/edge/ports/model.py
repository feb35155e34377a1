"""The `Model` port: a language model that answers a conversation, whole or piece by piece."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from edge.ports import PortError


class ModelError(PortError):
    """The model gave no answer: `status` is its server's, or fits best; `retry_after` is in seconds."""

    def __init__(self, message: str, status: int = 502, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class ModelTimeout(ModelError):
    """Nothing came from the model in time (504)."""


class ModelBusy(ModelError):
    """The model has no capacity now, or the quota is used up (429)."""


class ModelRefused(ModelError):
    """The server refuses this prompt each time: an unknown model, too long a prompt, a bad option (4xx)."""


class ToolCall(NamedTuple):
    """A tool call that the model requests; `arguments` is JSON text as the model wrote it, perhaps invalid."""

    id: str
    name: str
    arguments: str


class Usage(NamedTuple):
    """Tokens that a prompt and its answer took."""

    prompt_tokens: int
    completion_tokens: int


class Prompt(NamedTuple):
    """A request to a model: `messages` and `tools` have the form of OpenAI's chat completions.

    `options` are further members of that form (`max_tokens`, `temperature`, `tool_choice`, …); `model` may be empty
    for the server's own choice.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    options: Mapping[str, Any] = {}


class Part(NamedTuple):
    """A piece of an answer: some text, or whole tool calls. The last has `finish_reason`.

    `finish_reason` is stop, length, tool_calls or content_filter; `usage` is set if the server reports it.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    finish_reason: str = ""
    model: str = ""


class Answer(NamedTuple):
    """A whole answer."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    model: str
    usage: Usage | None = None


class ModelServers(Protocol):
    """Models' servers by their address, for an address from an app's settings instead of a binding."""

    def at(self, base_url: str, key: str | None = None) -> "Model":
        """Return the server with OpenAI's chat completions at an address that ends in its version, such as `/v1`."""


class Model(Protocol):
    """A model's server. Two retries follow a lack of capacity, or a break before the first piece.

    `timeout` is in seconds: of a whole answer, and in a stream between two pieces. Errors: `ModelError` and its kinds.
    """

    async def answer(self, prompt: Prompt, *, timeout: float = 60.0) -> Answer:
        """Return the whole answer."""

    def stream(self, prompt: Prompt, *, timeout: float = 30.0) -> AsyncGenerator[Part]:
        """Yield the answer as it comes, without buffering. Closing the generator ends the model's work, too."""

    async def embed(self, texts: Sequence[str], model: str, *, timeout: float = 30.0) -> list[list[float]]:
        """Return a vector of finite numbers for each text, in order, all of one length; `timeout` is for all.

        At most 100 texts at a time: more are refused (413) and not sent. No texts give an empty list, without a call.
        """

    async def names(self) -> list[str]:
        """Return the names of the models on offer, the default first."""

    async def probe(self) -> None:
        """Raise `PortError` if the model is known to be unusable."""
