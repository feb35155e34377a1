"""The declared tables alone decide whose a row is: no code of an app with accounts compares owners by hand."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from apps import ROOT, load, packages
from edge.data import MEMBER, Tables

pytestmark = pytest.mark.slow

DATABASE_CALLS = {"all", "first", "run", "update", "delete", "Statement"}
"""Calls that bind the values of a statement; an insert fills the owner's column."""
CALLERS = ("actor", "caller")


def owners(package: str) -> set[str]:
    """Return the columns that the declarations of an app compare with the calling user; empty without accounts."""
    tables = load(package).tables
    if not isinstance(tables, Tables) or "users" not in tables.rows:
        return set()
    texts = [rows.own[MEMBER].text for rows in tables.rows.values() if MEMBER in rows.own]
    return {column for text in texts for column in re.findall(r"(\w+) = :caller", text)} - {"id"}


def is_caller(node: ast.AST) -> bool:
    """Tell whether an expression is the caller's id, as in `request.actor.name`."""
    return isinstance(node, ast.Attribute) and node.attr == "name" and ast.unparse(node.value).endswith(CALLERS)


def is_owner(node: ast.AST, columns: set[str]) -> bool:
    """Tell whether an expression is the owner of a row, as in `row["user_id"]`."""
    return (
        isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value in columns
    ) or (isinstance(node, ast.Attribute) and node.attr in columns and not ast.unparse(node.value).startswith("self"))


def text_of(node: ast.AST, constants: Mapping[str, ast.AST]) -> str | None:
    """Return the SQL of an argument, a literal or a constant of its module; None for any other."""
    node = constants.get(node.id, node) if isinstance(node, ast.Name) else node
    if isinstance(node, ast.BinOp):
        return (text_of(node.left, constants) or "") + (text_of(node.right, constants) or "")
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return "".join(texts) if texts else None


def compares(call: ast.Call, constants: Mapping[str, ast.AST], columns: set[str]) -> bool:
    """Tell whether a statement compares an owner's column with a bound value, as far as its text is known."""
    texts = [text_of(argument, constants) for argument in call.args]
    known = [text for text in texts if text is not None]
    return not known or any(re.search(rf"\b({'|'.join(columns)})\s*(=|<>|!=)\s*\?", text) for text in known)


def faults(source: str, columns: set[str]) -> Iterator[str]:
    """Yield the lines of a module that decide by hand whose a row is.

    A comparison that fills a field of an answer, as a keyword argument, decides nothing.
    """
    tree = ast.parse(source)
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    fills = {child for node in ast.walk(tree) if isinstance(node, ast.keyword) for child in ast.walk(node.value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            operands = [inner for side in sides for inner in (side, *getattr(side, "elts", ()))]
            others = [side for side in sides if not isinstance(side, ast.Constant)]
            by_owner = len(others) > 1 and node not in fills and any(is_owner(side, columns) for side in operands)
            if by_owner or any(is_caller(side) for side in operands):
                yield f"{node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in DATABASE_CALLS:
            bound = [inner for argument in node.args for inner in ast.walk(argument)]
            if any(is_caller(value) for value in bound) and compares(node, constants, columns):
                yield f"{node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("package", packages())
def test_no_code_of_an_app_compares_owners(package: str) -> None:
    columns = owners(package)
    assert bool(columns) == (package in {"vinyl_vault", "klear_karma", "devcapsules"})
    folder: Path = ROOT / "src" / package
    found = {
        str(path.relative_to(folder)): lines
        for path in sorted(folder.rglob("*.py"))
        if (lines := [*faults(path.read_text(), columns)])
    }
    assert not columns or found == {}


@pytest.mark.parametrize(
    "source",
    [
        'if row["owner_id"] != actor.name: raise NotFound',
        "if owner_of(row) == request.actor.name: pass",
        'allowed = row["user_id"] == user_id',
        'side = Side.A if row["user_id"] == caller else Side.B',
        'if row is None or owner not in {None, row["owner_id"]}: raise NotFound',
        "ok = capsule.owner_id == learner.id",
        'await db.first("SELECT 1 FROM t WHERE user_id = ?", actor.name)',
        'Statement("DELETE FROM t WHERE id = ? AND user_id = ?", (row_id, actor.name))',
        '_SQL = "SELECT 1 " f"FROM t WHERE user_id = ?"\nawait db.first(_SQL, actor.name)',
        "await db.first(sql_of(table), actor.name)",
        'await catalogue.db.update("t", changes, "id = ? AND user_id = ?", row_id, actor.name)',
    ],
)
def test_the_rule_of_owners_catches(source: str) -> None:
    assert [*faults(source, {"owner_id", "user_id"})]


@pytest.mark.parametrize(
    "source",
    [
        'row = {"user_id": actor.name}',
        'await db.insert("t", [{"user_id": actor.name}])',
        'if row["user_id"] is None: pass',
        'Message(is_mine=row["user_id"] == user_id)',
        "plan = await plans.plan_of(actor.name)",
        'Statement("UPDATE t SET decided_by = ? WHERE id = ?", (actor.name, row_id))',
    ],
)
def test_the_rule_of_owners_spares(source: str) -> None:
    assert [*faults(source, {"owner_id", "user_id"})] == []
