"""Pictures without their metadata: EXIF (places, devices, times), XMP, comments, and bytes behind the picture.

What a browser needs to show it stays: pixels, colour profiles, transparency, and the orientation of a JPEG.
"""

import re
import zlib
from struct import pack, unpack_from

from vinyl_vault.discogs.pictures import NoPicture, Picture, check, png_chunks, webp_chunks

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""Begins a segment of a JPEG; in the coded data no other 0xFF is followed by such a byte."""
_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_SCAN = 0xDA
_END = 0xD9
_APPLICATION = range(0xE0, 0xF0)
_COMMENT = 0xFE
_WITHOUT_LENGTH = frozenset({0x01, 0xD8})
_KEPT_SEGMENTS = {0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
"""Application segments that the colours depend on, by marker and first bytes."""
_KEPT_CHUNKS = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"bKGD", b"pHYs"}
)
_KEPT_PARTS = frozenset({b"VP8X", b"ICCP", b"ALPH", b"VP8 ", b"VP8L"})
_METADATA_FLAGS = 0x08 | 0x04
"""The bits by which a WebP announces EXIF and XMP."""


def without_metadata(body: bytes) -> tuple[bytes, Picture]:
    """Return a picture without metadata, and what it is of; `NoPicture` where it is none that can be stored."""
    plain = _PLAIN[check(body).media_type](body)
    return plain, check(plain)


def _jpeg(body: bytes) -> bytes:
    """Copy the segments that make the picture, up to its first end."""
    head, rest = list[bytes](), list[bytes]()
    place, orientation, is_coded = 2, 1, False
    while (found := _MARKER.search(body, place)) is not None:
        if is_coded:
            rest.append(body[place : found.start()])
        marker, place = body[found.start() + 1], found.end()
        if marker == _END:
            marks = [_oriented(orientation)] if orientation > 1 else []
            return b"".join([b"\xff\xd8", *head, *marks, *rest, b"\xff\xd9"])
        if marker in _WITHOUT_LENGTH:
            raise NoPicture("a JPEG within a JPEG")
        data, place = _segment(body, place)
        is_coded = marker == _SCAN
        if marker == 0xE1:
            orientation = _orientation(data) or orientation
        if marker == 0xE0 and data.startswith(b"JFIF\0") and not head and len(data) >= 12:
            head.append(_written(marker, data[:12] + b"\0\0"))  # without its small picture
        elif _is_kept(marker, data):
            rest.append(_written(marker, data))
    raise NoPicture("a JPEG without an end")


def _segment(body: bytes, place: int) -> tuple[bytes, int]:
    """Return the content of a segment whose length is at a place, and the place behind it."""
    if place + 2 > len(body):
        raise NoPicture("the picture is cut short")
    (length,) = unpack_from(">H", body, place)
    if length < 2 or place + length > len(body):
        raise NoPicture("the picture is cut short")
    return body[place + 2 : place + length], place + length


def _written(marker: int, data: bytes) -> bytes:
    return pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _is_kept(marker: int, data: bytes) -> bool:
    if marker in _APPLICATION:
        return marker in _KEPT_SEGMENTS and data.startswith(_KEPT_SEGMENTS[marker])
    return marker != _COMMENT


def _orientation(data: bytes) -> int | None:
    """Return the orientation that EXIF tells, 1 to 8, or None."""
    tiff = data.removeprefix(_EXIF)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) == len(data) or len(tiff) < 8:
        return None
    (first,) = unpack_from(f"{order}I", tiff, 4)
    if first + 2 > len(tiff):
        return None
    (count,) = unpack_from(f"{order}H", tiff, first)
    for entry in range(first + 2, min(first + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, _, value = unpack_from(f"{order}HHIH", tiff, entry)
        if (tag, kind) == (_ORIENTATION, 3):
            return value if 1 <= value <= 8 else None
    return None


def _oriented(orientation: int) -> bytes:
    """Return EXIF that tells the orientation alone."""
    entry = pack(">HHIHH", _ORIENTATION, 3, 1, orientation, 0)
    return _written(0xE1, _EXIF + b"MM\0*" + pack(">IH", 8, 1) + entry + bytes(4))


def _png(body: bytes) -> bytes:
    chunks = [(name, data) for name, data in png_chunks(body) if name in _KEPT_CHUNKS]
    written = [
        pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(data, zlib.crc32(name))) for name, data in chunks
    ]
    return b"".join([body[:8], *written])


def _webp(body: bytes) -> bytes:
    (size,) = unpack_from("<I", body, 4)
    parts = [b"WEBP"]
    for name, data in webp_chunks(body[: size + 8]):
        if name not in _KEPT_PARTS:
            continue
        kept = bytes([data[0] & ~_METADATA_FLAGS]) + data[1:] if name == b"VP8X" else data
        parts.append(name + pack("<I", len(kept)) + kept + bytes(len(kept) % 2))
    content = b"".join(parts)
    return b"RIFF" + pack("<I", len(content)) + content


_PLAIN = {"image/jpeg": _jpeg, "image/png": _png, "image/webp": _webp}
