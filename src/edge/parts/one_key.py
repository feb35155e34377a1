"""The smallest way to know callers: one key, in the settings, that opens everything."""

from hmac import compare_digest

from edge.access import ADMIN, Actor, presented_key
from edge.errors import Unauthorized
from edge.http import Request
from edge.settings import Secret


def require_key(request: Request, expected: Secret) -> Actor:
    """Return the administrator for the one key; `Unauthorized` for any other."""
    if not compare_digest(presented_key(request).encode(), expected.get_secret_value().encode()):
        raise Unauthorized("the key is not known")
    return Actor("admin", ADMIN)
