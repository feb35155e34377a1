"""Short-lived tokens: JSON Web Tokens (RFC 7519) with HMAC-SHA-256 and no other algorithm; their keys rotate."""

import hmac
import json
import secrets
import time
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import jwt

from edge.access import Actor, Role
from edge.errors import Unauthorized

ALGORITHM = "HS256"
LONGEST = 4096
"""Characters of a token; more is read by nobody."""
LONGEST_LIFE = 86_400
"""Seconds from its beginning to its end that a token may have."""
LEEWAY = 10
"""Seconds that the clocks of two machines may differ."""
MOST_READ = 1000
"""Tokens that are remembered."""
_NOBODY: tuple[Actor | None, float] = (None, 0.0)
_REQUIRED = ["exp", "iat", "nbf", "iss", "aud", "sub"]


class Tokens:
    """Signs with the first of its keys and believes what any of them has signed; `name` is issuer and audience."""

    def __init__(self, name: str, keys: Sequence[str]) -> None:
        self._name, self._sign_with = name, kid_of(keys[0])
        self._keys = {kid_of(key): key for key in keys}
        self._read: dict[str, tuple[Actor, float]] = {}

    def issue(self, actor: Actor, now: datetime, lifetime: timedelta) -> str:
        """Return a token that says who the caller is, until its lifetime is over."""
        claims: dict[str, Any] = {
            "iss": self._name, "aud": self._name, "sub": actor.name, "role": actor.role.name.lower(),
            "iat": now, "nbf": now, "exp": now + lifetime, "jti": secrets.token_hex(8),
        }  # fmt: skip
        if actor.subjects is not None:
            claims["subjects"] = sorted(actor.subjects)
        if actor.daily_calls is not None:
            claims["daily_calls"] = actor.daily_calls
        return jwt.encode(claims, self._keys[self._sign_with], ALGORITHM, headers={"kid": self._sign_with})

    def read(self, token: str) -> Actor:
        """Return whom a token names; `Unauthorized` where it is not exactly one that this app has signed.

        One that was read before is known until it is over: checking it again would cost fifty times as much.
        """
        actor, ends_at = self._read.get(token, _NOBODY)
        if actor is not None and time.time() < ends_at:
            return actor
        if len(token) > LONGEST:
            raise Unauthorized(f"a token has at most {LONGEST} characters")
        try:
            key = self._keys.get(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise Unauthorized("the token was signed with a key that is not in use")
            claims = jwt.decode(
                token, key, algorithms=[ALGORITHM], audience=self._name, issuer=self._name, leeway=LEEWAY,
                options={"require": _REQUIRED, "strict_aud": True},
            )  # fmt: skip
            _check_unique(token)
            if len(self._read) >= MOST_READ:
                self._read.clear()
            actor = _actor(claims)
            self._read[token] = actor, float(claims["exp"])
            return actor
        except jwt.ExpiredSignatureError:
            raise Unauthorized("the token has expired: POST /auth/token gives another") from None
        except (jwt.PyJWTError, ValueError, OverflowError, RecursionError):
            raise Unauthorized("the token is not valid") from None


def kid_of(key: str) -> str:
    """Return the name by which a token says what it was signed with; it tells nothing of the key."""
    return hmac.digest(key.encode(), b"kid", "sha256").hex()[:12]


def _actor(claims: dict[str, Any]) -> Actor:
    """Return the caller of claims that are ours by their signature; ValueError where they are not in our form."""
    role, subjects, calls = str(claims.get("role")).upper(), claims.get("subjects"), claims.get("daily_calls")
    is_list = isinstance(subjects, list) and all(isinstance(one, str) for one in subjects)
    if claims["exp"] - claims["iat"] > LONGEST_LIFE:
        raise ValueError("exp")
    if role not in Role.__members__ or not (subjects is None or is_list) or not (calls is None or type(calls) is int):
        raise ValueError("claims")
    bound = None if subjects is None else frozenset(subjects)
    return Actor(claims["sub"], Role[role], bound, calls, is_token=True)


def _check_unique(token: str) -> None:
    """Raise ValueError where a name stands twice in a header or in claims: readers differ in which of them counts."""
    for part in token.split(".")[:2]:
        json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)), object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
