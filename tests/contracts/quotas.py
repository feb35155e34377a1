"""The contract of every `Quotas`. Each case uses names of its own."""

import asyncio
from collections.abc import Awaitable, Callable

from edge.ports import Quotas
from edge.ports.quotas import Allowance

type Case = Callable[[Quotas], Awaitable[None]]


async def each_name_counts_from_one(quotas: Quotas) -> None:
    assert [await quotas.add("one", "2026-11-21") for _ in range(3)] == [1, 2, 3]
    assert await quotas.add("other", "2026-11-21") == 1


async def a_new_day_begins_anew(quotas: Quotas) -> None:
    assert [await quotas.add("daily", day) for day in ("2026-11-21", "2026-11-21", "2026-11-22")] == [1, 2, 1]


async def a_clock_that_goes_back_gives_nothing_back(quotas: Quotas) -> None:
    days = ("2026-11-21", "2026-11-22", "2026-11-21", "2026-11-22")
    assert [await quotas.add("back", day) for day in days] == [1, 1, 2, 3]


async def calls_at_once_are_all_counted(quotas: Quotas) -> None:
    counted = await asyncio.gather(*(quotas.add("at once", "2026-11-21") for _ in range(25)))
    assert sorted(counted) == [*range(1, 26)]


async def call_beyond_one_allowance_counts_in_none(quotas: Quotas) -> None:
    both = [Allowance("2026-11-21T10:00", 2), Allowance("2026-11-21", 10)]
    assert [await quotas.take("both", both) for _ in range(4)] == [[0, 0], [1, 1], [2, 2], [2, 2]]
    assert await quotas.take("both", [Allowance("2026-11-21T10:01", 2), both[1]]) == [0, 2]
    assert await quotas.take("both", [Allowance("2026-11-21T10:00", 2), both[1]]) == [1, 3]
    assert await quotas.take("both", [Allowance("2026-11-21T10:02", 2), Allowance("2026-11-22", 0)]) == [0, 0]
    assert await quotas.take("both", [Allowance("2026-11-21T10:02", 2), Allowance("2026-11-22", 5)]) == [0, 0]


async def allowance_is_exact_at_once(quotas: Quotas) -> None:
    allowances = [Allowance("2026-11-21T10:00", 20), Allowance("2026-11-21", 100)]
    before = await asyncio.gather(*(quotas.take("exact", allowances) for _ in range(60)))
    assert sorted(before) == [[number, number] for number in range(20)] + [[20, 20]] * 40
    assert await quotas.add("exact", "2026-11-21") == 1


async def any_text_is_a_name(quotas: Quotas) -> None:
    for name in (" ", "Ünï 🚗", 'a"b\\c', "a\nb", "n" * 500):
        assert [await quotas.add(name, "2026-11-21") for _ in range(2)] == [1, 2], name[:10]


async def probe_answers(quotas: Quotas) -> None:
    await quotas.probe()


CASES: list[Case] = [
    each_name_counts_from_one,
    a_new_day_begins_anew,
    a_clock_that_goes_back_gives_nothing_back,
    calls_at_once_are_all_counted,
    call_beyond_one_allowance_counts_in_none,
    allowance_is_exact_at_once,
    any_text_is_a_name,
    probe_answers,
]
