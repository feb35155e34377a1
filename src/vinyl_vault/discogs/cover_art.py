"""The Cover Art Archive as a fallback: front covers of releases found in MusicBrainz by barcode."""

from urllib.parse import quote, urlencode, urljoin, urlsplit

from pydantic_core import from_json

from edge import Clock, Fetch, Log
from edge.http import HeaderList
from edge.ports import Fetched, PortError, Throttle, Window
from vinyl_vault.discogs.barcodes import NoBarcode, forms
from vinyl_vault.discogs.settings import DiscogsSettings

WINDOW = Window(1, 1.1)
"""MusicBrainz allows one request per second and client address."""
PATIENCE_S = 3.0
TIMEOUT_S = 10.0
MOST_HOPS = 4
_HOSTS = (".archive.org", ".coverartarchive.org", ".musicbrainz.org")


class CoverArt:
    """Fetches covers from MusicBrainz and the Cover Art Archive; after a failure there is no cover."""

    def __init__(self, settings: DiscogsSettings, fetch: Fetch, clock: Clock, log: Log) -> None:
        self._settings = settings
        self._throttle: Throttle = settings.discogs_throttle
        self._fetch = fetch
        self._clock = clock
        self._log = log

    async def front(self, barcode: str) -> bytes | None:
        """Return the bytes of the front cover for a barcode, or None."""
        try:
            codes = forms(barcode)
        except NoBarcode:
            return None
        try:
            id_ = await self._release_of(codes)
            return None if id_ is None else await self._image(f"{self._settings.cover_art_url}/release/{id_}/front-500")
        except PortError as fault:
            self._log("warning", "fallback cover not fetched", error=str(fault)[:300])
            return None

    async def _release_of(self, codes: list[str]) -> str | None:
        wait = await self._throttle.admit("musicbrainz", WINDOW, PATIENCE_S)
        if wait > PATIENCE_S:
            return None
        await self._clock.sleep(wait)
        condition = " OR ".join(f"barcode:{code}" for code in codes)
        query = urlencode({"query": condition, "fmt": "json", "limit": "1"})
        fetched = await self._get(f"{self._settings.musicbrainz_url}/ws/2/release?{query}")
        if fetched.status == 503:
            await self._throttle.pause("musicbrainz", 5.0)
        if fetched.status != 200:
            return None
        try:
            id_ = from_json(fetched.body)["releases"][0]["id"]
        except (ValueError, LookupError, TypeError):
            return None
        return quote(id_, safe="") if isinstance(id_, str) else None

    async def _image(self, url: str) -> bytes | None:
        """Fetch an image, following redirects only to hosts of the archive."""
        for _ in range(MOST_HOPS):
            fetched = await self._get(url)
            location = fetched.header("location")
            if fetched.status not in {301, 302, 303, 307, 308} or location is None:
                return fetched.body if fetched.status == 200 else None
            url = urljoin(url, location)
            if not self._is_own(url):
                return None
        return None

    async def _get(self, url: str) -> Fetched:
        headers: HeaderList = [("user-agent", self._settings.discogs_user_agent), ("accept", "*/*")]
        return await self._fetch("GET", url, headers=headers, timeout=TIMEOUT_S)

    def _is_own(self, url: str) -> bool:
        try:
            parts, own = urlsplit(url), urlsplit(self._settings.cover_art_url)
        except ValueError:
            return False
        host = f".{parts.hostname or ''}"
        return (parts.scheme, parts.netloc) == (own.scheme, own.netloc) or (
            parts.scheme == "https" and host.endswith(_HOSTS) and "@" not in parts.netloc
        )
