"""The configured model that writes exercises; Azure OpenAI is supported with both of its APIs."""

from typing import Any, Protocol

from pydantic_core import from_json, to_json

from devcapsules.generation_settings import GenerationSettings
from edge import Fetch, NotConfigured
from edge.ports.fetch import Fetched, FetchError, FetchTimeout
from edge.ports.model import (
    Answer,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelServers,
    ModelTimeout,
    Prompt,
    Usage,
)

LARGEST = 16 * 1024 * 1024
"""Most bytes of an answer that is read; what is too long for an exercise is told to the model in the next round."""


class PromptFiltered(ModelRefused):
    """The server's content filter rejects the prompt; a retry does not help."""


class Writer(Protocol):
    """A model that answers a prompt in one piece."""

    async def answer(self, prompt: Prompt, *, timeout: float = 60.0) -> Answer:
        """Return the complete answer. Errors: `ModelError` and its subclasses."""


def make_writer(settings: GenerationSettings, servers: ModelServers, fetch: Fetch) -> Writer:
    """Return the configured model; raises `NotConfigured` if there is none."""
    if settings.azure_openai_url is not None:
        if settings.azure_openai_api_key is None:
            raise NotConfigured("AZURE_OPENAI_API_KEY")
        return AzureModel(settings, fetch)
    if settings.generation_model_url is not None:
        key = settings.generation_model_key
        return servers.at(settings.generation_model_url, key.get_secret_value() if key else None)
    if settings.ai is None:
        raise NotConfigured("AZURE_OPENAI_URL", "or GENERATION_MODEL_URL, or the binding AI, is needed to generate")
    return settings.ai


class AzureModel:
    """A client of Azure OpenAI; error messages never contain its key."""

    def __init__(self, settings: GenerationSettings, fetch: Fetch) -> None:
        assert settings.azure_openai_url is not None
        assert settings.azure_openai_api_key is not None
        self._fetch = fetch
        self._version = settings.azure_openai_api_version
        self._key = settings.azure_openai_api_key.get_secret_value()
        base = f"{settings.azure_openai_url}/openai"
        dated = f"/deployments/{settings.generation_model}/chat/completions?api-version={self._version}"
        self._url = base + (dated if self._version else "/v1/chat/completions")

    async def answer(self, prompt: Prompt, *, timeout: float = 60.0) -> Answer:
        """Return the complete answer; newer models use another name for the token limit."""
        body: dict[str, Any] = {**prompt.options, "messages": prompt.messages}
        body |= {"response_format": {"type": "json_object"}}
        body |= {} if self._version else {"model": prompt.model}
        try:
            return await self._ask(body, timeout)
        except ModelRefused as fault:
            if "max_completion_tokens" not in str(fault) or "max_tokens" not in body:
                raise
            body["max_completion_tokens"] = body.pop("max_tokens")
            return await self._ask(body, timeout)

    async def _ask(self, body: dict[str, Any], seconds: float) -> Answer:
        headers = [("content-type", "application/json"), ("api-key", self._key)]
        try:
            fetched = await self._fetch("POST", self._url, headers=headers, body=to_json(body), timeout=seconds)
        except FetchTimeout:
            raise ModelTimeout("the model did not answer in time", 504) from None
        except FetchError as fault:
            raise ModelError(f"the model's server could not be reached: {fault}") from None
        document = _document(fetched)
        if fetched.status != 200:
            raise _fault(fetched, document)
        return _answer(document)


def _document(fetched: Fetched) -> dict[str, Any]:
    if len(fetched.body) > LARGEST:
        raise ModelError(f"the answer has more than {LARGEST} bytes")
    try:
        value = from_json(fetched.body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        if fetched.status == 200:
            raise ModelError("the answer is not a JSON object")
        return {}
    return value


def _answer(document: dict[str, Any]) -> Answer:
    choices = document.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice["message"] if isinstance(choice.get("message"), dict) else {}
    content = message.get("content")
    if not content and isinstance(message.get("refusal"), str):
        content = to_json({"refusal": message["refusal"]}).decode()  # as the prompt asks for it
    usage = document.get("usage")
    counts = [usage.get(f"{kind}_tokens") for kind in ("prompt", "completion")] if isinstance(usage, dict) else []
    used = Usage(*(count if isinstance(count, int) else 0 for count in counts)) if counts else None
    finish = str(choice.get("finish_reason") or "stop")
    return Answer(content if isinstance(content, str) else "", (), finish, str(document.get("model") or ""), used)


def _fault(fetched: Fetched, document: dict[str, Any]) -> ModelError:
    error = document.get("error")
    error = error if isinstance(error, dict) else {}
    text = str(error.get("message") or f"the model's server answered {fetched.status}")[:300]
    if error.get("code") == "content_filter":
        return PromptFiltered(text, 400)
    if fetched.status == 429:
        return ModelBusy(text, 429, _seconds(fetched))
    if fetched.status == 408:
        return ModelTimeout(text, 504)
    if 400 <= fetched.status < 500:
        return ModelRefused(text, fetched.status)
    return ModelError(text, fetched.status)


def _seconds(fetched: Fetched) -> float | None:
    try:
        seconds = float(fetched.header("retry-after") or "")
    except ValueError:
        return None
    return min(seconds, 3_600.0) if seconds > 0 else None
