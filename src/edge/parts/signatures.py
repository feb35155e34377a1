"""Signed requests: webhooks by HMAC, Discord's by Ed25519; checked over the bytes that came, before anything is read.

Both carry the instant of signing under their signature, and are good for some minutes: what was overheard is not
worth much, and the clocks of both sides need not agree.
"""

import re
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest, digest
from typing import NamedTuple

from edge.crypto import Crypto
from edge.errors import Unauthorized
from edge.settings import Secret

TOLERANCE = timedelta(minutes=5)

_STAMPED = re.compile(r"t=([0-9]{1,16}),\s*v1=([A-Za-z0-9_-]{43})=?")
_SECONDS = re.compile(r"[0-9]{1,12}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")


def check_stamped(given: str | None, body: bytes, secret: Secret, now: datetime) -> None:
    """Refuse a body whose `t=<ms>,v1=<signature>` is not an HMAC-SHA256 of `<ms>.<body>`, base64url, by `secret`."""
    found = _STAMPED.fullmatch(given or "")
    if found is None:
        raise Unauthorized("the signature is missing or has another form")
    made = digest(secret.get_secret_value().encode(), f"{found[1]}.".encode() + body, sha256)
    if not compare_digest(urlsafe_b64encode(made).rstrip(b"="), found[2].encode()):
        raise Unauthorized("the signature is not that of this body")
    _check_age(int(found[1]) / 1000, now)


class Signed(NamedTuple):
    """What Discord sends: Unix seconds, a signature in hex over these and the body, and the body."""

    stamp: str | None
    signature: str | None
    body: bytes


async def check_ed25519(crypto: Crypto, key: str, signed: Signed, now: datetime) -> None:
    """Refuse what the owner of the public `key` (hex) has not signed, or not just now."""
    stamp, signature = signed.stamp or "", signed.signature or ""
    if not (_SECONDS.fullmatch(stamp) and _HEX.fullmatch(signature)):
        raise Unauthorized("the signature is missing or has another form")
    message = stamp.encode() + signed.body
    if not await crypto.verify_ed25519(bytes.fromhex(key), bytes.fromhex(signature), message):
        raise Unauthorized("the signature is not that of this body")
    _check_age(int(stamp), now)


def _check_age(signed_at: float, now: datetime) -> None:
    if abs(now.timestamp() - signed_at) > TOLERANCE.total_seconds():
        raise Unauthorized("the signature is too old, or of a time to come")
