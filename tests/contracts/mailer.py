"""Cases of every `Mailer`."""

from collections.abc import Awaitable, Callable

from tests.contracts.expected import refused

from edge.ports import Mail, Mailer, MailError

type Case = Callable[[Mailer], Awaitable[None]]

MAIL = Mail("hello@vinyl.example", "ada@example.org", "A subject", "A text.\n")


async def a_mail_is_taken(mailer: Mailer) -> None:
    await mailer.send(MAIL)
    await mailer.probe()


async def a_subject_and_a_text_may_have_any_letters(mailer: Mailer) -> None:
    await mailer.send(
        MAIL._replace(subject="Gr\u00fc\u00dfe \u2019 \U0001f600", text="Zeile\n.\nFrom: \u00e9\n" * 1000)
    )


async def a_header_of_two_lines_is_refused(mailer: Mailer) -> None:
    for wrong in ("a\nBcc: eve@example.org", "a\rb", "a\0b", "", "x" * 501):
        for mail in (MAIL._replace(subject=wrong), MAIL._replace(to=wrong), MAIL._replace(sender=wrong)):
            await refused(MailError, mailer.send(mail))


CASES: list[Case] = [
    a_mail_is_taken,
    a_subject_and_a_text_may_have_any_letters,
    a_header_of_two_lines_is_refused,
]
