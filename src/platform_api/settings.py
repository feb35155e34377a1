"""Everything that the platform is configured by."""

from typing import Annotated

from pydantic import Field

from edge import Database, KeyValue, RateLimiter, Secret
from edge.clients.discord import DiscordSettings
from edge.data.retention import KeepDays
from edge.ports.model import Model
from edge.settings import AccessKey, BaseUrl

Snowflake = Annotated[str, Field(pattern=r"^[0-9]{15,22}$")]


class PlatformSettings(DiscordSettings):
    """Variables, secrets and bindings; the variable of a field is its name in capitals.

    `RATE_LIMITER` bounds calls of one address, `KEY_LIMITER` those that come with the key to public routes,
    `FORM_LIMITER` bounds the forms of one sender, `FORMS_LIMITER` all that come with the key.

    Without `SANITY_API_WRITE_TOKEN` forms stay in D1; without `TURNSTILE_SECRET_KEY` they need the API key; without
    `AI` questions are answered by the passages that share their words.
    """

    sanity_project_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    sanity_dataset: Annotated[str, Field(pattern=r"^[a-z0-9~][a-z0-9_~-]{0,63}$")] = "production"
    sanity_api_url: BaseUrl | None = None
    sanity_api_read_token: Secret
    sanity_api_write_token: Secret | None = None
    sanity_webhook_secret: Secret | None = None
    api_key: AccessKey
    turnstile_secret_key: Secret | None = None
    turnstile_url: BaseUrl = "https://challenges.cloudflare.com/turnstile/v0"
    discord_bot_token: Secret | None = None
    discord_guild_id: Snowflake | None = None
    discord_channel_id: Snowflake | None = None
    submissions_keep_days: KeepDays = 365
    spam_keep_days: KeepDays = 30
    kv: KeyValue
    db: Database
    ai: Model | None = None
    ai_model: str = "@cf/meta/llama-3.3-70b-instruct-fp8-fast"
    embedding_model: str = "@cf/baai/bge-base-en-v1.5"
    rate_limiter: RateLimiter | None = None
    key_limiter: RateLimiter | None = None
    form_limiter: RateLimiter | None = None
    forms_limiter: RateLimiter | None = None
    chat_limiter: RateLimiter | None = None
