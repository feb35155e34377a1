"""Mails to users: links to confirm, reset and change, and notices of what has happened to an account."""

from typing import NamedTuple

from edge.auth.accounts.settings import AccountSettings
from edge.errors import NotConfigured
from edge.ports import Background, Log, Mail, Mailer, PortError


class Letter(NamedTuple):
    """The subject and text of a mail."""

    subject: str
    text: str


class Letters:
    """Sends mails after the response. What fails is logged: an answer that waited would tell who has an account."""

    def __init__(self, settings: AccountSettings, mailer: Mailer | None, background: Background, log: Log) -> None:
        self._settings = settings
        self._mailer = mailer
        self._background = background
        self._log = log

    @property
    def site(self) -> str:
        """The name of the site."""
        return self._settings.site_name or self._settings.jwt_issuer

    def require(self) -> None:
        """Raise `NotConfigured` unless mails can be sent whose links lead somewhere."""
        if self._mailer is None:
            raise NotConfigured("MAILER")
        self._settings.sender  # noqa: B018 - it raises
        self._settings.site  # noqa: B018 - it raises

    def link(self, page: str, token: str) -> str:
        """Return a link to a page of the site; behind the `#` stands what no server and no other site gets to see."""
        return f"{self._settings.site}{page}#token={token}"

    def post(self, to: str, letter: Letter) -> None:
        """Send a mail after the response; without a mailer there is only a line in the log."""
        self._background.add(self.send(to, letter))

    async def send(self, to: str, letter: Letter) -> None:
        """Send a mail now; a failure is logged without the address."""
        try:
            self.require()
            assert self._mailer is not None
            await self._mailer.send(Mail(self._settings.sender, to, letter.subject, letter.text))
        except (NotConfigured, PortError) as fault:
            self._log("error", "mail not sent", subject=letter.subject, error=str(fault))

    def reuse(self) -> Letter:
        """Return the notice of a session that was ended because a replaced token was used."""
        return Letter(
            f"{self.site}: a session was ended",
            f"A session of your account at {self.site} was ended, because a key of it was used that had been replaced "
            "before. If you do not know why, somebody may have copied it: change your password.\n",
        )
