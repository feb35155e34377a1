"""The transport of refresh tokens: to browsers in a cookie that no script reads, to programs in the body."""

from typing import Literal, TypedDict

from edge.auth.accounts.sessions import IDLE, Refreshed, TokenUnknown
from edge.auth.accounts.settings import AccountSettings
from edge.errors import Forbidden
from edge.http import HeaderList, Response
from edge.request import Request

COOKIE = "refresh"
SECURE_COOKIE = "__Secure-refresh"
LONGEST_TOKEN = 200


class ForeignOrigin(Forbidden):
    """A page of this origin may not use sessions here."""

    title = "A page of this origin may not use sessions here"


class Tokens(TypedDict):
    """A session's tokens: the access token is sent as `Authorization: Bearer` and expires in `expires_in` seconds.

    `refresh_token` is null for a browser, which has it in a cookie.
    """

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str | None
    session_id: str
    user_id: str


class Transport:
    """Reads and writes the cookie of one group of routes."""

    def __init__(self, path: str, settings: AccountSettings) -> None:
        self._path = path
        self._settings = settings

    @property
    def cookie(self) -> str:
        """The cookie's name; browsers take the prefixed one over HTTPS alone."""
        return SECURE_COOKIE if self._settings.has_secure_cookies else COOKIE

    def presented(self, request: Request, in_body: str | None) -> str:
        """Return the refresh token of a request; `TokenUnknown` without one, `ForeignOrigin` for a foreign page's."""
        self.check_origin(request)
        text = in_body or self._cookie_of(request)
        if not text or len(text) > LONGEST_TOKEN:
            raise TokenUnknown("send the refresh token, in its cookie or as refresh_token")
        return text

    def check_origin(self, request: Request) -> None:
        """Raise `ForeignOrigin` for a page of another origin, and for a cookie without a header of its origin."""
        origin = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site")
        if origin is None and site is None:
            if self._cookie_of(request):
                raise ForeignOrigin("a request with a cookie needs an Origin header")
            return
        if not self._is_ours(request, origin, site):
            raise ForeignOrigin(f"{(origin or site or '')[:100]} is not the site of this service")

    def is_browser(self, request: Request) -> bool:
        """Tell whether a browser sent a request, as scripts there should see no refresh token."""
        return request.headers.get("origin") is not None or request.headers.get("sec-fetch-site") is not None

    def answer(self, request: Request, access_token: str, refreshed: Refreshed, *, status: int = 200) -> Response:
        """Return the response with a session's tokens. A cookie that the browser already has is not sent again."""
        in_cookie = self.is_browser(request)
        tokens = Tokens(
            access_token=access_token,
            token_type="Bearer",
            expires_in=900,
            refresh_token=None if in_cookie else refreshed.token,
            session_id=refreshed.session_id,
            user_id=refreshed.user_id,
        )
        response = Response.json(tokens, status)
        response.headers.append(("cache-control", "no-store"))
        if in_cookie and refreshed.is_new:
            response.headers += self.cookie_header(refreshed.token)
        return response

    def end_session_response(self, request: Request) -> Response:
        """Return the empty response after a session's end, which removes a browser's cookie."""
        return Response(status=204, headers=self.cookie_header("") if self.is_browser(request) else [])

    def cookie_header(self, token: str) -> HeaderList:
        """Return the header that stores a token, or with an empty one removes the cookie."""
        secure = "; Secure" if self._settings.has_secure_cookies else ""
        age = int(IDLE.total_seconds()) if token else 0
        value = f"{self.cookie}={token}; Path={self._path}; Max-Age={age}; HttpOnly{secure}; SameSite=Strict"
        return [("set-cookie", value)]

    def _cookie_of(self, request: Request) -> str | None:
        """Return the cookie's value; None without one, or with two: a neighbour's site may have set one."""
        pairs = (pair.strip().partition("=") for pair in (request.headers.get("cookie") or "").split(";"))
        values = [value for name, _, value in pairs if name == self.cookie]
        return values[0] if len(values) == 1 else None

    def _is_ours(self, request: Request, origin: str | None, site: str | None) -> bool:
        if site == "same-origin":
            return True
        if origin is None:
            return False
        settings = self._settings
        if settings.site_url is not None and origin == _origin(settings.site_url):
            return True
        if settings.cors_allowed_origins != ("*",) and origin in settings.cors_allowed_origins:
            return True
        host = request.headers.get("host")
        return site is None and bool(host) and origin.partition("://")[2] == host


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
