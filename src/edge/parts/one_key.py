"""The smallest way to know callers: one key, in the settings, that opens everything."""

from hmac import compare_digest

from edge.access import ADMIN, Actor, presented_key
from edge.errors import Unauthorized
from edge.http import Request
from edge.parts.limits import Limits
from edge.settings import Secret


async def identify(request: Request, expected: Secret, limits: Limits) -> Actor:
    """Return the administrator for the one key, as `require_key`; a stranger's try counts for its address."""
    try:
        return require_key(request, expected)
    except Unauthorized:
        await limits.admit(request)
        raise


def require_key(request: Request, expected: Secret) -> Actor:
    """Return the administrator for the one key; `Unauthorized` for any other."""
    if not compare_digest(presented_key(request).encode(), expected.get_secret_value().encode()):
        raise Unauthorized("the key is not known")
    return Actor("admin", ADMIN)
