"""The settings of this Worker."""

from typing import Annotated

from pydantic import Field

from edge import Bucket, Database, KeyValue, RateLimiter, Secret
from edge.auth.accounts.settings import AccountSettings
from edge.live.settings import LiveSettings
from edge.ports.telemetry import Telemetry
from edge.settings import BaseUrl
from klear_karma import NAME


class KarmaSettings(AccountSettings, LiveSettings):
    """Variables, secrets and bindings; the variable of a field is its name in upper case.

    The holder of `ADMIN_API_KEY` verifies practitioners, decides reports and reads the analytics.
    """

    jwt_issuer: str = NAME
    site_name: str = "Klear Karma"
    request_expiry_hours: Annotated[int, Field(ge=1, le=168)] = 24
    db: Database
    kv: KeyValue | None = None
    uploads: Bucket
    feed_limiter: RateLimiter | None = None
    analytics: Telemetry | None = None
    analytics_dataset: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")] | None = None
    cloudflare_account_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    cloudflare_api_token: Secret | None = None
    cloudflare_api_url: BaseUrl = "https://api.cloudflare.com/client/v4"
