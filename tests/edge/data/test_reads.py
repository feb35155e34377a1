"""Random reads of random callers return the rows of a database that physically holds only the caller's rows."""

import asyncio
from collections import Counter
from random import Random
from typing import Any

import pytest
from tests.contracts.world import TABLES, caller, random_world, visible
from tests.edge.data.generator import Generator
from tests.edge.data.weakened import Unlocked, WithoutRule2, WithoutRule3, WithoutRule4, weakened
from tests.edge.data.worlds import loaded, reduced, some_indexes

from edge.data import StatementRefused, Tables
from edge.data.scope import Scope
from edge.ports import PortError, Row

EACH = 100
"""Statements in one world."""
HARMLESS = (
    "duplicate WITH table name",
    "ON clause references tables to its right",
    "circular reference",
    "parse error in rank function",  # NATURAL JOIN of a full-text table sees its hidden columns (rule 9)
)
"""Errors that a scoped statement may have although the same statement on the caller's rows has none."""

type Result = tuple[list[str] | None, str]
"""The rows of a statement, or None, and the error."""


async def compare(tables: Tables, seed: int, total: int, *, locked: bool = True) -> tuple[Counter[str], list[str]]:
    """Run random statements; return the counts of the outcomes, and the differences from the caller's rows."""
    random = Random(seed)
    counts = Counter[str]()
    faults = list[str]()
    for _ in range(total // EACH):
        world = random_world(random)
        actor = caller(random)
        indexes = some_indexes(random)
        with loaded(world, indexes) as everybody, reduced(visible(world, actor), indexes) as theirs:
            if random.random() < 0.3:
                everybody.connection.execute("ANALYZE")
            scoped = tables.scoped(everybody if locked else Unlocked(everybody), actor)
            for _ in range(EACH):
                generator = Generator(random)
                sql = generator.statement()
                expected = await result_of(theirs.all(sql, *generator.params))
                got = await result_of(scoped.all(sql, *generator.params))
                outcome = judge(expected, got)
                counts[outcome] += 1
                if outcome.isupper():
                    faults.append(f"{outcome}: {actor}: {sql!r} {generator.params}: {expected} {got}")
    return counts, sorted(faults, key=len)


async def result_of(call: Any) -> Result:
    """Return the rows of a statement, in no order, or its error."""
    try:
        rows: list[Row] = await call
    except StatementRefused:
        return None, "refused"
    except PortError as fault:
        return None, str(fault)
    return sorted(repr([*row.values()]) for row in rows), ""


def judge(expected: Result, got: Result) -> str:
    """Return the outcome of a statement; in capitals a forbidden one."""
    rows, fault = got
    if rows is None:
        if "authorized" in fault or "prohibited" in fault:
            return "SECOND LOCK"
        if fault == "refused":
            return "refused"
        if expected[0] is None:
            return "both fail"
        return "stricter" if fault.startswith(HARMLESS) else "FAILS"
    if expected[0] is None:
        return "RUNS"
    if rows != expected[0]:
        return "DIFFERS"
    return "same rows" if rows else "both empty"


def check_reads(seed: int, total: int) -> None:
    counts, faults = asyncio.run(compare(TABLES, seed, total))
    assert faults == [], f"{counts}\n{faults[0]}"
    assert counts["same rows"] > total / 5, counts
    assert counts["refused"] < total / 5, counts


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_random_reads_see_the_callers_rows_and_no_others(seed: int) -> None:
    check_reads(seed, 2_500)


@pytest.mark.slow
@pytest.mark.parametrize("rule", [WithoutRule2, WithoutRule3, WithoutRule4], ids=lambda rule: rule.__name__)
def test_random_reads_notice_a_rule_that_is_off(rule: type[Scope]) -> None:
    _, faults = asyncio.run(compare(weakened(rule), 1, 1_500, locked=False))
    assert any(fault.startswith(("DIFFERS", "RUNS")) for fault in faults)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 20))
def test_many_random_reads_see_the_callers_rows_and_no_others(seed: int) -> None:
    check_reads(seed, 10_000)
