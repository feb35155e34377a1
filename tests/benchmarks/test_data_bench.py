"""The benchmark of reads: none reads more as other cars' rows or other people's come, and none scans a table."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from benchmarks.data import Cost

from benchmarks import data

pytestmark = pytest.mark.slow

type Costs = dict[str, Cost]


@pytest.fixture(scope="module")
def reads() -> tuple[Costs, Costs]:
    """The costs of reads in a database of one car and of three."""

    async def both() -> tuple[Costs, Costs]:
        return await data.measure_reads(1, 1), await data.measure_reads(3, 1)

    return asyncio.run(both())


def test_reads_of_one_car_do_not_grow_with_the_other_cars(reads: tuple[Costs, Costs]) -> None:
    alone, among_others = reads
    grown = {name: (cost.steps, among_others[name].steps) for name, cost in alone.items()}
    assert {name: pair for name, pair in grown.items() if pair[1] > 1.05 * pair[0]} == {}
    assert {name: cost.statements for name, cost in alone.items()} == {
        name: cost.statements for name, cost in among_others.items()
    }


def test_no_read_scans_a_table(reads: tuple[Costs, Costs]) -> None:
    assert {name: cost.scans for name, cost in reads[1].items() if cost.scans} == {}


def test_searches_do_not_grow_with_people_elsewhere() -> None:
    few = asyncio.run(data.measure_searches(60, 1))
    more = asyncio.run(data.measure_searches(240, 1))
    near = {name: (cost.steps, more[name].steps) for name, cost in few.items()}
    assert {name: pair for name, pair in near.items() if pair[1] > 1.3 * pair[0]} == {}
    assert "| full-text search | 1 |" in "\n".join(data.table("people", {60: few, 240: more}))


def test_a_scan_and_its_steps_are_noticed() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO notes VALUES (?, 'x')", [(number,) for number in range(500)])
        one = "SELECT * FROM notes WHERE id = 7"
        every = "SELECT * FROM notes WHERE text = 'x'"
        assert (data.scans_of(connection, one), data.scans_of(connection, every)) == ([], ["SCAN notes"])
        assert data.steps_of(connection, every) > 100 * data.steps_of(connection, one)
