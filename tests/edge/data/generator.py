"""Random statements that read the world of tests/contracts/world.py, in every way that SQL has to name a table."""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from tests.contracts.world import COLUMNS, NAMES

type Value = str | int | None

LITERALS = ("3", "'v1'", "NULL", "5", "'drives'", "'public'")
VALUES: tuple[Value, ...] = (None, 0, 3, 5, "v1", "v2", "d1", "u1", "k2", "public", "m1", "main-x")
ESCAPES = ("main.", "MAIN . ", '"main".', "[main]/**/.", "temp.", "'main'.", "main--\n.")
SPACES = (" ", " ", " ", " ", "\n", "\t", "/**/", " /* drives */ ", "--x\n ")
JOINS = ("JOIN", "LEFT JOIN", "CROSS JOIN", ",", "NATURAL JOIN", "FULL JOIN", "RIGHT JOIN", "JOIN", "LEFT JOIN")


class Source(NamedTuple):
    """An item of FROM: its text, its alias, and its columns."""

    text: str
    alias: str
    columns: Sequence[str]


class Generator:
    """Makes one statement with its values; one that is `hostile` tries to name tables beside their scope."""

    def __init__(self, random: Random, *, hostile: float = 0.25) -> None:
        self.random = random
        self.hostile = random.random() < hostile
        self.params: list[Value] = []
        self._aliases = 0
        self._expressions: list[tuple[str, Sequence[str]]] = []
        self._value: Callable[[], str] = self._bound

    def statement(self) -> str:
        """Return a statement; its values are in `params`."""
        head = self._with() if self.random.random() < 0.2 else ""
        width = self.random.randint(1, 3)
        sql = self._select(2, width)
        while self.random.random() < 0.15:
            more = self._select(1, width)
            sql += f" {self.random.choice(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT'])} {more}"
        if self.random.random() < 0.15:
            sql = f"SELECT count(*) FROM ({sql})"
        elif not head and self.random.random() < 0.03:
            sql = f"VALUES ((SELECT count(*) FROM {self._source(0).text}))"
            self.params.clear()
        return head + sql

    def _with(self) -> str:
        name = self.random.choice(["mine", "others", "drives" if self.hostile else "first_ones"])
        with_literals = self._literally(lambda: self._select(1, 2, ("o0", "o1")))
        self._expressions = [(name, ("o0", "o1"))]
        first = self.random.choice(["WITH", "with", "WITH RECURSIVE"])
        hint = self.random.choice(["", "MATERIALIZED ", "NOT MATERIALIZED "])
        return f"{first}{self._space()}{name} AS {hint}({with_literals}) "

    def _select(self, depth: int, width: int, names: Sequence[str] = ()) -> str:
        """Return a SELECT; its list holds only literals, as it precedes the values of FROM in the text."""
        text, sources = self._from(depth)
        tail = ""
        kind = self.random.random()
        if kind < 0.2:
            grouped = self._literally(lambda: self._column(sources))
            items = [grouped, *(self._aggregate(sources) for _ in range(width - 1))]
            tail = f" GROUP BY {grouped}" + (" HAVING count(*) > 1" if self.random.random() < 0.3 else "")
        elif kind < 0.28:
            windows = ["rank() OVER (ORDER BY ", "count(*) OVER (PARTITION BY "]
            ranked = f"{self.random.choice(windows)}{self._column(sources)})"
            items = [ranked, *(self._column(sources) for _ in range(width - 1))]
        elif kind < 0.34:
            items = ["count(*)"] * width
        else:
            items = [self._literally(lambda: self._expression(sources, depth)) for _ in range(width)]
        listed = ", ".join(f"{item} AS {name}" for item, name in zip(items, names or _names(width), strict=True))
        if not names and width == 1 and kind > 0.9 and "docs" not in text.lower():
            listed = "*"
        distinct = "DISTINCT " if self.random.random() < 0.12 else ""
        where = f"{self._space()}WHERE {self._condition(sources, depth)}" if self.random.random() < 0.6 else ""
        return f"SELECT {distinct}{listed}{self._space()}FROM {text}{where}{tail}"

    def _from(self, depth: int) -> tuple[str, list[Source]]:
        sources = [self._source(depth)]
        text = sources[0].text
        while self.random.random() < 0.4 and len(sources) < 3:
            source = self._source(depth)
            if source.alias in {other.alias for other in sources}:
                break
            join = self.random.choice(JOINS)
            text += f" {join} {source.text}"
            if join not in {",", "NATURAL JOIN", "CROSS JOIN"}:
                text += self._on(source, sources)
            sources.append(source)
        return text, sources

    def _on(self, source: Source, sources: list[Source]) -> str:
        shared = [column for column in source.columns if column in sources[0].columns]
        if len(sources) == 1 and shared and self.random.random() < 0.25:
            return f" USING ({self._quoted(self.random.choice(shared))})"
        left = f"{source.alias}.{self._quoted(self.random.choice(source.columns))}"
        return f" ON {left} = {self._column(sources)}"

    def _source(self, depth: int) -> Source:
        self._aliases += 1
        alias = f"a{self._aliases}"
        kind = self.random.random()
        if depth > 0 and kind < 0.18:
            inner = self._select(depth - 1, 2, ("o0", "o1"))
            return Source(f"({inner}) {alias}", alias, ("o0", "o1"))
        if self._expressions and kind < 0.3:
            name, columns = self.random.choice(self._expressions)
            return Source(f"{self._quoted(name, as_table=True)} {alias}", alias, columns)
        name = self.random.choice([*NAMES, "drives", "messages", "appointments", "capsules", "comments"])
        escape = self.random.choice(ESCAPES) if self.hostile and self.random.random() < 0.15 else ""
        if self.random.random() < 0.08 and name != "docs":  # an alias that is another table's name
            other = self.random.choice(["drives", "messages", "vehicles", "secrets"])
            alias = other if self.random.random() < 0.5 else f"{other}{self._aliases}"
        joined = self.random.choice([" ", " AS ", self._space()])
        return Source(f"{escape}{self._quoted(name, as_table=True)}{joined}{alias}", alias, COLUMNS[name])

    def _condition(self, sources: list[Source], depth: int) -> str:
        kind = self.random.random()
        if depth > 0 and kind < 0.46:
            return self._nested(sources, depth, kind)
        column = self._column(sources)
        if kind < 0.6:
            return f"{column} IS {self.random.choice(['', 'NOT '])}NULL"
        if kind < 0.7:
            return f"{column} IN ({self._value()}, {self._value()})"
        operator = self.random.choice(["=", "<>", "<", ">=", "IS", "LIKE"])
        right = self._column(sources) if self.random.random() < 0.5 else self._value()
        return f"{column} {operator} {right}"

    def _nested(self, sources: list[Source], depth: int, kind: float) -> str:
        if kind < 0.12:
            first = self._condition(sources, depth - 1)
            return f"({first} {self.random.choice(['AND', 'OR'])} {self._condition(sources, depth - 1)})"
        if kind < 0.17:
            return f"NOT ({self._condition(sources, depth - 1)})"
        left = self._column(sources)
        inner = self._source(0)
        if kind < 0.26:
            return f"{left} {self.random.choice(['IN', 'NOT IN'])} (SELECT {self._column([inner])} FROM {inner.text})"
        if kind < 0.3:  # a table as the list itself: it has to have one column
            return (
                f"{left} IN (SELECT {self._column([inner])} FROM {inner.text} WHERE {self._column([inner])} = {left})"
            )
        matched = f"FROM {inner.text} WHERE {self._column([inner])} = {left}"
        if kind < 0.4:
            return f"{self.random.choice(['', 'NOT '])}EXISTS (SELECT 1 {matched})"
        function = self.random.choice(["max", "min", "count"])
        return f"{left} {self.random.choice(['=', '<', 'IS'])} (SELECT {function}({self._column([inner])}) {matched})"

    def _expression(self, sources: list[Source], depth: int) -> str:
        kind = self.random.random()
        column = self._column(sources)
        if kind < 0.6 or depth == 0:
            return column
        if kind < 0.68:
            return f"coalesce({column}, {self._value()})"
        if kind < 0.88:
            inner = self._source(0)
            picked = self._column([inner])
            matched = f"FROM {inner.text} WHERE {self._column([inner])} IS {column}"
            if kind < 0.78:
                return f"(SELECT {self.random.choice(['max', 'min', 'count', 'sum'])}({picked}) {matched})"
            return f"(SELECT json_group_array(z) FROM (SELECT {picked} z {matched} ORDER BY 1))"
        if kind < 0.93:
            return f"CASE WHEN {self._condition(sources, 0)} THEN {column} ELSE {self._value()} END"
        ids = f"SELECT {self._quoted('id')} z FROM {self._quoted('drives', as_table=True)} ORDER BY 1"
        return f"(SELECT group_concat(value) FROM json_each((SELECT json_group_array(z) FROM ({ids}))))"

    def _aggregate(self, sources: list[Source]) -> str:
        function = self.random.choice(["count", "sum", "min", "max", "total"])
        return f"{function}({self.random.choice(['', 'DISTINCT '])}{self._column(sources)})"

    def _column(self, sources: Sequence[Source]) -> str:
        source = self.random.choice(sources)
        return f"{source.alias}.{self._quoted(self.random.choice(source.columns))}"

    def _literally(self, make: Callable[[], str]) -> str:
        """Return a part of the statement, made with literals in place of bound values."""
        before, self._value = self._value, lambda: self.random.choice(LITERALS)
        try:
            return make()
        finally:
            self._value = before

    def _bound(self) -> str:
        value = self.random.choice(VALUES)
        if self.random.random() < 0.6:
            self.params.append(value)
            return "?"
        return "NULL" if value is None else str(value) if isinstance(value, int) else f"'{value}'"

    def _quoted(self, name: str, *, as_table: bool = False) -> str:
        """Return a name in one of the ways in which SQLite takes it."""
        kind = self.random.random()
        if kind < 0.7:
            return name
        if kind < 0.88:
            return self.random.choice([f'"{name}"', f"[{name}]", f"`{name.upper()}`"])
        if kind < 0.92 and as_table:
            return f"'{name}'"
        return "".join(letter.upper() if self.random.random() < 0.5 else letter for letter in name)

    def _space(self) -> str:
        return self.random.choice(SPACES)


def _names(width: int) -> list[str]:
    return [f"o{number}" for number in range(width)]
