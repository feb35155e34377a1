"""SQL that a handler writes: its words, and the refusal of text that could leave its caller's scope."""

import re
from typing import NamedTuple

from edge.data.schema import NAME
from edge.ports import DatabaseError, Value


class Guard(NamedTuple):
    """The tables around a scoped statement, all names in lower case.

    A `hidden` table is read only inside an expression or view of `contexts`, or directly if it is among `reads`; the
    statement writes only the tables of `writes`. Actions of a trigger in `triggers` count as the system's own.
    """

    hidden: frozenset[str]
    contexts: frozenset[str]
    triggers: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()


class GuardedSql(str):
    """SQL with its guard; to an adapter without an authorizer it is plain text."""

    __slots__ = ("guard",)

    guard: Guard

    @classmethod
    def of(cls, text: str, guard: Guard) -> "GuardedSql":
        """Return text with its guard."""
        guarded = cls(text)
        guarded.guard = guard
        return guarded


BUILT_IN = ("sqlite_", "pragma_", "dbstat", "fts5", "_cf_")
"""Prefixes of SQLite's and D1's own tables."""
SCHEMAS = frozenset({"main", "temp"})
SESSION = frozenset({"last_insert_rowid", "total_changes"})
"""Functions that reveal the connection's other statements."""
WRITES = frozenset({"into", "update", "delete"})

_BEGIN = r"(?ia)\s*(select|values|with(?:\s+recursive)?)\b"
PARAMETER = r":([a-z_]+)"
"""A parameter in SQL of our own."""


class StatementRefused(DatabaseError):
    """A handler's statement is of a kind that cannot be scoped; change the handler."""


class Sql:
    """An SQL expression in place of a value, such as `Sql("n + ?", 1)`."""

    __slots__ = ("params", "text")

    def __init__(self, text: str, *params: Value) -> None:
        self.text = text
        self.params = params


def words_of(sql: str) -> set[str]:
    """Return the words of a text, in lower case: those in strings and comments too, as both can be read as names."""
    return set(re.findall(NAME, sql.lower()))


def refuse_escapes(sql: str, words: set[str]) -> None:
    """Raise `StatementRefused` for text that names a table by another name, or is more than one statement."""
    if bad := words & (SCHEMAS | SESSION) or {word for word in words if word.startswith(BUILT_IN)}:
        raise StatementRefused(f"{', '.join(sorted(bad))}: not in a caller's statement; bind it if it is a value")
    if ";" in sql:
        raise StatementRefused("a caller's statement holds no semicolon; bind it if it is in a value")
    if re.search(r"\?[0-9]", sql):
        raise StatementRefused("a caller's statement has plain ? placeholders, without a number")


def beginning(sql: str, words: set[str]) -> tuple[str, int]:
    """Return the first word of a statement that reads, and the position after it; else `StatementRefused`."""
    first = re.match(_BEGIN, sql)
    if first is None:
        raise StatementRefused("a caller's statement begins with SELECT, VALUES or WITH; rows are written by functions")
    word = first[1][:4].lower()
    if word == "with" and (bad := words & WRITES):
        raise StatementRefused(f"{', '.join(sorted(bad))}: not in a statement with WITH; rows are written by functions")
    return word, first.end()


def numbered(text: str) -> tuple[str, tuple[str, ...]]:
    """Return SQL of our own with its named parameters as ?1, ?2 …, and their names in this order."""
    names = tuple(dict.fromkeys(re.findall(PARAMETER, text)))
    return renumbered(text, names), names


def renumbered(text: str, names: tuple[str, ...]) -> str:
    """Return SQL of our own with its named parameters numbered by their places in `names`."""
    return re.sub(PARAMETER, lambda parameter: f"?{names.index(parameter[1]) + 1}", text)
