"""Each SQL text that updates rows of a table with `updated_at` sets that column: no trigger does."""

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from tests.test_house_rules import APP_FILES, KERNEL

from apps import ROOT, load, packages
from edge.data.schema import TOUCHED
from schema import read

pytestmark = pytest.mark.slow

UPDATE = re.compile(
    r"\bUPDATE\s+(?:main\.)?(\w+)\s+SET\b|\bINSERT\s+INTO\s+(\w+)\b(?=.*\bDO\s+UPDATE\s+SET\b)", re.S | re.I
)
BY_APP = {
    package: {
        name
        for name, relation in read(ROOT / "migrations" / load(package).migrations).relations.items()
        if TOUCHED in relation.columns
    }
    for package in packages()
}
TABLES = {name for tables in BY_APP.values() for name in tables}
"""Tables of any app: the kernel's statements run in each, an app's own in its own alone."""


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield each text of a module, with … in place of inserted values."""
    inside: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
            inside |= {id(part) for part in node.values}
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def careless(source: str, touched: Collection[str] = TABLES) -> list[int]:
    """Return the lines of the updates that leave the column as it was."""
    careless_lines = []
    for line, text in texts(source):
        tables = {first or second for first, second in UPDATE.findall(text)}
        if tables & {*touched} and not re.search(rf'{TOUCHED}"?\s*=|_TOUCH', text):
            careless_lines.append(line)
    return careless_lines


def test_updates_set_updated_at() -> None:
    by_path: dict[Path, list[int]] = {}
    for path in (*KERNEL, *APP_FILES):
        package = path.relative_to(ROOT / "src").parts[0]
        by_path[path] = careless(path.read_text(encoding="utf-8"), BY_APP.get(package, TABLES))
    assert {path: lines for path, lines in by_path.items() if lines} == {}


def test_rule_catches_violations() -> None:
    assert {"drives", "api_keys", "sync_runs"} <= TABLES
    assert "leases" not in TABLES
    assert careless('a = "UPDATE drives SET tag = ? WHERE id = ?"') == [1]
    assert careless('a = f"UPDATE drives SET {name} = ?"') == [1]
    assert careless(
        'a = ("INSERT INTO drives (id) VALUES (?) "\n "ON CONFLICT (id) DO UPDATE SET id = excluded.id")'
    ) == [1]
    assert careless('a = "UPDATE drives SET tag = ?, updated_at = CURRENT_TIMESTAMP"') == []
    assert careless('a = "UPDATE leases SET until = ?"') == []
