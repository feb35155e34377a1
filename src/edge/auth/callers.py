"""Callers: the administrator by the key in the settings, others by API keys and tokens."""

import hmac
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator

from edge.access import ADMIN, Actor
from edge.auth.keys import PREFIX, ApiKeys, KeyCache, NewKey, Proofs, hash_of, matches, presented_key
from edge.auth.limits import Limits
from edge.auth.tokens import Tokens
from edge.errors import NotConfigured, Unauthorized
from edge.ports import Background, Clock, RateLimiter, Row, SystemDatabase
from edge.request import Request
from edge.settings import AccessKey, Secret, Settings

ADMINISTRATOR = Actor("admin", ADMIN)
"""The administrator, if there is no signing key to mark the credential."""


def _long(secret: Secret) -> Secret:
    if len(secret.get_secret_value().encode()) < 32:
        raise ValueError("a signing key has at least 32 bytes (RFC 7518, 3.2)")
    return secret


type SigningKey = Annotated[Secret, AfterValidator(_long)]


class CallerSettings(Settings):
    """Settings of every app that identifies callers; `JWT_ISSUER` is the issuer and the audience of tokens.

    A subclass has the setting `ADMIN_API_KEY`: a key of at least 24 characters, or `sha256:` and its hash.
    """

    jwt_issuer: str = "api"
    rate_limiter: RateLimiter | None = None

    @property
    def admin_key(self) -> Secret | None:
        """The administrator's key; None if it is missing or not valid."""
        return None if "admin_api_key" in self.faults else self.admin_api_key

    def signing_keys(self) -> tuple[str, ...]:
        """Return the signing keys, the present one first; `NotConfigured` without."""
        raise NotImplementedError


class AccessSettings(CallerSettings):
    """Settings for identifying callers.

    To rotate the signing key, move it to `JWT_SECRET_KEY_OLD` until the tokens that it has signed are over. From then
    on, looking up a key that was made under it counts towards a budget.
    """

    admin_api_key: AccessKey
    jwt_secret_key: SigningKey
    jwt_secret_key_old: SigningKey | None = None

    def signing_keys(self) -> tuple[str, ...]:
        """Return the signing keys, the present one first; `NotConfigured` without."""
        keys = [self.jwt_secret_key, *filter(None, [self.jwt_secret_key_old])]
        return tuple(key.get_secret_value() for key in keys)


class Signing:
    """Everything derived from the signing keys: tokens, proofs, administrators' marks; and a cache of API keys."""

    def __init__(self, issuer: str, keys: Sequence[str]) -> None:
        self.tokens = Tokens(issuer, keys)
        self.keys = Proofs("API keys", keys)
        self.tickets = Proofs("tickets", keys)
        self.key_cache = KeyCache()
        self._keys = keys
        self._marks: dict[str, tuple[str, ...]] = {}

    def marks(self, key_hash: str) -> tuple[str, ...]:
        """Return the fingerprints of the administrator's key, by each signing key; the first is the present one."""
        if key_hash not in self._marks:
            text = f"administrator's key {key_hash}".encode()
            self._marks = {key_hash: tuple(hmac.digest(key.encode(), text, "sha256").hex()[:32] for key in self._keys)}
        return self._marks[key_hash]


