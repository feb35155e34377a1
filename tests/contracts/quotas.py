"""What every `Quotas` does. Each case uses names of its own."""

import asyncio
from collections.abc import Awaitable, Callable

from edge.ports import Quotas

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
    any_text_is_a_name,
    probe_answers,
]
