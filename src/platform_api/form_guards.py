"""Guards of the forms: authentication, rate limits, and the check for people."""

from datetime import timedelta

from pydantic import BaseModel
from pydantic_core import to_json

from edge import Clock, Fetch, Forbidden, InvalidBody, Request, Unauthorized
from edge.auth.keys import require_key
from edge.auth.limits import address, bound, network
from edge.clients.upstream import Call, Upstream, checked
from platform_api.form_models import Form
from platform_api.mailbox import mailbox_of
from platform_api.settings import PlatformSettings

QUICKEST = timedelta(seconds=3)
OLDEST = timedelta(hours=24)


class NotHuman(Forbidden):
    """The check for people was not passed."""

    title = "The check for people was not passed"


class Verdict(BaseModel):
    """Turnstile's answer; a token is good once, for 300 s."""

    success: bool


class Guards:
    """All guards of the forms but the honeypot; a form caught by that is stored as spam."""

    def __init__(self, settings: PlatformSettings, fetch: Fetch, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._turnstile = Upstream("Turnstile", fetch, clock)

    async def check(self, request: Request, sent: Form, visitor: str | None) -> None:
        """Let a form through: the site's server with the API key, or a browser that Turnstile vouches for.

        The site's server may name the `visitor`; a browser's is always its address.
        Errors: `Unauthorized`, `NotHuman`, `TooManyRequests`, `InvalidBody`; `UpstreamFailed` if Turnstile is away.
        """
        has_key = check_sender(request, self._settings)
        if has_key:
            await self._count_by_key(sent, visitor)
        else:
            await bound(self._settings.form_limiter, f"form {sent.form} {address(request)}")
        self._check_time(sent)
        if not has_key or sent.turnstile_token:
            await self._vouch(sent.turnstile_token, request.client)

    async def _count_by_key(self, sent: Form, visitor: str | None) -> None:
        """Count a form of the site's server by its visitor, by its mailbox, then with all others."""
        settings = self._settings
        if visitor:
            await bound(settings.form_limiter, f"forms of {network(visitor)}")
        await bound(settings.form_limiter, f"form {sent.form} {mailbox_of(sent.email)}")
        await bound(settings.forms_limiter, "forms")

    def _check_time(self, sent: Form) -> None:
        age = self._clock.now() - sent.shown_at
        if not QUICKEST <= age <= OLDEST:
            raise InvalidBody([{"pointer": "/shown_at", "detail": "between 3 seconds and 24 hours ago"}])

    async def _vouch(self, token: str | None, client: str) -> None:
        secret = self._settings.turnstile_secret_key
        if secret is None:
            return
        if not token:
            raise NotHuman("turnstile_token is required from a browser")
        fields = {"secret": secret.get_secret_value(), "response": token} | ({"remoteip": client} if client else {})
        call = Call(
            "POST",
            f"{self._settings.turnstile_url}/siteverify",
            (("content-type", "application/json"),),
            to_json(fields),
            is_safe=False,
        )
        if not checked(Verdict, await self._turnstile.json(call), "Turnstile").success:
            raise NotHuman("the token is not valid: it works once, within 5 minutes")


def check_sender(request: Request, settings: PlatformSettings) -> bool:
    """Return whether a form has the API key; `Unauthorized` if the key is wrong, or missing without Turnstile."""
    if request.headers.get("x-api-key") or request.headers.get("authorization"):
        request.actor = require_key(request, settings.api_key)
        return True
    if settings.turnstile_secret_key is None:
        raise Unauthorized("send X-API-Key: forms come from the site's server, as no Turnstile is set up")
    return False
