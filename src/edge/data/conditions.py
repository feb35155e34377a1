"""The conditions of a declaration, checked at import as far as possible without SQLite."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NoReturn

from edge.access import Actor, Role
from edge.data.schema import NAME, Relation
from edge.data.sql import BUILT_IN


class CallerKind(StrEnum):
    """A kind of caller: anonymous, a key bound to subjects, a user's account, an unbound key, an administrator."""

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


WORDS = (
    "all and as asc between by case cast collate cross current_date current_timestamp desc distinct else end escape "
    "exists false from glob group having in inner integer is join left like limit main nocase not null on or order "
    "real select text then true union using when where"
)
"""The words of SQL that a condition may hold, beside names and functions."""
MARKS = "(),.:=<>!+-*/|%0123456789"
"""The marks that a condition may hold."""
BINDABLE = frozenset({"caller", "role", "subjects"})
"""The values of a caller that a condition may bind."""
ROWS_OF_JSON = frozenset({"json_each", "json_tree", "key", "value", "type", "atom", "parent", "fullkey", "path"})


class DeclarationError(TypeError):
    """A declaration does not fit the schema, or would not keep rows apart; raised at import."""


class Condition:
    """A condition on the rows of a relation.

    `tables` are those whose scoped rows it reads, `whole` those of which it reads all rows, by `main.`; `columns` are
    the relation's own columns in it; `parameters` the values that it binds.
    """

    __slots__ = ("columns", "parameters", "tables", "text", "whole")

    def __init__(self, where: str, text: str, relation: Relation, relations: Mapping[str, Relation]) -> None:
        self.text = text
        tokens = _tokens(where, text)
        after_main = {place + 2 for place, token in enumerate(tokens) if token == "main"}
        words = {place: token for place, token in enumerate(tokens) if token[0].isalpha() or token[0] == "_"}
        bound = {place: word for place, word in words.items() if tokens[place - 1] == ":" and place}
        named = {place: word for place, word in words.items() if place not in bound}
        scoped = {word for place, word in named.items() if place not in after_main}
        self.parameters = frozenset(bound.values())
        self.whole = frozenset(tokens[place] for place in after_main)
        self.tables = frozenset(scoped & relations.keys() - {relation.name})
        foreign = {place for place in named if tokens[place - 1] == "." and tokens[place - 2] != relation.name}
        self.columns = frozenset({named[place] for place in named.keys() - foreign} & relation.columns.keys())
        if self.whole - relations.keys():
            _fail(where, f"{_listed(self.whole - relations.keys())}: no table of the schema")
        tables = {relation.name, *self.tables, *self.whole}
        allowed = {*WORDS.split(), *tables, *(column for table in tables for column in relations[table].columns)}
        allowed |= {word for place, word in named.items() if _is_made(tokens, place, tables)}
        allowed |= ROWS_OF_JSON if "json_each" in scoped or "json_tree" in scoped else set()
        allowed |= {"rowid"} if relation.form in {"fts", "virtual"} else set()
        if unknown := scoped - allowed:
            _fail(where, f"{_listed(unknown)}: unknown column, table or word of SQL")


def _is_made(tokens: Sequence[str], place: int, tables: Collection[str]) -> bool:
    """Tell whether a word is a function or an alias."""
    before = tokens[place - 1] if place else ""
    after = tokens[place + 1 : place + 2]
    return after == ["("] or before in {"as", ")", *tables}


def _tokens(where: str, text: str) -> list[str]:
    """Return a condition's words, strings and marks, in lower case; refuse anything but one expression."""
    tokens = [token.lower() for token in re.findall(r"'[^']*'|:?[A-Za-z_]\w*|\S", text)]
    tokens = [mark for token in tokens for mark in ([":", token[1:]] if token[0] == ":" and token[1:] else [token])]
    strings = [token for token in tokens if len(token) > 1 and token[0] == "'"]
    marks = {token for token in tokens if not token[0].isalnum() and token[0] != "_"} - {*strings}
    if not text.isascii() or "'" in marks:
        _fail(where, "a condition is written in ASCII, its quotes in pairs")
    if bad := marks - {*MARKS}:
        _fail(where, f"{_listed(bad)}: not allowed in a condition")
    bare = re.sub(r"'[^']*'", "''", text)
    if "--" in bare or "/*" in bare:
        _fail(where, "a condition holds no comment")
    if any(":" in string for string in strings):
        _fail(where, "a string with a colon reads as a parameter")
    _check_parentheses(where, tokens)
    _check_words(where, bare, tokens)
    return tokens


def _check_words(where: str, bare: str, tokens: Sequence[str]) -> None:
    pairs = [*zip(tokens, [*tokens[1:], ""], strict=True)]
    bound = {after for before, after in pairs if before == ":"}
    if bound - BINDABLE or any(f":{name}" not in bare for name in bound):
        _fail(where, "a condition binds :caller and :subjects, or :role, in lower case, and nothing else")
    if bad := [word for word in tokens if word == "temp" or word.startswith(BUILT_IN)]:
        _fail(where, f"{_listed({*bad})}: not allowed in a condition")
    if re.search(rf"(?i)\bmain\b(?!\.{NAME})", bare):
        _fail(where, "main is written before a table, as in main.drives")
    if (
        ("not", "in") in pairs
        or ("is", ":") in pairs
        or any(triple == ("is", "not", ":") for triple in _triples(tokens))
    ):
        _fail(where, "NOT IN and IS let rows through where a value is missing: use =, IN and EXISTS")


def _triples(tokens: Sequence[str]) -> Iterable[tuple[str, str, str]]:
    return zip(tokens, tokens[1:], tokens[2:], strict=False)


def _check_parentheses(where: str, tokens: Sequence[str]) -> None:
    depth = 0
    for token in tokens:
        depth += (token == "(") - (token == ")")
        if depth < 0:
            break
    if depth or not tokens:
        _fail(where, "a condition is one expression, its parentheses in pairs")


def _listed(names: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _fail(where: str, complaint: str) -> NoReturn:
    raise DeclarationError(f"{where}: {complaint}")
