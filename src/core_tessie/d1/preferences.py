"""Preferences of a request to `/d1`: the form of the answer, and whether it shows the written rows."""

import re
from typing import NamedTuple

from core_tessie.d1.refusals import MalformedQuery, NotAcceptable, UnknownSchema, Unsupported, quoted
from edge import Request
from edge.http import HeaderList
from edge.negotiation import best

SCHEMA = "public"
"""The one schema, as PostgREST's clients name it."""

_SERVED = {
    "count": {"exact", "planned", "estimated"},
    "return": {"representation", "minimal"},
    "missing": {"default"},
    "handling": {"strict", "lenient"},
}
_LATER = {"resolution", "tx", "timezone", "max-affected"}
_ITEMS = re.compile(r"\d*-\d*|items=.*")


class Preferences(NamedTuple):
    """The preferences of `Prefer`; `rows` is None if it does not say whether to show written rows."""

    rows: bool | None
    applied: tuple[str, ...]

    @property
    def headers(self) -> HeaderList:
        """The header that names the applied preferences."""
        return [("preference-applied", ", ".join(self.applied))] if self.applied else []


def read(request: Request) -> Preferences:
    """Return a request's preferences; a problem for those of PostgREST's that are not supported here.

    A total is always exact, and a column that a row lacks always gets its default. Preferences unknown to PostgREST
    are ignored (RFC 7240).
    """
    _check_form(request)
    requested: dict[str, str] = {}
    for text in (request.headers.get("prefer") or "").split(","):
        name, _, value = (part.strip().strip('"').lower() for part in text.partition("="))
        requested.setdefault(name, value)
    for name, value in requested.items():
        if name in _LATER or (name in _SERVED and value not in _SERVED[name]):
            raise Unsupported(f"Prefer: {quoted(name)}={quoted(value)} is not supported")
    applied = [f"return={requested['return']}"] if "return" in requested else []
    applied += ["count=exact"] if "count" in requested else []
    applied += ["missing=default"] if "missing" in requested else []
    return Preferences(requested["return"] == "representation" if "return" in requested else None, tuple(applied))


def _check_form(request: Request) -> None:
    accept = request.headers.get("accept")
    if best(accept, ["application/json"]) is None:
        raise NotAcceptable(f"{quoted(accept or '')} cannot be served", hint="application/json can")
    schema = request.headers.get("accept-profile" if request.method in {"GET", "HEAD"} else "content-profile")
    if schema not in {None, SCHEMA}:
        raise UnknownSchema(f"there is no schema {quoted(schema or '')}", hint=f"the only one is {SCHEMA}")
    # A range of bytes may be passed over (RFC 9110); one of rows would give other rows than were asked for.
    if _ITEMS.fullmatch(request.headers.get("range") or "0-of-bytes"):
        raise MalformedQuery("Range: ranges of rows are not supported", hint="page with limit and offset")
