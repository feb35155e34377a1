"""Compression of the local runtime: the compressed types, the accepted encodings, and the headers for caches."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import build_assets
from edge.http import HeaderList, Response
from edge.runtimes.local.assets import LocalAssets, compressed_folder
from edge.runtimes.local.compression import CODERS, LARGE, LEAST, Compressed, chosen, compress

JSON: HeaderList = [("content-type", "application/json")]
BODY = b'{"a": "words and words"}' * 100


def compressed(response: Response, accept: str | None = "gzip") -> Response:
    asyncio.run(compress(response, accept))
    return response


def inflated(response: Response) -> bytes:
    assert isinstance(response.body, bytes)
    return zlib.decompress(response.body, wbits=31)


@pytest.mark.parametrize("body", [BODY, BODY * (LARGE // len(BODY) + 1)])
def test_text_is_compressed_for_a_client_that_takes_it(body: bytes) -> None:
    response = compressed(Response(body, headers=[*JSON, ("etag", '"1"'), ("content-length", str(len(body)))]))
    assert inflated(response) == body
    assert len(response.body) < len(body) / 4  # type: ignore[arg-type] # bytes
    assert response.headers == [*JSON, ("etag", 'W/"1"'), ("vary", "accept-encoding"), ("content-encoding", "gzip")]


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, None),
        ("", None),
        ("br", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip; q=0.0", None),
        ("*;q=0", None),
        ("gzip;q=no", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("deflate, gzip;q=0.1", "gzip"),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", "gzip"),
        ("*", "gzip"),
        ("x" * 100_000, None),
    ],
)
def test_client_says_what_it_takes(accept: str | None, coding: str | None) -> None:
    assert (chosen(accept, ("gzip",)) if accept else None) == coding
    response = compressed(Response(BODY, headers=[*JSON]), accept)
    assert response.header("vary") == "accept-encoding"
    assert (response.header("content-encoding") is None) is (coding is None)


@pytest.mark.parametrize(
    ("size", "status", "headers"),
    [
        (LEAST - 1, 200, JSON),
        (LEAST, 200, [("content-type", "image/webp")]),
        (LEAST, 200, [("content-type", "application/zip")]),
        (LEAST, 200, []),
        (LEAST, 206, [*JSON, ("content-range", "bytes 0-9/10")]),
        (LEAST, 200, [*JSON, ("content-encoding", "br")]),
        (LEAST, 200, [*JSON, ("cache-control", "public, no-transform")]),
        (LEAST, 200, [*JSON, ("set-cookie", "refresh=secret")]),
    ],
)
def test_other_responses_stay_as_they_are(size: int, status: int, headers: HeaderList) -> None:
    response = compressed(Response(b"a" * size, status, [*headers]))
    assert (response.body, response.headers) == (b"a" * size, headers)


@pytest.mark.parametrize(
    "media_type", ["text/html; charset=utf-8", "application/problem+json", "image/svg+xml", "text/csv"]
)
def test_media_that_are_text_are_compressed(media_type: str) -> None:
    response = compressed(Response(BODY, 404, [("content-type", media_type)]))
    assert inflated(response) == BODY


def test_head_has_the_headers_of_get_and_no_wrong_length() -> None:
    response = compressed(Response(b"", headers=[*JSON, ("etag", '"1"'), ("content-length", "5000")]))
    assert response.body == b""
    assert [name for name, _ in response.headers] == ["content-type", "etag", "vary", "content-encoding"]


def test_unchanged_response_varies_too() -> None:
    response = compressed(Response(status=304, headers=[("etag", '"1"')]))
    assert (response.headers, response.body) == ([("etag", '"1"'), ("vary", "accept-encoding")], b"")


@pytest.mark.skipif("zstd" not in CODERS, reason="Python has compression.zstd from 3.14 on")
def test_zstd_goes_before_gzip() -> None:
    assert compressed(Response(BODY, headers=[*JSON]), "gzip, zstd").header("content-encoding") == "zstd"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "app"
    place.mkdir()
    (place / "page.html").write_bytes(BODY)
    (place / "small.css").write_bytes(b"a")
    (place / "picture.png").write_bytes(b"a" * 5000)
    build_assets.compress(place)
    return place


def test_static_files_are_compressed_in_advance(folder: Path) -> None:
    assert [path.name for path in compressed_folder(folder).rglob("*")] == ["page.html.gz"]
    assert build_assets.compress(folder) == 0
    response = asyncio.run(LocalAssets(folder).get("/page"))
    assert isinstance(response, Compressed)
    packed = (compressed_folder(folder) / "page.html.gz").read_bytes()
    assert compressed(response).body == packed
    assert (inflated(response), response.header("content-encoding")) == (BODY, "gzip")


def test_form_of_an_edited_file_is_not_served(folder: Path) -> None:
    (folder / "page.html").write_bytes(BODY[::-1])
    response = asyncio.run(LocalAssets(folder).get("/page"))
    assert isinstance(response, Compressed)
    assert response.forms == {}
    assert inflated(compressed(response)) == BODY[::-1]


def test_form_of_a_file_that_is_gone_is_removed(folder: Path) -> None:
    (folder / "page.html").unlink()
    assert build_assets.compress(folder) == 1
    assert asyncio.run(LocalAssets(folder).get("/page.html.gz")) is None


async def parts() -> AsyncIterator[bytes]:
    yield BODY


def test_stream_stays_as_it_is() -> None:
    body = parts()
    response = compressed(Response(body, headers=[("content-type", "text/event-stream")]))
    assert (response.body, len(response.headers)) == (body, 1)
