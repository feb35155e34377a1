"""The tables that a scoped statement may touch, for a runtime whose SQLite has an authorizer."""

from typing import NamedTuple


class Guard(NamedTuple):
    """The tables around a scoped statement, all names in lower case.

    A `hidden` table is read only inside an expression or view of `contexts`, or directly where it is among `reads`; the
    statement writes only the tables of `writes`. Whatever a trigger of `triggers` does, the system does.
    """

    hidden: frozenset[str]
    contexts: frozenset[str]
    triggers: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()


class GuardedSql(str):
    """SQL that carries its guard; to an adapter without an authorizer it is plain text."""

    __slots__ = ("guard",)

    guard: Guard

    @classmethod
    def of(cls, text: str, guard: Guard) -> "GuardedSql":
        """Return text with its guard."""
        guarded = cls(text)
        guarded.guard = guard
        return guarded
