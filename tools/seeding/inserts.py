"""The one statement allowed in a seed: INSERT INTO table (columns) VALUES … ON CONFLICT DO NOTHING."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge.runtimes.local.migrations import statements

_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^]]*\]|\w+|\S", re.DOTALL)
_COMMENT = ("--", "/*")
_INSERT = re.compile(r"INSERT INTO (\w+) \( ((?:\w+ , )*\w+) \) VALUES (.+) ON CONFLICT (\( .+ \) )?DO NOTHING ?;?")
_MORE = {"SELECT", "ON", "CONFLICT", "DO", "UPDATE", "RETURNING", "WITH", "INTO", "REPLACE", "DELETE", "WHERE"}
"""Words that, among the values, would change the meaning of the statement."""


@dataclass(frozen=True, slots=True)
class Insert:
    """A statement that adds rows to a table and leaves existing ones alone."""

    table: str
    columns: tuple[str, ...]
    insert_clause: str

    @property
    def sql(self) -> str:
        """The statement."""
        return f"{self.insert_clause} ON CONFLICT DO NOTHING;"

    def overwriting(self, key: Sequence[str], touched: str | None = None) -> str:
        """Return the statement that also gives the rows of the same `key` these values; an equal row is left alone.

        If the table has a `touched` column, it is set to now.
        """
        others = [name for name in self.columns if name not in key]
        if not others:
            return self.sql
        here = ", ".join(f"{self.table}.{name}" for name in others)
        new = ", ".join(f"excluded.{name}" for name in others)
        changes = ", ".join(f"{name} = excluded.{name}" for name in others)
        if touched and touched not in others:
            changes += f", {touched} = CURRENT_TIMESTAMP"
        update = f"DO UPDATE SET {changes} WHERE ({here}) IS NOT ({new});"
        return f"{self.insert_clause} ON CONFLICT ({', '.join(key)}) {update}"


def inserts(script: str) -> list[Insert]:
    """Return a script's statements; `ValueError`, with the line, for any other kind of statement."""
    parsed = []
    line = 1
    for text in statements(script):
        tokens = [token for token in _TOKEN.finditer(text) if not token[0].startswith(_COMMENT)]
        if tokens and tokens[0][0] != ";":
            parsed.append(_insert(text, tokens, line + text.count("\n", 0, tokens[0].start())))
        line += text.count("\n")
    return parsed


def _insert(text: str, tokens: list[re.Match[str]], line: int) -> Insert:
    """Return the statement of a text's tokens. A quoted token is hidden from the pattern, as it may hold any word."""
    masked = ["''" if token[0][0] in "'\"`[" else token[0].upper() for token in tokens]
    parts = _INSERT.fullmatch(" ".join(masked))
    if parts is None or _MORE & {*parts[3].split(" ")}:
        raise ValueError(f"line {line}: a seed says nothing but INSERT INTO … VALUES … ON CONFLICT DO NOTHING")
    names = tokens[4 : masked.index("VALUES") - 1 : 2]
    conflict = len(masked) - 1 - masked[::-1].index("ON")
    insert_clause = text[tokens[0].start() : tokens[conflict].start()].rstrip()
    return Insert(tokens[2][0], tuple(name[0] for name in names), insert_clause)
