"""`make seed`: adds an app's missing demonstration rows and keys; existing ones are never overwritten.

They are in tools/seeds/<package>: `d1.sql` and `kv.json` for the first binding of a kind, `d1.<BINDING>.sql` and
`kv.<BINDING>.json` for another. No secret belongs there: those go through `wrangler secret put` or `.dev.vars`.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from apps import DEFAULT, ROOT, load, packages, state_of
from edge.app import App
from edge.ports import PortError
from seeding.files import Bindings, Pair, SeedError, Seeds, read
from seeding.inserts import Insert
from seeding.rehearsal import Rows, rehearse
from seeding.targets import Local, Remote, Target, copied

SEEDS = ROOT / "tools" / "seeds"
NAMES_IN_REPORT = 5
"""Names that a line of the report shows."""


@dataclass(frozen=True, slots=True)
class SeedReport:
    """The outcome for a table's rows or a namespace's keys, by name."""

    where: str
    written: Sequence[str]
    over: Sequence[str]
    there: Sequence[str]
    refused: Sequence[str] = ()

    def line(self, *, dry: bool) -> str:
        """Return it as a line of the report."""
        parts = {"to write" if dry else "written": self.written, "to write over" if dry else "written over": self.over}
        parts |= {"there already": self.there, "left out, as a value of another row is unique": self.refused}
        counts = [f"{len(names)} {what}: {_some(names)}" for what, names in parts.items() if names]
        return f"{self.where}: {'; '.join(counts)}"


@dataclass(frozen=True, slots=True)
class Seeding:
    """A run: the target, dry or not, overwriting existing rows or not."""

    target: Target
    migrations: Path
    dry: bool = False
    overwrite: bool = False

    def run(self, seeds: Seeds) -> Iterator[SeedReport]:
        """Write the seeds; yield the outcome of each table and namespace. All rows are rehearsed before a write."""
        rehearsed = {binding: rehearse(inserts, self.migrations) for binding, inserts in seeds.rows.items()}
        for binding, inserts in seeds.rows.items():
            yield from self._rows(binding, inserts, rehearsed[binding])
        for binding, pairs in seeds.pairs.items():
            yield self._pairs(binding, pairs)

    def _rows(self, binding: str, inserts: Sequence[Insert], tables: Sequence[Rows]) -> Iterator[SeedReport]:
        before = self.target.present(binding, tables)
        missing = any(len(there) < len(rows.keys) for rows, there in zip(tables, before, strict=True))
        after = [{*rows.keys} for rows in tables]
        if not self.dry and (missing or self.overwrite):
            by_table = {rows.table: rows for rows in tables}
            self.target.insert(binding, [self._statement(insert, by_table) for insert in inserts])
            after = self.target.present(binding, tables)
        for rows, old, now in zip(tables, before, after, strict=True):
            named = {key: "-".join(map(str, key)) for key in rows.keys}
            present = [name for key, name in named.items() if key in old]
            yield SeedReport(
                f"D1 {binding}, {rows.table}",
                written=[name for key, name in named.items() if key in now - old],
                over=present if self.overwrite else [],
                there=[] if self.overwrite else present,
                refused=[name for key, name in named.items() if key not in now | old],
            )

    def _statement(self, insert: Insert, by_table: Mapping[str, Rows]) -> str:
        if not self.overwrite:
            return insert.sql
        return insert.overwriting(by_table[insert.table].key, by_table[insert.table].touched)

    def _pairs(self, binding: str, pairs: Sequence[Pair]) -> SeedReport:
        there = self.target.names(binding, [pair.key for pair in pairs])
        chosen = [pair for pair in pairs if self.overwrite or pair.key not in there]
        if chosen and not self.dry:
            self.target.put(binding, chosen)
        present = [pair.key for pair in pairs if pair.key in there]
        written = [pair.key for pair in pairs if pair.key not in there]
        over, left = (present, []) if self.overwrite else ([], present)
        return SeedReport(f"KV {binding}", written, over, left)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command; the environment has the defaults."""
    parser = argparse.ArgumentParser(prog="seed.py", description=__doc__)
    parser.add_argument("app", nargs="?", metavar="APP", default=os.environ.get("APP") or DEFAULT)
    parser.add_argument("--remote", metavar="ENV", help="seed this environment of wrangler.toml, at Cloudflare")
    parser.add_argument("--dry-run", action="store_true", help="print the changes, and write nothing")
    parser.add_argument("--overwrite", action="store_true", help="also overwrite existing rows and keys")
    return parser.parse_args(arguments)


def seed(options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the report."""
    if options.app not in packages():
        raise SeedError(f"there is no app {options.app} in src/; there are {', '.join(packages())}")
    app = load(options.app)
    seeds = read(SEEDS / options.app, Bindings.of(app))
    state = state_of(options.app)
    migrations = ROOT / "migrations" / app.migrations
    with ExitStack() as opened:
        target = _target(app, options, state, opened)
        yield f"{options.app}, {'at Cloudflare, ' + options.remote if options.remote else state}:"
        yield from (report.line(dry=options.dry_run) for report in _seeding(target, migrations, options).run(seeds))


def _target(app: App, options: argparse.Namespace, state: Path, opened: ExitStack) -> Target:
    """Return the target of the seeds; a dry run writes to a copy at most."""
    if options.remote:
        return Remote(app, options.remote, ROOT / "wrangler.toml")
    place = opened.enter_context(copied(state)) if options.dry_run else state
    return Local.open(app, place, ROOT / "migrations" / app.migrations)


def _seeding(target: Target, migrations: Path, options: argparse.Namespace) -> Seeding:
    # A dry run here is a real one on a copy, so that it finds the same faults.
    return Seeding(target, migrations, dry=options.dry_run and bool(options.remote), overwrite=options.overwrite)


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMES_IN_REPORT
    return ", ".join(names[:NAMES_IN_REPORT]) + (f" and {more} more" if more > 0 else "")


def main(arguments: Sequence[str]) -> int:
    """Seed and print a report; a fault that a person can fix is one line on standard error, with the exit code 2."""
    try:
        for line in seed(parse(arguments)):
            print(line, flush=True)
    except PortError as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
