"""Pictures lose the metadata of devices: a place, names, thumbnails, comments, and bytes behind their end."""

import zlib
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.edge.test_pictures import chunk, extended, lossless, lossy, png, webp

from edge.pictures.formats import NoPicture, check
from edge.pictures.metadata import without_metadata
from sims.discogs.images import grey_jpeg

SECRET = b"GPS 52.5163 13.3777 Pariser Platz"


def segment(marker: int, data: bytes) -> bytes:
    return pack(">BBH", 0xFF, marker, len(data) + 2) + data


def exif(turned: int = 1, order: str = ">") -> bytes:
    """Return EXIF with an orientation and a place."""
    mark = b"MM\0*" if order == ">" else b"II*\0"
    entries = pack(f"{order}HHIHH", 0x0112, 3, 1, turned, 0) + pack(f"{order}HHII", 0x8825, 4, 1, 38)
    return b"Exif\0\0" + mark + pack(f"{order}IH", 8, 2) + entries + bytes(4) + SECRET


def jpeg(*segments: bytes, behind: bytes = b"") -> bytes:
    body = grey_jpeg(64, 48)
    return body[:2] + b"".join(segments) + body[2:] + behind


@pytest.mark.parametrize(
    "body",
    [
        jpeg(segment(0xE1, exif())),
        jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET)),
        jpeg(segment(0xED, b"Photoshop 3.0\0" + SECRET)),
        jpeg(segment(0xFE, SECRET)),
        jpeg(segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\3\4" + SECRET)),
        jpeg(segment(0xE2, b"MPF\0" + SECRET)),
        jpeg(segment(0xEF, SECRET)),
        jpeg(segment(0xEE, b"Adobe\0d\0\0\0\0\0" + SECRET)),
        jpeg(behind=SECRET),
        jpeg(behind=jpeg(segment(0xE1, exif()))),
        jpeg(segment(0xE1, exif()), segment(0xE1, exif(6))),
        png(30, 20, chunk(b"eXIf", exif()[6:])),
        png(30, 20, chunk(b"tEXt", b"Comment\0" + SECRET)),
        png(30, 20, chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET))),
        png(30, 20, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SECRET)),
        png(30, 20, chunk(b"tIME", b"\x07\xea\1\1\1\1\1"), chunk(b"prVt", SECRET)),
        png(30, 20, chunk(b"gAMA", bytes(4) + SECRET)),
        png(30, 20)[:-12] + chunk(b"IEND", SECRET),
        webp(extended(9, 9, flags=0x08), lossy(9, 9), (b"EXIF", exif()[6:])),
        webp(extended(9, 9, flags=0x04), lossless(9, 9), (b"XMP ", SECRET)),
        webp(lossy(9, 9), (b"odd ", SECRET)),
        webp(lossy(9, 9)) + SECRET,
    ],
)
def test_metadata_is_gone_and_the_picture_is_there(body: bytes) -> None:
    picture, stripped = without_metadata(body)
    assert picture == check(body) == check(stripped)
    assert b"GPS" not in stripped
    assert zlib.compress(SECRET) not in stripped
    assert b"\x88\x25" not in stripped  # the tag of a place
    assert without_metadata(stripped) == (picture, stripped)


def test_plain_pictures_stay_as_they_are() -> None:
    for body in (grey_jpeg(64, 48), png(30, 20), webp(lossy(64, 48)), webp(lossless(64, 48))):
        assert without_metadata(body)[1] == body


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("turned", [2, 3, 6, 8])
def test_turned_picture_stays_turned(turned: int, order: str) -> None:
    _, stripped = without_metadata(jpeg(segment(0xE1, exif(turned, order))))
    assert stripped[2:4] == b"\xff\xe1"
    assert stripped[12:].startswith(b"MM\0*" + pack(">IHHHIH", 8, 1, 0x0112, 3, 1, turned))
    assert SECRET not in stripped


def test_colour_profiles_stay() -> None:
    profile = segment(0xE2, b"ICC_PROFILE\0\1\1profile")
    assert profile in without_metadata(jpeg(profile))[1]
    packed = chunk(b"iCCP", b"name\0\0" + zlib.compress(b"profile"))
    assert packed in without_metadata(png(3, 2, packed))[1]
    whole = webp(extended(9, 9, flags=0x20), (b"ICCP", b"profile"), lossy(9, 9))
    assert without_metadata(whole)[1] == whole


def test_progressive_scans_stay() -> None:
    body = grey_jpeg(64, 48)
    scan = body[body.index(b"\xff\xda") : -2]
    table = segment(0xC4, b"\0" + bytes([1, 1]) + bytes(14) + b"\0\5")
    several = body[:-2] + table + scan + b"\xff\xd0\x11\xff\x00\x22" + segment(0xFE, SECRET) + scan + b"\xff\xd9"
    stripped = without_metadata(several)[1]
    assert stripped.count(scan) == 3
    assert b"\xff\xd0\x11\xff\x00\x22" in stripped
    assert SECRET not in stripped


@given(st.sampled_from([jpeg(segment(0xE1, exif(6))), png(30, 20), webp(extended(9, 9), lossy(9, 9))]), st.data())
def test_broken_pictures_are_refused_or_stripped(body: bytes, data: st.DataObject) -> None:
    broken = bytearray(body[: data.draw(st.integers(0, len(body)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if broken:
            broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture, stripped = without_metadata(bytes(broken))
    except NoPicture:
        return
    assert check(stripped) == picture
    assert SECRET not in stripped
