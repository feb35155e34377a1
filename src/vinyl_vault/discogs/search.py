"""The best release for an artist and album, a barcode or a catalogue number."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from edge.errors import Fault, InvalidParameter
from vinyl_vault.discogs.answers import DAY_S, Answer, Answers
from vinyl_vault.discogs.barcodes import NoBarcode, canonical, forms
from vinyl_vault.discogs.client import Discogs, DiscogsNotFound, Json
from vinyl_vault.discogs.covers import PENDING
from vinyl_vault.discogs.names import display_name, is_listed, key_of, numbers, plain, split_title
from vinyl_vault.discogs.releases import PENDING_S, Releases
from vinyl_vault.discogs.settings import DiscogsSettings

MOST_HITS = 4
"""Most hits fetched per query, as some of them are gone (404)."""
_NO_NUMBERS = frozenset({"", "0", "none"})


class Search:
    """Searches Discogs, once per key; a hit that is gone is skipped."""

    def __init__(self, settings: DiscogsSettings, answers: Answers, discogs: Discogs, releases: Releases) -> None:
        self._answers = answers
        self._discogs = discogs
        self._releases = releases
        self._keep_s = settings.discogs_keep_days * DAY_S

    async def by_names(self, artist: str, album: str) -> Answer:
        """Return the best release of an artist and album."""
        key = key_of("album", f"{plain(artist)} {numbers(artist)}", album)
        query = {"artist": display_name(artist), "release_title": display_name(album)}
        return await self._get(key, [query], (artist, album))

    async def by_barcode(self, barcode: str) -> Answer:
        """Return the best release with a barcode in any form; raises `InvalidParameter` if it is not a barcode."""
        try:
            key = f"barcode-{canonical(barcode)}"
            codes = forms(barcode)
        except NoBarcode as fault:
            raise InvalidParameter([Fault(pointer="barcode", detail=str(fault))]) from None
        return await self._get(key, [{"barcode": code} for code in codes], ("", ""))

    async def by_catalogue_number(self, number: str) -> Answer:
        """Return the best release with a catalogue number."""
        if number.strip().casefold() in _NO_NUMBERS:
            raise InvalidParameter([Fault(pointer="catno", detail="this value means that a release has no number")])
        return await self._get(key_of("catno", number), [{"catno": number.strip()}], ("", ""))

    async def _get(self, key: str, queries: list[dict[str, str]], names: tuple[str, str]) -> Answer:
        return await self._answers.get(key, partial(self._find, queries, names), self._fresh_s)

    async def _find(self, queries: list[dict[str, str]], names: tuple[str, str]) -> Json:
        """Try the queries in order until one has a hit that can be fetched; return that release."""
        for query in queries:
            for hit in ranked(await self._discogs.search(**query), *names)[:MOST_HITS]:
                release = await self._releases.get(int(hit["id"]))
                if release.data is not None:
                    return release.data
        raise DiscogsNotFound

    def _fresh_s(self, data: Json) -> float:
        return PENDING_S if data.get("cover") == PENDING else self._keep_s


def ranked(hits: Iterable[Json], artist: str, album: str) -> list[Json]:
    """Sort hits, the best first: same names, on vinyl, owned by most users; otherwise in the order of Discogs."""
    return sorted(hits, key=partial(_rank, artist, album))


def _rank(artist: str, album: str, hit: Json) -> tuple[int, int, int]:
    by, title = split_title(str(hit.get("title") or ""))
    is_by = is_listed(artist, by) or (not numbers(artist) and plain(by) == plain(artist))
    is_same = (plain(title) == plain(album)) * 2 + is_by * 2 + (by.casefold() == artist.strip().casefold())
    formats = hit.get("format")
    is_vinyl = isinstance(formats, list) and "Vinyl" in formats
    return -is_same, -int(is_vinyl), -_owners(hit.get("community"))


def _owners(community: Any) -> int:
    have = community.get("have") if isinstance(community, dict) else None
    return have if isinstance(have, int) else 0
