"""Short-lived tokens: JSON Web Tokens (RFC 7519) with HMAC-SHA-256 and no other algorithm; their keys rotate."""

import hmac
import json
import secrets
import time
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from edge.access import ADMIN, Actor, Role
from edge.errors import Unauthorized

ALGORITHM = "HS256"
LONGEST = 8000
"""Characters of a token; more is neither issued nor read, as proxies take header lines of 8 KiB."""
LONGEST_LIFE = 86_400
"""Seconds from its beginning to its end that a token may have."""
LEEWAY = 10
"""Seconds that the clocks of two machines may differ where a token begins; its end is exact."""
MOST_READ = 1000
"""Tokens that are remembered."""
LONGEST_NAME = 200
"""Characters of a caller's name."""
MOST_CALLS = 2**53
"""Bounds a quota of calls: larger numbers are exact in no database."""
KID_LENGTH = 12
_REQUIRED = ["exp", "iat", "nbf", "iss", "aud", "sub"]


class TokenTooLong(ValueError):
    """The token would be longer than is read: it names too many subjects."""


class Tokens:
    """Signs with the first of its keys and believes what any of them has signed; `name` is issuer and audience."""

    def __init__(self, name: str, keys: Sequence[str]) -> None:
        self._name, self._sign_with = name, kid_of(keys[0])
        self._keys = {kid_of(key): key for key in keys}
        self._read: dict[str, Actor] = {}

    def issue(self, actor: Actor, now: datetime, lifetime: timedelta) -> str:
        """Return a token that names the caller and its key, until its lifetime is over; or raise `TokenTooLong`."""
        claims: dict[str, Any] = {
            "iss": self._name,
            "aud": self._name,
            "sub": actor.name,
            "role": actor.role.name.lower(),
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "jti": secrets.token_hex(8),
        }
        if actor.subjects is not None:
            claims["subjects"] = sorted(actor.subjects)
        if actor.daily_calls is not None:
            claims["daily_calls"] = actor.daily_calls
        import jwt  # noqa: PLC0415 - on first use: it loads email, http and urllib, a fifth of a start

        claims |= {"key": actor.name} if actor.fingerprint is None else {"admin_key": actor.fingerprint}
        token = jwt.encode(claims, self._keys[self._sign_with], ALGORITHM, headers={"kid": self._sign_with})
        if len(token) > LONGEST:
            raise TokenTooLong(f"the token would have {len(token)} characters, more than {LONGEST}")
        return token

    def read(self, token: str) -> Actor:
        """Return whom a token names; `Unauthorized` where it is not exactly one that this app has signed.

        One that was read before is known until it is over: checking it again would cost fifty times as much.
        """
        actor = self._read.get(token)
        if actor is not None and actor.expires_at is not None and time.time() < actor.expires_at:
            return actor
        if len(token) > LONGEST:
            raise Unauthorized(f"a token has at most {LONGEST} characters")
        import jwt  # noqa: PLC0415 - as in `issue`

        try:
            key = self._keys.get(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise Unauthorized("the token was signed with a key that is not in use")
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._name,
                issuer=self._name,
                leeway=LEEWAY,
                options={"require": _REQUIRED, "strict_aud": True},
            )
            _check_unique(token)
            if len(self._read) >= MOST_READ:
                self._read.clear()
            actor = _actor(claims)
            if time.time() >= claims["exp"]:
                raise jwt.ExpiredSignatureError
            self._read[token] = actor
            return actor
        except jwt.ExpiredSignatureError:
            raise Unauthorized("the token has expired: POST /auth/token gives another") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise Unauthorized("the token is not valid") from None


def kid_of(key: str) -> str:
    """Return the name by which a token says what it was signed with; it tells nothing of the key."""
    return hmac.digest(key.encode(), b"kid", "sha256").hex()[:KID_LENGTH]


def _actor(claims: dict[str, Any]) -> Actor:
    """Return the caller of claims that are ours by their signature; ValueError where they are not in our form."""
    times = [claims["exp"], claims["iat"], claims["nbf"]]
    if (
        not all(type(moment) in {int, float} and isfinite(moment) for moment in times)
        or times[0] - times[1] > LONGEST_LIFE
    ):
        raise ValueError("times")
    name, role, calls = claims["sub"], _role(claims.get("role")), claims.get("daily_calls")
    if not name.isprintable() or len(name) > LONGEST_NAME:
        raise ValueError("sub")
    if calls is not None and not (type(calls) is int and 0 <= calls < MOST_CALLS):
        raise ValueError("daily_calls")
    subjects = _subjects(claims.get("subjects"))
    if role is ADMIN and subjects is not None:
        raise ValueError("an administrator is bound to nothing")
    fingerprint = _fingerprint(claims)
    return Actor(name, role, subjects, calls, is_token=True, expires_at=float(times[0]), fingerprint=fingerprint)


def _role(name: Any) -> Role:
    if not isinstance(name, str) or name.upper() not in Role.__members__ or name.lower() == "public":
        raise ValueError("role")
    return Role[name.upper()]


def _subjects(names: Any) -> frozenset[str] | None:
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("subjects")
    "".join(names).encode()  # a lone surrogate raises ValueError
    return frozenset(names)


def _fingerprint(claims: dict[str, Any]) -> str | None:
    """Return the mark of the administrator's key, or None where the claims name another key, the caller's own."""
    fingerprint = claims.get("admin_key")
    if fingerprint is None and claims.get("key") == claims["sub"]:
        return None
    if not isinstance(fingerprint, str) or "key" in claims:
        raise ValueError("the token names no key")
    return fingerprint


def _check_unique(token: str) -> None:
    """Raise ValueError where a name stands twice in a header or in claims: readers differ in which of them counts."""
    for part in token.split(".")[:2]:
        json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)), object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
