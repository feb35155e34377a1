"""Columns of Discogs' files and our own: each is read into a field, and written back to the same characters.

A cell that its field would write differently, such as a year of 0, is stored unchanged in `extra` under its column's
name. It is written again while the field still has the value read from it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from vinyl_vault.formats import parse as parse_formats
from vinyl_vault.record import GRADES, LARGEST, MOST_EXTRA
from vinyl_vault.transfer.csv_text import undo_escape

LONGEST_LINE = 500
LONGEST_EXTRA = 1_000
LONGEST_NOTES = 10_000
LONGEST_NAME = 100

type Parse = Callable[[str], Any]
type Render = Callable[[Any], str]


class BadRow(ValueError):
    """A row is not a valid record; the message gives the reason."""


class Column(NamedTuple):
    """A column: its name in a file, the record's field, and the functions that read and write a cell."""

    name: str
    field: str
    parse: Parse
    render: Render
    other_names: tuple[str, ...] = ()


def _line(text: str) -> str | None:
    return text[:LONGEST_LINE] or None


def _notes(text: str) -> str | None:
    if len(text) > LONGEST_NOTES:
        raise BadRow(f"the notes have more than {LONGEST_NOTES} characters")
    return text or None


def _year(text: str) -> int | None:
    text = text.strip()
    is_year = len(text) == 4 and text.isascii() and text.isdecimal()
    return int(text) if is_year and 1000 <= int(text) <= 2100 else None


def _rating(text: str) -> int | None:
    text = text.strip()
    return int(text) if text in {"1", "2", "3", "4", "5"} else None


def _release(text: str) -> dict[str, Any] | None:
    return _entry("release", text)


def _master(text: str) -> dict[str, Any] | None:
    return _entry("master", text)


def _entry(kind: str, text: str) -> dict[str, Any] | None:
    text = text.strip()
    is_number = text.isascii() and text.isdecimal() and len(text) <= 16 and 0 < int(text) <= LARGEST
    return {"kind": kind, "id": int(text)} if is_number else None


def _entry_text(kind: str) -> Render:
    return lambda entry: str(entry["id"]) if entry and entry["kind"] == kind else ""


_SLEEVES = ("Generic", "Not Graded", "No Cover")
_GRADES = {name.casefold(): name for grade in GRADES.values() if (name := grade)}
_SHORT = {short.casefold(): name for short, name in GRADES.items() if short}


def _media(text: str) -> str | None:
    text = text.strip().casefold()
    return _GRADES.get(text) or _SHORT.get(text)


def _sleeve(text: str) -> str | None:
    return _media(text) or {name.casefold(): name for name in _SLEEVES}.get(text.strip().casefold())


def _words(text: str) -> list[str]:
    """Parse a list of words: separated by semicolons, or in JSON if a word contains one."""
    words: Any = None
    if text.startswith("["):
        try:
            words = from_json(text)
        except ValueError:
            words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        words = [word.strip() for word in text.split(";")]
    return list(dict.fromkeys(word[:LONGEST_NAME] for word in words if word))[:30]


def _words_text(words: Sequence[str] | None) -> str:
    text = "; ".join(words or ())
    return text if _words(text) == [*(words or ())] else to_json(words).decode()


_WITHOUT_MINOR = frozenset({"JPY", "KRW", "CLP", "ISK", "VND"})
_MONEY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,2})?) ([A-Z]{3})")


def _money(text: str) -> dict[str, Any] | None:
    match = _MONEY.fullmatch(text.strip())
    if match is None:
        return None
    try:
        amount = Decimal(match[1]).scaleb(0 if match[2] in _WITHOUT_MINOR else 2)
    except InvalidOperation:
        return None
    return {"amount": int(amount), "currency": match[2]} if amount == int(amount) and amount <= 10**12 else None


def _money_text(money: Mapping[str, Any] | None) -> str:
    if not money:
        return ""
    is_whole = money["currency"] in _WITHOUT_MINOR
    amount = str(money["amount"]) if is_whole else f"{money['amount'] // 100}.{money['amount'] % 100:02d}"
    return f"{amount} {money['currency']}"


