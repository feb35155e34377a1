"""A real, tiny PNG for `/map`, without an image library (RFC 2083)."""

import zlib
from struct import pack

_PAPER = {"light": (236, 236, 228), "dark": (38, 42, 48)}
_MARKER = (204, 0, 0)


def map_png(width: int, height: int, marker_size: int, style: str) -> bytes:
    """A plain map with a square marker of `marker_size` pixels in the middle (0 hides it)."""
    empty = bytes(_PAPER[style]) * width
    half = min(marker_size, width, height) // 2
    marked = bytearray(empty)
    marked[(width // 2 - half) * 3 : (width // 2 + half) * 3] = bytes(_MARKER) * (2 * half)
    rows = (marked if abs(row - height // 2) < half else empty for row in range(height))
    pixels = b"".join(b"\0" + bytes(row) for row in rows)
    header = pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(pixels, 1)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(name: bytes, body: bytes) -> bytes:
    return pack(">I", len(body)) + name + body + pack(">I", zlib.crc32(name + body))
