"""`python -m benchmarks [--quick]`: print the comparison as Markdown tables."""

import argparse
import asyncio
import gc
import time
from collections.abc import Iterable, Sequence
from random import Random
from statistics import median

from benchmarks import imports
from benchmarks.cases import CASES, OTHERS, Case, complaint
from benchmarks.drivers import DRIVERS, Call, Driver

type Times = dict[str, dict[str, list[float]]]
"""By case and implementation: CPU microseconds a request, one number a round."""

MIXED = [*CASES, *OTHERS]


async def check(drivers: dict[str, Driver]) -> None:
    """Exit unless all implementations give the same answers."""
    faults = []
    for name, driver in drivers.items():
        await driver.start()
        for case in MIXED:
            answer = driver.read(await driver.prepare(case)())
            fault = complaint(case, answer.status, answer.body, answer.headers.get("access-control-allow-origin"))
            faults += [f"{name}: {fault}"] if fault else []
    if faults:
        raise SystemExit("\n".join(faults))


async def measure(drivers: dict[str, Driver], rounds: int, requests: int) -> Times:
    """Time all implementations round by round, so that the machine's moods fall on all of them.

    Each round has an order of its own: what ran before has displaced memory from the caches.
    """
    workloads: dict[str, Sequence[Case]] = {case.name: [case] for case in CASES} | {"mixed": MIXED}
    calls = {
        (name, load): [driver.prepare(case) for case in cases]
        for name, driver in drivers.items()
        for load, cases in workloads.items()
    }
    times: Times = {load: {name: [] for name in drivers} for load in workloads}
    for number in range(-1, rounds):
        for load, cases in workloads.items():
            for name in Random(f"{load} {number}").sample(list(drivers), len(drivers)):
                seconds = await _batch(calls[name, load], max(1, requests // len(cases)))
                if number >= 0:  # the round before is the warm-up
                    times[load][name].append(seconds)
    return times


async def _batch(calls: Sequence[Call], repeats: int) -> float:
    gc.collect()
    gc.freeze()
    started = time.process_time_ns()
    for _ in range(repeats):
        for call in calls:
            await call()
    return (time.process_time_ns() - started) / 1000 / (repeats * len(calls))


def table(times: Times) -> Iterable[str]:
    """Yield a Markdown table: microseconds of the first implementation, then how many times as long the others take."""
    first = next(iter(DRIVERS))
    yield f"| CPU time a request, median of {len(next(iter(times.values()))[first])} rounds | {' | '.join(times)} |"
    yield "|---" + "|---:" * len(times) + "|"
    yield _row(f"**{first}**, µs", (f"{median(seconds[first]):.1f}" for seconds in times.values()))
    for name in DRIVERS:
        if name != first:
            yield _row(name, (f"{_ratio(seconds[name], seconds[first]):.2f} ×" for seconds in times.values()))


def _ratio(other: list[float], own: list[float]) -> float:
    """Return the median of the ratios within each round, which noise that lasts longer than a round does not touch."""
    return median(a / b for a, b in zip(other, own, strict=True))


def import_table(costs: dict[str, tuple[float, int]]) -> Iterable[str]:
    """Yield a Markdown table of the cost of importing the small API."""
    yield "| import of the small API, fresh process | CPU ms | modules |"
    yield "|---|---:|---:|"
    for name, (ms, modules) in costs.items():
        yield _row(name, (f"{ms:.0f}", str(modules)))


def worker_table(costs: dict[str, tuple[float, int]]) -> Iterable[str]:
    """Yield a Markdown table of the cost of importing each Worker's app."""
    yield "| import of a Worker's app, fresh process | CPU ms | times Pydantic | modules |"
    yield "|---|---:|---:|---:|"
    yardstick, _ = costs[imports.PYDANTIC]
    for name, (ms, modules) in costs.items():
        yield _row(name, (f"{ms:.0f}", f"{ms / yardstick:.2f}", str(modules)))


def _row(name: str, cells: Iterable[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


async def main(quick: bool) -> None:
    """Check that the answers agree, then measure and print."""
    drivers = {name: make() for name, make in DRIVERS.items()}
    await check(drivers)
    rounds, requests, processes = (1, 10, 1) if quick else (41, 300, 9)
    times = await measure(drivers, rounds, requests)
    print("\n".join(table(times)), end="\n\n")
    print("\n".join(import_table(imports.measure(imports.STATEMENTS, processes))), end="\n\n")
    print("\n".join(worker_table(imports.measure(imports.WORKERS, processes))))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, to see that everything works")
    asyncio.run(main(parser.parse_args().quick))
