"""Members: the routes of a collection are for users, and for nobody else."""

from collections.abc import Sequence

from edge import Actor, Forbidden
from edge.reach import Reach


class MembersOnly(Forbidden):
    """This is for users alone."""

    title = "This is for users alone"


def member_of(caller: object) -> Actor:
    """Return a caller that is a user; `MembersOnly` for any other."""
    if not isinstance(caller, Actor) or not caller.is_member:
        raise MembersOnly("log in as a user: a key has no collection")
    return caller


class MemberReach(Reach):
    """Lets users reach their own rows; an administrator, who would see those of all, is refused."""

    def check(self, actor: Actor | None, values: Sequence[object], names: Sequence[str]) -> None:  # noqa: ARG002
        """Raise `MembersOnly` unless the caller is a user."""
        member_of(actor)


MEMBER = MemberReach("member", is_checked=True)
