"""Members: users of the marketplace, as customers or as practitioners; an administrator is none."""

from collections.abc import Sequence

from edge import Actor, Forbidden
from edge.reach import Reach


class MembersOnly(Forbidden):
    """This is for users alone."""

    title = "This is for users alone"


def member_of(caller: object) -> Actor:
    """Return a caller that is a user; `MembersOnly` for any other."""
    if not isinstance(caller, Actor) or not caller.is_member:
        raise MembersOnly("log in as a user: a key books nothing")
    return caller


class MemberReach(Reach):
    """Lets users reach their own rows; an administrator, who would see those of all, is refused."""

    def check(self, actor: Actor | None, values: Sequence[object], names: Sequence[str]) -> None:  # noqa: ARG002
        """Raise `MembersOnly` unless the caller is a user."""
        member_of(actor)


MEMBER = MemberReach("member", is_checked=True)
