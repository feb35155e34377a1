"""Problems (RFC 9457): every fault that a caller may see, as an exception that can become a response."""

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypedDict

from pydantic_core import ErrorDetails, ValidationError, to_json

PROBLEM_JSON = "application/problem+json"

MOST_FAULTS = 500
"""Most faults that a problem lists; beyond, it has the number alone."""
MOST_FAULT_BYTES = 64 * 1024
"""Most bytes of JSON in the list of a problem's faults, about."""
LONGEST_POINTER = 200
LONGEST_DETAIL = 500
"""Most characters of a fault's pointer and detail; both can hold the caller's input."""

MOST_POINTERS = 1_000
"""Most pointers that are remembered."""

type Location = tuple[int | str, ...]

_STANDARD = frozenset({"type", "title", "status", "detail", "instance", "request_id"})
"""Members that every problem's document may have."""


class Fault(TypedDict):
    """One thing wrong with the input: a JSON pointer (RFC 6901) into a body, or a parameter's name."""

    pointer: str
    detail: str


class Problem(Exception):
    """A fault with an HTTP answer.

    A subclass names the fact and sets a `title` of its own, a sentence without a full stop, and `status`. `extra` are
    further members of the document, `headers` further headers of the response.
    """

    __slots__ = ("detail", "extra", "headers")  # set in half the time of a dict's

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal server error"
    type: ClassVar[str] = "about:blank"

    def __init_subclass__(cls) -> None:
        if not cls.__dict__.get("title"):
            raise TypeError(
                f"{cls.__module__}.{cls.__qualname__} has no title: set `title`, as in `title = 'Not found'`"
            )
        cls.type = "urn:problem:" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    def __init__(self, detail: str = "", *, headers: Sequence[tuple[str, str]] = (), **extra: object) -> None:
        self.detail = detail
        self.headers = headers
        self.extra = extra

    def __str__(self) -> str:
        return self.detail or self.title

    def document(self, instance: str, request_id: str) -> dict[str, Any]:
        """Return the problem's members, for the request at path `instance`; no extra member replaces a standard one."""
        extra = self.extra
        if not _STANDARD.isdisjoint(extra):
            extra = {name: value for name, value in extra.items() if name not in _STANDARD}
        members: dict[str, Any] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
            **extra,
        }
        if not self.detail:
            del members["detail"]
        return members


class InternalError(Problem):
    """Internal server error."""

    title = "Internal server error"
    status = 500


class BadRequest(Problem):
    """Bad request."""

    title = "Bad request"
    status = 400


class BadEncoding(BadRequest):
    """Bad percent-encoding."""

    title = "Bad percent-encoding"

    def __init__(self, text: str) -> None:
        super().__init__(f"not percent-encoded UTF-8: {text[:80]!r}")


class MalformedJson(BadRequest):
    """Malformed JSON."""

    title = "Malformed JSON"


class InvalidParameter(BadRequest):
    """Invalid parameter."""

    title = "Invalid parameter"

    def __init__(self, faults: Sequence[Fault]) -> None:
        _list(self, faults)


class Unauthorized(Problem):
    """Authentication required."""

    title = "Authentication required"
    status = 401

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers=[("www-authenticate", 'Bearer realm="api"')])


class Forbidden(Problem):
    """Not allowed."""

    title = "Not allowed"
    status = 403


class NotFound(Problem):
    """Not found."""

    title = "Not found"
    status = 404


class MethodNotAllowed(Problem):
    """Method not allowed."""

    title = "Method not allowed"
    status = 405

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        allow = ", ".join(allowed)
        super().__init__(f"{method} is not one of {allow}", headers=[("allow", allow)], allowed=list(allowed))


class PayloadTooLarge(Problem):
    """Body too large."""

    title = "Body too large"
    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is larger than {limit} bytes", limit=limit)


class UrlTooLong(Problem):
    """URL too long."""

    title = "URL too long"
    status = 414


class Overloaded(Problem):
    """The server is overloaded; try again."""

    title = "The server is overloaded; try again"
    status = 503

    def __init__(self, detail: str = "", wait: int = 1) -> None:
        super().__init__(detail, headers=[("retry-after", str(wait))], retry_after=wait)


class ServiceAway(Overloaded):
    """A required service is unavailable; try again."""

    title = "A required service is unavailable; try again"


class StorageConflict(Problem):
    """Conflict with stored data."""

    title = "Conflict with stored data"
    status = 409


class UnstorableValue(Problem):
    """A value cannot be stored."""

    title = "A value cannot be stored"
    status = 422


class UnsupportedMediaType(Problem):
    """Unsupported media type."""

    title = "Unsupported media type"
    status = 415


