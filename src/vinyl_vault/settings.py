"""Everything that this Worker is configured by."""

from edge import Bucket, Database, RateLimiter
from edge.settings import AccessKey
from vinyl_vault.discogs.settings import DiscogsSettings


class VaultSettings(DiscogsSettings):
    """Variables, secrets and bindings; the variable of a field is its name in capitals.

    With `ADMIN_API_KEY` its owner may look at the jobs and run them; it opens nobody's collection.
    """

    admin_api_key: AccessKey | None = None
    db: Database
    cache: Bucket
    rate_limiter: RateLimiter | None = None
