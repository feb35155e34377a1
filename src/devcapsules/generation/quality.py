"""The quality score of a generated exercise: the sum of its parts, from 0 to 100."""

from typing import TypedDict

from pydantic_core import to_json

from devcapsules.capsules.models import Content


class Parts(TypedDict):
    """The parts of a score: at most 25 for tests, 10 hidden, 35 mutants, 15 statement, 5 hints, 10 rounds."""

    tests: int
    hidden: int
    mutants: int
    statement: int
    hints: int
    rounds: int


def parts_of(content: Content, killed: int, mutants: int, rounds: int) -> Parts:
    """Return the parts of an exercise's score; its tests detect `killed` of `mutants`."""
    values = {to_json(test["expected"]) for test in content.tests}
    hidden = sum(test["hidden"] for test in content.tests)
    share = hidden / len(content.tests)
    statement = content.statement
    return Parts(
        tests=round(15 * min(len(content.tests), 8) / 8) + round(10 * min(len(values), 4) / 4),
        hidden=10 if 0.2 <= share <= 0.7 else 5 if hidden else 0,
        mutants=round(35 * killed / mutants) if mutants else 0,
        statement=5 * (len(statement) >= 120) + 5 * ("`" in statement) + 5 * (content.function_name in statement),
        hints=5 if len(content.hints) >= 2 else 3,
        rounds=max(0, 10 - 5 * (rounds - 1)),
    )


def score_of(parts: Parts) -> int:
    """Return the sum of the parts."""
    return sum(parts.values())  # type: ignore[arg-type] # all members are numbers
