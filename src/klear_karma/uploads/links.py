"""Signed links to private pictures: each is of one picture, until an instant."""

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest, digest

LIFETIME = timedelta(minutes=15)
_PURPOSE = b"klear-karma asset link 1\n"
"""Keeps these signatures apart from all others that the same key makes."""


class LinkSigner:
    """Signs and checks links with the first of some keys; those before it are good for what they have signed."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = keys

    def sign(self, upload_id: str, now: datetime) -> tuple[str, datetime]:
        """Return the query of a link, and when it ends."""
        ends_at = now.replace(microsecond=0) + LIFETIME
        expires = str(int(ends_at.timestamp()))
        return f"expires={expires}&signature={_signature(self._keys[0], upload_id, expires)}", ends_at

    def is_good(self, upload_id: str, expires: int, signature: str, now: datetime) -> bool:
        """Tell whether a link is signed and not over."""
        made = [_signature(key, upload_id, str(expires)) for key in self._keys]
        is_signed = any(compare_digest(one.encode(), signature.encode(errors="replace")) for one in made)
        return is_signed and now.timestamp() < expires


def _signature(key: str, upload_id: str, expires: str) -> str:
    message = _PURPOSE + f"{upload_id}\n{expires}".encode(errors="replace")
    return urlsafe_b64encode(digest(key.encode(), message, sha256)).decode().rstrip("=")
