"""Patches: changes of a document at paths such as `slug.current`, `tags[-1]` and `body[_key=="a1"].style`."""

import copy
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from sims.sanity.documents import Document
from sims.sanity.refusals import Refused, mutation_error

OPERATIONS = ("set", "setIfMissing", "unset", "inc", "dec")
"""The operations, in the order in which Sanity does those of one patch."""
_STEP = re.compile(r"""\.?([A-Za-z_][\w-]*)|\[(-?\d+)\]|\[_key\s*==\s*["']([^"']+)["']\]""")
_FIXED = {"_id", "_type", "_rev", "_createdAt", "_updatedAt"}
_GONE = object()


def patched(document: Document, patch: Mapping[str, Any]) -> Document:
    """Return the document with the patch done."""
    result = copy.deepcopy(document)
    for name in OPERATIONS:
        operands = patch.get(name) or {}
        for path, value in dict.fromkeys(operands).items() if isinstance(operands, list) else operands.items():
            _change(result, path, _CHANGES[name](path, value), creates=name.startswith("set"))
    return result


def _change(document: Document, path: str, change: Callable[[Any], Any], *, creates: bool) -> None:
    steps = _steps(path)
    if steps[0] in _FIXED:
        raise refused(f'Cannot modify immutable attribute "{steps[0]}"')
    inside: Any = document
    for step, after in pairwise(steps):
        inside = _entered(inside, step, {} if creates and isinstance(after, str) else None)
        if inside is None:
            return
    _put(inside, steps[-1], change)


def _steps(path: str) -> list[str | int | tuple[str]]:
    steps: list[str | int | tuple[str]] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            break
        name, index, key = match.groups()
        steps.append(name or (int(index) if index else (key,)))
        at = match.end()
    if not steps or at < len(path):
        raise refused(f"the stand-in knows no path {path!r}", 400)
    return steps


def _entered(inside: Any, step: str | int | tuple[str], missing: Any) -> Any:
    if isinstance(step, str) and isinstance(inside, dict):
        if inside.get(step) is None and missing is not None:
            inside[step] = missing
        return inside.get(step)
    at = _position(inside, step)
    return None if at is None else inside[at]


def _position(inside: Any, step: str | int | tuple[str]) -> int | None:
    if not isinstance(inside, list) or isinstance(step, str):
        return None
    if isinstance(step, tuple):
        positions = (at for at, item in enumerate(inside) if isinstance(item, dict) and item.get("_key") == step[0])
        return next(positions, None)
    return step if -len(inside) <= step < len(inside) else None


def _put(inside: Any, step: str | int | tuple[str], change: Callable[[Any], Any]) -> None:
    at: Any = step if isinstance(step, str) and isinstance(inside, dict) else _position(inside, step)
    if at is None:
        return
    before = inside.get(at) if isinstance(inside, dict) else inside[at]
    after = change(before)
    if after is not _GONE:
        inside[at] = after
    elif isinstance(inside, list) or at in inside:
        del inside[at]


def _added(path: str, value: Any, sign: int) -> Callable[[Any], Any]:
    def add(before: Any) -> Any:
        if any(isinstance(number, bool) or not isinstance(number, int | float) for number in (before, value)):
            raise refused(f'Cannot increment "{path}": it is no number')
        return before + sign * value

    return add


_CHANGES: dict[str, Callable[[str, Any], Callable[[Any], Any]]] = {
    "set": lambda _, value: lambda _before: value,
    "setIfMissing": lambda _, value: lambda before: value if before is None else before,
    "unset": lambda _path, _value: lambda _before: _GONE,
    "inc": lambda path, value: _added(path, value, 1),
    "dec": lambda path, value: _added(path, value, -1),
}


def refused(description: str, status: int = 409) -> Refused:
    """Return the error of a mutation that cannot be done."""
    return mutation_error(status, {"type": "validationError", "description": description})
