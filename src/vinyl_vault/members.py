"""Members: the routes of a collection are for users, and for nobody else."""

from collections.abc import Sequence

from edge import Actor, Forbidden
from edge.reach import Reach


class MembersOnly(Forbidden):
    """This is for users alone."""

    title = "This is for users alone"


class MemberReach(Reach):
    """Lets users reach their own rows; an administrator, who would see those of all, is refused."""

    def check(self, actor: Actor | None, values: Sequence[object], names: Sequence[str]) -> None:  # noqa: ARG002
        """Raise `MembersOnly` unless the caller is a user."""
        if actor is None or not actor.is_member:
            raise MembersOnly("log in as a user: a key has no collection")


MEMBER = MemberReach("member", is_checked=True)
