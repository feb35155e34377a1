"""Settings of accounts."""

from typing import Annotated, Literal

from pydantic import Field

from edge.auth.callers import CallerSettings, SigningKey
from edge.errors import NotConfigured
from edge.ports import Mailer
from edge.settings import AccessKey, BaseUrl
from edge.text import Matching

DEVELOPMENT = "development"
HOME = "http://127.0.0.1:8787"
HOME_SENDER = "accounts@home.invalid"
"""The site and sender of a development environment without settings for them."""

type EmailAddress = Annotated[
    str,
    Field(max_length=254),
    Matching(
        r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}"
        r"[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]",
        "an e-mail address in ASCII, such as ada@example.org",
    ),
]


class AccountSettings(CallerSettings):
    """Settings of an app with accounts, beside its database.

    To rotate `JWT_SECRET`, move it to `JWT_SECRET_OLD` until the sessions that it has signed are over.
    `ACCOUNT_CONFIRMATION` is the way to confirm a registration: `none`, the default of development, or `email`, the
    default everywhere else. `SITE_URL` is the target of links in mails, and `SITE_NAME` the site's name in them.
    `MAIL_SENDER` is the sender of mails; the binding `MAILER` sends them. `ADMIN_API_KEY` may be absent.
    """

    admin_api_key: AccessKey | None = None
    jwt_secret: SigningKey
    jwt_secret_old: SigningKey | None = None
    account_confirmation: Literal["none", "email"] | None = None
    site_url: BaseUrl | None = None
    site_name: Annotated[str, Field(max_length=80), Matching(r"[^\x00-\x1f\x7f]*", "one line")] = ""
    mail_sender: EmailAddress | None = None
    mailer: Mailer | None = None

    def signing_keys(self) -> tuple[str, ...]:
        """Return the signing keys, the present one first; `NotConfigured` without."""
        keys = [self.jwt_secret, *filter(None, [self.jwt_secret_old])]
        return tuple(key.get_secret_value() for key in keys)

    @property
    def confirms_by_email(self) -> bool:
        """Tell whether a registration is confirmed by mail."""
        if self.account_confirmation is None:
            return self.environment != DEVELOPMENT
        return self.account_confirmation == "email"

    @property
    def site(self) -> str:
        """The address of the site, without a slash at its end; `NotConfigured` without one outside development."""
        if self.site_url is None and self.environment != DEVELOPMENT:
            raise NotConfigured("SITE_URL")
        return self.site_url or HOME

    @property
    def sender(self) -> str:
        """The sender of mails; `NotConfigured` without one outside development."""
        if self.mail_sender is None and self.environment != DEVELOPMENT:
            raise NotConfigured("MAIL_SENDER")
        return self.mail_sender or HOME_SENDER

    @property
    def has_secure_cookies(self) -> bool:
        """Tell whether cookies are for HTTPS alone: not on a site at http://, nor in development without a site."""
        if self.site_url is None:
            return self.environment != DEVELOPMENT
        return self.site_url.startswith("https://")
