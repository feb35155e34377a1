"""Handlers by which a user comes in and goes out: register, log in, refresh, log out."""

from pydantic_core import from_json, to_json

from edge.auth.accounts import texts
from edge.auth.accounts.attempts import BY_SENDER
from edge.auth.accounts.links import Purpose
from edge.auth.accounts.models import Credentials, MailUnderWay, NewAccount, PasswordByLink, RefreshToken
from edge.auth.accounts.parts import Parts, WrongCredentials
from edge.auth.accounts.sessions import TokenUnknown
from edge.auth.limits import address
from edge.endpoint import Body
from edge.errors import StorageConflict
from edge.http import Response
from edge.ports import Statement, UniqueViolation
from edge.request import Request

UNDER_WAY = MailUnderWay(status="see your mail")


class EmailTaken(StorageConflict):
    """There is an account with this address."""

    title = "There is an account with this address"


async def register(request: Request, body: NewAccount, parts: Parts) -> Response:
    """Register an account, and log in or confirm the address by mail, as the service is configured."""
    parts.transport.check_origin(request)
    parts.check_new_password(body.password, body.email)
    profile = body.model_dump(exclude={"email", "password"})
    if parts.settings.confirms_by_email:
        parts.letters.require()
        await parts.attempts.count((f"sender {address(request)}", BY_SENDER))
        parts.background.add(_mail_registration(body.email, to_json(profile).decode(), parts))
        return Response.json(UNDER_WAY, 202)
    await parts.attempts.count((f"sender {address(request)}", BY_SENDER))
    added = parts.users.adding(body.email, await parts.hasher.make(body.password), profile)
    return await _first_session(request, *added, parts)


async def _mail_registration(email: str, profile: str, parts: Parts) -> None:
    """Mail a link that confirms a registration; or tell an existing user about the account."""
    user = await parts.users.by_email(email)
    if not await parts.attempts.may_mail(email):
        return
    letters = parts.letters
    if user is not None:
        await letters.send(user.email, texts.registered_already(letters.site, letters.page(Purpose.RESET)))
        return
    token = await parts.links.make(Purpose.REGISTER, email, profile=profile)
    assert token is not None
    await letters.send(email, texts.registration(letters.site, letters.link(Purpose.REGISTER, token)))


async def confirm_registration(request: Request, body: Body[PasswordByLink], parts: Parts) -> Response:
    """Confirm a registration with the token of its mail and the password, and log in.

    This password counts, not that of the registration: a stranger who registered the address cannot open the account.
    """
    parts.transport.check_origin(request)
    link = await parts.links.find(Purpose.REGISTER, body.token)
    parts.check_new_password(body.password, link["email"])
    hashed = await parts.hasher.make(body.password)
    link = await parts.links.use(Purpose.REGISTER, body.token)
    profile = from_json(link["profile"] or "{}")
    added = parts.users.adding(link["email"], hashed, profile, is_confirmed=True)
    return await _first_session(request, *added, parts)


async def _first_session(request: Request, user_id: str, added: list[Statement], parts: Parts) -> Response:
    """Add a user and open its first session; `EmailTaken` if the address got an account meanwhile."""
    try:
        await parts.users.commit(added)
    except UniqueViolation:
        raise EmailTaken("log in, or reset the password") from None
    response = await parts.open_session(request, user_id, status=201)
    if response is None:
        raise WrongCredentials("the account was deleted meanwhile")
    return response


async def log_in(request: Request, body: Body[Credentials], parts: Parts) -> Response:
    """Log in. A browser gets the refresh token in a cookie, a program in the answer."""
    parts.transport.check_origin(request)
    network = address(request)
    counted = await parts.attempts.log_in(network, parts.sessions.network_mark(network), body.email)
    for _ in range(2):
        user = await parts.check(body.password, await parts.users.by_email(body.email))
        if response := await parts.open_session(request, user.id, user.hash):
            await parts.attempts.give_back(counted)
            return response
    raise WrongCredentials("the password was changed meanwhile")


async def refresh(request: Request, body: Body[RefreshToken], parts: Parts) -> Response:
    """Get a new access token, and from time to time a new refresh token.

    Send the newest refresh token. The one before is good for ten seconds more, and for a day if its answer was lost;
    an older one ends the session, as it was copied.
    """
    return await parts.refresh(request, body.refresh_token)


async def log_out(request: Request, body: Body[RefreshToken], parts: Parts) -> Response:
    """End the session of a refresh token; its access tokens end within half a minute."""
    try:
        session_id = await parts.sessions.end(parts.transport.presented(request, body.refresh_token))
    except TokenUnknown:
        session_id = None
    if session_id:
        parts.members.forget(session_id)
    return parts.transport.end_session_response(request)
