"""Signed requests: webhooks by HMAC, Discord's by Ed25519.

A signature is read from the headers before the body is awaited: its form, and the instant of signing, which it covers.
The instant may differ by some minutes, as the clocks of both sides need not agree. Then the body's bytes are checked.
"""

import re
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest, digest
from typing import NamedTuple, Self

from edge.errors import Unauthorized
from edge.ports.crypto import Crypto
from edge.settings import Secret

TOLERANCE = timedelta(minutes=5)

_STAMPED = re.compile(r"t=([0-9]{1,16}),\s*v1=([A-Za-z0-9_-]{43})=?")
_SECONDS = re.compile(r"[0-9]{1,12}")
_HEX = re.compile(r"[0-9a-fA-F]{128}")


class HmacSignature(NamedTuple):
    """A signature `t=<ms>,v1=<HMAC-SHA256 of `<ms>.<body>`, base64url>`."""

    stamp: str
    code: str

    @classmethod
    def read(cls, header: str | None, now: datetime) -> Self:
        """Return a header's signature; `Unauthorized` if it is malformed, or its instant is not about now."""
        match = _STAMPED.fullmatch(header or "")
        if match is None:
            raise Unauthorized("the signature is missing or malformed")
        _check_age(int(match[1]) / 1000, now)
        return cls(match[1], match[2])

    def check(self, body: bytes, secret: Secret) -> None:
        """Raise `Unauthorized` unless the owner of the secret has signed these bytes."""
        mac = digest(secret.get_secret_value().encode(), f"{self.stamp}.".encode() + body, sha256)
        if not compare_digest(urlsafe_b64encode(mac).rstrip(b"="), self.code.encode()):
            raise Unauthorized("the signature is not that of this body")


class Ed25519Signature(NamedTuple):
    """A signature as Discord sends it: Unix seconds, and the signature of these and the body, in hex."""

    stamp: str
    code: str

    @classmethod
    def read(cls, stamp: str | None, code: str | None, now: datetime) -> Self:
        """Return the signature in two headers; `Unauthorized` if it is malformed, or its instant is not about now."""
        seconds = _SECONDS.fullmatch(stamp or "")
        digits = _HEX.fullmatch(code or "")
        if seconds is None or digits is None:
            raise Unauthorized("the signature is missing or malformed")
        _check_age(int(seconds[0]), now)
        return cls(seconds[0], digits[0])

    async def check(self, body: bytes, key: str, crypto: Crypto) -> None:
        """Raise `Unauthorized` unless the owner of the public `key` (hex) has signed these bytes."""
        message = self.stamp.encode() + body
        if not await crypto.verify_ed25519(bytes.fromhex(key), bytes.fromhex(self.code), message):
            raise Unauthorized("the signature is not that of this body")


def _check_age(signed_at: float, now: datetime) -> None:
    if abs(now.timestamp() - signed_at) > TOLERANCE.total_seconds():
        raise Unauthorized("the signature is too old, or from the future")
