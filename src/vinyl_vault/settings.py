"""The settings of this Worker."""

from edge import Bucket, Database
from edge.auth.accounts.settings import AccountSettings
from vinyl_vault import NAME
from vinyl_vault.chat.settings import ChatSettings
from vinyl_vault.collection.settings import CollectionSettings
from vinyl_vault.discogs.settings import DiscogsSettings


class VaultSettings(AccountSettings, CollectionSettings, DiscogsSettings, ChatSettings):
    """Variables, secrets and bindings; the variable of a field is its name in upper case.

    The holder of `ADMIN_API_KEY` may list and run the jobs; it gives no access to collections.
    """

    jwt_issuer: str = NAME
    site_name: str = "Vinyl Vault"
    db: Database
    cache: Bucket
