"""Data from the old site's localStorage: lists of albums in its formats, read as rows of records."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import from_json, to_json

from vinyl_vault.formats import parse as parse_formats
from vinyl_vault.record import FIELDS, SERVER_FIELDS
from vinyl_vault.transfer.columns import (
    COLLECTION,
    LONGEST_EXTRA,
    LONGEST_LINE,
    LONGEST_NAME,
    OWN,
    BadRow,
    Column,
)
from vinyl_vault.transfer.csv_text import BadTable
from vinyl_vault.transfer.table_reader import ReadRow

LISTS = ("albums", "collection", "records", "items", "data")
WANTED = ("wantlist", "wanted", "wishlist")
"""Names of members with a list of records: `LISTS` of owned records, `WANTED` of the wantlist."""
NAMES = {
    "title": "album",
    "name": "album",
    "discogsId": "discogs",
    "discogs_id": "discogs",
    "releaseId": "discogs",
    "release_id": "discogs",
    "coverUrl": "cover",
    "cover_url": "cover",
    "cover_image": "cover",
    "catalog_number": "catalogue_number",
    "catalogNumber": "catalogue_number",
    "catno": "catalogue_number",
    "mediaCondition": "media_condition",
    "condition": "media_condition",
    "sleeveCondition": "sleeve_condition",
    "dateAdded": "date_added",
    "addedAt": "date_added",
    "added_at": "date_added",
    "color": "colour",
    "genres": "genre",
    "styles": "style",
    "location": "shelf",
}
"""Other names of members, and their fields."""
SERVER_MEMBERS = frozenset({"id", "rev", "user_id", "created_at", "updated_at", "deleted_at", "synced", *SERVER_FIELDS})
DEEPEST = 4

_COLUMNS: dict[str, Column] = {column.field: column for column in (*OWN[1:], *COLLECTION)}
_LISTED = frozenset({"genre", "style", "tags"})


def read_browser(document: Any, status: str = "") -> Iterator[ReadRow]:
    """Yield the albums of a document; raises `BadTable` if it contains no list of albums."""
    lists = list(_lists(document, "", 0))
    if not lists:
        raise BadTable(f"there is no list of records: send a list, or an object with one of {', '.join(LISTS)}")
    row = 0
    for name, albums in lists:
        kind = status or ("wanted" if name.casefold() in WANTED else "owned")
        for album in albums:
            row += 1
            yield _read(row, album, kind)


def _lists(value: Any, name: str, depth: int) -> Iterator[tuple[str, list[Any]]]:
    """Find lists of objects: the document itself, its members, or JSON texts within them, as in localStorage."""
    if isinstance(value, str) and value[:1] in {"[", "{"} and depth < DEEPEST:
        try:
            value = from_json(value, allow_inf_nan=False)
        except ValueError:
            return
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        yield name, value
    elif isinstance(value, dict) and depth < DEEPEST:
        for key, member in value.items():
            yield from _lists(member, _list_name(str(key)), depth + 1)


def _list_name(key: str) -> str:
    """Return the part of a storage key that identifies the list, such as in `vinyl-vault:wantlist`."""
    lower = key.casefold()
    return next((name for name in WANTED if name in lower), lower)


def _read(row: int, album: Any, status: str) -> ReadRow:
    if not isinstance(album, dict):
        return ReadRow(row, None, "it is not an object")
    try:
        return ReadRow(row, _fields(album, status))
    except BadRow as fault:
        return ReadRow(row, None, str(fault))


def _fields(album: Mapping[str, Any], status: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"status": status}
    extra: dict[str, Any] = {}
    for member, value in album.items():
        name = NAMES.get(member, member)
        if member in SERVER_MEMBERS or value is None or value == "":
            continue
        if name == "status" and value in {"owned", "wanted"}:
            fields["status"] = value
        elif name not in FIELDS or name in fields or not _take(name, value, fields):
            extra[member[:LONGEST_NAME] or "?"] = _extra_value(member, value)
    if not fields.get("artist") and not fields.get("album"):
        raise BadRow("it has neither an artist nor a title")
    if "format" in fields and "formats" not in fields:
        fields["formats"] = [dict(carrier) for carrier in parse_formats(fields["format"])]
    return fields | ({"extra": extra} if extra else {})


def _take(name: str, value: Any, fields: dict[str, Any]) -> bool:
    """Set a field if its value can be read; return false to store the value in `extra`."""
    if name in _LISTED and isinstance(value, list):
        words = [word[:LONGEST_NAME] for word in value if isinstance(word, str) and word and "\0" not in word]
        fields[name] = list(dict.fromkeys(words))[:30]
        return len(words) == len(value)
    column = _COLUMNS.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    text = str(value)
    if "\0" in text:
        raise BadRow(f"{name} has a NUL character")
    if name == "cover":
        fields[name] = text[:LONGEST_LINE]
        return len(text) <= LONGEST_LINE
    read = column.parse(text) if column else None
    if read in (None, []):
        return False
    fields[name] = read
    return True


def _extra_value(member: str, value: Any) -> Any:
    """Return an unknown member's value for `extra`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if -(2**53) < value < 2**53 else str(value)
    text = value if isinstance(value, str) else to_json(value).decode()
    if len(text) > LONGEST_EXTRA or "\0" in text:
        raise BadRow(f"{member[:50]} has more than {LONGEST_EXTRA} characters, or a NUL character")
    return text
