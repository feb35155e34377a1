"""Settings of the calls to Discogs, and of the fallback for covers."""

from typing import Annotated

from pydantic import Field

from edge import Bucket, RateLimiter, Secret, Settings
from edge.ports import Throttle
from edge.settings import BaseUrl
from vinyl_vault.discogs.money import Currency

USER_AGENT = "VinylVaultApi/0.1"


class DiscogsSettings(Settings):
    """The key and secret of a Discogs application, and its budget of calls.

    `discogs_wait_s` is the longest wait of a request for a call; background work leaves `discogs_spare_calls` per
    minute to requests. Discogs blocks generic User-Agents: `discogs_user_agent` names the site and its address.
    """

    cache: Bucket
    discogs_throttle: Throttle
    search_limiter: RateLimiter | None = None
    discogs_api_url: BaseUrl = "https://api.discogs.com"
    discogs_key: Secret
    discogs_secret: Secret
    discogs_user_agent: Annotated[str, Field(pattern=r"^[\w.-]+/\d[\w.]*( \+https?://[!-~]+)?$")] = USER_AGENT
    discogs_calls_per_minute: Annotated[int, Field(ge=1, le=1_000)] = 60
    discogs_spare_calls: Annotated[int, Field(ge=0, le=1_000)] = 20
    discogs_wait_s: Annotated[float, Field(ge=0, le=20)] = 5.0
    discogs_currency: Currency = "USD"
    discogs_keep_days: Annotated[int, Field(ge=1, le=3_650)] = 30
    cover_art_fallback: bool = False
    musicbrainz_url: BaseUrl = "https://musicbrainz.org"
    cover_art_url: BaseUrl = "https://coverartarchive.org"
