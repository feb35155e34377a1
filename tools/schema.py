"""Writes each app's `schema.py` from its migrations: `python tools/schema.py [--check] [APP…]`."""

import argparse
import ast
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from textwrap import wrap

from apps import ROOT, folder, parse
from edge.data.schema import NAME, NONE, USUAL, Column, Index, Kind, Literal, Relation, Schema
from edge.runtimes.local.migrations import TABLE, statements
from openapi import stale

WIDTH = 105
"""Characters of one line of a layout."""
GOLDEN = (
    "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'd1_%' AND name NOT LIKE 'sqlite_stat%' "
    "ORDER BY tbl_name, type, name"
)
"""The statements of a schema, without the tables of migrations and ANALYZE."""
_INTERNAL = ("sqlite_", "_cf_")
_DECLARED = {
    "BOOLEAN": Kind.BOOLEAN,
    "BOOL": Kind.BOOLEAN,
    "JSON": Kind.JSON,
    "DATETIME": Kind.INSTANT,
    "TIMESTAMP": Kind.INSTANT,
}
_KINDS = {"integer": Kind.INTEGER, "real": Kind.REAL, "numeric": Kind.REAL, "blob": Kind.BLOB}
_HEAD = '''"""The schema as the migrations leave it: written by `make golden`, not by hand."""

from edge.data.schema import Index, Relation, Schema

'''


def read(migrations: Path) -> Schema:
    """Return the schema that a folder of migrations leaves."""
    with _applied(migrations) as connection:
        schema = describe(connection)
    schema.migrations = tuple(file.name for file in sorted(migrations.glob("*.sql")))
    return schema


def golden(migrations: Path) -> str:
    """Return the schema that a folder of migrations leaves as SQL, for a golden file."""
    with _applied(migrations) as connection:
        return "".join(f"{sql};\n\n" for (sql,) in connection.execute(GOLDEN))


@contextmanager
def _applied(migrations: Path) -> Iterator[sqlite3.Connection]:
    """Yield a database in memory to which a folder of migrations was applied."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(TABLE)
        for file in sorted(migrations.glob("*.sql")):
            for statement in statements(file.read_text(encoding="utf-8-sig")):
                connection.execute(statement)
        yield connection


def describe(connection: sqlite3.Connection) -> Schema:
    """Return the schema of a database, without SQLite's and D1's own tables."""
    listed = connection.execute("SELECT name, type FROM pragma_table_list WHERE schema = 'main' ORDER BY name")
    forms = {name: form for name, form in listed if not name.startswith(_INTERNAL)}
    shadows = [name for name, form in forms.items() if form == "shadow"]
    relations = [
        _relation(connection, name, form, shadows)
        for name, form in forms.items()
        if form != "shadow" and name != "d1_migrations"
    ]
    triggers = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name").fetchall()
    return Schema(
        relations,
        tuple(_indexes(connection)),
        tuple(name for (name,) in triggers),
        tuple(name for name in forms if name == "d1_migrations"),
    )


def _relation(connection: sqlite3.Connection, name: str, form: str, shadows: Sequence[str]) -> Relation:
    (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
    rows = [row for row in connection.execute("SELECT * FROM pragma_table_xinfo(?)", (name,)) if row[6] != 1]
    if bad := [word for word in (name, *(row[1] for row in rows)) if not re.fullmatch(NAME, word)]:
        raise SystemExit(f"{name}: {', '.join(bad)}: a name is a lower-case word; rename it in its migration")
    if form == "virtual" and re.search(r"USING\s+fts5\b", sql, re.I):
        form = "fts"
    defaults = {row[1]: _literal(row[4]) for row in rows if row[4] is not None}
    parents = connection.execute('SELECT "from", "table" FROM pragma_foreign_key_list(?)', (name,)).fetchall()
    return Relation(
        name,
        " ".join(_column(row, sql) for row in rows),
        form=form,
        key=tuple(row[1] for row in sorted(rows, key=lambda row: row[5]) if row[5]),
        unique=tuple(sorted(_unique(connection, name))),
        defaults={column: value for column, (value, _) in defaults.items() if value is not None},
        expressions={column: text for column, (_, text) in defaults.items() if text},
        references={column: parent for _, column, parent in _ordered(rows, parents)},
        generated=tuple(row[1] for row in rows if row[6] in {2, 3}),
        shadows=tuple(shadow for shadow in shadows if shadow.startswith(f"{name}_")) if form != "table" else (),
    )


def _ordered(rows: Sequence[tuple[object, ...]], parents: Sequence[tuple[str, str]]) -> list[tuple[int, str, str]]:
    order = {row[1]: number for number, row in enumerate(rows)}
    return sorted((order[column], column, parent) for column, parent in parents)


def _column(row: tuple[object, ...], sql: str) -> str:
    """Return a column as a layout names it."""
    kind = _kind(row, sql)
    declared = str(row[2])
    form = f":{kind}" if declared == USUAL[kind] else f":{kind}:{declared.replace(' ', '_') or NONE}"
    return f"{row[1]}{'!' if row[3] and not row[5] else ''}{form.removesuffix(':text')}"


def _kind(row: tuple[object, ...], sql: str) -> Kind:
    """Return a column's kind: by its declared type, then by its name, its default or its CHECK."""
    name, declared, default = str(row[1]), str(row[2]), str(row[4])
    if declared.upper() in _DECLARED:
        return _DECLARED[declared.upper()]
    affinity = Column(name, declared, Kind.TEXT).affinity
    if affinity == "integer" and name.startswith(("is_", "has_")):
        return Kind.BOOLEAN
    if affinity == "text" and name.endswith("_at"):
        return Kind.INSTANT
    if affinity == "text" and (default in {"'{}'", "'[]'"} or f"json_valid({name})" in sql):
        return Kind.JSON
    return _KINDS.get(affinity, Kind.TEXT) if declared else Kind.TEXT