class Callers:
    """Identifies callers. No error reveals whether a key was nearly right."""

    def __init__(self, settings: CallerSettings, db: SystemDatabase | None, clock: Clock, limits: Limits) -> None:
        self._settings = settings
        self._clock = clock
        self._limits = limits
        self.keys = ApiKeys(db, clock) if db else None

    async def identify(self, request: Request) -> Actor:
        """Return the caller; `Unauthorized` if unknown, `NotConfigured` if a setting that identifies it is missing."""
        presented = presented_key(request)
        if self._is_administrators(presented):
            return self._administrator
        if presented.startswith(PREFIX):
            return await self._identify_key(presented, request)
        if presented.count(".") == 2:
            return await self.revalidate(self.tokens().read(presented))
        self._settings.check("admin_api_key")
        raise Unauthorized("the key is not known")

    async def revalidate(self, actor: Actor, *, fresh: bool = False) -> Actor:
        """Return a caller with its credential's current state; `Unauthorized` if it was revoked or has expired.

        A key is looked up, and a token's key at most every 30 seconds, unless it has to be `fresh`. An actor that was
        stored or sent elsewhere needs all of its members, `is_token` and `fingerprint` among them. Equal actors have
        equal answers: ask once for many sockets of one caller.
        """
        if actor.is_token and actor.expires_at is not None and actor.expires_at <= self._clock.now().timestamp():
            raise Unauthorized("the token has expired: POST /auth/token gives another")
        if actor.fingerprint is not None or actor.name == ADMINISTRATOR.name:
            self._check_mark(actor)
            return actor
        keys = self._need_keys()
        if not actor.is_token or fresh or self.signing is None:
            key = await keys.look_up(actor.name)
        else:
            key = await self.signing.key_cache.look_up(actor.name, keys)
        return narrowed(actor, key) if actor.is_token else key

    def for_ticket(self, actor: Actor) -> Actor:
        """Return a caller as a ticket stores it: its credential's end is the ticket's."""
        return actor

    async def make_key(self, new_key: NewKey, by: str) -> tuple[str, Row]:
        """Make an API key, with a proof if there is a signing key; return its text and its row."""
        return await self._need_keys().make(new_key, by, self.signing.keys if self.signing else None)

    async def revoke_key(self, key_id: str) -> Row | None:
        """Revoke an API key, and with it its tokens: in this process at once, elsewhere within half a minute."""
        row = await self._need_keys().revoke(key_id)
        if self.signing:
            self.signing.key_cache.drop(key_id)
        return row

    async def count_look_up(self, request: Request) -> None:
        """Count a look-up that a credential without a proof costs; `TooManyRequests` beyond the address's budget."""
        await self._limits.count_look_up(request)

    def tokens(self) -> Tokens:
        """Return the signer and reader of the app's tokens; `NotConfigured` without a signing key."""
        signing = self.signing or _signing(self._settings.jwt_issuer, self._settings.signing_keys())
        return signing.tokens

    @cached_property
    def signing(self) -> Signing | None:
        """Everything derived from the signing keys; None if they are missing or not valid."""
        try:
            return _signing(self._settings.jwt_issuer, self._settings.signing_keys())
        except NotConfigured:
            return None

    async def _identify_key(self, presented: str, request: Request) -> Actor:
        keys = self._need_keys()
        is_ours = self.signing.keys.check(presented) if self.signing else None
        if is_ours is None:
            await self.count_look_up(request)
        elif not is_ours:
            raise Unauthorized("the key is not known")
        background: Any = request.ports.runtime[Background]
        return await keys.find(presented, background)

    def _need_keys(self) -> ApiKeys:
        if self.keys is None:
            raise NotConfigured("DB")
        return self.keys

    def _is_administrators(self, presented: str) -> bool:
        key = self._settings.admin_key
        return key is not None and matches(presented, key)

    @cached_property
    def _administrator(self) -> Actor:
        marks = self._marks()
        return ADMINISTRATOR._replace(fingerprint=marks[0]) if marks else ADMINISTRATOR

    def _marks(self) -> tuple[str, ...]:
        """Return the fingerprints of the administrator's key; none without a signing key."""
        key = self._settings.admin_key
        return self.signing.marks(hash_of(key.get_secret_value())) if self.signing and key else ()

    def _check_mark(self, actor: Actor) -> None:
        """Raise `Unauthorized` unless the administrator's key is still the one that identified the actor."""
        if self._settings.admin_key is None:
            raise Unauthorized("the administrator's key is no longer in use")
        marks = self._marks()
        is_unmarked = actor.fingerprint is None and not (actor.is_token and marks)
        if not is_unmarked and actor.fingerprint not in marks:
            raise Unauthorized("the administrator's key has changed")


async def authenticate(request: Request, callers: Callers, limits: Limits) -> Actor:
    """Identify the caller by a key or token, and count the call."""
    return await counted(await callers.identify(request), request, limits)


async def counted(actor: Actor, request: Request, limits: Limits) -> Actor:
    """Count a call of a caller; `TooManyRequests` if it is over a limit."""
    request.actor = actor  # also if it is over a limit, so that the logs name it
    await limits.count(request, actor)
    return actor


async def revalidate(actor: Actor, callers: Callers) -> Actor:
    """Look up the credential of an open socket or stream again."""
    return await callers.revalidate(actor, fresh=True)


def narrowed(actor: Actor, key: Actor) -> Actor:
    """Return a token's caller with no more rights than its key has now; `Unauthorized` if none are left."""
    subjects = _common(actor.subjects, key.subjects)
    if subjects is not None and not subjects:
        raise Unauthorized("the key is no longer bound to the token's subjects")
    rights = (min(actor.role, key.role), subjects, key.daily_calls, _earlier(actor.expires_at, key.expires_at))
    if rights == (actor.role, actor.subjects, actor.daily_calls, actor.expires_at):
        return actor
    role, subjects, daily_calls, expires_at = rights
    return actor._replace(role=role, subjects=subjects, daily_calls=daily_calls, expires_at=expires_at)


def _common(some: frozenset[str] | None, others: frozenset[str] | None) -> frozenset[str] | None:
    """Return the subjects that are in both; None stands for all."""
    if some is None or others is None:
        return others if some is None else some
    return some & others


def _earlier(end: float | None, other: float | None) -> float | None:
    """Return the earlier of two ends; None stands for none."""
    if end is None or other is None:
        return other if end is None else end
    return min(end, other)


@lru_cache(maxsize=8)
def _signing(issuer: str, keys: tuple[str, ...]) -> Signing:
    return Signing(issuer, keys)
