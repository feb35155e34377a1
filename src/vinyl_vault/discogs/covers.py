"""Covers: fetched once, checked by their content, and kept in R2 as `images/{key}.jpg`."""

from edge import Bucket, Log, Problem
from edge.pictures.formats import NoPicture, Picture, check
from vinyl_vault.discogs.client import Discogs, Json
from vinyl_vault.discogs.cover_art import CoverArt
from vinyl_vault.discogs.settings import DiscogsSettings

PENDING = "pending"
"""The cover of a release that has one which could not be fetched yet."""


class Covers:
    """Pictures by key; what is kept never changes."""

    def __init__(self, settings: DiscogsSettings, cover_art: CoverArt, log: Log) -> None:
        self._bucket: Bucket = settings.cache
        self._cover_art = cover_art if settings.cover_art_fallback else None
        self._log = log

    async def keep(self, key: str, url: str | None, barcode: str, discogs: Discogs) -> Json:
        """Keep a release's cover, unless there is one; return its address here and its source.

        The cover is None where there is no fit one, and `PENDING` where it could not be fetched.
        """
        stored = await self._bucket.head(path_of(key))
        if stored is not None:
            return _told(key, stored.metadata.get("source", "discogs"))
        is_late = False
        if url is not None:
            try:
                return await self._store(key, await discogs.image(url), "discogs")
            except (NoPicture, Problem) as fault:
                is_late = isinstance(fault, Problem)
                self._log("warning", "cover not kept", key=key, error=f"{type(fault).__name__}: {fault}"[:300])
        if self._cover_art is not None and (body := await self._cover_art.front(barcode)) is not None:
            try:
                return await self._store(key, body, "coverartarchive")
            except NoPicture as fault:
                self._log("warning", "cover not kept", key=key, error=str(fault))
        return {"cover": PENDING if is_late else None, "cover_source": None}

    async def _store(self, key: str, body: bytes, source: str) -> Json:
        picture = check(body)
        await self._bucket.put(path_of(key), body, content_type=picture.media_type, metadata=_metadata(picture, source))
        return _told(key, source)


def path_of(key: str) -> str:
    """Return the name of a cover in the bucket."""
    return f"images/{key}.jpg"


def address_of(key: str) -> str:
    """Return the address at which a cover is served."""
    return f"/cache/{path_of(key)}"


def _metadata(picture: Picture, source: str) -> dict[str, str]:
    return {"width": str(picture.width), "height": str(picture.height), "source": source}


def _told(key: str, source: str) -> Json:
    return {"cover": address_of(key), "cover_source": source}
