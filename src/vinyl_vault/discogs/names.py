"""Names of artists and albums: display names, normalised names for comparison, and cache keys."""

import re
import unicodedata
from hashlib import sha256

_NUMBER = re.compile(r" \(\d{1,4}\)(?=,|$| [-/&])")
_ARTICLE = re.compile(r"^(?:the|a|an) | (?:the|a|an)$")
_ARTICLES = frozenset({"the", "a", "an"})
_NO_WORD = re.compile(r"[\W_]+")
_SEPARATOR = " - "


def display_name(name: str) -> str:
    """Return a name for display: without the ` (2)` of a namesake and the `*` of a name variation."""
    return _NUMBER.sub("", name.replace("*", "")).strip()


def plain(name: str) -> str:
    """Return a name for comparison: lower case, no accents, marks, articles or numbers of namesakes."""
    folded = unicodedata.normalize("NFKD", display_name(name)).casefold().replace("&", " and ")
    letters = "".join(letter for letter in folded if not unicodedata.combining(letter))
    words = _NO_WORD.sub(" ", letters).strip()
    short = _ARTICLE.sub("", words)
    return words if short in _ARTICLES else short or name.strip().casefold()


def numbers(name: str) -> str:
    """Return the numbers that distinguish an artist from its namesakes, such as `(2)`."""
    return "".join(_NUMBER.findall(name)).strip()


def is_listed(name: str, artists: str) -> bool:
    """Tell whether a comma-separated text of artists contains an artist, including its number."""
    return f", {name.strip().casefold()}, " in f", {artists.replace('*', '').strip().casefold()}, "


def split_title(title: str) -> tuple[str, str]:
    """Return the artist and the album of a search hit's title; the artist is empty if there is none."""
    artist, separator, album = title.partition(_SEPARATOR)
    return (artist.strip(), album.strip()) if separator else ("", title.strip())


def key_of(kind: str, *names: str) -> str:
    """Return the cache key of some names: readable letters, and a hash that makes it unique."""
    compared = "\0".join(plain(name) for name in names)
    letters = re.sub(r"[^a-z0-9]+", "-", compared).strip("-")[:60].strip("-")
    digest = sha256(f"{kind}\0{compared}".encode(errors="surrogatepass")).hexdigest()[:16]
    return "-".join(part for part in (kind, letters, digest) if part)
