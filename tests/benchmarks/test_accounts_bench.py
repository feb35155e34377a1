"""The benchmark of log-ins runs and shows a row for each kind; no time is asserted."""

import asyncio

import pytest
from benchmarks.accounts import COSTS, distance, measure, table

pytestmark = pytest.mark.slow


def test_benchmark_of_log_ins_shows_each_kind() -> None:
    times = asyncio.run(measure(2))
    assert [len(time) for time in times.values()] == [2] * len(COSTS)
    assert len([*table(times)]) == 2 + len(COSTS)


def test_distance_is_nothing_for_equal_distributions_and_one_for_disjoint_ones() -> None:
    assert distance([1, 2, 3], [1, 2, 3]) == 0
    assert distance([1, 2], [3, 4]) == 1
    assert distance([1, 2, 3, 4], [3, 4, 5, 6]) == 0.5
