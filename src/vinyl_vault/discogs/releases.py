"""Releases by id, in the form of a collection's record, each with its cover; fetched once and cached in R2."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from vinyl_vault.discogs.answers import DAY_S, Answer, Answers
from vinyl_vault.discogs.client import Discogs, Json
from vinyl_vault.discogs.covers import PENDING, Covers
from vinyl_vault.discogs.money import minor_units
from vinyl_vault.discogs.names import display_name
from vinyl_vault.discogs.settings import DiscogsSettings
from vinyl_vault.formats import parse, text_of

PENDING_S = 60
"""Seconds until a release without a fetchable cover is fetched again."""
MOST_TEXTS = 50


class Releases:
    """Reads releases, each cached under the key `release-{id}`."""

    def __init__(self, settings: DiscogsSettings, answers: Answers, discogs: Discogs, covers: Covers) -> None:
        self._answers = answers
        self._discogs = discogs
        self._covers = covers
        self._currency = settings.discogs_currency
        self._keep_s = settings.discogs_keep_days * DAY_S

    def spare(self) -> "Releases":
        """Return releases for background work, which uses only spare calls."""
        other = object.__new__(Releases)
        vars(other).update(vars(self), _discogs=self._discogs.spare())
        return other

    async def get(self, id_: int) -> Answer:
        """Return a release; its data are None if Discogs has none with this id."""
        return await self._answers.get(key_of_release(id_), partial(self._fetch, id_), self._fresh_s)

    async def _fetch(self, id_: int) -> Json:
        release = await self._discogs.release(id_, self._currency)
        record = _record(id_, release, self._currency)
        cover = await self._covers.keep(key_of_release(id_), _image_of(release), record["barcode"], self._discogs)
        return record | cover

    def _fresh_s(self, data: Json) -> float:
        return PENDING_S if data.get("cover") == PENDING else self._keep_s


def key_of_release(id_: int) -> str:
    """Return the key of a release and of its cover."""
    return f"release-{id_}"


def _record(id_: int, release: Json, currency: str) -> Json:
    """Return the cached fields of a release; an unreadable field is left empty."""
    names = _texts(artist.get("name") for artist in _dicts(release.get("artists")))
    labels = _dicts(release.get("labels"))
    formats = text_of(_dicts(release.get("formats")))
    lowest = release.get("lowest_price")
    for_sale = release.get("num_for_sale")
    return {
        "id": id_,
        "kind": "release",
        "title": _text(release.get("title")),
        "artist": ", ".join(names),
        "artist_shown": _credit(_dicts(release.get("artists"))),
        "year": _year(release.get("year")),
        "label": ", ".join(_unique(_texts(label.get("name") for label in labels))),
        "catalogue_number": ", ".join(_unique(_texts(label.get("catno") for label in labels))),
        "format": formats,
        "formats": parse(formats),
        "genre": _texts(release.get("genres") or ()),
        "style": _texts(release.get("styles") or ()),
        "country": _text(release.get("country")),
        "barcode": _barcode(release),
        "master_id": release.get("master_id") if isinstance(release.get("master_id"), int) else None,
        "price": lowest if minor_units(lowest, currency) is not None else None,
        "price_minor": minor_units(lowest, currency),
        "currency": currency,
        "for_sale": for_sale if isinstance(for_sale, int) else None,
    }


def _image_of(release: Json) -> str | None:
    """Return the address of the primary image, or of the first; None without images."""
    images = [image for image in _dicts(release.get("images")) if isinstance(image.get("uri"), str) and image["uri"]]
    primary = [image for image in images if image.get("type") == "primary"]
    return next((str(image["uri"]) for image in (*primary, *images)), None)


def _credit(artists: list[Json]) -> str:
    """Return the artists as printed on the sleeve: name variations and joining words, without namesake numbers."""
    text = ""
    for artist in artists:
        name = display_name(_text(artist.get("anv")) or _text(artist.get("name")))
        join = _text(artist.get("join")).strip()
        text += name + (", " if join in {"", ","} else f" {join} ")
    return text.strip(" ,")[:500]


def _barcode(release: Json) -> str:
    codes = (identifier for identifier in _dicts(release.get("identifiers")) if identifier.get("type") == "Barcode")
    return next((text for code in codes if (text := _text(code.get("value")).strip())), "")[:100]


def _year(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) == 4 and text > "1000" else None


def _dicts(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)][:MOST_TEXTS] if isinstance(value, list) else []


def _texts(values: Iterable[Any]) -> list[str]:
    return [text for value in list(values)[:MOST_TEXTS] if (text := _text(value))]


def _text(value: Any) -> str:
    return value[:500] if isinstance(value, str) else ""


def _unique(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(texts))