class ConditionsUnsupported(Problem):
    """Changes on a condition are not supported."""

    title = "Changes on a condition are not supported"
    status = 412


class InvalidBody(Problem):
    """Invalid body."""

    title = "Invalid body"
    status = 422

    def __init__(self, faults: Sequence[Fault]) -> None:
        _list(self, faults)


class NotConfigured(Problem):
    """A setting is missing."""

    title = "A setting is missing"
    status = 503

    def __init__(self, name: str, invalid: str = "") -> None:
        super().__init__(f"{name} {invalid or 'is not set'}", setting=name)
        self.missing = not invalid


class BadGateway(Problem):
    """An upstream service failed."""

    title = "An upstream service failed"
    status = 502


class GatewayTimeout(Problem):
    """An upstream service did not answer in time."""

    title = "An upstream service did not answer in time"
    status = 504


class _Pointers(dict[Location, str]):
    """Pointers by their locations, remembered if they are short: most name a model's fields."""

    def __missing__(self, location: Location) -> str:
        steps = [str(step)[: LONGEST_POINTER + 1] for step in location]
        pointer = "".join(["/" + step.replace("~", "~0").replace("/", "~1") for step in steps])
        if len(pointer) <= LONGEST_POINTER:
            if len(self) >= MOST_POINTERS:
                self.clear()
            self[location] = pointer
        return pointer


POINTERS = _Pointers()

pointer_of: Callable[[Location], str] = POINTERS.__getitem__
"""Return a location as a JSON pointer (RFC 6901), each step cut: a step can be a member's name of any length."""


def list_faults(invalid: ValidationError, name: Callable[[Location], str] = pointer_of) -> Sequence[Fault]:
    """List the faults of a validation, each under the `name` of its location; of too many, only the number.

    Pydantic's own list costs as much as the input, so it is not made before the number is known. The input is left out,
    as it may be a secret.
    """
    count = invalid.error_count()
    if count > MOST_FAULTS:
        return [Fault(pointer=name(()), detail=f"{count} faults")]
    return bounded(faults_of(invalid.errors(include_url=False, include_context=False, include_input=False), name))


def faults_of(errors: Sequence[ErrorDetails], name: Callable[[Location], str] = pointer_of) -> list[Fault]:
    """Turn Pydantic's errors into faults."""
    return [{"pointer": name(error["loc"]), "detail": error["msg"]} for error in errors]


def bounded(faults: Sequence[Fault]) -> Sequence[Fault]:
    """Return faults with their texts cut, as many as an answer has room for; one more fault counts the rest."""
    if len(faults) <= LONGEST_POINTER:
        text = "".join([fault["pointer"] + fault["detail"] for fault in faults])
        if len(text) <= LONGEST_POINTER and text.isascii():
            return faults
    listed = [_short(fault) for fault in faults[:MOST_FAULTS]]
    characters = sum([len(fault["pointer"]) + len(fault["detail"]) for fault in listed])
    if 6 * characters + 30 * len(listed) > MOST_FAULT_BYTES:  # JSON writes a character in at most six bytes
        listed = _fitting(listed)
    if rest := len(faults) - len(listed):
        listed.append(Fault(pointer="", detail=f"{rest} more faults"))
    return listed


def _fitting(faults: Sequence[Fault]) -> list[Fault]:
    """Return the first faults whose JSON has at most `MOST_FAULT_BYTES`."""
    left = MOST_FAULT_BYTES
    fitting: list[Fault] = []
    for fault in faults:
        left -= len(to_json(fault))
        if left < 0:
            break
        fitting.append(fault)
    return fitting


def _short(fault: Fault) -> Fault:
    """Return a fault with its texts cut."""
    pointer = fault["pointer"]
    detail = fault["detail"]
    if len(pointer) <= LONGEST_POINTER and len(detail) <= LONGEST_DETAIL and (pointer + detail).isascii():
        return fault
    return Fault(pointer=_cut(pointer, LONGEST_POINTER), detail=_cut(detail, LONGEST_DETAIL))


def _cut(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters, with invalid UTF-8 replaced."""
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    return short if short.isascii() else short.encode(errors="replace").decode()


def _list(problem: Problem, faults: Sequence[Fault]) -> None:
    """Give a new problem its list of faults; by `super().__init__` and its keywords a 422 takes 2 % longer."""
    listed = bounded(faults)
    problem.detail = _summary(listed)
    problem.headers = ()
    problem.extra = {"errors": listed}


def _summary(faults: Sequence[Fault]) -> str:
    if not faults:
        return ""
    first = faults[0]
    text = f"{first['pointer'] or 'the value'}: {first['detail']}"
    return text if len(faults) == 1 else f"{text} (and {len(faults) - 1} more)"
