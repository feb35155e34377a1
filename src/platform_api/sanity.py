"""Sanity's API as a client: queries in GROQ with parameters, and documents written once."""

from collections.abc import Mapping
from typing import Any, TypedDict
from urllib.parse import quote, urlencode

from pydantic import BaseModel
from pydantic_core import to_json

from edge import Clock, Fetch, Log, Secret
from edge.clients.lenient import read
from edge.clients.upstream import Call, Upstream, checked
from platform_api.settings import PlatformSettings

VERSION = "v2025-02-19"
"""The dated version of Sanity's API: from this one on a query sees published documents alone."""
LONGEST_QUERY = 11_000
"""Characters of a query string; Sanity takes 11,264, and a longer query as a POST."""

_JSON = ("content-type", "application/json")


class Answer(TypedDict):
    """Sanity's answer to a query."""

    result: Any


def sound[M: BaseModel](model: type[M], document: Any, log: Log) -> M | None:
    """Return a document without the fields that an editor broke; None for one without a required field."""
    record = read(model, document)
    if record.unreadable:
        name = str(document.get("_id")) if isinstance(document, dict) else ""
        message = "document left out" if record.value is None else "fields left out"
        log("warning", message, id=name[:100], fields=record.unreadable[:10])
    return record.value


class Sanity:
    """Reads and writes one dataset, by Sanity's API without its CDN: the cache is ours."""

    def __init__(self, settings: PlatformSettings, fetch: Fetch, clock: Clock) -> None:
        self._settings = settings
        self._upstream = Upstream("Sanity", fetch, clock)

    async def query[T](self, kind: type[T], groq: str, **params: object) -> T:
        """Return the result of a query, which is a `kind`; errors as those of `Upstream.json`."""
        url = self._url("query")
        token = _bearer(self._settings.sanity_api_read_token)
        variables = {f"${name}": to_json(value).decode() for name, value in params.items()}
        text = urlencode({"query": groq, **variables}, quote_via=quote)
        if len(text) <= LONGEST_QUERY:
            call = Call("GET", f"{url}?{text}", (token,))
        else:
            call = Call("POST", url, (token, _JSON), to_json({"query": groq, "params": params}))
        answer = checked(Answer, await self._upstream.json(call), "Sanity")
        return checked(kind, answer["result"], "Sanity")

    @property
    def writes(self) -> bool:
        """Whether there is a token to write with."""
        return "sanity_api_write_token" not in self._settings.faults and bool(self._settings.sanity_api_write_token)

    async def create(self, document: Mapping[str, Any]) -> None:
        """Write a document, unless there is one of its `_id`: so it may be tried again."""
        token = self._settings.sanity_api_write_token
        assert token is not None
        body = to_json({"mutations": [{"createIfNotExists": document}]})
        await self._upstream.json(Call("POST", self._url("mutate"), (_bearer(token), _JSON), body))

    def _url(self, kind: str) -> str:
        settings = self._settings
        base = settings.sanity_api_url or f"https://{settings.sanity_project_id}.api.sanity.io"
        return f"{base}/{VERSION}/data/{kind}/{settings.sanity_dataset}"


def _bearer(token: Secret) -> tuple[str, str]:
    return "authorization", f"Bearer {token.get_secret_value()}"
