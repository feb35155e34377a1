"""`.dev.vars`: settings and secrets of the developer's machine, in wrangler's format (dotenv)."""

import re
from pathlib import Path

from edge.ports import PortError

_LINE = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*
        (?: '(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | (?P<bare>[^'"\s#](?:[^#]|(?<!\s)\#)*)? )
        \s*(?:\#.*)?""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class DevVarsError(PortError):
    """The file cannot be read; the message names the line, never its content."""


def read_dev_vars(path: Path) -> dict[str, str]:
    """Return the file's variables; none if there is no file."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines() if path.exists() else []
    except (OSError, UnicodeDecodeError) as fault:
        raise DevVarsError(f"{path} cannot be read: {type(fault).__name__}") from None
    values = {}
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            match = _LINE.fullmatch(line)
            if match is None:
                raise DevVarsError(f"{path}, line {number}: not NAME=value")
            values[match["name"]] = _value(match)
    return values


def _value(match: re.Match[str]) -> str:
    if match["double"] is not None:
        return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), match["double"])
    return match["single"] if match["single"] is not None else (match["bare"] or "").rstrip()