def _literal(text: str) -> tuple[Literal, str]:
    """Return a default's value, or the expression that it is."""
    if text.startswith("'"):
        return text[1:-1].replace("''", "'"), ""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return None, "" if text.upper() == "NULL" else text
    return (value, "") if type(value) in {int, float} else (None, text)


def _unique(connection: sqlite3.Connection, table: str) -> Iterator[tuple[str, ...]]:
    """Yield the columns of the unique keys that hold for all rows, beside the primary key."""
    query = 'SELECT name, "unique", origin, partial FROM pragma_index_list(?)'
    listed = connection.execute(query, (table,)).fetchall()
    for name, is_unique, origin, is_partial in listed:
        columns = [row[0] for row in connection.execute("SELECT name FROM pragma_index_info(?)", (name,))]
        if is_unique and origin != "pk" and not is_partial and all(columns):
            yield tuple(columns)


def _indexes(connection: sqlite3.Connection) -> Iterator[Index]:
    """Yield the indexes that the migrations make."""
    rows = connection.execute(
        "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY tbl_name, name"
    ).fetchall()
    for name, table, sql in rows:
        inside = sql.partition("(")[2].rpartition(")")[0]
        where = re.search(r"\)\s*WHERE\s+(.*)", sql, re.I | re.S)
        columns = inside if where is None else sql[: where.start()].partition("(")[2]
        names = tuple(" ".join(part.split()) for part in _parts(columns))
        yield Index(name, table, names, "UNIQUE" in sql.upper().split("INDEX")[0], where[1] if where else "")


def _parts(columns: str) -> Iterator[str]:
    """Yield the items between the commas of a list, but for those inside parentheses."""
    depth = 0
    part = ""
    for mark in columns:
        depth += (mark == "(") - (mark == ")")
        if mark == "," and not depth:
            yield part
            part = ""
        else:
            part += mark
    yield part


def rendered(schema: Schema) -> str:
    """Return the module that describes a schema."""
    relations = ", ".join(_source(relation) for relation in schema.relations.values())
    indexes = "".join(f"{_call(index)}, " for index in schema.indexes)
    text = (
        f"{_HEAD}SCHEMA = Schema(\n    relations=({relations},),\n    indexes=({indexes}),\n"
        f"    triggers={schema.triggers!r},\n    others={schema.others!r},\n"
        f"    migrations={schema.migrations!r},\n)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--quiet", "--no-cache", "--stdin-filename", "schema.py", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return done.stdout


def _source(relation: Relation) -> str:
    members = {
        name: getattr(relation, name)
        for name in ("key", "unique", "defaults", "expressions", "references", "generated", "shadows")
    }
    form = "" if relation.form == "table" else f"form={relation.form!r}, "
    arguments = "".join(f"{name}={value!r}, " for name, value in members.items() if value)
    return f"Relation({relation.name!r}, {_wrapped(relation.layout)}, {form}{arguments})"


def _wrapped(text: str, width: int = WIDTH) -> str:
    """Return a text as literals of at most a line each."""
    if len(text) <= width:
        return repr(text)
    lines = wrap(text, width, break_on_hyphens=False)
    return " ".join([*(repr(f"{line} ") for line in lines[:-1]), repr(lines[-1])])


def _call(index: Index) -> str:
    more = ", is_unique=True" * index.is_unique + (f", where={_wrapped(index.where, WIDTH - 6)}" if index.where else "")
    return f"Index({index.name!r}, {index.table!r}, {index.columns!r}{more})"


def main(arguments: Sequence[str]) -> int:
    """Write the modules, or with `--check` show which are stale and return 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a committed file is stale")
    options = parse(parser, arguments)
    differences = []
    for package in options.apps:
        path = ROOT / "src" / package / "schema.py"
        text = rendered(read(ROOT / "migrations" / folder(package)))
        differences.append(stale(path, text))
        if not options.check:
            path.write_text(text, encoding="utf-8")
    if options.check:
        sys.stdout.write("".join(differences))
    return int(options.check and any(differences))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
