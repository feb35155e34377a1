"""Retention: rows that are too old, or too many, are removed in small batches; needed rows stay."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field

from edge.errors import NotConfigured
from edge.events import Tick
from edge.instants import to_text
from edge.ports import Clock, Log, PortError, Row, Statement, SystemDatabase, Value
from edge.routes import Routes
from edge.settings import MAY_BE_EMPTY, Settings

BATCH = 1_000
"""Rows that one statement removes."""
GROUPS = 20
"""Groups of rows that one statement removes."""
STATEMENTS = 30
"""Statements of one run: a Worker on the free plan has 50 queries an event, and other jobs may share it."""
SECONDS = 20.0
"""Most seconds of one run; the next one continues."""
COUNTED = 10_000
"""Rows of a rule that a dry run counts at most."""
MEGABYTE = 1_000_000


def _number(text: object) -> object:
    return text or 0


type KeepDays = Annotated[int, BeforeValidator(_number), Field(ge=0, le=36_500), MAY_BE_EMPTY]
"""Days that rows are stored; 0 or empty: for ever."""
type MaxRows = Annotated[int, BeforeValidator(_number), Field(ge=0, lt=2**53), MAY_BE_EMPTY]
"""Most rows that are stored; 0 or empty: any number."""
type MaxMegabytes = Annotated[int, BeforeValidator(_number), Field(ge=0, le=1_000_000), MAY_BE_EMPTY]
"""Most megabytes that are stored; 0 or empty: any number."""


class Rule(NamedTuple):
    """A rule for removing rows of a table. All SQL is the program's own.

    `column` is a row's age, an instant or (`is_epoch`) Unix seconds, and has an index. `keep` names the setting with
    the days, or is a time. `where` selects the rule's rows, and `unless` the needed ones among them: a row for which it
    is true, or null, stays. In both, `{before}` is the instant before which rows go. Rows with the same value
    of `group` go together. `max_rows` and `max_mb` name settings; `size` is the indexed column with a row's bytes.
    """

    table: str
    column: str
    keep: str | timedelta
    where: str = "true"
    unless: str = "false"
    group: str = ""
    max_rows: str = ""
    max_mb: str = ""
    size: str = ""
    is_epoch: bool = False

    def removal(self, before: Value) -> Statement:
        """Return the statement that removes a batch of the rows from before an instant."""
        key = self.group or "rowid"
        chosen, params = self._chosen(key, f"NOT ({self.unless})", before)
        sql = f"DELETE FROM {self.table} WHERE {key} IN ({chosen} ORDER BY {self.column} LIMIT ?)"
        return Statement(sql, (*params, GROUPS if self.group else BATCH))

    def counting(self, before: Value, *, needed: bool = False) -> Statement:
        """Return the statement that counts, as `n`, the rows that would be removed, or those that are needed."""
        chosen, params = self._chosen(
            "1", f"({self.unless}) IS NOT false" if needed else f"NOT ({self.unless})", before
        )
        return Statement(f"SELECT count(*) AS n FROM ({chosen} LIMIT ?)", (*params, COUNTED))

    def oldest(self, rows: int) -> Statement:
        """Return the statement that finds, as `before`, the age of the oldest of the newest `rows` rows."""
        sql = f"SELECT {self.column} AS before FROM {self.table} ORDER BY {self.column} DESC LIMIT 1 OFFSET ?"
        return Statement(sql, (rows - 1,))

    def oldest_within(self, size: int) -> Statement:
        """Return the statement that finds, as `before`, the age of the first row that is over a size in bytes."""
        total = f"sum({self.size}) OVER (ORDER BY {self.column} DESC ROWS UNBOUNDED PRECEDING)"
        sized = f"SELECT {self.column} AS before, {total} AS total FROM {self.table} WHERE {self.size} IS NOT NULL"
        return Statement(f"SELECT before FROM ({sized}) WHERE total > ? LIMIT 1", (size,))

    def span(self) -> Statement:
        """Return the statement that bounds, as `n`, how many rows the table has, at the cost of reading two."""
        ends = [f"(SELECT {end}(rowid) FROM {self.table})" for end in ("max", "min")]
        return Statement(f"SELECT coalesce({ends[0]} - {ends[1]} + 1, 0) AS n")

    def _chosen(self, what: str, condition: str, before: Value) -> tuple[str, list[Value]]:
        text = f"{self.column} < {{before}} AND ({self.where}) AND {condition}"
        sql = f"SELECT {what} FROM {self.table} WHERE {text.replace('{before}', '?')}"
        return sql, [before] * text.count("{before}")


type Rules = Sequence[Rule] | Callable[[Any], Sequence[Rule]]
"""An app's rules, or a function that returns them for its settings."""


class Due(NamedTuple):
    """A rule, and the instant before which rows go now."""

    rule: Rule
    before: Value


