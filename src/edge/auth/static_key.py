"""The smallest way to know callers: one key, in the settings, that opens everything."""

from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest

from edge.access import ADMIN, Actor
from edge.authorization import presented_key
from edge.errors import Unauthorized
from edge.request import Request
from edge.settings import HASHED, Secret


def require_key(request: Request, expected: Secret) -> Actor:
    """Return the administrator for the one key; `Unauthorized` for any other."""
    if not matches(presented_key(request), expected):
        raise Unauthorized("the key is not known")
    return Actor("admin", ADMIN)


def matches(presented: str, expected: Secret) -> bool:
    """Tell whether a presented key is that of a setting, which holds it, or `sha256:` and its hash."""
    return compare_digest(hashed(presented).encode(), hash_of(expected.get_secret_value()).encode())


@lru_cache(maxsize=16)
def hash_of(setting: str) -> str:
    """Return the hash of the key that a setting stands for."""
    return setting.removeprefix(HASHED).lower() if setting.startswith(HASHED) else hashed(setting)


def hashed(text: str) -> str:
    """Return the SHA-256 of a key, in hex. A key has 256 random bits, so one round is as good as a slow hash."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()
