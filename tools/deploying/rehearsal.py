"""Starts a Worker in workerd as it would be uploaded, and calls each of its handlers once."""

import json
import secrets

from apps import ROOT
from deploying.build import Target
from deploying.refusal import Refusal
from pyedge import ConfigError, StartError, Worker

PATIENCE = 150.0
"""Seconds that Python may compute without a pause: a busy machine is no reason to refuse a Worker."""


def rehearse(target: Target) -> float:
    """Return the seconds of the start; refuse a Worker that does not start, or a handler that cannot be called."""
    invented = {name: secrets.token_urlsafe(32) for name in target.secrets}
    try:
        with Worker(ROOT / "wrangler.toml", target.environment, variables=invented, watchdog=PATIENCE) as worker:
            _call(worker, target)
            return worker.started_ms / 1000
    except (StartError, ConfigError) as fault:
        raise Refusal(f"{fault}\n{target.name} does not start in workerd: mend what the last lines say") from None


def _call(worker: Worker, target: Target) -> None:
    status, _, body = worker.get("/health")
    if status != 200:
        raise Refusal(
            f"{_tail(worker)}\nGET /health answers {status} in workerd: {body[:300].decode(errors='replace')}"
        )
    outcomes = {}
    if target.config.get("triggers", {}).get("crons"):
        outcomes["scheduled"] = worker.scheduled("rehearsal")
    for consumer in target.config.get("queues", {}).get("consumers", []):
        outcomes["queue"] = worker.queue(consumer["queue"], [])
    for handler, outcome in outcomes.items():
        if outcome["outcome"] != "ok":
            raise Refusal(
                f"{_tail(worker)}\n{handler}() fails in workerd; the runtime calls it with three arguments: "
                f"write `async def {handler}(self, event, env=None, ctx=None)`"
            )


def _tail(worker: Worker) -> str:
    lines = [line for line in worker.logs if not _is_record(line)]
    return "\n".join(lines[-12:])


def _is_record(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
