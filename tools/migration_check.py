"""Refuses migrations that D1's API would cut apart: `python tools/migration_check.py [FOLDER]`.

`wrangler d1 migrations apply --remote` sends a file as one text, and D1 splits it at semicolons, inside a trigger's
body too. Local runs, bindings and imports do not, so that nothing but a deployment would show it.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

_TOKEN = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^]]*\]|\w+|\S", re.DOTALL)
_TRIGGER = re.compile(r"CREATE (TEMP |TEMPORARY )?TRIGGER\b", re.IGNORECASE)
_QUOTES = ("--", "/*", "'", '"', "`", "[")


def faults(script: str) -> Iterator[str]:
    """Yield for each construct that D1's API would cut apart its line, and the way to write it."""
    words: list[str] = []
    for token in _TOKEN.finditer(script):
        text = token[0]
        line = script.count("\n", 0, token.start()) + 1
        if text.startswith(_QUOTES):
            if ";" in text:
                yield f"line {line}: a semicolon inside a comment or a text; write it without"
            continue
        if text == ";":
            words = []
            continue
        words.append(text)
        if text.upper() == "TRIGGER" and _TRIGGER.match(" ".join(words)):
            yield f"line {line}: a trigger's body has semicolons; set the column in the statements that write"


def check(folder: Path) -> list[str]:
    """Return the faults of all migrations below a folder."""
    files = sorted(folder.rglob("*.sql"))
    return [
        f"{file.relative_to(folder.parent)}, {fault}"
        for file in files
        for fault in faults(file.read_text(encoding="utf-8-sig"))
    ]


def main(arguments: list[str]) -> int:
    """Print the faults; fail if there is one."""
    faults = check(Path(arguments[0]) if arguments else ROOT / "migrations")
    for fault in faults:
        print(f"error: {fault}: D1 would refuse it (incomplete input)", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
