"""Pictures are known by their content alone, and bounded before anybody decodes them."""

import zlib
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.pictures.formats import LONGEST_SIDE, MOST_BYTES, NoPicture, Picture, check
from sims.discogs.images import grey_jpeg


def chunk(name: bytes, data: bytes = b"") -> bytes:
    return pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *extra: bytes, depth: int = 8, colour: int = 2) -> bytes:
    header = chunk(b"IHDR", pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND")


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(name + pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks)
    return b"RIFF" + pack("<I", len(body) + 4) + b"WEBP" + body


def lossy(width: int, height: int) -> tuple[bytes, bytes]:
    return b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + pack("<HH", width, height) + bytes(8)


def lossless(width: int, height: int) -> tuple[bytes, bytes]:
    return b"VP8L", b"\x2f" + pack("<I", (width - 1) | (height - 1) << 14) + bytes(9)


def extended(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    return b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


@pytest.mark.parametrize(
    ("body", "picture"),
    [
        (grey_jpeg(600, 400), Picture("image/jpeg", 600, 400)),
        (grey_jpeg(1, 1), Picture("image/jpeg", 1, 1)),
        (grey_jpeg(600, 400).replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1), Picture("image/jpeg", 600, 400)),
        (png(300, 200), Picture("image/png", 300, 200)),
        (png(5000, 5000, depth=1, colour=3), Picture("image/png", 5000, 5000)),
        (png(3, 2, chunk(b"iCCP", b"name\0\0" + zlib.compress(b"profile"))), Picture("image/png", 3, 2)),
        (webp(lossy(640, 480)), Picture("image/webp", 640, 480)),
        (webp(lossless(64, 48)), Picture("image/webp", 64, 48)),
        (webp(extended(640, 480), (b"ICCP", b"abc"), lossy(640, 480)), Picture("image/webp", 640, 480)),
    ],
)
def test_picture_is_known_by_its_content(body: bytes, picture: Picture) -> None:
    assert check(body) == picture


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<svg/>",
        b"<!doctype html>",
        b"GIF89a" + bytes(9),
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xd9",
        grey_jpeg(600, 400)[:-2],
        grey_jpeg(0, 400),
        grey_jpeg(60_000, 8)[:300] + b"\xff\xd9",
        grey_jpeg(8, 8).replace(b"\xff\xc0", b"\xff\xc3"),
        grey_jpeg(8, 8).replace(b"\xff\xdb", b"\xff\xc0\0\x0b\x08\x27\x10\x27\x10\1\1\x11\0\xff\xdb", 1),
        png(60_000, 60_000),
        png(10_000, 9_000),
        png(LONGEST_SIDE + 1, 1),
        png(0, 4),
        png(4, 4, depth=3),
        png(4, 4)[:-12],
        png(4, 4) + b"<script>",
        png(4, 4).replace(b"IDAT", b"IDAU"),
        png(4, 4, chunk(b"acTL", pack(">II", 900, 0))),
        png(4, 4, chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(40_000_000)))),
        png(4, 4, chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(40_000_000)))),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT") + chunk(b"IEND"),
        webp(),
        webp(extended(64, 64)),
        webp(extended(16_000, 16_000), lossy(4, 4)),
        webp(extended(4, 4), lossless(16_000, 16_000)),
        webp(extended(64, 64, flags=2), lossy(64, 64)),
        webp((b"VP8 ", b"\x11\0\0\x9d\x01\x2a" + pack("<HH", 4, 4))),
        webp(lossy(64, 64))[:-4],
        grey_jpeg(8, 8) + bytes(MOST_BYTES),
    ],
)
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(NoPicture):
        check(body)


@given(st.sampled_from([grey_jpeg(64, 48), png(30, 20), webp(extended(9, 9), lossy(9, 9))]), st.data())
def test_broken_pictures_are_refused_or_bounded(body: bytes, data: st.DataObject) -> None:
    broken = bytearray(body[: data.draw(st.integers(0, len(body)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if broken:
            broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = check(bytes(broken))
    except NoPicture:
        return
    assert 0 < picture.width * picture.height <= 25_000_000
