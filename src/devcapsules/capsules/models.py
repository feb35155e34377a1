"""Bodies and answers of the routes of capsules."""

from typing import Annotated, Any, Literal, NamedTuple, TypedDict

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import to_json

from edge.text import Matching

LONGEST_CODE = 20_000
LONGEST_VALUE = 4_000
"""Bytes of JSON that the arguments of a test have, and its expected value."""
MOST_TESTS = 50
MOST_HINTS = 10

type CodeLanguage = Literal["python", "javascript", "typescript"]
type Difficulty = Literal["easy", "medium", "hard"]
type Visibility = Literal["private", "unlisted", "public"]


def _text(text: str) -> str:
    if "\0" in text or any("\ud800" <= mark <= "\udfff" for mark in text):
        raise ValueError("a text without NUL characters and lone surrogates")
    return text


def _small(value: Any) -> Any:
    try:
        text = to_json(value)
    except ValueError:
        raise ValueError("a JSON value of texts without lone surrogates, not deeply nested") from None
    if len(text) > LONGEST_VALUE:
        raise ValueError(f"a value of at most {LONGEST_VALUE} bytes of JSON")
    return value


CLEAN = AfterValidator(_text)
type Code = Annotated[str, Field(max_length=LONGEST_CODE), CLEAN]
type Title = Annotated[str, Field(min_length=1, max_length=120), CLEAN]
type Statement = Annotated[str, Field(min_length=1, max_length=20_000, description="Markdown"), CLEAN]
type Hint = Annotated[str, Field(min_length=1, max_length=2_000), CLEAN]
type FunctionName = Annotated[str, Field(max_length=64), Matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a function")]
type Tag = Annotated[
    str, Field(max_length=30), Matching(r"[a-z0-9]+(-[a-z0-9]+)*", "lower-case words with - between them")
]
type Tags = Annotated[list[Tag], Field(max_length=10)]
type TimeLimit = Annotated[int, Field(ge=100, le=10_000)]
type SolutionAfter = Annotated[int, Field(ge=0, le=100)]
type JsonValue = Annotated[Any, AfterValidator(_small), WithJsonSchema({})]


class Case(BaseModel):
    """A test: the function is called with `arguments` and returns `expected`, floats within `tolerance`.

    Of a hidden test learners get to know whether it passes, and nothing else.
    """

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=100), CLEAN] = ""
    arguments: Annotated[list[JsonValue], Field(max_length=20)] = []
    expected: JsonValue
    hidden: bool = False
    tolerance: Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)] | None = None


class CapsuleContent(BaseModel):
    """The content of a version."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    statement: Statement
    starter: Code = ""
    solution: Code = ""
    function_name: FunctionName
    tests: Annotated[list[Case], Field(max_length=MOST_TESTS)] = []
    hints: Annotated[list[Hint], Field(max_length=MOST_HINTS)] = []


class NewCapsule(CapsuleContent):
    """A new capsule."""

    language: CodeLanguage
    difficulty: Difficulty = "easy"
    visibility: Visibility = "private"
    tags: Tags = []
    time_limit_ms: TimeLimit = 2_000
    solution_after: SolutionAfter = Field(3, description="tries after which a learner may see the solution")


class CapsuleChanges(BaseModel):
    """Changes; what is absent stays. A change of the content makes a version; `base_version` guards against others'."""

    model_config = ConfigDict(extra="forbid")

    base_version: Annotated[int, Field(ge=1, le=2**53 - 1)] | None = None
    title: Title | None = None
    statement: Statement | None = None
    starter: Code | None = None
    solution: Code | None = None
    function_name: FunctionName | None = None
    tests: Annotated[list[Case], Field(max_length=MOST_TESTS)] | None = None
    hints: Annotated[list[Hint], Field(max_length=MOST_HINTS)] | None = None
    difficulty: Difficulty | None = None
    visibility: Visibility | None = None
    tags: Tags | None = None
    time_limit_ms: TimeLimit | None = None
    solution_after: SolutionAfter | None = None


CONTENT = ("title", "statement", "starter", "solution", "function_name", "tests", "hints")
"""The fields that make a version."""


class Publication(BaseModel):
    """Who may read the capsule from now on."""

    model_config = ConfigDict(extra="forbid")

    visibility: Visibility = "public"


class CapsuleFilter(BaseModel):
    """Which capsules are listed: those that everybody may find, or with `mine` the caller's own and its teams'."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, Field(max_length=200, description="words of title, statement and tags")] = ""
    tag: Tag | None = None
    language: CodeLanguage | None = None
    difficulty: Difficulty | None = None
    mine: bool = False
    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="`next_cursor` of the page before; absent for the first"
    )


class CaseShown(TypedDict):
    """A test that learners see."""

    name: str
    arguments: list[Any]
    expected: Any


class CapsuleEntry(TypedDict):
    """A capsule in a list."""

    id: str
    title: str
    language: str
    difficulty: str
    visibility: str
    tags: list[str]
    author: str
    version: int
    score: int | None
    created_at: str
    updated_at: str


class CapsulePage(TypedDict):
    """A page of capsules, the newest first; `next_cursor` is null on the last."""

    capsules: list[CapsuleEntry]
    next_cursor: str | None


class Attribution(TypedDict):
    """Where a fork comes from; the capsule may be gone."""

    capsule_id: str
    author: str


class Capsule(CapsuleEntry):
    """A capsule as a learner sees it: how many hints and hidden tests there are, and none of them."""

    statement: str
    starter: str
    function_name: str
    examples: list[CaseShown]
    hints: int
    hidden_tests: int
    time_limit_ms: int
    solution_after: int
    forked_from: Attribution | None
    is_editable: bool


class Version(TypedDict):
    """A version of a capsule."""

    version: int
    title: str
    created_at: str


class Versions(TypedDict):
    """The versions of a capsule, the newest first."""

    versions: list[Version]


class VersionContent(TypedDict):
    """The whole content of a version, for those who may change the capsule."""

    version: int
    title: str
    statement: str
    starter: str
    solution: str
    function_name: str
    tests: list[dict[str, Any]]
    hints: list[str]
    created_at: str


class Content(NamedTuple):
    """The content of a version as it is stored and judged."""

    title: str
    statement: str
    starter: str
    solution: str
    function_name: str
    tests: list[dict[str, Any]]
    hints: list[str]
