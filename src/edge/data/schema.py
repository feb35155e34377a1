"""The schema that an app's migrations create, as a generated module describes it: relations, columns, indexes."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

NAME = r"[a-z_][a-z0-9_]*"
"""A name of a table or column. SQLite has no escapes in names, so every spelling of it has its letters in one run."""
TOUCHED = "updated_at"
"""A column that each update sets to now."""
NONE = "-"
"""Marks a column without a declared type in a layout."""

type Literal = str | int | float | None


class Kind(StrEnum):
    """The kind of value that a column holds, beyond SQLite's storage classes."""

    TEXT = "text"
    INTEGER = "integer"
    REAL = "real"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    JSON = "json"
    BLOB = "blob"


USUAL = {
    Kind.TEXT: "TEXT",
    Kind.INTEGER: "INTEGER",
    Kind.REAL: "REAL",
    Kind.BOOLEAN: "INTEGER",
    Kind.INSTANT: "TEXT",
    Kind.JSON: "TEXT",
    Kind.BLOB: "BLOB",
}
"""The type that a migration declares for each kind."""


class Column(NamedTuple):
    """One column.

    `default` is a literal, `expression` the SQL of any other default; `references` names the table whose key the
    column holds. A generated column cannot be written.
    """

    name: str
    type: str
    kind: Kind
    nullable: bool = True
    default: Literal = None
    expression: str = ""
    references: str = ""
    is_generated: bool = False

    @property
    def sql(self) -> str:
        """The name quoted for SQL, as it may be one of SQL's own words."""
        return f'"{self.name}"'

    @property
    def affinity(self) -> str:
        """The storage class that SQLite prefers for it: integer, text, blob, real or numeric."""
        declared = self.type.upper()
        for affinity, parts in _AFFINITIES:
            if any(part in declared for part in parts):
                return affinity
        return "numeric" if declared else "blob"


class Index(NamedTuple):
    """One index of a migration; `where` is the condition of a partial one, an expression is listed as its text."""

    name: str
    table: str
    columns: tuple[str, ...]
    is_unique: bool = False
    where: str = ""


class Relation:
    """A table, view or virtual table.

    `layout` names its columns in their order, as in `vin! started_at!:instant note`. `!` is NOT NULL, and the kind is
    text by default. A declared type other than the kind's usual one follows it, as in `at:instant:DATE`.
    `form` is table, view, fts or virtual; `unique` holds the unique keys beside the primary key; `shadows` are the
    tables in which a virtual table stores its rows.
    """

    def __init__(  # noqa: PLR0913 - the members of a CREATE TABLE
        self,
        name: str,
        layout: str,
        *,
        form: str = "table",
        key: tuple[str, ...] = (),
        unique: tuple[tuple[str, ...], ...] = (),
        defaults: Mapping[str, Literal] | None = None,
        expressions: Mapping[str, str] | None = None,
        references: Mapping[str, str] | None = None,
        generated: tuple[str, ...] = (),
        shadows: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.layout = layout
        self.form = form
        self.key = key
        self.unique = unique
        self.defaults = defaults or {}
        self.expressions = expressions or {}
        self.references = references or {}
        self.generated = generated
        self.shadows = shadows
        self._columns: dict[str, Column] = {}

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns by name, in their order; made at the first use."""
        if not self._columns:
            columns = [self._column(text) for text in self.layout.split()]
            self._columns = {column.name: column for column in columns}
        return self._columns

    def _column(self, text: str) -> Column:
        marked, _, form = text.partition(":")
        kind, _, declared = form.partition(":")
        name = marked.removesuffix("!")
        return Column(
            name,
            "" if declared == NONE else declared or USUAL[Kind(kind or "text")],
            Kind(kind or "text"),
            nullable=marked == name and name not in self.key,
            default=self.defaults.get(name),
            expression=self.expressions.get(name, ""),
            references=self.references.get(name, ""),
            is_generated=name in self.generated,
        )


class Schema:
    """The whole schema after the `migrations`. `others` are names that no app declares, such as `d1_migrations`."""

    def __init__(
        self,
        relations: Iterable[Relation],
        indexes: tuple[Index, ...] = (),
        triggers: tuple[str, ...] = (),
        others: tuple[str, ...] = (),
        migrations: tuple[str, ...] = (),
    ) -> None:
        self.relations = {relation.name: relation for relation in relations}
        self.indexes = indexes
        self.triggers = triggers
        self.others = others
        self.migrations = migrations

    @property
    def hidden(self) -> tuple[str, ...]:
        """The names of tables in SQLite that no caller reads: shadow tables and `others`."""
        shadows = [name for relation in self.relations.values() for name in relation.shadows]
        return (*shadows, *self.others)


_AFFINITIES = (
    ("integer", ("INT",)),
    ("text", ("CHAR", "CLOB", "TEXT")),
    ("blob", ("BLOB",)),
    ("real", ("REAL", "FLOA", "DOUB")),
)
"""SQLite's rules for a declared type, in order.

See https://www.sqlite.org/datatype3.html#determination_of_column_affinity.
"""
