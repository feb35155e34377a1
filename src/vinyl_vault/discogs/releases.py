"""Releases by their id, as a collection keeps them, each with its cover; fetched once and kept in R2."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from vinyl_vault.discogs.answers import DAY_S, Answer, Answers
from vinyl_vault.discogs.client import Discogs, Json
from vinyl_vault.discogs.covers import PENDING, Covers
from vinyl_vault.discogs.money import minor_units
from vinyl_vault.discogs.names import shown
from vinyl_vault.discogs.settings import DiscogsSettings
from vinyl_vault.formats import parse, text_of

PENDING_S = 60
"""Seconds until a release is fetched again whose cover could not be."""
MOST_TEXTS = 50


class Releases:
    """Releases, each under the key `release-{id}`."""

    def __init__(self, settings: DiscogsSettings, answers: Answers, discogs: Discogs, covers: Covers) -> None:
        self._answers = answers
        self._discogs = discogs
        self._covers = covers
        self._currency = settings.discogs_currency
        self._keep_s = settings.discogs_keep_days * DAY_S

    def spare(self) -> "Releases":
        """Return the releases for background work, which takes only calls that callers leave."""
        other = object.__new__(Releases)
        vars(other).update(vars(self), _discogs=self._discogs.spare())
        return other

    async def get(self, id_: int) -> Answer:
        """Return a release; its data are None where Discogs has none of this id."""
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
    """Return what is kept of a release; a field that cannot be read is left empty."""
    names = _texts(one.get("name") for one in _dicts(release.get("artists")))
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
        "label": ", ".join(_unique(_texts(one.get("name") for one in labels))),
        "catalogue_number": ", ".join(_unique(_texts(one.get("catno") for one in labels))),
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
    """Return the address of the primary image, else of the first."""
    images = [one for one in _dicts(release.get("images")) if isinstance(one.get("uri"), str) and one["uri"]]
    primary = [one for one in images if one.get("type") == "primary"]
    return next((str(one["uri"]) for one in (*primary, *images)), None)


def _credit(artists: list[Json]) -> str:
    """Return the artists as a sleeve names them: variations and joining words, without numbers of namesakes."""
    text = ""
    for one in artists:
        name = shown(_text(one.get("anv")) or _text(one.get("name")))
        join = _text(one.get("join")).strip()
        text += name + (", " if join in {"", ","} else f" {join} ")
    return text.strip(" ,")[:500]


def _barcode(release: Json) -> str:
    codes = (one for one in _dicts(release.get("identifiers")) if one.get("type") == "Barcode")
    return next((text for one in codes if (text := _text(one.get("value")).strip())), "")[:100]


def _year(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) == 4 and text > "1000" else None


def _dicts(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)][:MOST_TEXTS] if isinstance(value, list) else []


def _texts(values: Iterable[Any]) -> list[str]:
    return [text for one in list(values)[:MOST_TEXTS] if (text := _text(one))]


def _text(value: Any) -> str:
    return value[:500] if isinstance(value, str) else ""


def _unique(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(texts))
