"""A caller's database: only the caller's rows exist in it."""

from collections.abc import Callable, Sequence

from pydantic_core import to_json

from edge.access import Actor
from edge.data.prepare import Cells, Names, Prepare, ScopedStatement
from edge.data.scope import Scope
from edge.data.sql import StatementRefused
from edge.data.writes import Writes, raise_unless_changed
from edge.ports import Database, Result, Row, Statement, Value

type Make = Callable[[Database, Actor | None], ScopedDatabase]


class ScopedDatabase:
    """The `Database` port for one caller: statements read, each by the scope's rules, and functions write.

    `prepare` has the same functions as statements for a batch.
    """

    __slots__ = ("_actor", "_db", "_make", "_scope", "_subjects", "prepare")

    def __init__(self, db: Database, scope: Scope, writes: Writes, actor: Actor | None, make: Make) -> None:
        self._db = db
        self._make = make
        self._scope = scope
        self._actor = actor
        self._subjects: str | None = None
        self.prepare = Prepare(writes, self._values)

    async def all(self, sql: str, *params: Value) -> list[Row]:
        """Run one statement that reads and return all rows."""
        text, names = self._scope.read(sql)
        return await self._db.all(text, *(self._values(names) if names else ()), *params)

    async def first(self, sql: str, *params: Value) -> Row | None:
        """Run one statement that reads and return its first row, or None."""
        text, names = self._scope.read(sql)
        return await self._db.first(text, *(self._values(names) if names else ()), *params)

    async def run(self, sql: str, *params: Value) -> Result:
        """Run one statement that reads and return its rows; it changes none."""
        text, names = self._scope.read(sql)
        return self._result(None, await self._db.run(text, *self._values(names), *params))

    async def batch(self, statements: Sequence[Statement | ScopedStatement]) -> list[Result]:
        """Run statements that read, and prepared writes, in one transaction: all of them take effect, or none."""
        sent: list[Statement] = []
        kept: list[int] = []
        for statement in statements:
            kept.append(len(sent))
            sent += self._sent(statement)
        results = await self._db.batch(sent)
        found = zip(statements, (results[place] for place in kept), strict=True)
        return [self._result(statement, result) for statement, result in found]

    async def insert(
        self, name: str, rows: Sequence[Cells], *, key: Names = (), keep: bool = False, returning: Names = ()
    ) -> Result:
        """Insert rows, all or none: `OutOfScope` where one is not the caller's own or fails the table's check.

        With a `key` (a primary or unique one) a row replaces the caller's own of that key; with `keep` a row that is
        there stays as it is. The result has the `returning` columns of the written rows.
        """
        return await self._write(self.prepare.insert(name, rows, key=key, keep=keep, returning=returning))

    async def update(
        self,
        name: str,
        changes: Cells,
        where: str,
        *params: Value,
        returning: Names | None = (),
        must_exist: bool = False,
    ) -> Result:
        """Change those of the caller's rows that a condition chooses; `updated_at` is brought up to date.

        Where a row `must_exist` and none is chosen: `OutOfScope`. With `returning` None nothing is counted, for writes
        to very many rows.
        """
        write = self.prepare.update(name, changes, where, *params, returning=returning, must_exist=must_exist)
        return await self._write(write)

    async def delete(
        self, name: str, where: str, *params: Value, returning: Names | None = (), must_exist: bool = False
    ) -> Result:
        """Remove those of the caller's rows that a condition chooses; the rest is as for an update."""
        return await self._write(self.prepare.delete(name, where, *params, returning=returning, must_exist=must_exist))

    def narrowed(self, actor: Actor) -> "ScopedDatabase":
        """Return the database of the same caller with fewer rights, such as those that it had when something began."""
        own = self._actor
        if own is None or not _is_within(actor, own):
            raise StatementRefused("a narrowed scope lies within the caller's own")
        return self if actor == own else self._make(self._db, actor)

    async def probe(self) -> None:
        """Raise `PortError` unless the database answers."""
        await self._db.probe()

    async def _write(self, write: ScopedStatement) -> Result:
        if write.must_exist:
            return (await self.batch([write]))[0]
        return self._result(write, await self._db.run(write.statement.sql, *write.statement.params))

    def _result(self, statement: Statement | ScopedStatement | None, result: Result) -> Result:
        """Return a result without the connection's last rowid, which another caller may have inserted."""
        if isinstance(statement, ScopedStatement):
            return Result(result.rows if statement.returns else [], len(result.rows), 0)
        return result if self._scope.is_whole else Result(result.rows, 0, 0)

    def _sent(self, statement: Statement | ScopedStatement) -> list[Statement]:
        if isinstance(statement, ScopedStatement):
            if statement.maker is not self.prepare:
                raise StatementRefused("a batch takes the writes that its own database prepared")
            check = [Statement(raise_unless_changed(statement.table))] if statement.must_exist else []
            return [statement.statement, *check]
        text, names = self._scope.read(statement.sql)
        return [Statement(text, (*self._values(names), *statement.params))]

    def _values(self, names: tuple[str, ...]) -> tuple[Value, ...]:
        """Return the caller's values of these names; a condition binds a name only of kinds that have it."""
        if not names or self._actor is None:
            return ()
        if self._subjects is None and "subjects" in names:
            self._subjects = to_json(sorted(self._actor.subjects or ())).decode()
        values: dict[str, Value] = {
            "caller": self._actor.name,
            "role": int(self._actor.role),
            "subjects": self._subjects,
        }
        return tuple([values[name] for name in names])


def _is_within(actor: Actor, own: Actor) -> bool:
    """Tell whether an actor is the same caller as another and may do no more."""
    subjects: frozenset[str | None] = frozenset({None}) if actor.subjects is None else frozenset(actor.subjects)
    is_same = (actor.name, actor.is_member) == (own.name, own.is_member)
    return is_same and actor.role <= own.role and all(own.may_reach(one) for one in subjects)