def _day(text: str) -> str | None:
    from datetime import date  # noqa: PLC0415 - imported on first use, as few files have dates

    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        return None


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


_CATALOGUE = Column("Catalog#", "catalogue_number", _line, _plain, ("catalog", "catalogue number", "catno"))
_RELEASE = Column("release_id", "discogs", _release, _entry_text("release"), ("release id", "releaseid", "discogs id"))
_FIRST = (
    _CATALOGUE,
    Column("Artist", "artist", lambda text: text[:LONGEST_LINE], _plain, ("artists",)),
    Column("Title", "album", lambda text: text[:LONGEST_LINE], _plain, ("album",)),
    Column("Label", "label", _line, _plain, ("labels",)),
    Column("Format", "format", _line, _plain, ("formats",)),
    Column("Rating", "rating", _rating, _plain),
    Column("Released", "year", _year, _plain, ("year",)),
    _RELEASE,
)
COLLECTION = (
    *_FIRST,
    Column("CollectionFolder", "folder", _line, _plain, ("collection folder", "folder")),
    Column("Date Added", "date_added", _line, _plain, ("dateadded", "added")),
    Column("Collection Media Condition", "media_condition", _media, _plain, ("media condition",)),
    Column("Collection Sleeve Condition", "sleeve_condition", _sleeve, _plain, ("sleeve condition",)),
    Column("Collection Notes", "notes", _notes, _plain, ("notes",)),
)
"""The columns of Discogs' export of a collection, in order."""
WANTLIST = (*_FIRST, Column("Notes", "notes", _notes, _plain, ("collection notes",)))
"""The columns of Discogs' export of a wantlist, in order."""
OWN = (
    Column("Master Id", "discogs", _master, _entry_text("master"), ("master id",)),
    Column("Genre", "genre", _words, _words_text, ("genres",)),
    Column("Style", "style", _words, _words_text, ("styles",)),
    Column("Country", "country", _line, _plain),
    Column("Barcode", "barcode", _line, _plain),
    Column("Tags", "tags", _words, _words_text),
    Column("Shelf", "shelf", _line, _plain, ("location",)),
    Column("Colour", "colour", _line, _plain, ("color",)),
    Column("Price Paid", "price_paid", _money, _money_text),
    Column("Bought On", "bought_on", _day, _plain),
    Column("Price Sold", "price_sold", _money, _money_text),
    Column("Sold On", "sold_on", _day, _plain),
)
"""Our own columns, which follow those of Discogs if a record has a value in them."""

_COLLECTION_ONLY = frozenset({"folder", "date_added", "media_condition", "sleeve_condition"})
_WORD = re.compile(r"[^a-z0-9#]+")


def standard(is_wantlist: bool) -> tuple[Column, ...]:
    """Return the columns of Discogs' export of a collection or wantlist."""
    return WANTLIST if is_wantlist else COLLECTION


class Header(NamedTuple):
    """A file's columns: their names in the file, and for each its column, or None if it is unknown."""

    names: tuple[str, ...]
    columns: tuple[Column | None, ...]

    @property
    def is_wantlist(self) -> bool:
        """True for a wantlist of Discogs: it has `release_id` and `Notes`, and no column only of collections."""
        fields = {column.field for column in self.columns if column}
        has_notes = "notes" in map(_compared, self.names)
        return has_notes and "discogs" in fields and not fields & _COLLECTION_ONLY


def read_header(cells: Sequence[str]) -> Header:
    """Return the columns of a header row; raises `BadRow` if it has neither an artist nor a title."""
    by_name = {_compared(name): column for column in (*COLLECTION, *OWN) for name in (column.name, *column.other_names)}
    columns: list[Column | None] = []
    names: list[str] = []
    for place, cell in enumerate(map(undo_escape, cells), 1):
        column = by_name.get(_compared(cell))
        if column is not None and column in columns:
            column = None
        columns.append(column)
        name = (cell.replace("\0", "") or f"Column {place}")[:LONGEST_NAME]
        names.append(name if name not in names else f"{name[:90]} #{place}")
    fields = {column.field for column in columns if column}
    if not fields & {"artist", "album"}:
        raise BadRow("the first row has no column names: Artist or Title is required")
    if columns.count(None) > MOST_EXTRA - len(COLLECTION) - len(OWN):
        raise BadRow("the first row has too many unknown columns")
    return Header(tuple(names), tuple(columns))


