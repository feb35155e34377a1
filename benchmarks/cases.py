"""The timed requests, and the answers that every implementation has to give."""

from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from benchmarks.api import API_KEY, BY_ID, DRIVES, INVALID, MADE, SENT


class Case(NamedTuple):
    """One request, its status, and its answer as a JSON value (None if each framework words it differently)."""

    name: str
    method: str
    path: str
    status: int
    answer: Any = None
    body: bytes = b""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers of a browser on another origin, with the key that only this kernel requires."""
        sent = [
            ("host", "api.example"),
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
            ("accept", "application/json"),
            ("authorization", f"Bearer {API_KEY}"),
            ("origin", "https://app.example"),
        ]
        if self.body:
            sent += [("content-type", "application/json"), ("content-length", str(len(self.body)))]
        return sent


CASES = [
    Case("get", "GET", "/drives/7", 200, BY_ID[7]),
    Case("list", "GET", "/drives", 200, DRIVES),
    Case("post ok", "POST", "/drives", 201, MADE, to_json(SENT)),
    Case("post 422", "POST", "/drives", 422, None, to_json(INVALID)),
    Case("wildcard", "GET", "/files/2026/11/log.txt", 200, {"path": "2026/11/log.txt"}),
    Case("404", "GET", "/nowhere/at/all", 404),
]

OTHERS = [
    Case("health", "GET", "/health", 200, {"status": "ok"}),
    Case("literal", "GET", "/area20", 200, {"status": "ok"}),
    Case("item", "GET", "/area20/x", 200, {"item": "x"}),
]
"""Further cases of `mixed`."""


def complaint(case: Case, status: int, body: bytes, origin: str | None) -> str:
    """Return the fault of an answer, or ""."""
    if status != case.status:
        return f"{case.name}: {status} instead of {case.status}: {body[:200]!r}"
    if case.answer is not None and _value(body) != case.answer:
        return f"{case.name}: {body[:200]!r}"
    if case.status == 422 and not all(field in body for field in (b"vin", b"distance_mi")):
        return f"{case.name}: not both faults are named: {body[:300]!r}"
    if origin != "*" and case.status != 404:  # the CORS of some covers routes alone
        return f"{case.name}: no CORS header"
    return ""


def _value(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return body
