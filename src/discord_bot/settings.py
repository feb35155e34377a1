"""Everything that the bot is configured by."""

from typing import Annotated

from pydantic import AfterValidator, Field

from edge import Database, KeyValue, RateLimiter, Secret
from edge.clients.discord import DiscordSettings
from edge.data.retention import KeepDays, MaxRows
from edge.ports.model import Model
from edge.settings import MAY_BE_EMPTY, AccessKey, BaseUrl
from edge.zones import zone_of


def _key(secret: Secret) -> Secret:
    key = secret.get_secret_value()
    if len(key) != 64 or not key.isascii() or not key.isalnum() or set(key.lower()) - set("0123456789abcdef"):
        raise ValueError("the application's public key has 64 hexadecimal digits")
    return secret


def _zone(name: str) -> str:
    zone_of(name)
    return name


def _week(days: int) -> int:
    if 0 < days < 7:
        raise ValueError("0, or at least 7: its notice is the record that a digest or reminder was posted")
    return days


type PublicKey = Annotated[Secret, AfterValidator(_key)]
type ZoneName = Annotated[str, AfterValidator(_zone)]


class BotSettings(DiscordSettings):
    """Variables, secrets and bindings; the variable of a field is its name in capitals.

    `PLATFORM_API_KEY` is the platform's `API_KEY`: with it jobs get content as it is now, and no limit of an address
    stops the bot. Without it jobs wait until the platform has refetched its cache.
    """

    discord_bot_token: Secret
    discord_app_id: Secret
    discord_public_key: PublicKey
    api_key: AccessKey
    platform_api_url: BaseUrl
    platform_api_key: Secret | None = None
    site_url: BaseUrl | None = None
    time_zone: ZoneName = "UTC"
    notice_window_s: Annotated[int, Field(ge=60, le=604_800)] = 3600
    ai_model: str = "@cf/meta/llama-3.3-70b-instruct-fp8-fast"
    audit_keep_days: KeepDays = 90
    audit_max_rows: MaxRows = 100_000
    notices_keep_days: Annotated[KeepDays, AfterValidator(_week), MAY_BE_EMPTY] = 90
    kv: KeyValue
    db: Database
    ai: Model | None = None
    rate_limiter: RateLimiter | None = None