class Retention:
    """Removes rows by rules. Each statement is complete in itself: a run may be cut off, or overlap with another."""

    def __init__(self, rules: Rules, db: SystemDatabase, settings: Settings, clock: Clock, log: Log) -> None:
        self._rules = rules(settings) if callable(rules) else rules
        self._db = db
        self._settings = settings
        self._clock = clock
        self._log = log
        self._statements = 0
        self._ends_at = clock.now() + timedelta(seconds=SECONDS)
        self.skipped: dict[str, str] = {}

    async def run(self) -> dict[str, Any]:
        """Remove rows of each table in turn; return their number, and in `more` the tables with rows left."""
        removed: Counter[str] = Counter()
        due: list[Due] = []
        try:
            due = await self.due()
            while due and not self._is_over():
                due = [item for item in due if await self._remove(item, removed)]
        finally:
            report = {
                "removed": dict(removed),
                "more": sorted({item.rule.table for item in due}),
                "skipped": self.skipped,
            }
            if removed or self.skipped:
                self._log("warning" if self.skipped else "info", "old rows removed", **report)
        await self._optimize()
        return report

    async def _optimize(self) -> None:
        """Update the statistics by which SQLite plans, for tables that have changed much."""
        try:
            await self._db.run("PRAGMA optimize")
        except PortError as fault:
            self._log("warning", "statistics not updated", error=str(fault))

    async def preview(self) -> dict[str, Any]:
        """Count the rows that a run would remove, and the old ones that are needed; remove none."""
        totals: dict[str, Counter[str]] = {"would_remove": Counter(), "needed": Counter()}
        for rule, before in await self.due():
            for kind, counts in totals.items():
                counted = await self._first(rule.counting(before, needed=kind == "needed"))
                if counted:
                    counts[rule.table] += counted["n"]
        return {**{kind: dict(counts) for kind, counts in totals.items()}, "skipped": self.skipped}

    async def due(self) -> list[Due]:
        """Return the rules that may remove rows now. A rule with an invalid setting removes nothing."""
        due = []
        for rule in self._rules:
            try:
                before = await self._before(rule)
            except NotConfigured as fault:
                self._skip(rule, fault)
            except PortError as fault:
                if fault.is_away:
                    raise
                self._skip(rule, fault)
            else:
                due += [] if before is None else [Due(rule, before)]
        return due

    async def _before(self, rule: Rule) -> Value:
        """Return the instant before which rows go, by their age, number and size; None if all stay."""
        rows, megabytes = (getattr(self._settings, name) if name else 0 for name in (rule.max_rows, rule.max_mb))
        keep = rule.keep if isinstance(rule.keep, timedelta) else timedelta(days=getattr(self._settings, rule.keep))
        instants: list[Any] = []
        if keep or isinstance(rule.keep, timedelta):
            at = self._clock.now() - keep
            instants.append(at.timestamp() if rule.is_epoch else to_text(at))
        if rows and ((await self._first(rule.span())) or {"n": 0})["n"] > rows:
            instants += await self._boundary(rule.oldest(rows))
        if megabytes:
            instants += await self._boundary(rule.oldest_within(megabytes * MEGABYTE))
        return max(instants, default=None)

    async def _boundary(self, statement: Statement) -> list[Any]:
        row = await self._first(statement)
        return [] if row is None or row["before"] is None else [row["before"]]

    async def _first(self, statement: Statement) -> Row | None:
        self._statements += 1
        return await self._db.first(statement.sql, *statement.params)

    async def _remove(self, due: Due, removed: Counter[str]) -> bool:
        """Remove a batch; return whether there may be more."""
        if self._is_over():
            return True
        statement = due.rule.removal(due.before)
        self._statements += 1
        try:
            changes = (await self._db.run(statement.sql, *statement.params)).changes
        except PortError as fault:
            if fault.is_away:
                raise
            self._skip(due.rule, fault)
            return False
        if changes:
            removed[due.rule.table] += changes
        return changes > 0 if due.rule.group else changes >= BATCH

    def _is_over(self) -> bool:
        last = STATEMENTS - 1  # PRAGMA optimize is one more
        return self._statements >= last or self._clock.now() >= self._ends_at

    def _skip(self, rule: Rule, fault: Exception) -> None:
        self.skipped[rule.table] = str(fault)


def retention_routes(cron: str, rules: Rules) -> Routes:
    """Return the resource with the job that removes old rows."""
    group = Routes(tag="retention")

    @group.cron(cron)
    async def remove_old_rows(
        tick: Tick, db: SystemDatabase, settings: Settings, clock: Clock, log: Log
    ) -> dict[str, Any]:
        """Remove the rows beyond the age or number in the settings."""
        retention = Retention(rules, db, settings, clock, log)
        return await (retention.preview() if tick.is_dry else retention.run())

    return group
