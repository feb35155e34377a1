"""Writes after the response: in order, in bounded batches, and lost rather than kept without bound."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.edge.conftest import Lines

from edge import batch_writer as spool
from edge.batch_writer import BatchWriter
from edge.ports import DatabaseAway, DatabaseError


class Work:
    """A `Background` that does its work on a test's demand."""

    def __init__(self) -> None:
        self.waiting: list[Coroutine[Any, Any, object]] = []

    def add(self, work: Coroutine[Any, Any, object]) -> None:
        self.waiting.append(work)

    def do(self) -> None:
        async def all_of_it() -> None:
            while self.waiting:
                await self.waiting.pop(0)

        asyncio.run(all_of_it())


class Writer:
    """Records its batches; raises its fault if a batch holds one of `bad`."""

    def __init__(self, bad: object = None, fault: Exception | None = None) -> None:
        self.batches: list[list[Any]] = []
        self.bad = bad
        self.fault = fault

    async def __call__(self, batch: list[Any]) -> None:
        if self.fault and self.bad in batch:
            raise self.fault
        self.batches.append(batch)


def writer_of(writer: Writer, log: Lines, weigh: Any = len) -> tuple[BatchWriter[Any], Work]:
    work = Work()
    return BatchWriter(writer, work, log, "items", weigh), work


def test_items_are_written_together_and_in_their_order(log: Lines) -> None:
    writer = Writer()
    items, work = writer_of(writer, log)
    items.add([str(n) for n in range(60)])
    items.add([str(n) for n in range(60, 120)])
    work.do()
    assert [len(batch) for batch in writer.batches] == [50, 50, 20]
    assert [item for batch in writer.batches for item in batch] == [str(n) for n in range(120)]
    assert log.lines == []


def test_a_batch_is_bounded_by_bytes_and_has_one_item_at_least(log: Lines) -> None:
    writer = Writer()
    items, work = writer_of(writer, log)
    sizes = [3, 2, 2, 1, 5, 1, 1, 1, 1]
    items.add(["x" * size * 1024 * 1024 for size in sizes])
    work.do()
    assert [[len(item) >> 20 for item in batch] for batch in writer.batches] == [[3], [2, 2], [1], [5], [1, 1, 1, 1]]


def test_queue_is_bounded_by_bytes(log: Lines) -> None:
    writer = Writer()
    items, work = writer_of(writer, log)
    body = "x" * 1_900_000
    for _ in range(10_000):
        items.add([body])
    assert items._bytes <= spool.MOST_BYTES
    assert sum(len(item) for item, _ in items._waiting) <= spool.MOST_BYTES
    work.do()
    written = sum(len(batch) for batch in writer.batches)
    assert written == spool.MOST_BYTES // len(body)
    assert [line["lost"] for line in log.lines] == [10_000 - written]
    assert items._bytes == 0


def test_one_item_that_is_larger_than_all_may_be_is_written(log: Lines) -> None:
    writer = Writer()
    items, work = writer_of(writer, log)
    items.add(["x" * (spool.MOST_BYTES + 1), "y"])
    work.do()
    assert [len(batch) for batch in writer.batches] == [1]
    assert [line["lost"] for line in log.lines] == [1]


@pytest.mark.slow
def test_queue_is_bounded_by_number(log: Lines) -> None:
    writer = Writer()
    items, work = writer_of(writer, log, weigh=lambda _: 0)
    items.add(range(spool.MOST + 5))
    work.do()
    assert sum(len(batch) for batch in writer.batches) == spool.MOST
    assert [line["lost"] for line in log.lines] == [5]


def test_an_item_that_is_refused_costs_its_batch_alone(log: Lines) -> None:
    writer = Writer("bad", DatabaseError("no such column"))
    items, work = writer_of(writer, log)
    items.add(["bad", *map(str, range(120))])
    work.do()
    assert sum(len(batch) for batch in writer.batches) == 121 - 50
    assert [(line["lost"], line["error"]) for line in log.lines] == [(50, "no such column")]
    items.add(["later"])
    work.do()
    assert writer.batches[-1] == ["later"]


def test_items_for_an_unavailable_service_are_dropped_and_counted(log: Lines) -> None:
    writer = Writer("bad", DatabaseAway("gone"))
    items, work = writer_of(writer, log)
    items.add(["bad", *map(str, range(120))])
    work.do()
    assert writer.batches == []
    assert [line["lost"] for line in log.lines] == [121]
    items.add(["later"])
    work.do()
    assert writer.batches == [["later"]]


@pytest.mark.parametrize("fault", [RuntimeError("a bug")])
def test_after_a_bug_it_goes_on(log: Lines, fault: Exception) -> None:
    writer = Writer("bad", fault)
    items, work = writer_of(writer, log)
    items.add(["bad"])
    with pytest.raises(RuntimeError):
        work.do()
    items.add(["later"])
    work.do()
    assert writer.batches == [["later"]]
