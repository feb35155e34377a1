"""`python -m benchmarks.execution [--runs N]`: the accuracy of the sandbox's time and memory, and its cost.

Each program measures itself. The sandbox's time may differ by 10 % or 20 ms, and its memory by 10 % or 8 MB. The
command fails if the median of the runs does not hold this.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median, quantiles
from typing import NamedTuple

from edge.ports.executor import Execution, Language, Limits, Program
from edge.runtimes.local.sandbox.sandbox import LocalSandbox

LIMITS = Limits(10_000, 400)
_SPIN = """
import sys, time
start = time.process_time()
while time.process_time() - start < {0}: pass
print(time.process_time() * 1000)
"""
_SLEEP = "import time\ntime.sleep({0})\nprint(0)"
_BLOCK = "import resource\nblock = b'x' * ({0} << 20)\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
_NODE_SPIN = """
while (process.cpuUsage().user < {0} * 1e6);
const used = process.cpuUsage();
console.log((used.user + used.system) / 1000);
"""
_NODE_BLOCK = "const block = Buffer.alloc({0} << 20, 1); console.log(process.resourceUsage().maxRSS, block.length)"


class Measure(NamedTuple):
    """A program that prints its own measure first, the field of the execution to compare, and the tolerance."""

    name: str
    language: Language
    source: str
    field: str
    absolute: float


MEASURES = [
    *(Measure(f"Python, {ms} ms of work", "python", _SPIN.format(ms / 1000), "cpu_ms", 20) for ms in (50, 300, 1000)),
    *(Measure(f"Python, {ms} ms of sleep", "python", _SLEEP.format(ms / 1000), "time_ms", 20) for ms in (300, 1000)),
    *(Measure(f"Python, {mb} MB", "python", _BLOCK.format(mb), "memory_kb", 8192) for mb in (1, 50, 200)),
    Measure("Node, 400 ms of work", "javascript", _NODE_SPIN.format(0.4), "cpu_ms", 20),
    *(Measure(f"Node, {mb} MB", "javascript", _NODE_BLOCK.format(mb), "memory_kb", 8192) for mb in (1, 100)),
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all measures; return 1 if one is out of tolerance."""
    parser = argparse.ArgumentParser(prog="benchmarks.execution", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each program")
    runs = parser.parse_args(arguments).runs
    box = LocalSandbox()
    try:
        return asyncio.run(_all(box, runs))
    finally:
        box.close()


async def _all(box: LocalSandbox, runs: int) -> int:
    print(await box.probe())
    wrong = 0
    for measure in MEASURES:
        pairs = [await _pair(box, measure) for _ in range(runs)]
        reported, truth = (median(pair[side] for pair in pairs) for side in (0, 1))
        is_true = abs(reported - truth) <= max(measure.absolute, 0.1 * truth)
        wrong += not is_true
        unit = "MB" if measure.field == "memory_kb" else "ms"
        scale = 1024 if unit == "MB" else 1
        numbers = f"told {reported / scale:8.1f} {unit}, true {truth / scale:8.1f}"
        print(f"  {measure.name:28} {numbers}  {'ok' if is_true else 'WRONG'}")
    await _costs(box, 10 * runs)
    return min(1, wrong)


async def _pair(box: LocalSandbox, measure: Measure) -> tuple[float, float]:
    """Return the sandbox's number and the true one: by the program's own count, or the clock beside a bare one."""
    ended = await box.run(Program(measure.language, measure.source, limits=LIMITS))
    if ended.status != "ok":
        raise SystemExit(f"{measure.name}: {ended}")
    truth = _bare(measure.source) if measure.field == "time_ms" else float(ended.stdout.split()[0])
    return float(getattr(ended, measure.field)), truth


def _bare(source: str) -> float:
    """Return the milliseconds of a program in a bare interpreter."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-S", "-c", source], check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


async def _costs(box: LocalSandbox, runs: int) -> None:
    """Print the cost of an empty program, alone and several at a time, beside a bare interpreter."""
    program = Program("python", "pass")
    alone = [await _timed(box, program) for _ in range(runs)]
    started = time.perf_counter()
    ended: list[Execution] = await asyncio.gather(*(box.run(program) for _ in range(runs)))
    rate = len(ended) / (time.perf_counter() - started)
    bare = [_bare("pass") for _ in range(min(runs, 20))]
    p99 = quantiles(alone, n=100)[98]
    print(f"  {rate:.0f} empty Python programs a second")
    print(f"  one alone: median {median(alone):.0f} ms, p99 {p99:.0f}; bare {median(bare):.0f}")


async def _timed(box: LocalSandbox, program: Program) -> float:
    started = time.perf_counter()
    await box.run(program)
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    sys.exit(main())
