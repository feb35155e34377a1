"""Authorization: the check of a caller's role before each handler, and the credential in a request."""

from collections.abc import Awaitable, Callable

from edge.access import Actor, Role, require
from edge.errors import Unauthorized
from edge.request import Request

type Authenticate = Callable[..., Awaitable[Actor]]
"""Called with a request and any ports that its signature asks for; `Unauthorized` where the caller is not known."""


async def check(request: Request, role: Role, authenticate: Authenticate) -> None:
    """Let a request through that has at least `role`; `Unauthorized` or `Forbidden` else."""
    actor = await authenticate(request)
    request.actor = actor
    require(actor, role)


def presented_key(request: Request) -> str:
    """Return the credential of `Authorization: Bearer` or `X-API-Key`; `Unauthorized` without one."""
    given = request.headers.get("authorization") or ""
    if given[:7].lower() == "bearer " and (token := given[7:].strip()):
        return token
    key = request.headers.get("x-api-key")
    if not key:
        raise Unauthorized("send Authorization: Bearer <key> or X-API-Key: <key>")
    return key
