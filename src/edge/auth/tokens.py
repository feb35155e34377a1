"""Short-lived tokens: JSON Web Tokens (RFC 7519) with HMAC-SHA-256 and no other algorithm; their keys rotate."""

import hmac
import json
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from pydantic_core import to_json

from edge.access import ADMIN, Actor, Role
from edge.errors import Unauthorized

ALGORITHM = "HS256"
LONGEST = 8000
"""Most characters of a token; longer ones are neither issued nor read, as proxies take header lines of 8 KiB."""
LONGEST_LIFE = 86_400
"""Most seconds from a token's beginning to its end."""
LEEWAY = 10
"""Seconds that the clocks of two machines may differ at a token's beginning; its end is exact."""
MOST_READ = 1000
"""Most verified tokens in memory."""
LONGEST_NAME = 200
"""Most characters of a caller's name."""
MOST_CALLS = 2**53
"""The largest quota of calls: larger numbers are exact in no database."""
KID_LENGTH = 12


class TokenTooLong(ValueError):
    """The token would be too long to be read again: it names too many subjects."""


class Tokens:
    """Signs with the first of its keys and accepts signatures by any of them; `name` is issuer and audience."""

    def __init__(self, name: str, keys: Sequence[str]) -> None:
        self._name = name
        self._sign_with = kid_of(keys[0])
        self._keys = {kid_of(key): key for key in keys}
        self._read: dict[str, Actor] = {}

    def issue(self, actor: Actor, now: datetime, lifetime: timedelta, *, jti: str = "") -> str:
        """Return a token that names the caller and its key, until its lifetime is over; or raise `TokenTooLong`.

        With a `jti` of your own the same arguments give the same token; without one it is random.
        """
        claims: dict[str, Any] = {
            "iss": self._name,
            "aud": self._name,
            "sub": actor.name,
            "role": actor.role.name.lower(),
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "jti": jti or secrets.token_hex(8),
        }
        if actor.subjects is not None:
            claims["subjects"] = sorted(actor.subjects)
        if actor.daily_calls is not None:
            claims["daily_calls"] = actor.daily_calls
        claims |= _credential(actor)
        header = {"alg": ALGORITHM, "kid": self._sign_with, "typ": "JWT"}
        signed = f"{_encoded(to_json(header))}.{_encoded(to_json(claims))}"
        token = f"{signed}.{_encoded(_signature(self._keys[self._sign_with], signed))}"
        if len(token) > LONGEST:
            raise TokenTooLong(f"the token would have {len(token)} characters, more than {LONGEST}")
        return token

    def read(self, token: str) -> Actor:
        """Return the caller in a token; `Unauthorized` unless this app has signed exactly this token.

        A verified token is cached until it expires: checking it again would cost fifty times as much.
        """
        actor = self._read.get(token)
        if actor is not None and actor.expires_at is not None and time.time() < actor.expires_at:
            return actor
        if len(token) > LONGEST:
            raise Unauthorized(f"a token has at most {LONGEST} characters")
        try:
            claims = self._verified(token)
            actor = _actor(claims)
            _check_standing(claims, self._name)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            raise Unauthorized("the token is not valid") from None
        if time.time() >= claims["exp"]:
            raise Unauthorized("the token has expired: refresh it or get another")
        if len(self._read) >= MOST_READ:
            self._read.clear()
        self._read[token] = actor
        return actor

    def _verified(self, token: str) -> dict[str, Any]:
        """Return the claims of a token signed by one of the keys; ValueError if it is malformed."""
        head, body, signature = token.split(".")
        header = _parsed(head)
        key = self._keys.get(str(header.get("kid")))
        if key is None:
            raise Unauthorized("the token was signed with a key that is not in use")
        if header.get("alg") != ALGORITHM or header.get("typ", "JWT") != "JWT" or "crit" in header or "b64" in header:
            raise ValueError("header")
        if not hmac.compare_digest(_decoded(signature), _signature(key, f"{head}.{body}")):
            raise ValueError("signature")
        return _parsed(body)


def kid_of(key: str) -> str:
    """Return the id of a signing key, which tokens carry; it reveals nothing of the key."""
    return hmac.digest(key.encode(), b"kid", "sha256").hex()[:KID_LENGTH]


def _signature(key: str, signed: str) -> bytes:
    return hmac.digest(key.encode(), signed.encode(), "sha256")


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """Return the bytes of unpadded base64url; ValueError if that is not their one spelling."""
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encoded(data) != text:
        raise ValueError("base64url")
    return data


def _parsed(text: str) -> dict[str, Any]:
    """Return the JSON object of a part; ValueError if a name occurs twice: readers differ in which one counts."""
    value = json.loads(_decoded(text), object_pairs_hook=_once)
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def _check_standing(claims: dict[str, Any], name: str) -> None:
    """Raise ValueError if claims are by or for another service, or begin later."""
    if claims["iss"] != name or claims["aud"] != name or not isinstance(claims.get("jti", ""), str):
        raise ValueError("issuer or audience")
    if max(claims["iat"], claims["nbf"]) > time.time() + LEEWAY:
        raise ValueError("begins later")


def _actor(claims: dict[str, Any]) -> Actor:
    """Return the caller of claims that are ours by their signature; ValueError if they are malformed."""
    times = [claims["exp"], claims["iat"], claims["nbf"]]
    if (
        not all(type(moment) in {int, float} and isfinite(moment) for moment in times)
        or times[0] - times[1] > LONGEST_LIFE
    ):
        raise ValueError("times")
    name = claims["sub"]
    role = _role(claims.get("role"))
    calls = claims.get("daily_calls")
    if not isinstance(name, str) or not name.isprintable() or len(name) > LONGEST_NAME:
        raise ValueError("sub")
    if calls is not None and not (type(calls) is int and 0 <= calls < MOST_CALLS):
        raise ValueError("daily_calls")
    subjects = _subjects(claims.get("subjects"))
    if role is ADMIN and subjects is not None:
        raise ValueError("an administrator cannot be bound to subjects")
    return Actor(
        name,
        role,
        subjects,
        calls,
        is_token=True,
        expires_at=float(times[0]),
        fingerprint=_fingerprint(claims),
        is_member="sid" in claims,
    )


def _credential(actor: Actor) -> dict[str, Any]:
    """Return the claim that names the credential behind a token: a member's session, or a key."""
    if actor.is_member:
        return {"sid": actor.fingerprint}
    return {"key": actor.name} if actor.fingerprint is None else {"admin_key": actor.fingerprint}


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
    """Return a session's id or the mark of the administrator's key; None if the key is the caller's own."""
    if "sid" in claims:
        if not isinstance(claims["sid"], str) or "key" in claims or "admin_key" in claims:
            raise ValueError("the token must name a session and no key")
        return claims["sid"]
    fingerprint = claims.get("admin_key")
    if fingerprint is None and claims.get("key") == claims["sub"]:
        return None
    if not isinstance(fingerprint, str) or "key" in claims:
        raise ValueError("the token names no key")
    return fingerprint


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members
