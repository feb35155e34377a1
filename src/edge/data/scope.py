"""A scope: the rows that one kind of caller in one role sees, as common table expressions around its statements.

SQLite lets a common table expression take a table's name. Each name of the schema in a statement, in any spelling, is
replaced by an expression with the caller's rows; docs/adr/0001 says why this is sound.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from edge.access import Role
from edge.data.conditions import CallerKind, Condition
from edge.data.schema import Schema
from edge.data.sql import Guard, GuardedSql, beginning, numbered, refuse_escapes, words_of
from edge.data.table import Rows

NOTHING = "0"
"""A condition that holds for no row."""
EVERYTHING = frozenset({"true", "1"})
LONGEST_CACHED = 4_096
"""Most characters of a statement with a cached plan."""
MOST_CACHED = 512
"""Most cached plans of one scope."""


class Plan(NamedTuple):
    """A scoped statement, and the names of the caller's values that precede its own."""

    sql: str
    names: tuple[str, ...]


class Scope:
    """The rows that a kind of caller sees and may write in a role.

    `readable` has the condition of each table that the caller does not read as a whole. `own` has that of each table
    with rows that are not its own.
    """

    is_whole = False

    def __init__(self, rows: Mapping[str, Rows], schema: Schema, kind: CallerKind, role: Role) -> None:
        self.rows = rows
        self.schema = schema
        self.kind = kind
        self.role = role
        self.label = f"/* {kind} {role.name.lower()} */ "
        names = [] if self.is_whole else dict.fromkeys([*schema.relations, *schema.hidden, *rows])
        self.own = {name: where for name in names if (where := self._owned(name)) is not None}
        self.readable = {name: where for name in self.own if (where := self._readable(name)) is not None}
        self.cached = lru_cache(MOST_CACHED)(self.plan)

    def read(self, sql: str) -> Plan:
        """Return a handler's statement as it runs in this scope; `StatementRefused` for one that cannot."""
        return self.cached(sql) if len(sql) <= LONGEST_CACHED else self.plan(sql)

    def plan(self, sql: str) -> Plan:
        """Return the same without the cache."""
        words = self.words(sql)
        self.refuse(sql, words)
        first, end = self.begin(sql, words)
        expressions = self.expressions(words, self.readable)
        guard = self.guard_of_read(words, expressions.keys())
        if not expressions:
            return Plan(GuardedSql.of(self.label + sql, guard), ())
        text, names = numbered(", ".join(expressions.values()))
        if first == "with":
            scoped = f"{self.label}WITH RECURSIVE {text}, {sql[end:]}"
        else:
            scoped = f"{self.label}WITH {text} {sql}"
        return Plan(GuardedSql.of(scoped, guard), names)

    def shadowed(self, conditions: Mapping[str, str]) -> Collection[str]:
        """Return the names to replace by expressions, of those with a condition: all of them."""
        return conditions.keys()

    def words(self, sql: str) -> set[str]:
        """Return the words of a handler's text."""
        return words_of(sql)

    def refuse(self, sql: str, words: set[str]) -> None:
        """Refuse text that could leave the scope."""
        refuse_escapes(sql, words)

    def begin(self, sql: str, words: set[str]) -> tuple[str, int]:
        """Return the first word of a statement that reads, and the position after it."""
        return beginning(sql, words)

    def expressions(self, words: Iterable[str], conditions: Mapping[str, str]) -> dict[str, str]:
        """Return a common table expression for each table among `words`, and for those that its condition reads."""
        by_table: dict[str, str] = {}
        todo = sorted(set(words).intersection(self.shadowed(conditions)))
        while todo:
            name = todo.pop()
            if name in by_table or name not in conditions:
                continue
            table = self.rows[name].relation.name if name in self.rows else name
            rows = f"SELECT {self._columns(name)} FROM main.{table} WHERE {conditions[name]}"
            by_table[name] = f"{name} AS NOT MATERIALIZED ({rows})"
            todo += sorted(table for condition in self._conditions(name) for table in condition.tables)
        return by_table

    def _conditions(self, name: str) -> list[Condition]:
        """Return the conditions that this scope puts on a table."""
        rows = self.rows.get(name)
        candidates = [rows.own.get(self.kind), rows.public] if rows else []
        return [condition for condition in candidates if condition is not None]

    def _owned(self, name: str) -> str | None:
        """Return the condition on the rows of a table that are the caller's own; None for all."""
        rows = self.rows.get(name)
        if rows is None or rows.declared.private:
            return NOTHING
        if self.kind is CallerKind.ADMIN and not rows.declared.is_part:
            return None
        if self.role < rows.declared.read:
            return NOTHING
        own = rows.owned(self.kind)
        if isinstance(own, bool):
            return None if own else NOTHING
        return NOTHING if own.text == "false" else own.text

    def _readable(self, name: str) -> str | None:
        """Return the condition on the rows that the caller reads, of a table with rows that are not its own."""
        own = self.own[name]
        rows = self.rows.get(name)
        if rows is None or rows.public is None or self.role < rows.declared.read:
            return own
        public = rows.public.text
        if public.strip().lower() in EVERYTHING:
            return None
        return public if own == NOTHING else f"({own}) OR ({public})"

    def _columns(self, name: str) -> str:
        relation = self.schema.relations.get(name)
        if relation is not None and relation.form == "fts":
            return f"rowid, *, {name}, rank"  # hidden columns: MATCH, bm25 and ORDER BY rank need them
        return "rowid, *" if name in self.rows and self.rows[name].declared.has_rowid else "*"

    def guard_of_read(self, words: Iterable[str], expressed: Iterable[str]) -> Guard:
        """Return the guard of a read of these words; a full-text table also reads its shadow tables."""
        relations = self.schema.relations
        searched = [relations[name] for name in relations.keys() & words if relations[name].form == "fts"]
        reads = {name for relation in searched for name in (relation.name, *relation.shadows)}
        return self._guard(self.readable, expressed, reads, ())

    def guard_of_write(self, name: str, expressed: Iterable[str], whole: Iterable[str]) -> Guard:
        """Return the guard of a write to a table; its conditions read all rows of the tables in `whole`.

        SQLite reads the tables that rows refer to, and changes those that refer to the rows; a trigger may write to a
        full-text table.
        """
        relations = self.schema.relations
        written: set[str] = set()
        todo = [name]
        while todo:
            table = todo.pop()
            if table not in written:
                written.add(table)
                todo += [child.name for child in relations.values() if table in child.references.values()]
        parents = {parent for table in written for parent in relations[table].references.values()}
        stored = {shadow for relation in relations.values() for shadow in relation.shadows}
        return self._guard(self.own, expressed, {*written, *parents, *whole, *stored}, written | stored)

    def _guard(
        self, conditions: Mapping[str, str], expressed: Iterable[str], reads: Iterable[str], writes: Iterable[str]
    ) -> Guard:
        views = {name for name, relation in self.schema.relations.items() if relation.form == "view"}
        contexts = frozenset(expressed) | (views - conditions.keys())
        return Guard(
            frozenset(conditions), contexts, frozenset(self.schema.triggers), frozenset(reads), frozenset(writes)
        )


class SystemScope(Scope):
    """No scope: for the system's own code that uses the methods of a scoped database."""

    is_whole = True

    def __init__(self, rows: Mapping[str, Rows], schema: Schema) -> None:
        super().__init__(rows, schema, CallerKind.ADMIN, Role.ADMIN)
        self.label = ""

    def read(self, sql: str) -> Plan:
        """Return a statement unchanged."""
        return Plan(sql, ())
