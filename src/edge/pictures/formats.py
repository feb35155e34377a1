"""Pictures checked by their content: JPEG, PNG and WebP, with bounded bytes and pixels; none is decoded."""

import struct
import zlib
from collections.abc import Callable, Iterator
from struct import unpack_from
from typing import NamedTuple

MOST_BYTES = 5 * 1024 * 1024
MOST_PIXELS = 25_000_000
LONGEST_SIDE = 10_000
SHOWN = {"image/jpeg": bytes, "image/png": bytes, "image/webp": bytes}
"""The media types of pictures, as an answer's `Operation` states them."""
SENT = {**SHOWN, "application/octet-stream": bytes}
"""Those of a body that is a picture; its content decides."""
MOST_PROFILE_BYTES = 4 * 1024 * 1024
"""Bytes that a PNG's compressed profile or text may grow to."""

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PNG_COMPRESSED = frozenset({b"iCCP", b"zTXt", b"iTXt"})
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""JPEG's baseline, extended and progressive frames: those that browsers show."""
_OTHER_FRAMES = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_SCAN = 0xDA
_ANIMATED = 0x02


class Picture(NamedTuple):
    """A picture's media type and size in pixels."""

    media_type: str
    width: int
    height: int


class NoPicture(ValueError):
    """Bytes are no picture that can be stored; the message says why."""


def check(body: bytes) -> Picture:
    """Return the type and size of a picture; `NoPicture` if the bytes are none, or it is too large."""
    if len(body) > MOST_BYTES:
        raise NoPicture(f"a picture has at most {MOST_BYTES} bytes")
    try:
        picture = _reader(body)(body)
    except (IndexError, struct.error):
        raise NoPicture("the picture is cut short") from None
    sides = (picture.width, picture.height)
    if min(sides) < 1 or max(sides) > LONGEST_SIDE or picture.width * picture.height > MOST_PIXELS:
        raise NoPicture(f"{picture.width} x {picture.height} pixels are none, or too many")
    return picture


def _reader(body: bytes) -> Callable[[bytes], Picture]:
    if body.startswith(b"\xff\xd8\xff"):
        return _jpeg
    if body.startswith(_PNG):
        return _png
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return _webp
    raise NoPicture("neither JPEG nor PNG nor WebP")


def _jpeg(body: bytes) -> Picture:
    """Read the segments up to the first scan (ITU T.81, B.2)."""
    place = 2
    pictures = list[Picture]()
    while True:
        if body[place] != 0xFF:
            raise NoPicture("a JPEG of broken segments")
        marker = body[place + 1]
        if marker == 0xFF or marker in _STANDALONE:
            place += 1 if marker == 0xFF else 2
            continue
        (length,) = unpack_from(">H", body, place + 2)
        if marker in _OTHER_FRAMES or length < 2:
            raise NoPicture("a JPEG that browsers do not show")
        if marker in _FRAMES:
            height, width = unpack_from(">HH", body, place + 5)
            pictures.append(Picture("image/jpeg", width, height))
        place += 2 + length
        if marker == _SCAN:
            break
    if len(pictures) != 1 or body.rfind(b"\xff\xd9") < place:
        raise NoPicture("a JPEG without one frame and an end")
    return pictures[0]


def _png(body: bytes) -> Picture:
    """Read all chunks (RFC 2083)."""
    chunks = list(png_chunks(body))
    names = [name for name, _ in chunks]
    if names[0] != b"IHDR" or len(chunks[0][1]) != 13 or names[-1] != b"IEND" or b"IDAT" not in names:
        raise NoPicture("a PNG without header, pixels or end")
    if b"acTL" in names:
        raise NoPicture("a PNG that moves")
    if any(name in _PNG_COMPRESSED and _is_bomb(data) for name, data in chunks):
        raise NoPicture("a PNG with a text that is too large")
    width, height, depth, colour = unpack_from(">IIBB", chunks[0][1])
    if depth not in _PNG_DEPTHS.get(colour, ()):
        raise NoPicture("a PNG of no known colours")
    return Picture("image/png", width, height)


def png_chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and content of each chunk; `NoPicture` for a wrong checksum."""
    place = len(_PNG)
    while place < len(body):
        length, name = unpack_from(">I4s", body, place)
        data = body[place + 8 : place + 8 + length]
        (crc,) = unpack_from(">I", body, place + 8 + length)
        if zlib.crc32(data, zlib.crc32(name)) != crc:
            raise NoPicture("a PNG of broken chunks")
        yield name, data
        place += 12 + length


def _is_bomb(data: bytes) -> bool:
    """Tell whether a zlib stream after a text grows beyond its bound."""
    start = data.find(b"\x78")
    while 0 <= start < len(data):
        try:
            grown = zlib.decompressobj().decompress(data[start:], MOST_PROFILE_BYTES + 1)
        except zlib.error:
            start = data.find(b"\x78", start + 1)
            continue
        return len(grown) > MOST_PROFILE_BYTES
    return False


def _webp(body: bytes) -> Picture:
    """Read all chunks (RFC 9649)."""
    (size,) = unpack_from("<I", body, 4)
    if size + 8 > len(body):
        raise NoPicture("the picture is cut short")
    sizes = list[tuple[int, int]]()
    has_pixels = False
    for name, data in webp_chunks(body[: size + 8]):
        read = _WEBP.get(name)
        if read is not None:
            sizes.append(read(data))
            has_pixels = has_pixels or name != b"VP8X"
    if not has_pixels:
        raise NoPicture("a WebP without pixels")
    return Picture("image/webp", max(width for width, _ in sizes), max(height for _, height in sizes))


def webp_chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and content of each chunk; `NoPicture` for one that is cut short."""
    place = 12
    while place < len(body):
        name, length = unpack_from("<4sI", body, place)
        data = body[place + 8 : place + 8 + length]
        if len(data) < length:
            raise NoPicture("the picture is cut short")
        yield name, data
        place += 8 + length + length % 2


def _canvas(data: bytes) -> tuple[int, int]:
    if data[0] & _ANIMATED:
        raise NoPicture("a WebP that moves")
    return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1


def _lossy(data: bytes) -> tuple[int, int]:
    if data[0] & 1 or data[3:6] != b"\x9d\x01\x2a":
        raise NoPicture("a WebP without a key frame")
    width, height = unpack_from("<HH", data, 6)
    return width & 0x3FFF, height & 0x3FFF


def _lossless(data: bytes) -> tuple[int, int]:
    if data[0] != 0x2F:
        raise NoPicture("a WebP of no known kind")
    (bits,) = unpack_from("<I", data, 1)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


_WEBP: dict[bytes, Callable[[bytes], tuple[int, int]]] = {b"VP8X": _canvas, b"VP8 ": _lossy, b"VP8L": _lossless}
