"""Pictures are known by their content alone, and bounded before anybody decodes them."""

import zlib
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.pictures.formats import LONGEST_SIDE, MOST_BYTES, NoPicture, Picture, check
from edge.pictures.metadata import without_metadata
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
def test_picture_type_is_detected_by_its_content(body: bytes, picture: Picture) -> None:
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


def exif(orientation: int, order: str = "<") -> bytes:
    """Return EXIF with an orientation, a place and a name."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    entries = [pack(f"{order}HHII", 0x8825, 4, 1, 99), pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)]
    return b"Exif\0\0" + start + pack(f"{order}IH", 8, 2) + b"".join(entries) + bytes(4) + b"GPS SECRET"


def segment(marker: int, data: bytes) -> bytes:
    return pack(">BBH", 0xFF, marker, len(data) + 2) + data


def with_segments(*segments: bytes, behind: bytes = b"") -> bytes:
    body = grey_jpeg(60, 40)
    return body[:2] + b"".join(segments) + body[2:] + behind


ICC = segment(0xE2, b"ICC_PROFILE\0\1\1" + b"profile")


@pytest.mark.parametrize(
    ("body", "pixels"),
    [
        (with_segments(segment(0xE1, exif(1)), segment(0xFE, b"SECRET"), segment(0xED, b"Photoshop SECRET")), b""),
        (with_segments(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0SECRET"), ICC), ICC),
        (with_segments(segment(0xE1, exif(6)), behind=b"SECRET" + with_segments(segment(0xE1, exif(6)))), b"Exif"),
        (with_segments(segment(0xE1, exif(8, ">"))), b"Exif"),
        (with_segments(segment(0xE1, exif(77)), segment(0xE1, b"Exif\0\0II*\0SECRET"), segment(0xE1, b"Exif")), b""),
        (
            png(30, 20, chunk(b"eXIf", exif(6)[6:]), chunk(b"tEXt", b"Author\0SECRET"), chunk(b"pHYs", bytes(9))),
            b"pHYs",
        ),
        (
            webp(
                extended(64, 48, flags=0x2C), (b"ICCP", b"abc"), lossy(64, 48), (b"EXIF", exif(1)), (b"XMP ", b"SECRET")
            ),
            b"ICCP",
        ),
        (webp(lossless(64, 48), (b"LAST", b"SECRET")) + b"SECRET", b"VP8L"),
    ],
)
def test_metadata_is_removed_and_the_picture_stays(body: bytes, pixels: bytes) -> None:
    picture, plain = without_metadata(body)
    assert picture == check(body) == check(plain)
    assert b"SECRET" in body
    assert b"SECRET" not in plain
    assert pixels in plain
    assert without_metadata(plain)[1] == plain


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_of_a_photograph_stays(order: str) -> None:
    _, plain = without_metadata(with_segments(segment(0xE1, exif(6, order))))
    turned = segment(0xE1, b"Exif\0\0MM\0*" + pack(">IHHHIHH", 8, 1, 0x0112, 3, 1, 6, 0) + bytes(4))
    assert turned in plain
    assert plain.count(b"Exif") == 1
    assert b"Exif" not in without_metadata(with_segments(segment(0xE1, exif(1, order))))[1]


def test_small_picture_in_the_header_is_removed() -> None:
    body = grey_jpeg(60, 40)
    header = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\1\1SEC")
    assert b"SEC" not in without_metadata(body[:2] + header + body[20:])[1]


@pytest.mark.parametrize("scans", [1, 3])
def test_all_scans_of_a_picture_stay(scans: int) -> None:
    body = grey_jpeg(60, 40)
    start = body.index(b"\xff\xda")
    more = (b"\xff\xc4\0\x05abc" + body[start:-2]) * (scans - 1)
    coded = body[:-2] + more + b"\xff\x00\xff\xd0ab\xff\xd9"
    assert without_metadata(coded)[1] == coded


@given(
    st.sampled_from([with_segments(segment(0xE1, exif(6)), ICC), png(30, 20), webp(extended(9, 9), lossy(9, 9))]),
    st.data(),
)
def test_broken_pictures_lose_their_metadata_or_are_refused(body: bytes, data: st.DataObject) -> None:
    broken = bytearray(body[: data.draw(st.integers(0, len(body)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if broken:
            broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture, plain = without_metadata(bytes(broken))
    except NoPicture:
        return
    assert check(plain) == picture
