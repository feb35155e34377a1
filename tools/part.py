"""`make migration PART=accounts APP=vinyl_vault`: writes the tables of a part of the kernel as an app's next migration.

The parts are in tools/parts. The app's `schema.py` is rewritten; its `tables.py` has to declare the new tables.
"""

import os
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import schema
from apps import ROOT, folder, packages

PARTS = ROOT / "tools" / "parts"
DECLARATIONS: Mapping[str, str] = {
    "accounts": "USERS, *PRIVATE    (from edge.auth.accounts.tables import PRIVATE, USERS)",
    "audit": 'Table("admin_audit")    (and App(authenticate=…) with edge.auth.audit.record)',
    "keys": 'Table("api_keys", private=True)',
    "tickets": 'Table("tickets", private=True)',
}
"""The lines that declare each part's tables in an app's tables.py."""


class Refused(Exception):
    """The migration cannot be written; the message is for a person."""


def main(environment: Mapping[str, str]) -> int:
    """Write a migration and print the next steps; a fault that a person can fix is one line, with the exit code 2."""
    part, package = environment.get("PART", ""), environment.get("APP", "")
    try:
        written = write(part, package, ROOT)
    except Refused as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    print("\n".join(report(part, package, written)))
    return 0


def write(part: str, package: str, root: Path) -> Path:
    """Write a part's migration and the app's schema below a folder; return the migration, or raise `Refused`."""
    if part not in DECLARATIONS:
        raise Refused(f"PART={part[:40]!r}: there are {', '.join(DECLARATIONS)}")
    if package not in packages():
        raise Refused(f"APP={package[:40]!r}: there are {', '.join(packages())}")
    place = root / "migrations" / folder(package)
    target = place / f"{next_number(place):04}_{part}.sql"
    target.write_text((PARTS / f"{part}.sql").read_text(encoding="utf-8"), encoding="utf-8")
    try:
        described = schema.rendered(schema.read(place))
    except sqlite3.Error as fault:
        target.unlink()
        raise Refused(f"{package} cannot have {part}: {fault}") from None
    (root / "src" / package / "schema.py").write_text(described, encoding="utf-8")
    return target


def next_number(place: Path) -> int:
    """Return the number after the last migration of a folder."""
    names = [re.match(r"[0-9]{4}", file.name) for file in place.glob("*.sql")]
    return max([int(name[0]) for name in names if name], default=0) + 1


def report(part: str, package: str, written: Path) -> Iterator[str]:
    """Yield the lines about the written files and the next steps."""
    yield f"wrote {written.relative_to(ROOT)} and src/{package}/schema.py"
    yield f"next: declare in src/{package}/tables.py"
    yield f"  {DECLARATIONS[part]}"
    yield "then: make golden"


if __name__ == "__main__":
    sys.exit(main(os.environ))
