"""Mails to users: links to confirm, reset and change, and notices of changes to an account."""

from typing import NamedTuple

from edge.auth.accounts.links import Purpose
from edge.auth.accounts.settings import AccountSettings
from edge.errors import NotConfigured
from edge.ports import Background, Log, Mail, Mailer, PortError


class Letter(NamedTuple):
    """The subject and text of a mail."""

    subject: str
    text: str


class Pages(NamedTuple):
    """The paths of the site's pages for links; each reads the token after `#token=` and posts it."""

    register: str
    reset: str
    email: str


class Letters:
    """Sends mails after the response, and logs failures. Waiting would reveal which addresses have accounts."""

    def __init__(
        self, settings: AccountSettings, mailer: Mailer | None, background: Background, log: Log, pages: Pages
    ) -> None:
        self._settings = settings
        self._pages = pages
        self._mailer = mailer
        self._background = background
        self._log = log

    @property
    def site(self) -> str:
        """The name of the site."""
        return self._settings.site_name or self._settings.jwt_issuer

    def require(self) -> None:
        """Raise `NotConfigured` unless mails can be sent and their links have a site."""
        if self._mailer is None:
            raise NotConfigured("MAILER")
        self._settings.sender  # noqa: B018 - it raises
        self._settings.site  # noqa: B018 - it raises

    def page(self, purpose: Purpose) -> str:
        """Return the address of the site's page for a purpose."""
        return f"{self._settings.site}{getattr(self._pages, purpose.value)}"

    def link(self, purpose: Purpose, token: str) -> str:
        """Return a link to a page of the site; the part after `#` is sent to no server and no other site."""
        return f"{self.page(purpose)}#token={token}"

    def post(self, to: str, letter: Letter) -> None:
        """Send a mail after the response; without a mailer only a log line is written."""
        self._background.add(self.send(to, letter))

    async def send(self, to: str, letter: Letter) -> None:
        """Send a mail now; a failure is logged without the address."""
        try:
            self.require()
            assert self._mailer is not None
            await self._mailer.send(Mail(self._settings.sender, to, letter.subject, letter.text))
        except (NotConfigured, PortError) as fault:
            level = "warning" if isinstance(fault, NotConfigured) else "error"
            self._log(level, "mail not sent", subject=letter.subject, error=str(fault))
