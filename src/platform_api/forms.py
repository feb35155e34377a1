"""`/api/v1/forms`: takes in visitors' forms for the organisers."""

from datetime import datetime
from typing import Annotated, Literal, TypedDict

from pydantic import Field

from edge import PUBLIC, Background, Body, Header, Operation, Request, Response, Routes, Unauthorized
from edge.auth.limits import TooManyRequests
from edge.clients.upstream import UpstreamFailed, UpstreamTimeout
from platform_api.form_guards import Guards, NotHuman
from platform_api.form_models import ContactForm, Form, MembershipForm, SponsorForm
from platform_api.submissions import Submissions

routes = Routes("/api/v1/forms", tag="forms", access=PUBLIC)

LARGEST = 128 * 1024
"""Bytes of a form: some 8,000 characters, each written as two escapes, are fewer."""

Visitor = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]
"""The visitor for which the site's server sends a form: an address, or any id that stays the same for a while."""


class Receipt(TypedDict):
    """A form that was received; the same form sent again within a day gets the same receipt."""

    id: str
    form: Literal["contact", "sponsor", "membership"]
    received_at: datetime


class FormIntake:
    """Takes forms in."""

    def __init__(self, guards: Guards, submissions: Submissions, background: Background) -> None:
        self._guards = guards
        self._submissions = submissions
        self._background = background

    async def take(self, request: Request, sent: Form, visitor: str | None) -> Response:
        """Return the receipt of a form: 201 for a new one, 200 for one that is there already."""
        await self._guards.check(request, sent, visitor)
        received = await self._submissions.keep(sent)
        if received.is_new:
            self._background.add(self._submissions.carry(received.id))
        receipt = {"id": received.id, "form": received.form, "received_at": received.received_at}
        return Response.json(receipt, 201 if received.is_new else 200)


_PROBLEMS = (Unauthorized, NotHuman, TooManyRequests, UpstreamFailed, UpstreamTimeout)
_RECEIPT = Operation({200: {"application/json": Receipt}, 201: {"application/json": Receipt}}, takes_key=True)


@routes.post("/contact", *_PROBLEMS, operation=_RECEIPT, body_limit=LARGEST)
async def send_contact_form(
    sent: Body[ContactForm], request: Request, x_visitor: Header[Visitor | None], intake: FormIntake
) -> Response:
    """Write to the organisers.

    Sent by the site's server with `X-API-Key`, or by a browser with a Turnstile token if that is set up. The server
    may name the visitor in `X-Visitor` (an address or an id): each visitor, like each mailbox, has a limit.
    """
    return await intake.take(request, sent, x_visitor)


@routes.post("/sponsor", *_PROBLEMS, operation=_RECEIPT, body_limit=LARGEST)
async def send_sponsor_form(
    sent: Body[SponsorForm], request: Request, x_visitor: Header[Visitor | None], intake: FormIntake
) -> Response:
    """Offer to be a sponsor; sent as a contact form is."""
    return await intake.take(request, sent, x_visitor)


@routes.post("/membership", *_PROBLEMS, operation=_RECEIPT, body_limit=LARGEST)
async def send_membership_form(
    sent: Body[MembershipForm], request: Request, x_visitor: Header[Visitor | None], intake: FormIntake
) -> Response:
    """Apply to be a member; sent as a contact form is."""
    return await intake.take(request, sent, x_visitor)
