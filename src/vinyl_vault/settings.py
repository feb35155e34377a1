"""Everything that this Worker is configured by."""

from edge import Bucket, Database
from edge.auth.accounts.settings import AccountSettings
from vinyl_vault import NAME
from vinyl_vault.chat.settings import ChatSettings
from vinyl_vault.collection.settings import CollectionSettings
from vinyl_vault.discogs.settings import DiscogsSettings


class VaultSettings(AccountSettings, CollectionSettings, DiscogsSettings, ChatSettings):
    """Variables, secrets and bindings; the variable of a field is its name in capitals.

    With `ADMIN_API_KEY` its owner may look at the jobs and run them; it opens nobody's collection.
    """

    jwt_issuer: str = NAME
    site_name: str = "Vinyl Vault"
    db: Database
    cache: Bucket
