"""The conditions of a declaration, checked at import as far as that goes without SQLite."""

import re
from collections.abc import Mapping
from typing import NoReturn

from edge.data.schema import NAME, Relation
from edge.data.sql import BUILT_IN, PARAMETER

WORDS = (
    "all and as asc between by case cast collate cross current_date current_timestamp desc distinct else end escape "
    "exists false from glob group having in inner integer is join left like limit main nocase not null on or order "
    "real select text then true union using when where"
)
"""The words of SQL that a condition may hold, beside names and functions."""
ROWS_OF_JSON = frozenset({"json_each", "json_tree", "key", "value", "type", "atom", "parent", "fullkey", "path"})


class DeclarationError(TypeError):
    """A declaration does not fit the schema, or would not keep rows apart; raised at import."""


class Condition:
    """A condition on the rows of a relation.

    `tables` are those whose scoped rows it looks at, `whole` those of which it sees all rows, by `main.`; `columns` are
    the relation's own that it names; `parameters` what it binds.
    """

    __slots__ = ("columns", "parameters", "tables", "text", "whole")

    def __init__(self, where: str, text: str, relation: Relation, relations: Mapping[str, Relation]) -> None:
        self.text = text
        bare = _bare(where, text)
        words = set(re.findall(NAME, bare))
        self.parameters = frozenset(re.findall(PARAMETER, bare))
        self.whole = frozenset(re.findall(rf"\bmain\.({NAME})", bare))
        scoped = set(re.findall(NAME, re.sub(rf"\bmain\.{NAME}", " ", bare)))
        self.tables = frozenset(scoped & relations.keys() - {relation.name})
        self.columns = frozenset(words & relation.columns.keys())
        if self.whole - relations.keys():
            _fail(where, f"{_listed(self.whole - relations.keys())}: no table of the schema")
        if unknown := words - self._known(bare, relation, relations):
            _fail(where, f"{_listed(unknown)}: no column, table or word of SQL that is known here")

    def _known(self, bare: str, relation: Relation, relations: Mapping[str, Relation]) -> set[str]:
        tables = {relation.name, *self.tables, *self.whole}
        columns = {name for table in tables for name in relations[table].columns}
        functions = re.findall(rf"({NAME})\s*\(", bare)
        aliases = re.findall(rf"(?:\bas|\)|\b(?:{'|'.join(sorted(tables))}))\s+({NAME})", bare)
        rows = ROWS_OF_JSON if "json_" in bare else ()
        return {*WORDS.split(), *tables, *columns, *functions, *aliases, *rows, *self.parameters}


def _bare(where: str, text: str) -> str:
    """Return a condition in lower case without its strings; `DeclarationError` for what is not one whole expression."""
    bare = re.sub(r"'[^']*'", "''", text)
    if any(re.search(PARAMETER, string) for string in re.findall(r"'[^']*'", text)):
        _fail(where, "a string that holds a colon and a word reads as a parameter")
    if set(re.findall(r":(\w+)", bare)) - {"caller", "subjects"}:
        _fail(where, "a condition binds :caller and :subjects, and nothing else")
    bare = bare.lower()
    if bare.count("'") % 2 or not bare.isascii():
        _fail(where, "a condition is written in ASCII, its quotes in pairs")
    if bad := re.search(r"[;?\"`\[\]\\{}$@#]|--|/\*", bare):
        _fail(where, f"{bad[0]} is not for a condition")
    if bad := re.search(rf"\bmain\b(?!\.{NAME})|\btemp\b|\b(?:{'|'.join(BUILT_IN)})\w*", bare):
        _fail(where, f"{bad[0]} is not for a condition")
    if re.search(r"\bnot\s+in\b|\bis\s+(not\s+)?:", bare):
        _fail(where, "NOT IN and IS let rows through where a value is missing: use =, IN and EXISTS")
    _check_parentheses(where, bare)
    return bare


def _check_parentheses(where: str, bare: str) -> None:
    depth = 0
    for mark in bare:
        depth += (mark == "(") - (mark == ")")
        if depth < 0:
            break
    if depth or not bare.strip():
        _fail(where, "a condition is one expression, its parentheses in pairs")


def _listed(names: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _fail(where: str, complaint: str) -> NoReturn:
    raise DeclarationError(f"{where}: {complaint}")
