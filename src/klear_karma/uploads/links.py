"""Signed links to private pictures: each is valid for one picture until an instant."""

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest, digest

ASSETS = "/assets"
"""The path of pictures."""
LIFETIME = timedelta(minutes=15)
_PURPOSE = b"klear-karma asset link 1\n"
"""Separates these signatures from all others made with the same key."""


class LinkSigner:
    """Signs links with the first key, and accepts signatures of all keys, so that keys can be rotated."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = keys

    def sign(self, upload_id: str, now: datetime) -> tuple[str, datetime]:
        """Return the query string of a link, and its expiry."""
        ends_at = now.replace(microsecond=0) + LIFETIME
        expires = str(int(ends_at.timestamp()))
        return f"expires={expires}&signature={_signature(self._keys[0], upload_id, expires)}", ends_at

    def is_good(self, upload_id: str, expires: int, signature: str, now: datetime) -> bool:
        """Tell whether a link has a valid signature and has not expired."""
        signatures = [_signature(key, upload_id, str(expires)) for key in self._keys]
        is_signed = any(
            compare_digest(expected.encode(), signature.encode(errors="replace")) for expected in signatures
        )
        return is_signed and now.timestamp() < expires


def _signature(key: str, upload_id: str, expires: str) -> str:
    message = _PURPOSE + f"{upload_id}\n{expires}".encode(errors="replace")
    return urlsafe_b64encode(digest(key.encode(), message, sha256)).decode().rstrip("=")
