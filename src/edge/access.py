"""Roles and callers."""

from enum import IntEnum
from typing import NamedTuple

from edge.errors import Forbidden


class Role(IntEnum):
    """The rights of a caller; each role includes those before it."""

    PUBLIC = 0
    READER = 1
    OPERATOR = 2
    ADMIN = 3


PUBLIC, READER, OPERATOR, ADMIN = Role


class Actor(NamedTuple):
    """The caller, by its name in the logs.

    `subjects` are all that it may see and act on, such as cars; None: everything. `daily_calls` is its quota in a day
    of UTC, None for no limit; `is_token` if it came by a token, which can get no other. `expires_at` is the Unix time
    at which its credential ends, None for no end. `fingerprint` marks the administrator's key that it came by, or is a
    member's session; None for every other caller. `is_member` is true for a user's account, with the user's id as its
    `name`: a member sees its own rows.
    """

    name: str
    role: Role
    subjects: frozenset[str] | None = None
    daily_calls: int | None = None
    is_token: bool = False
    expires_at: float | None = None
    fingerprint: str | None = None
    is_member: bool = False

    def may_reach(self, subject: str | None) -> bool:
        """Tell whether the caller may see a subject; data about no subject is for unbound callers."""
        return self.subjects is None or subject in self.subjects


def require(actor: Actor, role: Role) -> None:
    """Raise `Forbidden` unless the caller has at least `role`; a caller with subjects is never an administrator."""
    if actor.role < role:
        raise Forbidden(f"this needs the role {role.name.lower()}; {actor.name} has {actor.role.name.lower()}")
    if role is ADMIN and actor.subjects is not None:
        raise Forbidden(f"this needs the role admin without subjects; {actor.name} is bound to some")
