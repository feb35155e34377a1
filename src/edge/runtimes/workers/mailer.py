"""The `Mailer` port on the binding `send_email`."""

from typing import Any

from js import Array, Reflect
from pyodide.ffi import JsException, JsProxy

from edge.ports import Mail, MailError
from edge.ports.mailer import check_mail
from edge.runtimes.workers.js_bridge import message_of, raw, to_object


class SendEmail:
    """Sends with the binding, which accepts senders of the account's own domains alone."""

    def __init__(self, binding: Any) -> None:
        self._binding = binding if isinstance(binding, JsProxy) else raw(binding)

    async def send(self, mail: Mail) -> None:
        check_mail(mail)
        message = {"from": mail.sender, "to": mail.to, "subject": mail.subject, "text": mail.text}
        try:
            await _send(self._binding, to_object(message))
        except JsException as fault:
            raise MailError(f"mail not taken: {message_of(fault)}") from None

    async def probe(self) -> None:
        """Do nothing: the binding answers to mails alone."""


def _send(binding: Any, message: Any) -> Any:
    """Call the binding's `send` without passing it to Python.

    Pyodide takes a stub that has every attribute for a generator with a `send` of its own, and the method itself for a
    promise.
    """
    call = Array.from_(to_object({"length": 1}), Reflect.get.bind(None, binding, "send"))
    call.push(binding, Array.of(message))
    return Reflect.apply(Reflect.apply, None, call)
