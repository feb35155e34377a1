"""Cases: the tests of a function, and the types of an exercise's fields."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import to_json

from edge.text import NO_NUL, Matching

LONGEST_CODE = 20_000
LONGEST_VALUE = 4_000
"""Most bytes of JSON of one argument of a test, and of its expected value."""
MOST_TESTS = 50
MOST_HINTS = 10

type CodeLanguage = Literal["python", "javascript", "typescript"]
type Difficulty = Literal["easy", "medium", "hard"]
type Visibility = Literal["private", "unlisted", "public"]


def _small(value: Any) -> Any:
    try:
        text = to_json(value)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        raise ValueError(
            'must be a JSON value without lone surrogates, deep nesting, and numbers such as 1e999: {"$float": "inf"}'
        ) from None
    if len(text) > LONGEST_VALUE:
        raise ValueError(f"must have at most {LONGEST_VALUE} bytes as JSON")
    return value


type Code = Annotated[str, Field(max_length=LONGEST_CODE), NO_NUL]
type Title = Annotated[str, Field(min_length=1, max_length=120), NO_NUL]
type Statement = Annotated[str, Field(min_length=1, max_length=20_000, description="Markdown"), NO_NUL]
type Hint = Annotated[str, Field(min_length=1, max_length=2_000), NO_NUL]
type FunctionName = Annotated[str, Field(max_length=64), Matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a function")]
type Tag = Annotated[
    str, Field(max_length=30), Matching(r"[a-z0-9]+(-[a-z0-9]+)*", "lower-case words with - between them")
]
type Tags = Annotated[list[Tag], Field(max_length=10)]
type TimeLimit = Annotated[int, Field(ge=100, le=10_000)]
type SolutionAfter = Annotated[int, Field(ge=0, le=100)]
type JsonValue = Annotated[Any, AfterValidator(_small), WithJsonSchema({})]


class Case(BaseModel):
    """A test: called with `arguments`, the function must return `expected`, for floats within `tolerance`.

    Learners see only whether a hidden test passes.
    """

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=100), NO_NUL] = ""
    arguments: Annotated[list[JsonValue], Field(max_length=20)] = []
    expected: JsonValue
    hidden: bool = False
    tolerance: Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)] | None = None
