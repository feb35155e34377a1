"""Callers: users with session tokens, widgets with keys, and pages with tokens; each call counts against a plan.

The order is that of the specification: rate limit by address, authentication, limits of the plan, then the route.
"""

from collections.abc import Sequence

from devcapsules.access.keys import KEY_PREFIX, PAGE_PREFIX, Visit, WidgetKeys, actor_of, origins_of
from devcapsules.access.plans import PlanLimits
from devcapsules.settings import CapsuleSettings
from edge import READER, Actor, Clock, Forbidden, RateLimiter, Request, SystemDatabase, Unauthorized
from edge.auth.accounts.members import Members
from edge.auth.audit import record
from edge.auth.keys import presented_key
from edge.auth.limits import Limits, address, bound
from edge.reach import Reach

EXECUTE = "/api/v1/execute"
CAPSULE = "/api/v1/capsules/{capsule_id}"
PAGE_ROUTES = frozenset(
    {
        f"GET {CAPSULE}",
        f"POST {CAPSULE}/attempts",
        f"POST {CAPSULE}/hints",
        f"GET {CAPSULE}/solution",
        "POST /api/v1/analytics/events",
    }
)
"""Routes for page tokens, in addition to the execution routes."""
KEY_ROUTES = PAGE_ROUTES | {"GET /api/v1/capsules"} - {f"GET {CAPSULE}/solution"}
"""Routes for widget keys, in addition to the execution routes."""
OPTIONAL = frozenset({"GET /api/v1/capsules", f"GET {CAPSULE}"})
"""Public routes that return more to authenticated callers."""


class KeyNotAllowed(Forbidden):
    """Widget keys may not do this."""

    title = "Widget keys may not do this"


class OriginNotAllowed(Forbidden):
    """The key does not allow this origin."""

    title = "The key does not allow this origin"


class UsersOnly(Forbidden):
    """Only users may do this."""

    title = "Only users may do this"


class Gate:
    """Admits calls: counts the address, authenticates the caller, and counts the account's calls."""

    def __init__(
        self,
        members: Members,
        keys: WidgetKeys,
        plans: PlanLimits,
        limits: Limits,
        settings: CapsuleSettings,
    ) -> None:
        self._members = members
        self._keys = keys
        self._plans = plans
        self._limits = limits
        self._settings = settings

    async def count_address(self, request: Request) -> None:
        """Count a call of an address, once per request; raises `TooManyRequests` beyond the limit."""
        if not any(state.name == "address" for state in request.limit_states):
            await self._limits.admit(request)

    async def enter(self, request: Request) -> Actor:
        """Authenticate and count the caller. Errors: `Unauthorized`, `Forbidden`, `QuotaExceeded`."""
        presented = presented_key(request)
        if presented.startswith(KEY_PREFIX):
            actor = await self._by_key(presented, request)
        elif presented.startswith(PAGE_PREFIX):
            actor = await self._by_page(presented, request)
        else:
            actor = await self._members.identify(request)
        request.actor = actor
        if account := account_of(actor):
            await self._plans.count_call(account, request.limit_states)
        return actor

    async def _by_key(self, presented: str, request: Request) -> Actor:
        key = await self._keys.find(presented)
        check_origin(request, origins_of(key), self._settings.site_url)
        _check_route(request, KEY_ROUTES)
        await self._bound(key["id"], request)
        return actor_of(key)

    async def _by_page(self, presented: str, request: Request) -> Actor:
        visit = self._keys.read(presented)
        key = await self._keys.by_id(visit.key_id)
        _check_route(request, PAGE_ROUTES)
        if request.params and request.params[0] != visit.capsule_id:
            raise KeyNotAllowed("the page token is for another capsule")
        await self._bound(visit.key_id, request)
        return actor_of(key)

    async def _bound(self, key_id: str, request: Request) -> None:
        """Limit the calls per key and address, as anyone can read the key in a page."""
        limiter: RateLimiter | None = self._settings.widget_limiter
        await bound(limiter, f"{key_id} {address(request)}")


async def authenticate(request: Request, gate: Gate, db: SystemDatabase | None, clock: Clock) -> Actor:
    """Admit a call that requires authentication; a change by an administrator is recorded in the audit log."""
    await gate.count_address(request)
    return await record(request, await gate.enter(request), db, clock)


async def admit(request: Request, gate: Gate) -> None:
    """Admit a public call; authenticate it if it has credentials and the route returns more to known callers."""
    await gate.count_address(request)
    if f"{_method(request)} {request.route}" in OPTIONAL and _names_caller(request):
        request.actor = await gate.enter(request)


def visit_of(request: Request, keys: WidgetKeys) -> Visit | None:
    """Return the visit of an admitted request with a page token; None for other callers."""
    presented = presented_key(request)
    return keys.read(presented) if presented.startswith(PAGE_PREFIX) else None


def account_of(actor: Actor) -> str:
    """Return the account charged for a call; empty for an administrator."""
    if actor.is_member:
        return actor.name
    return next(iter(actor.subjects or ()), "")


def check_origin(request: Request, allowed: Sequence[str], own: str | None) -> None:
    """Raise `OriginNotAllowed` if a browser uses a key from a page of another origin."""
    origin = request.headers.get("origin")
    if origin is None or origin in allowed or origin == own:
        return
    host = request.headers.get("host")
    if host and origin in {f"http://{host}", f"https://{host}"}:
        return
    raise OriginNotAllowed(f"add {origin[:100]} to the key's origins")


def user_of(actor: object) -> Actor:
    """Return the caller if it is a user; raises `UsersOnly` otherwise."""
    if not isinstance(actor, Actor) or not actor.is_member:
        raise UsersOnly("log in as a user: widget keys cannot write")
    return actor


class UserReach(Reach):
    """Allows only users: no widget keys, and no administrators, as their scope contains all rows."""

    def check(self, actor: Actor | None, values: Sequence[object], names: Sequence[str]) -> None:  # noqa: ARG002
        """Raise `UsersOnly` unless the caller is a user."""
        user_of(actor)


USERS = UserReach("user", is_checked=True)
USER_ROLE = READER


def _check_route(request: Request, allowed: frozenset[str]) -> None:
    is_run = request.route == EXECUTE or request.route.startswith(f"{EXECUTE}/")
    if not is_run and f"{_method(request)} {request.route}" not in allowed:
        raise KeyNotAllowed("a widget key can run code, read capsules and send events; log in for everything else")


def _method(request: Request) -> str:
    return "GET" if request.method == "HEAD" else request.method


def _names_caller(request: Request) -> bool:
    try:
        presented_key(request)
    except Unauthorized:
        return False
    return True
