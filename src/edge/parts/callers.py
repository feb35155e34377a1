"""Who calls: the administrator by the key in the settings, others by API keys and tokens."""

from functools import lru_cache
from hmac import compare_digest
from typing import Annotated

from pydantic import AfterValidator

from edge.access import ADMIN, Actor, presented_key
from edge.errors import NotConfigured, Unauthorized
from edge.http import Request
from edge.parts.keys import PREFIX, ApiKeys, hashed
from edge.parts.tokens import Tokens
from edge.ports import Background, Clock, Database
from edge.settings import Secret, Settings

HASHED = "sha256:"
"""Begins the administrator's key where the setting holds its hash, in hex, and not the key."""
ADMINISTRATOR = Actor("admin", ADMIN)


def _long(secret: Secret) -> Secret:
    if len(secret.get_secret_value().encode()) < 32:
        raise ValueError("a signing key has at least 32 bytes (RFC 7518, 3.2)")
    return secret


type SigningKey = Annotated[Secret, AfterValidator(_long)]


class AccessSettings(Settings):
    """By what callers are known.

    `ADMIN_API_KEY` is a key, or `sha256:` and its hash. To rotate the signing key, move it to `JWT_SECRET_KEY_OLD`
    until the tokens that it has signed are over. `JWT_ISSUER` is the tokens' issuer and audience.
    """

    admin_api_key: Secret
    jwt_secret_key: SigningKey
    jwt_secret_key_old: SigningKey | None = None
    jwt_issuer: str = "api"


class Callers:
    """Tells callers apart. Nothing of what fails says whether a key was nearly right."""

    def __init__(self, settings: AccessSettings, db: Database | None, clock: Clock, background: Background) -> None:
        self._settings = settings
        self.keys = ApiKeys(db, clock, background) if db else None

    async def identify(self, request: Request) -> Actor:
        """Return the caller; `Unauthorized` where it is not known, `NotConfigured` without what would know it."""
        presented = presented_key(request)
        if self._is_administrators(presented):
            return ADMINISTRATOR
        if presented.startswith(PREFIX):
            if self.keys is None:
                raise NotConfigured("DB")
            return await self.keys.find(presented)
        if presented.count(".") == 2:
            return self.tokens().read(presented)
        if fault := self._settings.faults.get("admin_api_key"):
            raise fault
        raise Unauthorized("the key is not known")

    async def revalidate(self, actor: Actor) -> Actor:
        """Return a caller as its credential stands now; `Unauthorized` where it was revoked or has expired."""
        if actor.name != ADMINISTRATOR.name and self.keys is not None:
            await self.keys.check(actor.name)
        return actor

    def tokens(self) -> Tokens:
        """Return what signs and reads the app's tokens; `NotConfigured` without a signing key."""
        settings = self._settings
        keys = [settings.jwt_secret_key, *filter(None, [settings.jwt_secret_key_old])]
        return _tokens(settings.jwt_issuer, tuple(key.get_secret_value() for key in keys))

    def _is_administrators(self, presented: str) -> bool:
        if "admin_api_key" in self._settings.faults:
            return False
        expected = self._settings.admin_api_key.get_secret_value()
        known = expected.removeprefix(HASHED).lower() if expected.startswith(HASHED) else hashed(expected)
        return compare_digest(hashed(presented).encode(), known.encode())


@lru_cache(maxsize=8)
def _tokens(issuer: str, keys: tuple[str, ...]) -> Tokens:
    return Tokens(issuer, keys)
