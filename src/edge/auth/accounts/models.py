"""Bodies and answers of the routes of accounts."""

from typing import Annotated, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from edge.auth.accounts.links import LONGEST_TOKEN as LONGEST_LINK
from edge.auth.accounts.password_rules import LONGEST, SHORTEST
from edge.auth.accounts.settings import EmailAddress
from edge.auth.accounts.transport import LONGEST_TOKEN

Password = Annotated[str, Field(min_length=1, max_length=LONGEST, description="exactly as it was chosen")]
NewPassword = Annotated[
    str,
    Field(
        min_length=SHORTEST, max_length=LONGEST, description="any characters; none of the commonest, nor known names"
    ),
]
LinkToken = Annotated[str, Field(min_length=1, max_length=LONGEST_LINK, description="from the link of a mail")]


class NewAccount(BaseModel):
    """A new account. If registrations are confirmed by mail, the password of the confirmation counts.

    An app's subclass adds columns of its table `users`, each with a default.
    """

    model_config = ConfigDict(extra="forbid")

    email: EmailAddress
    password: NewPassword


class Credentials(BaseModel):
    """An address and a password."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(min_length=1, max_length=254)]
    password: Password


class RefreshToken(BaseModel):
    """A refresh token; a browser has it in a cookie and sends none here."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: Annotated[str, Field(max_length=LONGEST_TOKEN)] | None = None


class Confirmation(BaseModel):
    """The token of a link."""

    model_config = ConfigDict(extra="forbid")

    token: LinkToken


class PasswordByLink(Confirmation):
    """The token of a link, and the account's new password."""

    password: NewPassword


class PasswordChange(BaseModel):
    """The present password, and the new one."""

    model_config = ConfigDict(extra="forbid")

    password: Password
    new_password: NewPassword


class EmailChange(BaseModel):
    """The password, and the new address."""

    model_config = ConfigDict(extra="forbid")

    password: Password
    email: EmailAddress


class ResetRequest(BaseModel):
    """The address of an account."""

    model_config = ConfigDict(extra="forbid")

    email: EmailAddress


class Reauthentication(BaseModel):
    """The password once more."""

    model_config = ConfigDict(extra="forbid")

    password: Password


class MailUnderWay(TypedDict):
    """A mail is sent if the address may get it; the answer is the same for every address."""

    status: Literal["see your mail"]


class Myself(TypedDict):
    """The user's own account; `session_id` is the session of this request."""

    id: str
    email: str
    is_confirmed: bool
    created_at: str
    password_changed_at: str
    session_id: str


class Session(TypedDict):
    """An open session; `client` is the name of the browser or program that began it."""

    id: str
    client: str
    is_current: bool
    created_at: str
    last_used_at: str
    expires_at: str


class SessionList(TypedDict):
    """The sessions of a user, the most recently used one first."""

    sessions: list[Session]
