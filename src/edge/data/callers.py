"""The kinds of callers, each of which sees other rows."""

from enum import StrEnum

from edge.access import Actor, Role


class CallerKind(StrEnum):
    """A kind of caller: nobody known, a key bound to subjects, a user's account, a key bound to nothing, an admin."""

    ANONYMOUS = "anonymous"
    BOUND = "bound"
    MEMBER = "member"
    OWNER = "owner"
    ADMIN = "admin"


ANONYMOUS = CallerKind.ANONYMOUS
BOUND = CallerKind.BOUND
MEMBER = CallerKind.MEMBER
OWNER = CallerKind.OWNER

PARAMETERS: dict[CallerKind, frozenset[str]] = {
    ANONYMOUS: frozenset(),
    BOUND: frozenset({"caller", "role", "subjects"}),
    MEMBER: frozenset({"caller", "role"}),
    OWNER: frozenset({"caller", "role"}),
}
"""Values that a condition may bind, by kind: the caller's name, its role's number, and its subjects as a JSON list."""


def kind_of(actor: Actor | None) -> CallerKind:
    """Return a caller's kind. A binding always counts: an administrator with subjects is a bound caller."""
    if actor is None:
        return CallerKind.ANONYMOUS
    if actor.subjects is not None:
        return CallerKind.BOUND
    if actor.role >= Role.ADMIN:
        return CallerKind.ADMIN
    return CallerKind.MEMBER if actor.is_member else CallerKind.OWNER
