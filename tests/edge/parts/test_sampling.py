"""Sampling: calls are written in full up to a number a minute, then in tens and hundreds, and the rows add up."""

import gc
from collections.abc import Sequence

import pytest

from edge.middleware.sampling import Sampler, Steps, sampler_of


def rows(sampler: Sampler, calls: int, steps: Steps, begin: float = 0.0, every: float = 0.0) -> list[int]:
    """Return the number of calls that each row represents, for calls at a fixed interval of seconds."""
    taken_rows = [sampler.take("a", steps, begin + every * call) for call in range(calls)]
    return [row for row in taken_rows if row]


def test_calls_up_to_the_number_have_a_row_each() -> None:
    assert rows(Sampler(), 20, Steps(20, 10)) == [1] * 20


def test_further_calls_share_rows_that_add_up() -> None:
    sampled = rows(Sampler(), 20 + 180 + 500, Steps(20, 10))
    assert sampled == [1] * 20 + [10] * 18 + [100] * 5


def test_calls_without_a_row_are_counted_in_the_next_minute() -> None:
    sampler = Sampler()
    assert sum(rows(sampler, 27, Steps(20, 10))) == 20
    assert rows(sampler, 1, Steps(20, 10), begin=60) == [8]
    assert rows(sampler, 19, Steps(20, 10), begin=61) == [1] * 19


def test_after_the_last_row_there_is_none_until_the_next_minute() -> None:
    sampler = Sampler()
    assert rows(sampler, 10_000, Steps(10)) == [1] * 10
    assert rows(sampler, 2, Steps(10), begin=60) == [9_991, 1]


def test_rows_of_an_hour_add_up_to_its_calls() -> None:
    calls = 36_000
    sampled = rows(Sampler(), calls, Steps(60, 10), every=0.1)
    assert calls - 100 < sum(sampled) <= calls
    assert len(sampled) < 60 * (60 + 54 + 1)


def test_each_key_has_its_own_number() -> None:
    sampler = Sampler()
    assert len(rows(sampler, 100, Steps(10))) == 10
    assert [sampler.take("quiet", Steps(10), 0) for _ in range(3)] == [1, 1, 1]


def test_an_amount_a_minute_can_be_spent_and_not_more() -> None:
    sampler = Sampler()
    assert [sampler.spend("a", 4, 10, now) for now in (0, 59, 59.9, 60, 61)] == [True, True, False, True, True]
    assert sampler.spend("a", 2, 10, 62)
    assert not sampler.spend("a", 1, 10, 63)
    assert sampler.spend("b", 10, 10, 63)
    assert not sampler.spend("c", 11, 10, 63)


@pytest.mark.parametrize("minutes", [1, 3])
def test_memory_is_bounded_however_many_keys_there_are(minutes: int) -> None:
    sampler = Sampler(keys=100)
    for key in range(10_000):
        assert sampler.take(key, Steps(1), key % minutes * 60.0) == 1
        assert len(sampler._counts) <= 100


def test_a_sampler_lives_as_long_as_its_owner() -> None:
    class Owner:
        """Settings, or a binding."""

    owners: Sequence[Owner] = [Owner(), Owner()]
    assert sampler_of(owners[0]) is sampler_of(owners[0])
    assert sampler_of(owners[0]) is not sampler_of(owners[1])
    first = id(sampler_of(owners[0]))
    owners = []
    gc.collect()
    assert first
    from edge.middleware.sampling import _samplers  # noqa: PLC0415

    assert not [owner for owner in _samplers if type(owner).__name__ == "Owner"]
