"""`make startup`: the CPU time that each Worker of wrangler.toml takes to start, beside a bare one and Pydantic alone.

With `--first`, the first response of each after a prepared start, as at Cloudflare, where packages are in the snapshot.

A start here has no memory snapshot and no byte code, as an upload has none: workerd compiles Pyodide, Python boots,
compiles the packages and the sources, and imports the main module. Bindings are left out.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

from benchmarks.workers.__main__ import cpu_seconds
from benchmarks.workers.peers import PEERS, set_up
from pyedge import Worker, config
from pyedge.client import ROOT
from upload import ENVIRONMENTS

WRANGLER = ROOT / "wrangler.toml"
PACKAGES = ROOT / "python_modules"
BARE = "bare"
PYDANTIC = "Pydantic, one model"
BOUND = 1.5
"""Most times the start of Pydantic alone that the start of a Worker may take; two busy cores gave 1.23 to 1.30."""
HEAD = "| | start, CPU s | above bare, s | times Pydantic |\n| --- | ---: | ---: | ---: |"
NOTE = """
Cloudflare refuses an upload whose start takes more than 1,000 ms of CPU. It boots the interpreter in another way:
the time above the bare Worker estimates that figure, on this machine, and no more."""


class Start(NamedTuple):
    """A Worker to start: a configuration, its environment, and the keys to replace."""

    path: Path
    environment: str | None
    overrides: config.Config


def starts(build: Path) -> dict[str, Start]:
    """Return the Workers to compare, by title; environments of the same sources are one."""
    bare, pydantic = (set_up(peer, build, PACKAGES).place for peer in PEERS[1:3])
    others = [path for path in PACKAGES.iterdir() if not path.name.startswith(("workers", "_workers_sdk"))]
    exclude = [f"{path.name}/**" if path.is_dir() else path.name for path in others]
    workers = {
        BARE: Start(bare, None, {"python_modules": {"exclude": exclude}}),
        PYDANTIC: Start(pydantic, None, {}),
    }
    environments: dict[str, list[str]] = {}
    for name in ENVIRONMENTS:
        environments.setdefault(config.read(WRANGLER, name)["main"], []).append(name)
    return workers | {", ".join(names): Start(WRANGLER, names[0], unbound(names[0])) for names in environments.values()}


def unbound(environment: str) -> config.Config:
    """Return overrides that leave a Worker without bindings, variables and assets: their start is not the Worker's."""
    bound = config.NOT_INHERITED | {"assets", "migrations"}
    return {key: type(value)() for key, value in config.read(WRANGLER, environment).items() if key in bound}


def measure(workers: Mapping[str, Start], rounds: int) -> dict[str, list[float]]:
    """Start each Worker once a round, one after the other; return workerd's CPU seconds."""
    times: dict[str, list[float]] = {title: [] for title in workers}
    for _ in range(rounds):
        for title, start in workers.items():
            with Worker(start.path, start.environment, overrides=start.overrides, prepared=False) as worker:
                times[title].append(cpu_seconds(worker))
    return times


def first_responses(workers: Mapping[str, Start], rounds: int) -> dict[str, list[float]]:
    """Start each Worker with its packages prepared and ask it once a round; return workerd's CPU seconds."""
    times: dict[str, list[float]] = {title: [] for title in workers}
    for _ in range(rounds):
        for title, start in workers.items():
            with Worker(start.path, start.environment, overrides=start.overrides) as worker:
                with suppress(HTTPError), urlopen(worker.url, timeout=60) as answer:
                    answer.read()
                times[title].append(cpu_seconds(worker))
    return times


def ratio(times: Mapping[str, Sequence[float]], title: str) -> float:
    """Return how many times the start of Pydantic alone a Worker takes: the median over the rounds."""
    return median(own / pydantic for own, pydantic in zip(times[title], times[PYDANTIC], strict=True))


def report(times: Mapping[str, Sequence[float]]) -> str:
    """Return the table."""
    lines = [HEAD]
    for title, seconds in times.items():
        above = median(own - bare for own, bare in zip(seconds, times[BARE], strict=True))
        lines.append(f"| {title} | {median(seconds):.2f} | {above:.2f} | {ratio(times, title):.2f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Measure and print; fail if a Worker takes more than the bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--first", action="store_true", help="the first response after a prepared start; no bound")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as build:
        if options.first:
            print(report(first_responses(starts(Path(build)), options.rounds)).replace("start,", "first response,"))
            return 0
        times = measure(starts(Path(build)), options.rounds)
    print("\n".join([report(times), NOTE]))
    return check(times)


def check(times: Mapping[str, Sequence[float]]) -> int:
    """Return 1 and print the Worker if one takes more than the bound."""
    slow = [title for title in times if ratio(times, title) > BOUND]
    for title in slow:
        print(f"error: {title} takes {ratio(times, title):.2f} times Pydantic alone; at most {BOUND}", file=sys.stderr)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
