"""Pictures without metadata: no place, time, device, name, thumbnail or comment, and no bytes after the picture's end.

Only parts that the picture needs are copied; its rotation is written anew.
"""

import struct
import zlib
from collections.abc import Iterator
from struct import pack, unpack_from

from edge.pictures.formats import NoPicture, Picture, check

_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_SCAN = 0xDA
_END = 0xD9
_JPEG_KEPT = frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDC, 0xDD, _SCAN})
"""Frames, tables, restarts and scans."""
_APPLICATIONS = {0xE0: (b"JFIF\0",), 0xE2: (b"ICC_PROFILE\0",), 0xEE: (b"Adobe",)}
"""Applications' segments that decide about colours and shape."""
_JFIF_BYTES = 14
"""Bytes that JFIF needs; a thumbnail follows."""
_ADOBE_BYTES = 12
"""Bytes of Adobe's colour transform, its name included."""
_PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"pHYs"}
)
_PNG_SIZES = {b"IEND": 0, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9}
"""Bytes of chunks that have a fixed length; further ones are no part of the picture."""
_WEBP_KEPT = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP"})
_WEBP_METADATA = 0x08 | 0x04
"""Flags of VP8X: EXIF, XMP."""
_ORIENTATION = 0x0112
_UPRIGHT = 1


def without_metadata(body: bytes) -> tuple[Picture, bytes]:
    """Return a picture's type and size, and its bytes without metadata; `NoPicture` if it is none."""
    picture = check(body)
    try:
        stripped = _STRIP[picture.media_type](body)
    except (IndexError, struct.error):
        raise NoPicture("the picture is cut short") from None
    return check(stripped), stripped


def _jpeg(body: bytes) -> bytes:
    segments = list(_segments(body))
    turned = next(
        (orientation for name, part, _ in segments if name == 0xE1 and (orientation := _orientation(part[4:]))),
        _UPRIGHT,
    )
    parts = [b"\xff\xd8"]
    if turned != _UPRIGHT:
        parts.append(_exif(turned))
    parts += [_plain(name, part) + pixels for name, part, pixels in segments if _is_needed(name, part)]
    return b"".join([*parts, b"\xff\xd9"])


def _segments(body: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield marker, segment and a scan's data, up to the first end: another picture may follow it."""
    place = 2
    while True:
        if body[place] != 0xFF:
            raise NoPicture("a JPEG of broken segments")
        marker = body[place + 1]
        if marker == 0xFF or marker in _STANDALONE:
            place += 1 if marker == 0xFF else 2
            continue
        if marker == _END:
            return
        (length,) = unpack_from(">H", body, place + 2)
        end = place + 2 + length
        if length < 2 or end > len(body):
            raise NoPicture("a JPEG of broken segments")
        following = _scan_end(body, end) if marker == _SCAN else end
        yield marker, body[place:end], body[end:following]
        place = following


def _scan_end(body: bytes, place: int) -> int:
    """Return the position of the next marker that is no restart."""
    while True:
        place = body.find(b"\xff", place)
        if place < 0:
            raise NoPicture("the picture is cut short")
        following = body[place + 1]
        if following and following not in _STANDALONE and following != 0xFF:
            return place
        place += 1 if following == 0xFF else 2


def _is_needed(marker: int, segment: bytes) -> bool:
    return marker in _JPEG_KEPT or any(segment.startswith(name, 4) for name in _APPLICATIONS.get(marker, ()))


def _plain(marker: int, segment: bytes) -> bytes:
    """Return a segment; that of JFIF without its thumbnail, and that of Adobe without what follows."""
    if marker == 0xEE:
        data = segment[4 : 4 + _ADOBE_BYTES]
        return b"\xff\xee" + pack(">H", len(data) + 2) + data
    if marker != 0xE0:
        return segment
    data = segment[4 : 4 + _JFIF_BYTES - 2].ljust(_JFIF_BYTES - 2, b"\0")
    return b"\xff\xe0" + pack(">H", _JFIF_BYTES + 2) + data + b"\0\0"


def _orientation(data: bytes) -> int:
    """Return a picture's rotation by its EXIF (TIFF's tag 274); 0 if it has none."""
    tiff = data.removeprefix(b"Exif\0\0")
    if len(tiff) == len(data):
        return 0
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    try:
        if order is None:
            return 0
        (first,) = unpack_from(f"{order}I", tiff, 4)
        (count,) = unpack_from(f"{order}H", tiff, first)
        for number in range(count):
            tag, kind = unpack_from(f"{order}HH", tiff, first + 2 + 12 * number)
            if (tag, kind) == (_ORIENTATION, 3):
                (turned,) = unpack_from(f"{order}H", tiff, first + 10 + 12 * number)
                return turned if 1 <= turned <= 8 else 0
    except struct.error:
        return 0
    return 0


def _exif(turned: int) -> bytes:
    """Return a segment that holds a picture's rotation, and nothing else."""
    tiff = b"MM\0*" + pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, turned, 0, 0)
    data = b"Exif\0\0" + tiff
    return b"\xff\xe1" + pack(">H", len(data) + 2) + data


def _png(body: bytes) -> bytes:
    place = 8
    parts = [body[:8]]
    while True:
        length, name = unpack_from(">I4s", body, place)
        end = place + 12 + length
        if name in _PNG_KEPT:
            data = body[place + 8 : place + 8 + min(length, _PNG_SIZES.get(name, length))]
            parts.append(pack(">I4s", len(data), name) + data + pack(">I", zlib.crc32(data, zlib.crc32(name))))
        if name == b"IEND":
            return b"".join(parts)
        place = end


def _webp(body: bytes) -> bytes:
    (size,) = unpack_from("<I", body, 4)
    place = 12
    parts = list[bytes]()
    while place < size + 8:
        name, length = unpack_from("<4sI", body, place)
        data = body[place + 8 : place + 8 + length]
        if name in _WEBP_KEPT:
            data = bytes([data[0] & ~_WEBP_METADATA]) + data[1:] if name == b"VP8X" else data
            parts.append(pack("<4sI", name, length) + data + bytes(length % 2))
        place += 8 + length + length % 2
    content = b"WEBP" + b"".join(parts)
    return b"RIFF" + pack("<I", len(content)) + content


_STRIP = {"image/jpeg": _jpeg, "image/png": _png, "image/webp": _webp}
