"""A coding exercise in each language, for `devcapsules` without a real model."""

import json
from collections.abc import Mapping
from typing import Any

BEGINNING = "You write one coding exercise"
"""The start of the system message of a request for an exercise."""
_PYTHON = """def clamp(n, low, high):
    if n < low:
        return low
    return high if n > high else n
"""
_TYPED = """export function clamp(n{0}, low{0}, high{0}){0} {{
  if (n < low) return low;
  return n > high ? high : n;
}}
"""
_STARTER = "export function clamp(n{0}, low{0}, high{0}){0} {{\n  return n;\n}}\n"
_CODE: Mapping[str, tuple[str, str]] = {
    "python": ("def clamp(n, low, high):\n    return n\n", _PYTHON),
    "javascript": (_STARTER.format(""), _TYPED.format("")),
    "typescript": (_STARTER.format(": number"), _TYPED.format(": number")),
}
_TESTS = (
    ("inside", (2, 1, 3), 2),
    ("above", (5, 1, 3), 3),
    ("below", (-4, 1, 3), 1),
    ("at the lower bound", (1, 1, 3), 1),
    ("far above", (100, 10, 20), 20),
    ("far below", (0, 10, 20), 10),
)
_SHOWN = 4


def exercise(request: str) -> str | None:
    """Return the answer to a request for an exercise, a JSON object; None if it names none of these languages."""
    try:
        language = json.loads(request)["language"]
        starter, solution = _CODE[language]
    except (ValueError, TypeError, KeyError):
        return None
    return json.dumps(_written(starter, solution))


def _written(starter: str, solution: str) -> dict[str, Any]:
    return {
        "title": "Keep a number between two bounds",
        "statement": "Write `clamp`, which gets a number and two bounds, a lower and a higher one. It returns the "
        "number where it lies between them, else the bound that is nearer. For 5 between 1 and 3 that is 3.",
        "starter": starter,
        "solution": solution,
        "function_name": "clamp",
        "tests": [
            {"name": name, "arguments": arguments, "expected": expected, "hidden": number >= _SHOWN}
            for number, (name, arguments, expected) in enumerate(_TESTS)
        ],
        "hints": [
            "Compare the number with each of the bounds.",
            "Two comparisons are enough.",
        ],
        "tags": ["numbers", "conditions"],
    }
