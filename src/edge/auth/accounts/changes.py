"""Handlers by which a user changes an account: sessions, password, address, reset, deletion."""

from collections.abc import Collection, Sequence

from edge.access import Actor
from edge.auth.accounts import texts
from edge.auth.accounts.attempts import BY_SENDER, BY_USER
from edge.auth.accounts.entry import UNDER_WAY, EmailTaken
from edge.auth.accounts.erasure import erasing
from edge.auth.accounts.links import Purpose
from edge.auth.accounts.models import (
    Confirmation,
    EmailChange,
    MailUnderWay,
    PasswordByLink,
    PasswordChange,
    ResetRequest,
    Session,
    SessionList,
)
from edge.auth.accounts.parts import Parts, WrongCredentials
from edge.auth.accounts.users import User, key_of
from edge.auth.limits import address
from edge.endpoint import Body
from edge.errors import NotFound
from edge.http import Response
from edge.ports import Result, UniqueViolation
from edge.request import Request
from edge.rows import row_as


class SessionNotFound(NotFound):
    """No such session."""

    title = "No such session"


class AccountNotFound(NotFound):
    """No such account."""

    title = "No such account"


async def list_sessions(actor: Actor, parts: Parts) -> SessionList:
    """List the user's open sessions."""
    rows = await parts.sessions.all_of(actor.name)
    return SessionList(sessions=[row_as(Session, row, is_current=row["id"] == actor.fingerprint) for row in rows])


async def get_session(session_id: str, actor: Actor, parts: Parts) -> Session:
    """Get an open session of the user."""
    for session in (await list_sessions(actor, parts))["sessions"]:
        if session["id"] == session_id:
            return session
    raise SessionNotFound(f"there is no session {session_id[:80]} of yours")


async def end_session(session_id: str, actor: Actor, parts: Parts) -> None:
    """End a session of the user; its access tokens end within half a minute."""
    if not await parts.sessions.end_one(session_id, actor.name):
        raise SessionNotFound(f"there is no session {session_id[:80]} of yours")
    parts.members.forget(session_id)


async def end_all_sessions(request: Request, actor: Actor, parts: Parts) -> Response:
    """Log out everywhere."""
    await parts.end_all(actor.name)
    return parts.transport.end_session_response(request)


async def change_password(request: Request, body: Body[PasswordChange], actor: Actor, parts: Parts) -> Response:
    """Change the password. All sessions end; the answer has the tokens of a new one."""
    parts.transport.check_origin(request)
    user = await _reauthenticated(body.password, actor, parts)
    parts.check_new_password(body.new_password, user.email, "/new_password")
    hashed = await parts.hasher.make(body.new_password)
    changed = await parts.commit_password(user.id, hashed, [parts.users.changing_password(user, hashed)])
    if not changed:
        raise WrongCredentials("the password was changed meanwhile")
    parts.letters.post(user.email, texts.password_changed(parts.letters.site))
    response = await parts.open_session(request, user.id, hashed)
    if response is None:
        raise WrongCredentials("the password was changed meanwhile")
    return response


async def change_email(body: Body[EmailChange], actor: Actor, parts: Parts) -> MailUnderWay:
    """Ask for another address: the new one gets a mail to confirm it, the present one a notice."""
    parts.letters.require()
    user = await _reauthenticated(body.password, actor, parts)
    parts.background.add(_mail_email_change(user, body.email, parts))
    return UNDER_WAY


async def _mail_email_change(user: User, email: str, parts: Parts) -> None:
    letters = parts.letters
    other = await parts.users.by_email(email)
    if not await parts.attempts.may_mail(email):
        return
    if other is not None and other.id != user.id:
        await letters.send(other.email, texts.address_taken(letters.site))
    else:
        token = await parts.links.make(Purpose.EMAIL, email, user)
        if token is None:  # the password was changed meanwhile
            return
        await letters.send(email, texts.new_address(letters.site, letters.link(Purpose.EMAIL, token)))
    await letters.send(user.email, texts.address_change_requested(letters.site, email))


async def confirm_email(body: Body[Confirmation], parts: Parts) -> None:
    """Confirm another address with the token of the mail to it."""
    link = await parts.links.use(Purpose.EMAIL, body.token)
    user = await parts.users.by_id(link["user_id"])
    if user is None:
        raise AccountNotFound("the account is gone")
    try:
        await parts.users.commit([parts.users.changing_email(user.id, link["email"]), parts.links.dropping(user.id)])
    except UniqueViolation:
        raise EmailTaken("another account has this address") from None
    if key_of(user.email) != key_of(link["email"]):
        parts.letters.post(user.email, texts.address_changed(parts.letters.site, link["email"]))


async def ask_for_reset(request: Request, body: Body[ResetRequest], parts: Parts) -> MailUnderWay:
    """Ask for a mail with a link that resets the password. The answer is the same for every address."""
    parts.letters.require()
    await parts.attempts.count((f"sender {address(request)}", BY_SENDER))
    parts.background.add(_mail_reset(body.email, parts))
    return UNDER_WAY


async def _mail_reset(email: str, parts: Parts) -> None:
    user = await parts.users.by_email(email)
    if not await parts.attempts.may_mail(email) or user is None:
        return
    token = await parts.links.make(Purpose.RESET, user.email, user)
    letters = parts.letters
    if token is not None:
        await letters.send(user.email, texts.reset(letters.site, letters.link(Purpose.RESET, token)))


async def reset_password(request: Request, body: Body[PasswordByLink], parts: Parts) -> None:
    """Set the password with the token of a mail. All sessions end; log in with the new password."""
    link = await parts.links.find(Purpose.RESET, body.token)
    parts.check_new_password(body.password, link["email"])
    hashed = await parts.hasher.make(body.password)
    link = await parts.links.use(Purpose.RESET, body.token)
    user_id = link["user_id"]
    email = link["email"]
    if not await parts.commit_password(user_id, hashed, parts.users.resetting_password(user_id, hashed)):
        raise AccountNotFound("the account is gone")
    await parts.attempts.exempt_network(address(request), email)
    parts.letters.post(email, texts.password_changed(parts.letters.site))


async def delete_account(password: str, actor: Actor, parts: Parts, tables: Collection[str]) -> Sequence[Result]:
    """Delete the user's account; return the results of the app's own statements."""
    user = await _reauthenticated(password, actor, parts)
    known = erasing(user, tables)
    statements = [*known, *parts.erase(user.id), parts.users.removing(user.id)]
    results = await parts.end_all(user.id, statements)
    parts.letters.post(user.email, texts.account_deleted(parts.letters.site))
    return results[1 + len(known) : -1]


async def _reauthenticated(password: str, actor: Actor, parts: Parts) -> User:
    """Return the user of a request that repeats the password; guesses are limited."""
    user = await parts.users.by_id(actor.name)
    if user is None:
        raise AccountNotFound("this caller has no account")
    counted = await parts.attempts.count((f"user {user.id}", BY_USER))
    await parts.check(password, user)
    await parts.attempts.give_back(counted)
    return user
