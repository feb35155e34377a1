"""The subset of Analytics Engine's SQL that programs here send, checked token by token and translated to SQLite's.

A statement is SELECT, FROM one dataset, and then WHERE, GROUP BY, ORDER BY, LIMIT and FORMAT, each at most once and in
this order. Anything else is refused, even if Analytics Engine would accept it: a test then shows it.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z_][A-Za-z0-9_]*)|[0-9]+(?:\.[0-9]+)?|<=|>=|!=|[*=<>(),])")
CLAUSES = ("SELECT", "FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "FORMAT")
WORDS = {*CLAUSES, "BY", "AS", "ASC", "DESC", "AND", "OR", "NOT"}
FUNCTIONS = {"SUM": "UInt64", "COUNT": "UInt64", "TODATETIME": "DateTime"}
"""Supported functions, each with its return type; a SUM of doubles is Float64."""
COLUMNS = {
    "timestamp": "DateTime",
    "_sample_interval": "UInt32",
    "index1": "String",
    **{f"blob{number}": "String" for number in range(1, 21)},
    **{f"double{number}": "Float64" for number in range(1, 21)},
}


class Refused(Exception):
    """The statement is not of the dialect, or names a missing dataset or column."""


class Query(NamedTuple):
    """A statement for SQLite, the dataset that it reads, and its columns with their types."""

    sql: str
    dataset: str
    columns: dict[str, str]


def translate(text: str) -> Query:
    """Return a statement of the dialect as one of SQLite's; `Refused` for anything else."""
    clauses = _clauses([*_tokens(text)])
    if not {"SELECT", "FROM"} <= clauses.keys() or len(clauses["FROM"]) != 1:
        raise Refused("a statement is SELECT … FROM <dataset> …")
    if clauses.pop("FORMAT", ["JSON"]) != ["JSON"]:
        raise Refused("only FORMAT JSON is known")
    dataset = clauses["FROM"][0]
    items = [*_items(clauses["SELECT"])]
    columns = dict(_column(item) for item in items)
    allowed = {*COLUMNS, *(item[-1] for item in items if item[-2:-1] == ["AS"])}
    for name, tokens in clauses.items():
        if name != "FROM":
            _check(name, tokens, allowed)
    clauses["FROM"] = [f'"{dataset}"']
    return Query(" ".join(part for name, tokens in clauses.items() for part in (name, *tokens)), dataset, columns)


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if match is None:
            raise Refused(f"unexpected {text[at:].strip()[0]!r} at {at}")
        at = match.end()
        word = match["word"]
        yield word.upper() if word and word.upper() in WORDS else match[0].strip()


def _clauses(tokens: list[str]) -> dict[str, list[str]]:
    """Return the tokens of each clause, in order."""
    clauses: dict[str, list[str]] = {}
    for token in tokens:
        if token in CLAUSES:
            if token in clauses or any(CLAUSES.index(token) < CLAUSES.index(other) for other in clauses):
                raise Refused(f"{token} is not expected here")
            clauses[token] = []
        elif not clauses:
            raise Refused("a statement begins with SELECT")
        else:
            clauses[[*clauses][-1]].append(token)
    return clauses


def _check(clause: str, tokens: list[str], columns: set[str]) -> None:
    if clause in {"GROUP", "ORDER"} and tokens[:1] != ["BY"]:
        raise Refused(f"{clause} without BY")
    for token, after in zip(tokens, [*tokens[1:], ""], strict=True):
        if not re.match(r"[A-Za-z_]", token) or token in WORDS:
            continue
        if after == "(":
            if token.upper() not in FUNCTIONS:
                raise Refused(f"unknown function {token}")
        elif token not in columns:
            raise Refused(f"unable to find column {token}")


def _items(tokens: list[str]) -> Iterator[list[str]]:
    item: list[str] = []
    depth = 0
    for token in tokens:
        depth += (token == "(") - (token == ")")
        if token == "," and depth == 0:
            yield item
            item = []
        else:
            item.append(token)
    yield item


def _column(item: list[str]) -> tuple[str, str]:
    """Return the name of a column of the result, and its type."""
    named = len(item) > 2 and item[-2] == "AS"
    expression = item[:-2] if named else item
    if not expression:
        raise Refused("an empty column")
    name = item[-1] if named else "".join(item)
    if len(expression) == 1:
        return name, COLUMNS.get(expression[0], "UInt8")
    has_doubles = any(COLUMNS.get(token) == "Float64" for token in expression)
    return name, "Float64" if has_doubles else FUNCTIONS.get(expression[0].upper(), "Float64")
