"""A record of a collection: its fields, their validation, and their columns in the database."""

import math
from datetime import date
from typing import Annotated, Any, Literal, Self, TypedDict

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import from_json, to_json

from edge.ports import Row, Value
from edge.text import NO_NUL

LARGEST = 2**53 - 1
MOST_TAGS = 100
LONGEST_EXTRA = 1_000
LARGEST_RECORD = 20_000
"""Most bytes of one record in JSON, as hundreds of them are in memory at once."""
MOST_EXTRA = 100
"""Most fields of other programs in one record, such as unknown columns of a CSV file."""

type MediaGrade = Literal[
    "Mint (M)",
    "Near Mint (NM or M-)",
    "Very Good Plus (VG+)",
    "Very Good (VG)",
    "Good Plus (G+)",
    "Good (G)",
    "Fair (F)",
    "Poor (P)",
]
type SleeveGrade = Literal[MediaGrade, "Generic", "Not Graded", "No Cover"]
type Abbreviation = Literal["M", "NM", "VG+", "VG", "G+", "G", "F", "P", ""]
"""An empty grade means no grade."""

GRADES = {
    "M": "Mint (M)",
    "NM": "Near Mint (NM or M-)",
    "VG+": "Very Good Plus (VG+)",
    "VG": "Very Good (VG)",
    "G+": "Good Plus (G+)",
    "G": "Good (G)",
    "F": "Fair (F)",
    "P": "Poor (P)",
    "": None,
}


def _full_grade(grade: str) -> str | None:
    return GRADES.get(grade, grade)


def _listed(words: str | list[str]) -> list[str]:
    return [*dict.fromkeys([words] if isinstance(words, str) else words)]


def _known_year(year: int) -> int | None:
    return year or None


def _scalar(value: object) -> object:
    if isinstance(value, str):
        if len(value) > LONGEST_EXTRA or "\0" in value:
            raise ValueError(f"must be a text of at most {LONGEST_EXTRA} characters, without NUL")
    elif isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > LARGEST:
            raise ValueError("must be a number between -(2^53 - 1) and 2^53 - 1")
    elif value is not None:
        raise ValueError("must be a text, a number, true, false or null")
    return value


type Line = Annotated[str, Field(max_length=500), NO_NUL]
type Text = Annotated[str, Field(max_length=10_000), NO_NUL]
type Word = Annotated[str, Field(min_length=1, max_length=100), NO_NUL]
type Words = Annotated[Word | Annotated[list[Word], Field(max_length=30)], AfterValidator(_listed)]
"""One word, or a list of several; a genre's name may contain commas."""
type Year = Annotated[int, Field(ge=0, le=2100), AfterValidator(_known_year)]
"""0 means an unknown year, as in the files of Discogs."""
type ExtraValue = Annotated[
    Any,
    AfterValidator(_scalar),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": LONGEST_EXTRA},
                {"type": "boolean"},
                {"type": "number", "minimum": -LARGEST, "maximum": LARGEST},
                {"type": "null"},
            ]
        }
    ),
]
"""One validator for all types: a union would report an error per type for each invalid value."""


class Money(BaseModel):
    """An amount in minor units, such as cents, with its currency (ISO 4217)."""

    model_config = ConfigDict(extra="forbid")

    amount: int = Field(ge=0, le=10**10)
    currency: str = Field(pattern="^[A-Z]{3}$")


