"""`make market SIZE=1000`: a mock market for klear_karma, on this machine or, with REMOTE=, in an environment."""

import os
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime

from apps import ROOT, load, state_of
from market.load import Bulk, Local, Target
from market.load import load as load_market
from market.rows import Plan
from seeding.files import SeedError
from seeding.targets import Remote

PACKAGE = "klear_karma"
LARGEST = 1_000_000


class Refused(Exception):
    """The market cannot be made; the message is for a person."""


def plan_of(variables: Mapping[str, str]) -> Plan:
    """Return the plan that variables describe: `SIZE`, `SEED` and `DAY`."""
    try:
        size, seed = int(variables.get("SIZE") or 100), int(variables.get("SEED") or 1)
        day = date.fromisoformat(variables.get("DAY") or datetime.now(UTC).date().isoformat())
    except ValueError as fault:
        raise Refused(f"SIZE and SEED are numbers, DAY is a date: {fault}") from None
    if not 1 <= size <= LARGEST:
        raise Refused(f"SIZE is from 1 to {LARGEST:,}")
    return Plan(size, seed, day)


def main(variables: Mapping[str, str]) -> int:
    """Load a market; print a fault that a person can fix as one line, with the exit code 2."""
    app = load(PACKAGE)
    try:
        plan = plan_of(variables)
        remote = variables.get("REMOTE")
        target: Target = (
            Bulk(Remote(app, remote, ROOT / "wrangler.toml", variables)) if remote else Local(app, state_of(PACKAGE))
        )
        counts = load_market(plan, target)
    except (Refused, SeedError) as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    print(f"seed {plan.seed}, day {plan.day}: " + ", ".join(f"{count:,} {table}" for table, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
