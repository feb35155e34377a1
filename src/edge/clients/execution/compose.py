"""Composes the script of a program: the same for every executor that has a whole interpreter."""

import base64
import json
import re
import zlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from edge.ports.errors import PortError
from edge.ports.executor import SOURCE_BYTES, STDIN_BYTES, Limits, Program

MARK = "\x1e"
"""Begins the line of a value. A program that forges such a line only makes another wrong or right value."""
TOOL_PATH = "/sucrase.js"
"""The tool's path among the static files of an app that runs programs: it would be a tenth of an upload."""
VALUE_BYTES = 64 * 1024
"""Most bytes of an encoded value."""
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,99}")
_MODULE = re.compile(r"^[ \t]*(import|export)\b", re.MULTILINE)
_TYPESCRIPT = ["typescript", "imports"]
_JAVASCRIPT = ["imports"]

_KEPT: list[str] = []


class ToolMissing(PortError):
    """The tool that strips types from TypeScript is missing."""


class Script(NamedTuple):
    """A script and its standard input; `mark` begins the line with the value, and is empty for a plain program."""

    kind: str
    text: str
    stdin: str
    mark: str


class Split(NamedTuple):
    """Standard output without the line of the value, and that value's text."""

    stdout: str
    value: str | None
    is_too_long: bool = False


def refusal(program: Program) -> str | None:
    """Return the reason for which no executor takes a program, or None."""
    for what, text, most in (("source", program.source, SOURCE_BYTES), ("standard input", program.stdin, STDIN_BYTES)):
        if (size := _size(text)) is None:
            return f"the {what} is not valid text: it holds half a surrogate pair"
        if size > most:
            return f"the {what} has {size} bytes, of at most {most}"
    call = program.call
    if call is not None and not _NAME.fullmatch(call.function):
        return "the function's name is not a plain identifier"
    if call is not None and len(call.arguments) > STDIN_BYTES:
        return f"the arguments have {len(call.arguments)} bytes, of at most {STDIN_BYTES}"
    return None


def compose(program: Program, nonce: str) -> Script:
    """Return the script of an accepted program; `nonce` tells one run's value from another's."""
    kind = "python" if program.language == "python" else "javascript"
    if program.call is None:
        return Script(kind, _plain(program), program.stdin, "")
    mark = f"{MARK}{nonce} "
    source = base64.b64encode(program.source.encode()).decode()
    stdin = program.call.arguments
    if kind == "python":
        return Script(
            kind, f"{part('call_python')}_main({source!r}, {program.call.function!r}, {mark!r})\n", stdin, mark
        )
    return Script(kind, _javascript(program, source, program.call.function, mark), stdin, mark)


def with_room(program: Program) -> Limits:
    """Return the limits of a run: the line with the value does not count as the program's own output."""
    limits = program.limits
    return limits if program.call is None else limits._replace(output_bytes=limits.output_bytes + VALUE_BYTES + 100)


def split(stdout: str, mark: str) -> Split:
    """Split the value off the output of a run: the last line that begins with its mark."""
    if not mark:
        return Split(stdout, None)
    before, separator, after = stdout.rpartition("\n" + mark)
    if not separator:
        return Split(stdout, None)
    value, _, _ = after.partition("\n")
    return Split(before, None, True) if len(value) > VALUE_BYTES else Split(before, value)


def transforms(program: Program) -> list[str] | None:
    """Return the transforms that make a program a JavaScript script, or None for none."""
    if program.language == "typescript":
        return _TYPESCRIPT
    return _JAVASCRIPT if _MODULE.search(program.source) else None


def has_stripper() -> bool:
    """Tell whether the tool that strips types is loaded; an app gets it from its static files."""
    return bool(_KEPT)


def keep_stripper(text: str) -> None:
    """Store the tool's source for this process or isolate."""
    _KEPT[:] = [text]


def stripper() -> str:
    """Return the source of the tool, which defines `sucrase`; `ToolMissing` if it is not loaded."""
    if not has_stripper():
        raise ToolMissing("the tool that strips types from TypeScript is not among the static files: build them")
    return _KEPT[0]


def values_node() -> str:
    """Return JavaScript that defines `encode` and `decode`, between values and their encoded form."""
    return part("values_node")


def loader_main() -> str:
    """Return the main module of a Dynamic Worker that runs one program."""
    return values_node() + part("call_loader")


def _plain(program: Program) -> str:
    if program.language == "python" or transforms(program) is None:
        return program.source
    return _javascript(program, base64.b64encode(program.source.encode()).decode(), None, "")


def _javascript(program: Program, source: str, function: str | None, mark: str) -> str:
    needed = transforms(program)
    arguments = ", ".join(json.dumps(part) for part in (source, function, mark, needed))
    return f"{_unpacked() if needed else ''}{values_node()}{part('call_node')}main({arguments});\n"


@cache
def _unpacked() -> str:
    """Return JavaScript that unpacks the tool: servers with Piston's API take no body of more than 100 KB."""
    packed = base64.b64encode(zlib.compress(stripper().encode(), 9)).decode()
    unpack = f'require("zlib").inflateSync(Buffer.from("{packed}", "base64")).toString()'
    return f"const sucrase = (0, eval)({unpack} + ';sucrase');\n"


def _size(text: str) -> int | None:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return None


@cache
def part(name: str) -> str:
    """Return a text file of this folder."""
    return Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8")
