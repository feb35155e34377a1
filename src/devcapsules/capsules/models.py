"""Request and response models of the capsule routes."""

from typing import Annotated, Any, NamedTuple, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from devcapsules.cases import (
    MOST_HINTS,
    MOST_TESTS,
    Case,
    Code,
    CodeLanguage,
    Difficulty,
    FunctionName,
    Hint,
    SolutionAfter,
    Statement,
    Tag,
    Tags,
    TimeLimit,
    Title,
    Visibility,
)


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
    solution_after: SolutionAfter = Field(3, description="attempts after which a learner may see the solution")


class CapsuleChanges(BaseModel):
    """Changes of a capsule; absent fields stay. New content makes a version; `base_version` detects other changes."""

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
"""The fields that belong to a version."""


class Publication(BaseModel):
    """The new visibility of the capsule."""

    model_config = ConfigDict(extra="forbid")

    visibility: Visibility = "public"


class CapsuleFilter(BaseModel):
    """Filters of the list: public capsules, or with `mine` the caller's own and those of the caller's teams."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, Field(max_length=200, description="words of title, statement and tags")] = ""
    tag: Tag | None = None
    language: CodeLanguage | None = None
    difficulty: Difficulty | None = None
    mine: bool = False
    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="`next_cursor` of the previous page; absent for the first"
    )


class ExampleTest(TypedDict):
    """A test visible to learners."""

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
    """A page of capsules, the newest first; `next_cursor` is null on the last page."""

    capsules: list[CapsuleEntry]
    next_cursor: str | None


class Attribution(TypedDict):
    """The origin of a fork; the original capsule may be deleted."""

    capsule_id: str
    author: str


class Capsule(CapsuleEntry):
    """A capsule for learners: with the numbers of hints and hidden tests, without their contents."""

    statement: str
    starter: str
    function_name: str
    examples: list[ExampleTest]
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
    """The complete content of a version, for users with permission to change the capsule."""

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
    """The stored content of a version."""

    title: str
    statement: str
    starter: str
    solution: str
    function_name: str
    tests: list[dict[str, Any]]
    hints: list[str]
