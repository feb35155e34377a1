"""The `Mailer` port on the binding `send_email`."""

from typing import Any

from pyodide.ffi import JsException

from edge.ports import Mail, MailError
from edge.ports.mailer import check_mail
from edge.runtimes.workers.border import message_of, raw, to_object


class SendEmail:
    """Sends by the binding, which takes senders of the account's own domains alone."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def send(self, mail: Mail) -> None:
        check_mail(mail)
        message = {"from": mail.sender, "to": mail.to, "subject": mail.subject, "text": mail.text}
        try:
            await self._binding.send(to_object(message))
        except JsException as fault:
            raise MailError(f"mail not taken: {message_of(fault)}") from None

    async def probe(self) -> None:
        """Do nothing: the binding answers to mails alone."""
