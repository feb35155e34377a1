"""Finds the rows of a file that are in the collection already. Copies are counted, as two equal rows are two copies."""

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Literal

from vinyl_vault.discogs.names import plain

type Verdict = Literal["new", "same", "possible"]


def key_of(fields: Mapping[str, Any]) -> bytes:
    """Return the key of equal copies: the Discogs entry, else the names, with folder and date."""
    place = (str(fields.get("folder") or ""), str(fields.get("date_added") or ""))
    return _digest("key", str(fields.get("status") or "owned"), *_identity(fields), *place)


def pressing_of(fields: Mapping[str, Any]) -> bytes:
    """Return the key of all copies of a pressing, in any folder."""
    return _digest("pressing", str(fields.get("status") or "owned"), *_identity(fields))


def album_of(fields: Mapping[str, Any]) -> bytes:
    """Return the key of all pressings of an album."""
    names = (plain(str(fields.get("artist") or "")), plain(str(fields.get("album") or "")))
    return _digest("album", str(fields.get("status") or "owned"), *names)


class Duplicates:
    """Counts the copies in a collection, then compares the rows of a file with them, in order."""

    def __init__(self, records: Iterable[Mapping[str, Any]]) -> None:
        self._copies: Counter[bytes] = Counter()
        self._pressings: set[bytes] = set()
        self._albums: set[bytes] = set()
        self._unknown: set[bytes] = set()
        for record in records:
            self.add(record)

    def add(self, record: Mapping[str, Any]) -> None:
        """Count a record of the collection."""
        self._copies[key_of(record)] += 1
        self._pressings.add(pressing_of(record))
        album = album_of(record)
        self._albums.add(album)
        if not record.get("discogs"):
            self._unknown.add(album)

    def judge(self, fields: Mapping[str, Any]) -> Verdict:
        """Tell whether a row is a copy in the collection: "same", "possible" or "new".

        Each copy in the collection matches one row with its key; further rows are new copies. A row is possibly there
        if the collection has the pressing with another folder or date, or the album without a pressing on either side.
        """
        key = key_of(fields)
        if self._copies.get(key, 0) > 0:
            self._copies[key] -= 1
            return "same"
        if key in self._copies:  # more copies than in the collection
            return "new"
        if pressing_of(fields) in self._pressings:
            return "possible"
        album = album_of(fields)
        is_vague = album in self._unknown or (not fields.get("discogs") and album in self._albums)
        return "possible" if is_vague else "new"


def _identity(fields: Mapping[str, Any]) -> tuple[str, ...]:
    entry = fields.get("discogs")
    if entry:
        return str(entry["kind"]), str(entry["id"])
    names = (str(fields.get(name) or "") for name in ("artist", "album", "catalogue_number", "format"))
    return ("", *map(plain, names))


def _digest(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode(errors="surrogatepass"), digest_size=12).digest()
