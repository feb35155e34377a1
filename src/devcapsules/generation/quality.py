"""The quality of a generated exercise: a number from 0 to 100, and the parts that it is the sum of."""

from typing import TypedDict

from pydantic_core import to_json

from devcapsules.capsules.models import Content


class Parts(TypedDict):
    """The parts: at most 25 for tests, 10 for hidden ones, 35 for mutants, 15 for the statement, 5, and 10."""

    tests: int
    hidden: int
    mutants: int
    statement: int
    hints: int
    rounds: int


def parts_of(content: Content, killed: int, mutants: int, rounds: int) -> Parts:
    """Return the parts of the score of an exercise whose tests notice `killed` of so many mutants."""
    values = {to_json(one["expected"]) for one in content.tests}
    hidden = sum(one["hidden"] for one in content.tests)
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
    """Return the score."""
    return sum(parts.values())  # type: ignore[arg-type] # all members are numbers
