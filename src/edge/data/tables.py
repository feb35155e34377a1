"""All tables of an app, declared beside its schema; they make the databases of its callers."""

import re
from collections.abc import Mapping
from functools import cached_property

from edge.access import Actor, Role
from edge.data.conditions import CallerKind, DeclarationError, kind_of
from edge.data.database import ScopedDatabase
from edge.data.schema import NAME, Schema
from edge.data.scope import Scope, SystemScope
from edge.data.table import Rows, Table
from edge.data.writes import Writes
from edge.ports import Database


class Tables:
    """All tables of an app: a table of the schema that is missing here fails at import.

    A view that is missing is empty for all callers: it would show all rows of the tables below it.
    """

    database = ScopedDatabase
    scope_type: type[Scope] = Scope
    writes_type: type[Writes] = Writes

    def __init__(self, schema: Schema, *tables: Table) -> None:
        self.schema = schema
        if not re.fullmatch(rf"(?:{NAME} )*", "".join(f"{name} " for name in (*schema.relations, *schema.hidden))):
            raise DeclarationError("a table's name is a lower-case word")
        declared = {table.name: table for table in tables}
        if len(declared) < len(tables):
            raise DeclarationError("a table is declared twice")
        views = {name for name, relation in schema.relations.items() if relation.form == "view"}
        if missing := schema.relations.keys() - declared.keys() - views:
            raise DeclarationError(f"{', '.join(sorted(missing))}: in the schema, and not declared")
        if unknown := declared.keys() - schema.relations.keys():
            raise DeclarationError(f"{', '.join(sorted(unknown))}: declared, and not in the schema")
        self.rows = {name: Rows(schema.relations[name], table, schema.relations) for name, table in declared.items()}
        for table in tables:
            for part in table.parts:
                if part.name in {*self.rows, *schema.relations, *schema.hidden} or not re.fullmatch(NAME, part.name):
                    raise DeclarationError(f"{part.name}: the name of a part is a lower-case word of its own")
                self.rows[part.name] = Rows(schema.relations[table.name], part.of(table), schema.relations)
        _check_references(self.rows)
        self._scopes: dict[tuple[CallerKind, Role], tuple[Scope, Writes]] = {}

    def __getitem__(self, name: str) -> Rows:
        return self.rows[name]

    def scope(self, kind: CallerKind, role: Role) -> tuple[Scope, Writes]:
        """Return the scope of a kind of caller in a role, and its writes; made at the first use."""
        pair = self._scopes.get((kind, role))
        if pair is None:
            scope = self.scope_type(self.rows, self.schema, kind, role)
            pair = self._scopes[kind, role] = (scope, self.writes_type(scope))
        return pair

    def scoped(self, db: Database, actor: Actor | None) -> ScopedDatabase:
        """Return a caller's database."""
        role = Role.PUBLIC if actor is None else actor.role
        return ScopedDatabase(db, *self.scope(kind_of(actor), role), actor, self.scoped)

    @cached_property
    def _system(self) -> tuple[Scope, Writes]:
        scope = SystemScope(self.rows, self.schema)
        return scope, self.writes_type(scope)

    def system(self, db: Database) -> ScopedDatabase:
        """Return the whole database with a scoped one's methods, for code that serves callers and jobs alike."""
        return ScopedDatabase(db, *self._system, None, self.scoped)


def _check_references(rows: Mapping[str, Rows]) -> None:
    """Refuse conditions that read each other in a circle, or the rows of a table that shows none."""
    for name, own in rows.items():
        for condition in own.conditions:
            for other in condition.tables:
                if other not in rows or rows[other].declared.private:
                    raise DeclarationError(f"{name}: {other} shows no rows to a condition; main.{other} has all")
                if name in _reached(rows, other):
                    raise DeclarationError(f"{name} and {other} depend on each other: one of them is to name main.")


def _reached(rows: Mapping[str, Rows], name: str) -> set[str]:
    reached: set[str] = set()
    todo = [name]
    while todo:
        table = todo.pop()
        if table in rows and table not in reached:
            reached.add(table)
            todo += [other for condition in rows[table].conditions for other in condition.tables]
    return reached
