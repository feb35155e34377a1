"""`python -m benchmarks.live`: connections held, latency of fan-out, events a second, on either runtime."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
KEY = "benchmark-key-for-all-runs"
VARIABLES = {"ADMIN_API_KEY": KEY, "LOG_LEVEL": "error", "LIVE_MAX_CONNECTIONS": "100000"}
TICKS = os.sysconf("SC_CLK_TCK")
COLUMNS = (
    "kind",
    "connections",
    "connect s",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "max ms",
    "deliveries/s",
    "CPU ms/event",
    "CPU µs/delivery",
    "KiB/connection",
)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its address, and the process to measure."""

    url: str
    pid: int

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def memory(self) -> int:
        """KiB in memory."""
        match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(match[1]) if match else 0

    def publish(self) -> None:
        """Publish an event with its time."""
        body = json.dumps({"type": "custom.bench", "data": {"t": time.monotonic_ns()}}).replace(" ", "").encode()
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        with closing(HTTPConnection(urlsplit(self.url).netloc, timeout=60)) as connection:
            connection.request("POST", "/events", body, headers)
            answer = connection.getresponse()
            assert answer.status < 300, answer.read()


@contextmanager
def local() -> Iterator[Server]:
    """Run the local server as `make dev` does, without the limit of 600 calls a minute, which connections count for."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "edge.runtimes.local", "serve", "core_tessie.app:app", "--port", "0"]
        command += ["--state", f"{place}/state", "--migrations", str(ROOT / "migrations")]
        env = os.environ | {"PYTHONPATH": str(ROOT / "src"), "RATE_LIMITER": "off", **VARIABLES}
        with subprocess.Popen(command, cwd=place, env=env, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            match = re.search(r"http://\S+:\d+", process.stdout.readline())
            assert match is not None
            yield Server(match[0], process.pid)
            process.terminate()


@contextmanager
def workers() -> Iterator[Server]:
    """Run the Worker in workerd."""
    sys.path.append(str(ROOT / "tools"))
    from pyedge import Worker  # noqa: PLC0415 - only where it is asked for

    variables = {**VARIABLES, "TESSIE_API_KEY": "none"}
    with Worker(ROOT / "wrangler.toml", variables=variables, overrides={"ratelimits": []}) as worker:
        server = Server(worker.url.rstrip("/"), worker.control("memory")["workerd"])
        server.publish()
        yield server


def measure(server: Server, kind: str, count: int, seconds: float, rate: float) -> str:
    """Hold connections, publish at a rate, and return the table's row."""
    before = server.memory
    command = [sys.executable, "-m", "benchmarks.live.clients", kind, server.url, KEY, str(count)]
    clients = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert clients.stdout is not None
    connected = json.loads(clients.stdout.readline())["ready"]
    each = (server.memory - before) / count
    cpu = server.cpu
    began = time.monotonic()
    published = 0
    while time.monotonic() - began < seconds:
        server.publish()
        published += 1
        time.sleep(max(0.0, began + published / rate - time.monotonic()))
    spent = time.monotonic() - began
    time.sleep(1)
    cpu = server.cpu - cpu
    report = json.loads(clients.communicate()[0])
    latencies = sorted(nanoseconds / 1e6 for nanoseconds in report["taken"])
    if len(latencies) != published * count:
        print(f"{kind} {count}: {len(latencies)} of {published * count} came, {report['left']} left", file=sys.stderr)
    cuts = quantiles(latencies, n=100)
    columns = [f"{cuts[at - 1]:.1f}" for at in (50, 95, 99)] + [
        f"{latencies[-1]:.1f}",
        f"{len(latencies) / spent:,.0f}",
    ]
    costs = [f"{cpu / published * 1e3:.1f}", f"{cpu / len(latencies) * 1e6:.1f}", f"{each:.0f}"]
    return "| " + " | ".join([kind, f"{count:,}", f"{connected:.1f}", *columns, *costs]) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.live", description=__doc__)
    parser.add_argument("--workers", action="store_true", help="in workerd")
    parser.add_argument("--connections", default="100,1000,5000")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rate", type=float, default=5, help="events a second")
    options = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |", "|---|" + "---:|" * (len(COLUMNS) - 1), sep="\n")
    with workers() if options.workers else local() as server:
        for count in map(int, options.connections.split(",")):
            for kind in ("sse", "ws"):
                print(measure(server, kind, count, options.seconds, options.rate), flush=True)
                time.sleep(2)


if __name__ == "__main__":
    main()
