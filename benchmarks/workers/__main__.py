"""`python -m benchmarks.workers [--quick]`: the small API in workerd, as a Markdown table. CPU is that of workerd."""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

from benchmarks.cases import CASES, OTHERS, Case, complaint
from benchmarks.workers.peers import PEERS, Peer, SetUp, set_up, start, upload_kib
from pyedge import Worker

TIMED = [OTHERS[0], *(case for case in CASES if case.name in {"get", "list", "post ok", "404"})]
CPU_CLOCK = 2
"""With a process's number, Linux's clock of the CPU time of all its threads, in nanoseconds (clock_getcpuclockid)."""


@dataclass(slots=True)
class Cold:
    """A start: CPU seconds of workerd and wall seconds up to the first response."""

    cpu: float
    wall: float


@dataclass(slots=True)
class Measured:
    """The result of one Worker: CPU and wall of each round in milliseconds a request, by case."""

    peer: Peer
    unprepared: Cold
    prepared: Cold
    upload_kib: float
    memory_mb: int = 0
    cpu: dict[str, list[float]] = field(default_factory=dict)
    wall: dict[str, list[float]] = field(default_factory=dict)


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run; its numbers mean nothing")
    quick = parser.parse_args(arguments).quick
    print(report(measure([set_up(peer) for peer in PEERS], quick=quick)))
    return 0


def measure(setups: Sequence[SetUp], *, quick: bool) -> list[Measured]:
    """Run the Workers beside each other, a round of each case on one after the other."""
    rounds, requests = (1, 5) if quick else (9, 300)
    with ExitStack() as stack:
        workers: list[tuple[Worker, Measured]] = []
        for peer, place in setups:
            unprepared = Cold(0, 0) if quick else first_response(place, prepared=False)
            first_response(place, prepared=True)  # makes the byte code of changed sources, which a start reuses
            cold = first_response(place, prepared=True)
            worker = stack.enter_context(start(place))
            workers.append((worker, Measured(peer, unprepared, cold, upload_kib(place))))
            check(worker, peer)
        for _ in range(rounds):
            for case in TIMED:
                for worker, measured in workers:
                    take(worker, measured, case, requests)
        for worker, measured in workers:
            measured.memory_mb = worker.memory_mb()["workerd"]
        return [measured for _, measured in workers]


def first_response(place: Path, *, prepared: bool) -> Cold:
    """Start a Worker by itself and return the cost of its first response."""
    begun = time.perf_counter()
    with Worker(place, prepared=prepared) as worker, connect(worker) as connection:
        send(connection, TIMED[0])
        return Cold(cpu_seconds(worker), time.perf_counter() - begun)


def check(worker: Worker, peer: Peer) -> None:
    """Refuse to time a Worker that answers otherwise than the others."""
    with connect(worker) as connection:
        for case in TIMED if peer.answers_alike else ():
            status, headers, body = send(connection, case)
            if fault := complaint(case, status, body, headers.get("access-control-allow-origin")):
                raise SystemExit(f"{peer.title}: {fault}")


def take(worker: Worker, measured: Measured, case: Case, requests: int) -> None:
    """Time one round of a case over one connection."""
    with connect(worker) as connection:
        send(connection, case)
        cpu = cpu_seconds(worker)
        walls = []
        for _ in range(requests):
            begun = time.perf_counter()
            send(connection, case)
            walls.append((time.perf_counter() - begun) * 1000)
    measured.cpu.setdefault(case.name, []).append((cpu_seconds(worker) - cpu) / requests * 1000)
    measured.wall.setdefault(case.name, []).extend(walls)


def connect(worker: Worker) -> closing[HTTPConnection]:
    """Return a connection that is kept alive until it is left."""
    return closing(HTTPConnection(urlsplit(worker.url).netloc, timeout=30))


def send(connection: HTTPConnection, case: Case) -> tuple[int, dict[str, str], bytes]:
    """Send a case and return the whole answer."""
    headers = {name: value for name, value in case.headers if name not in {"host", "accept-encoding"}}
    connection.request(case.method, case.path, case.body or None, headers)
    response = connection.getresponse()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def cpu_seconds(worker: Worker) -> float:
    """Return the CPU time that workerd has taken so far, in user and system mode."""
    pid: int = worker.control("memory")["workerd"]
    return time.clock_gettime(~pid << 3 | CPU_CLOCK)


def report(all_measured: list[Measured]) -> str:
    """Return the tables, and the comparison of this kernel with its targets."""
    names = [case.name for case in TIMED]
    head = ["CPU ms a request (p50 / p95 ms of wall)", *names]
    rows = [[m.peer.title, *(_warm(m, name) for name in names)] for m in all_measured]
    cold_head = [
        "",
        "first response, CPU s",
        "wall s",
        "unprepared, CPU s",
        "wall s",
        "memory, MiB",
        "upload, KiB gzip",
    ]
    cold = [
        [
            m.peer.title,
            f"{m.prepared.cpu:.2f}",
            f"{m.prepared.wall:.2f}",
            f"{m.unprepared.cpu:.2f}",
            f"{m.unprepared.wall:.2f}",
            str(m.memory_mb),
            f"{m.upload_kib:,.0f}",
        ]
        for m in all_measured
    ]
    return "\n\n".join([_table(head, rows), _table(cold_head, cold), "\n".join(_targets(all_measured))])


def _warm(measured: Measured, name: str) -> str:
    walls = measured.wall[name]
    return f"{median(measured.cpu[name]):.2f} ({median(walls):.1f} / {quantiles(walls, n=20)[-1]:.1f})"


def _targets(all_measured: list[Measured]) -> list[str]:
    by_main = {m.peer.main: m for m in all_measured}
    if not {"kernel", "bare", "bare_pydantic", "fastapi_api"} <= by_main.keys():
        return []

    def cpu(main: str, case: str) -> float:
        return median(by_main[main].cpu[case])

    lines = []
    for case, floor, target in (("health", "bare", 1 / 10), ("get", "bare", 1 / 10), ("post ok", "bare", 1 / 3)):
        ours, theirs = cpu("kernel", case) - cpu(floor, case), cpu("fastapi_api", case) - cpu(floor, case)
        share = f"{ours / theirs:.2f}" if theirs > 0 else "no"
        lines.append(f"- {case}: {ours:+.2f} ms above bare, FastAPI {theirs:+.2f}: {share} of it (target {target:.2f})")
    ours, floor_cold = by_main["kernel"].prepared.cpu, by_main["bare_pydantic"].prepared.cpu
    return [*lines, f"- first response: {ours:.2f} s of CPU, bare with Pydantic {floor_cold:.2f}"]


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---", *["---:"] * (len(head) - 1)], *rows])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
