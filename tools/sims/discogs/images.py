"""Images with signed addresses that expire, and a JPEG of any size made without an image library."""

import hashlib
import hmac
from struct import pack

_SECRET = b"images of the stand-in"


def signed(name: str, expires_at: int) -> str:
    """Return the path of an image, signed until `expires_at` (Unix seconds)."""
    return f"/images/{signature(name, expires_at)}/rs:fit/g:sm/q:90/h:600/w:600/{expires_at}/{name}"


def signature(name: str, expires_at: int) -> str:
    """Return the signature that an image's path has to hold."""
    return hmac.new(_SECRET, f"{name} {expires_at}".encode(), hashlib.sha256).hexdigest()[:32]


def grey_jpeg(width: int, height: int, shade: int = 40) -> bytes:
    """Return a baseline JPEG (ITU T.81) of one shade: the first block has the difference, all others are equal."""
    level = max(-31, min(31, (shade - 128) // 4))
    first = _coded(level) + "0"
    blocks = -(-width // 8) * -(-height // 8)
    bits = first + "00" * (blocks - 1)
    bits += "1" * (-len(bits) % 8)
    scan = b"".join(bytes([int(bits[i : i + 8], 2)]) for i in range(0, len(bits), 8)).replace(b"\xff", b"\xff\x00")
    counts = bytes([1, 1]) + bytes(14)
    header = _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") + _segment(0xDB, b"\0" + b"\x20" * 64)
    frame = _segment(0xC0, pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")
    tables = _segment(0xC4, b"\0" + counts + b"\0\5") + _segment(0xC4, b"\x10" + bytes([1]) + bytes(15) + b"\0")
    return b"\xff\xd8" + header + frame + tables + _segment(0xDA, b"\1\1\0\0\x3f\0") + scan + b"\xff\xd9"


def _coded(level: int) -> str:
    """Return a difference in the table of two codes: none, or one of five bits."""
    if abs(level) < 16:
        return "0"
    return "10" + format(level if level > 0 else level + 31, "05b")


def _segment(marker: int, body: bytes) -> bytes:
    return pack(">BBH", 0xFF, marker, len(body) + 2) + body
