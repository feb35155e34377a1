"""`make sync`: syncs all vehicles from the command line, with a progress bar; beside a running server or alone."""

import asyncio
import logging
import sys
from pathlib import Path

from apps import DEFAULT, ROOT, state_of
from core_tessie.app import app
from core_tessie.sync import runs
from core_tessie.sync.runs import SyncRun
from core_tessie.sync.work import SyncWork
from edge.ports import PortError
from edge.runtimes.local.runtime import LocalRuntime
from local_env import prepare

WIDTH = 24
"""Characters of the bar."""


async def sync(state: Path, env: dict[str, str]) -> SyncRun:
    """Run a sync to its end, by the queue; if a server runs on the same state folder, it does the work."""
    runtime = LocalRuntime.open(app, state, {"LOG_LEVEL": "error", **env}, migrations=ROOT / "migrations")
    try:
        await runtime.start(cron=False)
        work = app.provide(SyncWork, runtime.ports())
        run = await work.begin("command line", "owner", "command-line")
        while run["ended_at"] is None:
            await asyncio.sleep(0.2)
            run = await runs.read(work.db, run["id"]) or run
            show(run)
        return run
    finally:
        await runtime.stop()


def show(run: SyncRun) -> None:
    """Draw the progress over the line that is there."""
    through = run["vehicles_done"] + run["vehicles_failed"]
    filled = WIDTH * through // run["vehicles_total"] if run["vehicles_total"] else 0
    records = sum(facts.get(kind, 0) for facts in run["progress"].values() for kind in ("drives", "charges", "idles"))
    back = min((facts["back_to"] for facts in run["progress"].values() if facts.get("back_to")), default="")
    far = f", back to {back[:10]}" if back else ""
    bar = "█" * filled + "░" * (WIDTH - filled)
    line = f"{bar} {through}/{run['vehicles_total']} vehicles, {records:,} records{far}"
    print(f"\r\033[K{line}" if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)


def main() -> int:
    """Sync and print a report; return 0 only if every vehicle succeeded."""
    logging.basicConfig(level=logging.ERROR)
    state = state_of(DEFAULT)
    try:
        environment = prepare(DEFAULT, state, "http://127.0.0.1:8787")
        if "(shown this once" in environment.notes["API key"]:
            print(f"the administrator's key: {environment.notes['API key']}")
        run = asyncio.run(sync(state, environment.values))
    except (PortError, OSError) as fault:
        raise SystemExit(f"error: {fault}") from None
    done = f"{run['vehicles_done']} of {run['vehicles_total']} vehicles"
    print(f"\n{run['status']}: {done}, {run['rows_written']:,} rows written")
    for vin, facts in run["progress"].items():
        if facts.get("status") == "failed":
            print(f"  {vin}: {facts.get('error')}")
    if run["error"]:
        print(f"  {run['error']}")
    return 0 if run["status"] == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main())
