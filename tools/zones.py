"""Writes the second names of time zones into `edge/zone_links.py` and wrangler.toml: `python tools/zones.py [--check]`.

The tzdata package holds a file for each of them, all copies of others: an upload does without.
"""

import argparse
import re
import sys
from importlib.resources import files
from operator import itemgetter
from textwrap import wrap

from apps import ROOT
from openapi import stale

MODULE = ROOT / "src/edge/zone_links.py"
CONFIG = ROOT / "wrangler.toml"
BEGIN = "  # zone links, by tools/zones.py\n"
END = "  # end of zone links\n"
_HEAD = '''"""The links of the IANA time zone database, written by tools/zones.py: a second name and its zone."""

LINKS = """\\
'''


def links() -> dict[str, str]:
    """Return the zone of each second name, from the installed database."""
    lines = files("tzdata").joinpath("zoneinfo", "tzdata.zi").read_text(encoding="ascii").splitlines()
    pairs = (line.split()[1:] for line in lines if line.startswith("L "))
    return {name: zone for zone, name in sorted(pairs, key=itemgetter(1))}


def module(zones: dict[str, str]) -> str:
    """Return the text of the module with the links."""
    return _HEAD + "".join(f"{name} {zone}\n" for name, zone in zones.items()) + '"""\n'


def configuration(zones: dict[str, str], text: str) -> str:
    """Return wrangler.toml with the files of the links excluded."""
    lines = wrap(" ".join(f'"tzdata/zoneinfo/{name}",' for name in zones), 116, break_on_hyphens=False)
    block = BEGIN + "".join(f"  {line}\n" for line in lines) + END
    written, count = re.subn(re.escape(BEGIN) + "(?s:.*?)" + re.escape(END), lambda _: block, text)
    if count != 1:
        raise SystemExit(f"{CONFIG.name} has no place for the links of zones")
    return written


def main() -> int:
    """Write both files, or with `--check` show which are stale and return 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a committed file is stale")
    check = parser.parse_args().check
    zones = links()
    differences = []
    for path, text in ((MODULE, module(zones)), (CONFIG, configuration(zones, CONFIG.read_text(encoding="utf-8")))):
        if check:
            differences.append(stale(path, text))
        else:
            path.write_text(text, encoding="utf-8")
    print("".join(differences), end="")
    return int(any(differences))


if __name__ == "__main__":
    sys.exit(main())
