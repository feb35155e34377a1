"""The declaration of a table: its readers and writers, and the owners of its rows."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NoReturn

from edge.access import ADMIN, Role
from edge.data.conditions import ANONYMOUS, BOUND, MEMBER, OWNER, PARAMETERS, CallerKind, Condition, DeclarationError
from edge.data.schema import Column, Kind, Relation

SCOPED = (BOUND, MEMBER, OWNER)
"""The kinds that can have rows of their own."""

type Conditions = str | Mapping[CallerKind, str]


class Part:
    """Some of a caller's own rows under a name of their own, such as the capsules that a team's member owns.

    Statements read the `name` as a table, and updates and deletes take it. Its `own` holds beside the table's; a kind
    that it does not name has no rows in it, nor has an administrator. Only through the part are its `columns` changed,
    and rows deleted if it `deletes`. New rows are inserted into the table.
    """

    def __init__(self, name: str, own: Conditions, *, columns: Sequence[str] = (), deletes: bool = False) -> None:
        self.name = name
        self.own = own
        self.columns = frozenset(columns)
        self.deletes = deletes

    def of(self, table: "Table") -> "Table":
        """Return the part as a table's declaration."""
        own = {
            kind: _both(_of(table.own, kind, "true" if kind is OWNER else "false"), _of(self.own, kind))
            for kind in SCOPED
        }
        writable = None if table.writable is None else [*table.writable, *self.columns]
        part = Table(self.name, read=table.read, write=table.write, own=own, check=table.check, writable=writable)
        part.kinds = table.kinds
        part.has_rowid = table.has_rowid
        part.is_part = True
        return part


def _of(conditions: Conditions, kind: CallerKind, default: str = "false") -> str:
    condition = conditions if isinstance(conditions, str) else conditions.get(kind)
    return condition or default


def _both(first: str, second: str) -> str:
    """Return the condition that two together are."""
    if "false" in {first, second}:
        return "false"
    conditions = [*dict.fromkeys(condition for condition in (first, second) if condition != "true")]
    return " AND ".join(f"({condition})" for condition in conditions) or "true"


class Table:
    """A table's declaration: its readers and writers, and the owners of its rows.

    `read` and `write` are the least roles. `own` is the condition for a caller's own rows: one for all kinds of
    callers, or one by kind. Of a kind that it does not name, an unbound key (`OWNER`) has all rows and any other kind
    none. `public` is the condition for rows that all callers may read, of any kind. `check` must hold for a new row of
    a caller that is no administrator. `writable` are the columns that such a caller sets or changes: without it, all. A
    `private` table is in no handler's database. `kinds` corrects the kinds of columns with misleading names. With
    `has_rowid` statements may name the rowid, and `SELECT *` returns it too. `parts` name some of the own rows.
    """

    is_part = False

    def __init__(  # noqa: PLR0913 - the members of a declaration
        self,
        name: str,
        *,
        read: Role = ADMIN,
        write: Role = ADMIN,
        own: Conditions = "",
        public: str = "",
        check: Conditions = "",
        writable: Sequence[str] | None = None,
        private: bool = False,
        kinds: Mapping[str, Kind] | None = None,
        has_rowid: bool = False,
        parts: Sequence[Part] = (),
    ) -> None:
        self.name = name
        self.read = read
        self.write = write
        self.own = own
        self.public = public
        self.check = check
        self.writable = None if writable is None else frozenset(writable)
        self.private = private
        self.kinds = kinds or {}
        self.has_rowid = has_rowid
        self.parts = parts


class Rows:
    """A declared relation with its checked conditions: the input of a scope."""

    def __init__(self, relation: Relation, declared: Table, relations: Mapping[str, Relation]) -> None:
        self.relation = relation
        self.declared = declared
        self.name = declared.name
        self._relations = relations
        self.public = self._condition("public", declared.public, ANONYMOUS) if declared.public else None
        self.own = dict(self._conditions("own", declared.own))
        self.check = dict(self._conditions("check", declared.check))
        self._check_columns()

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """The columns by name, with the declaration's corrections of their kinds."""
        corrected = self.declared.kinds
        return {
            name: column._replace(kind=corrected[name]) if name in corrected else column
            for name, column in self.relation.columns.items()
        }

    @property
    def conditions(self) -> Iterator[Condition]:
        """All conditions of the declaration."""
        yield from filter(None, [self.public, *self.own.values(), *self.check.values()])

    def owned(self, kind: CallerKind) -> Condition | bool:
        """Return the condition on the rows of a caller's own; True for all rows, False for none."""
        if kind in self.own:
            return self.own[kind]
        return kind is OWNER and not self.declared.is_part

    def _conditions(self, member: str, conditions: Conditions) -> Iterator[tuple[CallerKind, Condition]]:
        if isinstance(conditions, str):
            condition = self._condition(member, conditions, *SCOPED) if conditions else None
            yield from ((kind, condition) for kind in SCOPED if condition)
            return
        for kind, text in conditions.items():
            if kind not in SCOPED:
                self._fail(f"{member} is for the kinds {', '.join(SCOPED)}")
            if not text.strip():
                self._fail(f"{member} of {kind} is empty: 'true' is every row, 'false' none")
            yield kind, self._condition(member, text, kind)

    def _condition(self, member: str, text: str, *kinds: CallerKind) -> Condition:
        condition = Condition(f"{self.name}: {member}", text, self.relation, self._relations)
        for kind in kinds:
            if unbound := condition.parameters - PARAMETERS[kind]:
                self._fail(f"{member} binds :{min(unbound)}, which {kind} callers do not have")
        return condition

    def _check_columns(self) -> None:
        declared = self.declared
        columns = self.relation.columns
        named = {
            *(declared.writable or ()),
            *declared.kinds,
            *(name for part in declared.parts for name in part.columns),
        }
        if unknown := named - columns.keys():
            self._fail(f"it has no column {', '.join(sorted(unknown))}")
        if declared.private and (declared.own or declared.public or declared.check or declared.writable is not None):
            self._fail("a private table has no own, public or writable rows")
        if declared.parts and (declared.private or self.relation.form != "table"):
            self._fail("a private table, a view or an index has no parts")
        if declared.write < declared.read:
            self._fail("the role for write must be at least that for read")
        if declared.has_rowid and self.relation.form == "view":
            self._fail("a view has no rowid")
        for member, conditions in (("own", self.own), ("check", self.check)):
            for condition in conditions.values():
                if bad := {name for name in condition.columns if columns[name].is_generated}:
                    self._fail(f"{member} names {', '.join(sorted(bad))}, which a new row does not have yet")

    def _fail(self, complaint: str) -> NoReturn:
        raise DeclarationError(f"{self.name}: {complaint}")
