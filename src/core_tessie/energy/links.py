"""Signed links to the pages of reports, for browsers: a navigation can carry no key.

A link names its report and its caller; the caller is checked again on opening; it opens that page alone.
"""

from datetime import datetime, timedelta

from core_tessie.settings import TessieSettings
from edge import READER, Actor, Clock, Request, Unauthorized
from edge.auth.callers import Callers, counted
from edge.auth.limits import Limits
from edge.auth.tokens import Tokens, TokenTooLong
from edge.errors import NotConfigured

PAGE = "/colbycommands/energy-report/{report_id}/page"
LIFETIME = timedelta(hours=2)
"""Counted from a full hour, so that a link stays the same for an hour."""


def link_of(report_id: str, actor: Actor, settings: TessieSettings, now: datetime) -> str | None:
    """Return a caller's link to the page of a report; None without a signing key, or for too many subjects."""
    begin = now.replace(minute=0, second=0, microsecond=0)
    end = LIFETIME if actor.expires_at is None else timedelta(seconds=actor.expires_at - begin.timestamp())
    reader = actor._replace(role=min(actor.role, READER))
    try:
        link = _tokens(report_id, settings).issue(reader, begin, min(end, LIFETIME), jti="link")
    except (NotConfigured, TokenTooLong):
        return None
    return f"{PAGE.replace('{report_id}', report_id)}?link={link}"


def _tokens(report_id: str, settings: TessieSettings) -> Tokens:
    """Return the signer of one report's links: its audience is that report, so no link is a token of the API."""
    return Tokens(f"{settings.jwt_issuer} energy report {report_id}", settings.signing_keys())


class Links:
    """Makes and reads links."""

    def __init__(self, settings: TessieSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def to(self, report_id: str, actor: Actor) -> str | None:
        """Return the link to a report's page; see `link_of`."""
        return link_of(report_id, actor, self._settings, self._clock.now())

    async def read(self, request: Request, callers: Callers, limits: Limits) -> Actor | None:
        """Return the caller of a request's link, and count the call; None if it is not for a page by a link.

        Errors: `Unauthorized` if the link is another report's, has expired, or its caller's credential has ended.
        """
        if request.route != PAGE or "link=" not in request.query:
            return None
        link = next((value for name, value in request.query_items() if name == "link"), "")
        try:
            actor = _tokens(request.params[0], self._settings).read(link)
        except Unauthorized:
            raise Unauthorized("the link has expired or is not this report's: read the report for a new one") from None
        return await counted(await callers.revalidate(actor, fresh=True), request, limits)