class DiscogsEntry(BaseModel):
    """An entry of Discogs; the ids of releases and masters overlap, so `kind` is required."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["release", "master"]
    id: int = Field(ge=1, le=LARGEST)


class FormatPart(BaseModel):
    """A carrier of a release, such as two LPs in a box."""

    model_config = ConfigDict(extra="forbid")

    name: Word
    quantity: int = Field(1, ge=1, le=1000)
    descriptions: list[Word] = Field([], max_length=30)


class TagChanges(BaseModel):
    """Tags to add and to remove, so that two devices can change them concurrently."""

    model_config = ConfigDict(extra="forbid")

    add: list[Word] = Field([], max_length=MOST_TAGS)
    remove: list[Word] = Field([], max_length=MOST_TAGS)


class RecordFields(BaseModel):
    """The editable fields of a record; in a change, only the edited ones are set.

    `tags` is the complete list, or tags to add and remove. `extra` are fields of other programs, each changed
    separately; null removes one.
    """

    model_config = ConfigDict(extra="forbid")

    status: Literal["owned", "wanted"] = "owned"
    artist: Line = ""
    album: Line = ""
    year: Year | None = None
    label: Line | None = None
    catalogue_number: Line | None = None
    format: Line | None = None
    formats: list[FormatPart] = Field([], max_length=30)
    genre: Words = Field([], validate_default=False)
    style: Words = Field([], validate_default=False)
    country: Line | None = None
    barcode: Line | None = None
    discogs: DiscogsEntry | None = None
    cover: Line | None = None
    media_condition: Annotated[MediaGrade | Abbreviation, AfterValidator(_full_grade)] | None = None
    sleeve_condition: Annotated[SleeveGrade | Abbreviation, AfterValidator(_full_grade)] | None = None
    rating: int | None = Field(None, ge=1, le=5)
    notes: Text | None = None
    price_paid: Money | None = None
    bought_on: date | None = None
    price_sold: Money | None = None
    sold_on: date | None = None
    date_added: Line | None = Field(None, description="when it was added in another program, in that program's format")
    tags: TagChanges | Annotated[list[Word], Field(max_length=MOST_TAGS)] = Field([])
    folder: Line | None = None
    shelf: Line | None = None
    colour: Line | None = None
    extra: dict[Word, ExtraValue] = Field({}, max_length=MOST_EXTRA)

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if len(self.model_dump_json(exclude_unset=True).encode()) > LARGEST_RECORD:
            raise ValueError(f"a record has at most {LARGEST_RECORD} bytes")
        return self

    def edited_fields(self) -> dict[str, Any]:
        """Return the fields that were set, as JSON values; each field of `extra` separately, as extra.<name>."""
        fields = self.model_dump(mode="json", include=self.model_fields_set & {*FIELDS, "extra"})
        extra = fields.pop("extra", {})
        return fields | {EXTRA + name: value for name, value in extra.items()}


EXTRA = "extra."
"""Prefix of the names of fields of other programs."""
SERVER_FIELDS = {"market_value": None, "valued_on": None}
"""Fields that only this Worker fills in."""
DEFAULTS: dict[str, Any] = {
    name: field.default for name, field in RecordFields.model_fields.items() if name != "extra"
} | SERVER_FIELDS
FIELDS = tuple(DEFAULTS)
"""All fields except those of other programs; each is a column."""
JSON_FIELDS = frozenset({"formats", "genre", "style", "discogs", "price_paid", "price_sold", "market_value", "tags"})


class MoneyView(TypedDict):
    """An amount in minor units, with its currency."""

    amount: int
    currency: str


class DiscogsView(TypedDict):
    """An entry of Discogs."""

    kind: Literal["release", "master"]
    id: int


class FormatView(TypedDict):
    """A carrier of a release."""

    name: str
    quantity: int
    descriptions: list[str]


class Record(TypedDict):
    """A record; `rev` is the revision of its last change, `deleted_at` the time of its deletion (UTC)."""

    id: str
    rev: int
    created_at: str
    deleted_at: str | None
    status: Literal["owned", "wanted"]
    artist: str
    album: str
    year: int | None
    label: str | None
    catalogue_number: str | None
    format: str | None
    formats: list[FormatView]
    genre: list[str]
    style: list[str]
    country: str | None
    barcode: str | None
    discogs: DiscogsView | None
    cover: str | None
    media_condition: str | None
    sleeve_condition: str | None
    rating: int | None
    notes: str | None
    price_paid: MoneyView | None
    bought_on: str | None
    price_sold: MoneyView | None
    sold_on: str | None
    market_value: MoneyView | None
    valued_on: str | None
    date_added: str | None
    tags: list[str]
    folder: str | None
    shelf: str | None
    colour: str | None
    extra: dict[str, Any]


def record_view(row: Row) -> Record:
    """Return a record from a row of `collections`."""
    record: Any = {"id": row["id"], "rev": row["rev"]}
    record |= {name: row[name] for name in ("created_at", "deleted_at")}
    record |= {name: _parsed(row, name) if name in JSON_FIELDS else row[name] for name in FIELDS}
    record["extra"] = from_json(row["extra"])
    return record  # type: ignore[no-any-return] # built as a plain dict


def fields_of(row: Row) -> dict[str, Any]:
    """Return the fields of a row; each field of `extra` separately, as extra.<name>."""
    fields = {name: _parsed(row, name) if name in JSON_FIELDS else row[name] for name in FIELDS}
    return fields | {EXTRA + name: value for name, value in from_json(row["extra"]).items()}


def columns_of(fields: dict[str, Any]) -> dict[str, Value]:
    """Return the database columns of all fields."""
    columns = {name: _stored(name, fields.get(name, DEFAULTS[name])) for name in FIELDS}
    extra = {name.removeprefix(EXTRA): value for name, value in fields.items() if name.startswith(EXTRA)}
    return columns | {"extra": to_json(extra).decode()}


def _parsed(row: Row, name: str) -> Any:
    return None if row[name] is None else from_json(row[name])


def _stored(name: str, value: Any) -> Value:
    if name in JSON_FIELDS and value is not None:
        return to_json(value).decode()
    stored: Value = value
    return stored
