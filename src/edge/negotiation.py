"""Content negotiation: the media type on offer that an Accept header prefers (RFC 9110, 12.5.1)."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edge.errors import Problem

_MEMBERS = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*"?)+')
_PARTS = re.compile(r'(?:[^;"]|"(?:\\.|[^"\\])*"?)+')
_RANGE = re.compile(r"(?:\*/\*|[\w!#$&^.+-]+/(?:\*|[\w!#$&^.+-]+))")
_WEIGHT = re.compile(r"[01]|[01]?\.\d{1,3}|[01]\.")
_IGNORED = {"charset"}
LONGEST = 4_000
"""Most characters of a header that are read; the rest is ignored."""


class NotAcceptable(Problem):
    """Not available in that form."""

    title = "Not available in that form"
    status = 406

    def __init__(self, offered: Sequence[str]) -> None:
        super().__init__(f"there is {', '.join(offered)}", offered=list(offered), headers=[("vary", "accept")])


class _Range(NamedTuple):
    """One member of an Accept header: a media range, its parameters, and its weight."""

    kind: str
    parameters: frozenset[str]
    weight: float


def best(accept: str | None, offered: Sequence[str]) -> str | None:
    """Return the media type of `offered` that `accept` prefers, or None if it accepts none of them.

    Of two with the same weight, the one that is named more exactly wins, then the one offered first: so `*/*` gets
    the first. An unreadable member is ignored; without a readable one, everything is accepted.
    """
    ranges = list(_ranges(accept or ""))
    if not ranges:
        return offered[0] if offered else None
    rated = [(_rate(media_type, ranges), media_type) for media_type in offered]
    accepted = [(rate, media_type) for rate, media_type in rated if rate[0] > 0]
    return max(accepted, key=lambda pair: pair[0])[1] if accepted else None


def _rate(media_type: str, ranges: list[_Range]) -> tuple[float, int, int]:
    """Return the weight that the most exact range gives, then how exact it is."""
    kind, parameters = _split(media_type)
    fitting = [
        (*_exactness(media_range), media_range.weight)
        for media_range in ranges
        if _covers(media_range, kind, parameters)
    ]
    exact, parameter_count, weight = max(fitting, default=(0, 0, 0.0))
    return weight, exact, parameter_count


def _covers(media_range: _Range, kind: str, parameters: frozenset[str]) -> bool:
    named = media_range.kind in {kind, "*/*", kind.partition("/")[0] + "/*"}
    return named and media_range.parameters <= parameters


def _exactness(media_range: _Range) -> tuple[int, int]:
    return 2 - media_range.kind.count("*"), len(media_range.parameters)


def _ranges(accept: str) -> Iterator[_Range]:
    if len(accept) > LONGEST:
        accept = accept[:LONGEST]
        accept = accept.rpartition(",")[0] or accept
    for member in _MEMBERS.findall(accept):
        kind, parameters = _split(member)
        weights = [text[2:] for text in parameters if text.startswith("q=")]
        kind = "*/*" if kind == "*" else kind
        if _RANGE.fullmatch(kind) and all(_WEIGHT.fullmatch(weight) for weight in weights):
            range_parameters = frozenset(text for text in parameters if not text.startswith("q="))
            yield _Range(kind, range_parameters, min(1.0, float(weights[0])) if weights else 1.0)


def _split(media_type: str) -> tuple[str, frozenset[str]]:
    kind, *parameters = (part.strip() for part in _PARTS.findall(media_type)) if media_type.strip(" ;") else ("",)
    named = (parameter.partition("=") for parameter in parameters if parameter)
    pairs = ((name.strip().lower(), value.strip().strip('"').lower()) for name, _, value in named)
    return kind.lower(), frozenset(f"{name}={value}" for name, value in pairs if name not in _IGNORED)