def _compared(name: str) -> str:
    return _WORD.sub(" ", name.casefold()).strip()


def read_row(header: Header, cells: Sequence[str], status: str) -> dict[str, Any]:
    """Return the fields of a row; a missing cell is empty. Raises `BadRow` if it is not a valid record."""
    if any(cells[len(header.names) :]):
        raise BadRow(f"it has {len(cells)} cells, the first row {len(header.names)}")
    fields: dict[str, Any] = {"status": status}
    extra: dict[str, str] = {}
    for name, column, escaped in zip(header.names, header.columns, _padded(cells, len(header.names)), strict=True):
        cell = undo_escape(escaped)
        if "\0" in cell:
            raise BadRow(f"{name} has a NUL character")
        if column is not None:
            _read_cell(column, cell, fields, extra)
        elif cell:
            extra[name] = cell
    if not fields.get("artist") and not fields.get("album"):
        raise BadRow("it has neither an artist nor a title")
    if long := [name for name, cell in extra.items() if len(cell) > LONGEST_EXTRA]:
        raise BadRow(f"{long[0]} has more than {LONGEST_EXTRA} characters")
    if "format" in fields:
        fields["formats"] = [dict(carrier) for carrier in parse_formats(fields["format"])]
    return fields | ({"extra": extra} if extra else {})


def _read_cell(column: Column, cell: str, fields: dict[str, Any], extra: dict[str, str]) -> None:
    value = column.parse(cell)
    if column.render(value) != cell:
        extra[column.name] = cell
    if value not in (None, []):
        fields.setdefault(column.field, value)


def _padded(cells: Sequence[str], length: int) -> list[str]:
    return [*cells[:length], *[""] * (length - len(cells))]


def write_cells(columns: Sequence[Column | str], record: Mapping[str, Any]) -> list[str]:
    """Return a record's cells for columns; a column given as a text is a field of `extra`."""
    extra = record.get("extra") or {}
    return [
        _extra_text(extra.get(column)) if isinstance(column, str) else _cell(column, record, extra)
        for column in columns
    ]


def _cell(column: Column, record: Mapping[str, Any], extra: Mapping[str, Any]) -> str:
    value = record.get(column.field)
    text = column.render(value)
    raw = extra.get(column.name)
    if isinstance(raw, str):
        read = column.parse(raw)
        if column.render(read) == text:
            return raw
    return text


def _extra_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else to_json(value).decode()


def layout(header: Sequence[str] | None, records_have: Iterable[str], *, is_wantlist: bool) -> list[Column | str]:
    """Return the columns of an export: those of the last import, in order, then further columns with values.

    `records_have` are the names of all columns, known or unknown, with a value in some record.
    """
    by_name = {column.name: column for column in (*standard(is_wantlist), *OWN)}
    last = read_header(header) if header is not None else None
    chosen: list[Column | str] = []
    if last is None:
        chosen += standard(is_wantlist)
    else:
        by_field = {column.field: column for column in by_name.values() if column.name != "Master Id"}
        for name, column in zip(last.names, last.columns, strict=True):
            chosen.append(name if column is None else by_name.get(column.name) or by_field.get(column.field) or name)
    present = {column if isinstance(column, str) else column.name for column in chosen}
    fields = {column.field for column in chosen if not isinstance(column, str) and column.name != "Master Id"}
    rest = [name for name in records_have if name not in present]
    chosen += [
        column
        for column in by_name.values()
        if column.name in rest and (column.field not in fields or column.field == "discogs")
    ]
    return [*chosen, *sorted(name for name in rest if name not in by_name)]
