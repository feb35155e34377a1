"""Covers: fetched once, checked by content, and stored in R2 as `images/{key}.jpg`."""

from edge import Bucket, Log, Problem
from edge.pictures.formats import NoPicture, Picture, check
from vinyl_vault.discogs.client import Discogs, Json
from vinyl_vault.discogs.cover_art import CoverArt
from vinyl_vault.discogs.settings import DiscogsSettings

PENDING = "pending"
"""Marks a cover that exists but could not be fetched yet."""


class Covers:
    """Stores covers by key; a stored cover never changes."""

    def __init__(self, settings: DiscogsSettings, cover_art: CoverArt, log: Log) -> None:
        self._bucket: Bucket = settings.cache
        self._cover_art = cover_art if settings.cover_art_fallback else None
        self._log = log

    async def keep(self, key: str, url: str | None, barcode: str, discogs: Discogs) -> Json:
        """Store a release's cover unless it is stored already; return its address and its source.

        The cover is None if there is no valid picture, and `PENDING` if it could not be fetched.
        """
        stored = await self._bucket.head(path_of(key))
        if stored is not None:
            return _cover_fields(key, stored.metadata.get("source", "discogs"))
        is_late = False
        if url is not None:
            try:
                return await self._store(key, await discogs.image(url), "discogs")
            except (NoPicture, Problem) as fault:
                is_late = isinstance(fault, Problem)
                self._log("warning", "cover not stored", key=key, error=f"{type(fault).__name__}: {fault}"[:300])
        if self._cover_art is not None and (body := await self._cover_art.front(barcode)) is not None:
            try:
                return await self._store(key, body, "coverartarchive")
            except NoPicture as fault:
                self._log("warning", "cover not stored", key=key, error=str(fault))
        return {"cover": PENDING if is_late else None, "cover_source": None}

    async def _store(self, key: str, body: bytes, source: str) -> Json:
        picture = check(body)
        await self._bucket.put(path_of(key), body, content_type=picture.media_type, metadata=_metadata(picture, source))
        return _cover_fields(key, source)


def path_of(key: str) -> str:
    """Return the key of a cover in the bucket."""
    return f"images/{key}.jpg"


def address_of(key: str) -> str:
    """Return the public path of a cover."""
    return f"/cache/{path_of(key)}"


def _metadata(picture: Picture, source: str) -> dict[str, str]:
    return {"width": str(picture.width), "height": str(picture.height), "source": source}


def _cover_fields(key: str, source: str) -> Json:
    return {"cover": address_of(key), "cover_source": source}
