"""Callers of public routes who send the app's one key: known by it, and counted by it instead of by their address."""

from edge.access import Actor
from edge.auth.keys import require_key
from edge.auth.limits import Limits
from edge.errors import Unauthorized
from edge.request import Request
from edge.settings import Settings


async def admit_known(request: Request, settings: Settings, strangers: Limits, known: Limits) -> None:
    """Count a request by the key that it sends, and by its address where that is none of ours."""
    actor = holder(request, settings)
    if actor is None:
        await strangers.admit(request)
        return
    request.actor = actor
    await known.count(request, actor)


def holder(request: Request, settings: Settings) -> Actor | None:
    """Return the caller who sends the key of the setting `api_key`; None for every other."""
    sent = request.headers.get("x-api-key") or request.headers.get("authorization")
    if not sent or "api_key" in settings.faults:
        return None
    try:
        return require_key(request, settings.api_key)
    except Unauthorized:
        return None
