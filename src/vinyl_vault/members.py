"""Members: only users have a collection; administrators and API keys do not."""

from collections.abc import Sequence

from edge import Actor, Forbidden
from edge.reach import Reach


class MembersOnly(Forbidden):
    """Only users may do this."""

    title = "Only users may do this"


def member_of(caller: object) -> Actor:
    """Return the caller if it is a user; raises `MembersOnly` otherwise."""
    if not isinstance(caller, Actor) or not caller.is_member:
        raise MembersOnly("log in as a user: an API key has no collection")
    return caller


class MemberReach(Reach):
    """Lets users reach their own rows; administrators are refused, as they would see the rows of all users."""

    def check(self, actor: Actor | None, values: Sequence[object], names: Sequence[str]) -> None:  # noqa: ARG002
        """Raise `MembersOnly` unless the caller is a user."""
        member_of(actor)


MEMBER = MemberReach("member", is_checked=True)
