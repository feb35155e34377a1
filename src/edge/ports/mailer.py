"""The `Mailer` port: e-mail that an app sends."""

from typing import NamedTuple, Protocol

from edge.ports.errors import PortError


class Mail(NamedTuple):
    """One e-mail in plain text. The addresses are bare, such as `ada@example.org`; the subject is one line."""

    sender: str
    to: str
    subject: str
    text: str


class MailError(PortError):
    """The mail was not accepted."""


class Mailer(Protocol):
    """Sends e-mail: on Workers by the platform's binding, locally into a folder, with a line in the log."""

    async def send(self, mail: Mail) -> None:
        """Hand a mail over; `MailError` if it is not accepted. Its arrival is not reported."""

    async def probe(self) -> None:
        """Raise `PortError` unless mail can be handed over."""


def check_mail(mail: Mail) -> None:
    """Raise `MailError` for a line break or control character in a header: it could begin another header."""
    for text in (mail.sender, mail.to, mail.subject):
        if not text or not text.isprintable() or len(text) > 500:
            raise MailError("an address or subject is one line of printable characters")
