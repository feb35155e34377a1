"""Callers of public routes that send the app's one key: identified and rate-limited by it, not by address."""

from edge.access import Actor
from edge.auth.keys import ADMINISTRATOR, matches, sent_key
from edge.auth.limits import Limits
from edge.request import Request
from edge.settings import Settings


async def admit_known(request: Request, settings: Settings, strangers: Limits, callers: Limits) -> None:
    """Count a request by its key, or by its address if it has no valid key."""
    actor = holder(request, settings)
    if actor is None:
        await strangers.admit(request)
        return
    request.actor = actor
    await callers.count(request, actor)


def holder(request: Request, settings: Settings) -> Actor | None:
    """Return the caller of the key in the setting `api_key`; None for any other request."""
    key = sent_key(request)
    if key is None or "api_key" in settings.faults or not matches(key, settings.api_key):
        return None
    return ADMINISTRATOR
