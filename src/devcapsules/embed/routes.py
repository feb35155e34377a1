"""`/embed/{capsule_id}?key=dk_…`: the page of the widget, which only the key's origins can frame.

Requests of the page have this service's own origin, so the key's origins are enforced by `frame-ancestors` on the page
itself. The page gets a token for its capsule that is valid for 15 minutes, and renews it.
"""

import secrets
from html import escape
from typing import Annotated, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from devcapsules.access.keys import KEY_PREFIX, LONGEST_TOKEN, PAGE_LIFETIME_S, WidgetKeys, actor_of, origins_of
from devcapsules.capsules import store
from devcapsules.capsules.catalogue import CapsuleNotFound
from devcapsules.capsules.models import ExampleTest
from devcapsules.embed.texts import TEXTS, Language
from devcapsules.execution.values import BadValue, encode, show
from devcapsules.tables import TABLES
from edge import PUBLIC, Body, Operation, Query, Response, Routes, SystemDatabase, Unauthorized
from edge.ports import Row

pages = Routes("/embed", tag="widget", access=PUBLIC)
tokens = Routes("/api/v1/embed", tag="widget", access=PUBLIC)

HTML = "text/html; charset=utf-8"


class PageOptions(BaseModel):
    """Options of a widget's page; unknown parameters are ignored, as sites add their own."""

    model_config = ConfigDict(extra="ignore")

    key: Annotated[str, Field(max_length=100)]
    lang: Language = "en"
    theme: Literal["auto", "light", "dark"] = "auto"


class PageToken(BaseModel):
    """A page token, which may have expired within the renewal period."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, Field(min_length=1, max_length=LONGEST_TOKEN)]


class FreshToken(TypedDict):
    """A new page token and its lifetime in seconds."""

    token: str
    expires_in: int


class Embedding:
    """Finds the capsule of a page in the scope of its key."""

    def __init__(self, keys: WidgetKeys, system: SystemDatabase) -> None:
        self.keys = keys
        self._system = system

    async def capsule(self, key: Row, capsule_id: str) -> Row:
        """Return the row of a capsule; raises `CapsuleNotFound` unless the key may read it."""
        row = await TABLES.scoped(self._system, actor_of(key)).first(store.BY_ID, capsule_id)
        if row is None:
            raise CapsuleNotFound("there is no such capsule, or it is private")
        return row


@pages.get("/{capsule_id}", CapsuleNotFound, Unauthorized, operation=Operation({200: {"text/html": None}}))
async def show_widget(capsule_id: str, query: Query[PageOptions], embedding: Embedding) -> Response:
    """Get the widget's page, which can be framed by the key's origins."""
    if not query.key.startswith(KEY_PREFIX):
        raise Unauthorized("give a widget key, as ?key=dk_…")
    key = await embedding.keys.find(query.key)
    row = await embedding.capsule(key, capsule_id)
    token, _ = embedding.keys.issue(key, capsule_id, secrets.token_hex(12))
    capsule = store.capsule_of(row, {}, is_editable=False)
    public: dict[str, object] = {
        name: value for name, value in capsule.items() if name not in {"author", "is_editable", "score"}
    }
    public["examples"] = [_shown(example) for example in capsule["examples"]]
    config = {"token": token, "capsule": public, "origins": origins_of(key), "texts": TEXTS[query.lang]}
    response = Response.text(_page(config, query, capsule["title"]), media_type=HTML)
    response.headers += [("content-security-policy", policy(origins_of(key))), ("cache-control", "no-store")]
    return response


@tokens.post("/token", Unauthorized, CapsuleNotFound)
async def renew_token(body: Body[PageToken], embedding: Embedding) -> FreshToken:
    """Renew a page token while its key is valid, for twelve hours at most."""
    visit = embedding.keys.read(body.token, may_be_expired=True)
    key = await embedding.keys.by_id(visit.key_id)
    await embedding.capsule(key, visit.capsule_id)
    token, _ = embedding.keys.issue(key, visit.capsule_id, visit.learner, visit.began)
    return FreshToken(token=token, expires_in=PAGE_LIFETIME_S)


def policy(origins: list[str]) -> str:
    """Return the Content-Security-Policy of a page: own scripts and styles only, framed only by these origins."""
    framed = " ".join(origins) if origins else "'none'"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors {framed}"
    )


def _shown(example: ExampleTest) -> dict[str, str]:
    """Return a test in the words of its results, as learners know no `{"$tuple": […]}`."""
    try:
        arguments = ", ".join(show(encode(value)) for value in example["arguments"])
        return {"arguments": arguments, "expected": show(encode(example["expected"]))}
    except BadValue as fault:
        return {"arguments": "", "expected": str(fault)}


def _page(config: object, query: PageOptions, title: str) -> str:
    """Return the HTML of the page; `<` is escaped in its JSON, as it could end the script element."""
    data = to_json(config).decode().replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return (
        f'<!doctype html><html lang="{query.lang}" data-theme="{query.theme}"><head><meta charset="utf-8">'
        f'<title>{escape(title)}</title><meta name="viewport" content="width=device-width">'
        '<meta name="robots" content="noindex"><link rel="stylesheet" href="/widget/widget.css"></head><body>'
        f'<main id="widget"></main><script type="application/json" id="config">{data}</script>'
        '<script type="module" src="/widget/widget.js"></script></body></html>'
    )
