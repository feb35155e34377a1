"""`python -m benchmarks.first_answer`: how long Discord waits for a bot's first answer, from a cold start in workerd.

Discord gives three seconds. A start is a new process: workerd, Pyodide out of its snapshot, and the import of the app
(at Cloudflare it is in the snapshot). Then come a signed PING and `/ask`, which is answered as deferred.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from pyedge import Worker
from sims.discord import DiscordSim, Exchange

ROOT = Path(__file__).parents[1]
HEAD = (
    "| | from the start to the first answer, s | of these the request, ms | then `/ask`, ms |\n"
    "| --- | ---: | ---: | ---: |"
)


def starts(sim: DiscordSim, rounds: int) -> Iterator[tuple[float, float, float]]:
    """Yield for each start the seconds to its first answer, those of the request in it, and those of the next."""
    env = {
        "DISCORD_BOT_TOKEN": sim.bot_token,
        "DISCORD_APP_ID": sim.application_id,
        "DISCORD_PUBLIC_KEY": sim.public_key,
        "DISCORD_API_URL": sim.api_url,
        "PLATFORM_API_URL": "http://127.0.0.1:9",
        "API_KEY": "benchmark-key-for-all-runs",
    }
    for _ in range(rounds):
        with Worker(ROOT / "wrangler.toml", "discord-bot", variables=env) as worker:
            url = f"{worker.url.rstrip('/')}/interactions"
            first = timed(partial(sim.ping, url))
            second = timed(partial(sim.command, url, "ask", {"question": "Where are we?"}))
            yield worker.started_ms / 1000 + first, first, second


def timed(ask: Callable[[], Exchange]) -> float:
    """Return the seconds that an interaction took; an answer that Discord would refuse ends it all."""
    begun = time.perf_counter()
    exchange = ask()
    if exchange.faults or exchange.late:
        raise SystemExit(f"the answer is refused: {exchange.faults or 'too late'}")
    return time.perf_counter() - begun


def report(rows: Sequence[tuple[float, float, float]]) -> str:
    """Return the table."""
    lines = [HEAD]
    for title, choose in (("median", median), ("slowest", max)):
        total, first, second = (choose(column) for column in zip(*rows, strict=True))
        lines.append(f"| {title} of {len(rows)} | {total:.2f} | {first * 1000:.0f} | {second * 1000:.0f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    with DiscordSim() as sim:
        print(report([*starts(sim, parser.parse_args(arguments).rounds)]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
