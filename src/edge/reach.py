"""Reach: the way in which a route that returns no rows keeps callers apart, declared beside its role."""

from collections.abc import Callable, Sequence
from functools import reduce

from edge.access import Actor
from edge.errors import Forbidden, Problem


class SubjectOutOfReach(Forbidden):
    """This key is bound to other subjects."""

    title = "This key is bound to other subjects"


class Reach:
    """A route's declaration of the subjects that it lets a caller reach.

    `name` stands in the golden access table. The `argument` names the handler's parameter, or a member of it such as
    `query.vin`, that holds the subject. A caller bound to subjects is refused with another one, and with None, which
    stands for all. If the reach `is_optional`, None stands for the caller's own rows.
    """

    __slots__ = ("argument", "is_checked", "is_optional", "name", "refusal")

    def __init__(
        self,
        name: str,
        argument: str = "",
        *,
        is_checked: bool = False,
        is_optional: bool = False,
        refusal: Callable[[], Problem] | None = None,
    ) -> None:
        self.name = name
        self.argument = argument
        self.is_checked = is_checked
        self.is_optional = is_optional
        self.refusal = refusal or (lambda: SubjectOutOfReach("name a subject that the key is bound to"))

    def check(self, actor: Actor | None, values: Sequence[object], names: Sequence[str]) -> None:
        """Raise the refusal unless the caller may reach the subject in a handler's arguments."""
        parameter, *members = self.argument.split(".")
        subject = values[names.index(parameter)] if parameter else None
        subject = reduce(lambda value, member: getattr(value, member, None), members, subject)
        if subject is None and self.is_optional:
            return
        if actor is None or not actor.may_reach(subject if isinstance(subject, str) else None):
            raise self.refusal()


OPEN = Reach("open")
"""The answer is the same for every caller."""
SELF = Reach("self")
"""It is about the caller itself."""
CHECKED = Reach("checked")
"""The handler keeps callers apart by itself; a test shows that it does."""
UNBOUND = Reach("unbound", is_checked=True)
"""It is about all subjects, and not for a caller that is bound to some."""


def subject(argument: str, refusal: Callable[[], Problem] | None = None, *, is_optional: bool = False) -> Reach:
    """Let a bound caller reach its own subjects alone; an argument of the handler names the subject.

    If it `is_optional`, a caller that names none gets its own rows: such a handler takes the caller's database.
    """
    name = f"subject {argument}{'?' if is_optional else ''}"
    return Reach(name, argument, is_checked=True, is_optional=is_optional, refusal=refusal)


def unbound(refusal: Callable[[], Problem]) -> Reach:
    """Return `UNBOUND` with a refusal of the app's own."""
    return Reach("unbound", is_checked=True, refusal=refusal)
