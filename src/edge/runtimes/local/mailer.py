"""The `Mailer` port on a folder: each mail is a file there, and the log has a line about it."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from edge.ports import Log, Mail, MailError
from edge.ports.mailer import check_mail


class LocalMailer:
    """Writes mails into a folder, each as a file that mail programs open."""

    def __init__(self, folder: Path, log: Callable[[], Log]) -> None:
        self._folder = folder
        self._log = log

    async def send(self, mail: Mail) -> None:
        check_mail(mail)
        try:
            path = await asyncio.to_thread(self._write, mail)
        except OSError as fault:
            raise MailError(f"the mail cannot be written: {fault.strerror}") from None
        self._log()("info", "mail written", to=mail.to, subject=mail.subject, file=str(path))

    async def probe(self) -> None:
        if self._folder.exists() and not self._folder.is_dir():
            raise MailError(f"{self._folder} is no folder")

    def _write(self, mail: Mail) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = datetime.now(UTC)
        message = EmailMessage(SMTP)
        message["From"] = mail.sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(now)
        message.set_content(mail.text)
        path = self._folder / f"{now:%Y%m%d-%H%M%S.%f}-{secrets.token_hex(4)}.eml"
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(message.as_bytes())
        unfinished.chmod(0o600)
        return unfinished.replace(path)
