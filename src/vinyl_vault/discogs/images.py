"""`/cache/images/{key}.jpg`: covers from R2, with validators and ranges; the cover of a key never changes."""

import re
from typing import Annotated

from pydantic import Field

from edge import PUBLIC, Bucket, Header, NotFound, Operation, Problem, Response, Routes
from edge.http import HeaderList, has_current
from edge.pictures.formats import SHOWN
from edge.ports import StoredObject
from vinyl_vault.discogs.covers import path_of

routes = Routes("/cache/images", tag="discogs", access=PUBLIC)

_FILE = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*)\.jpg")
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")
OWN = "own-"
"""Prefix of the keys of uploaded covers; only browsers may cache them, so that a removed cover is gone."""
_YEAR = "max-age=31536000, immutable"

type HeaderText = Annotated[str, Field(max_length=1_000)] | None


class ImageNotFound(NotFound):
    """There is no such image."""

    title = "There is no such image"


class RangeNotSatisfiable(Problem):
    """The image does not have this range."""

    title = "The image does not have this range"
    status = 416

    def __init__(self, size: int) -> None:
        super().__init__(f"the image has {size} bytes", headers=[("content-range", f"bytes */{size}")], size=size)


@routes.get(
    "/{file}",
    ImageNotFound,
    RangeNotSatisfiable,
    operation=Operation({200: SHOWN, 206: SHOWN, 304: {}}),
)
async def get_image(
    file: str,
    cache: Bucket,
    if_none_match: Header[HeaderText],
    range: Header[HeaderText],  # noqa: A002 - the header's name
    if_range: Header[HeaderText],
) -> Response:
    """Get a cover. JPEG, PNG and WebP are all served as `.jpg`, with the right Content-Type."""
    named = _FILE.fullmatch(file)
    stored = await cache.head(path_of(named[1])) if named and len(file) <= 200 else None
    if stored is None or stored.content_type not in SHOWN:
        raise ImageNotFound
    headers = _headers(stored, "private" if named and named[1].startswith(OWN) else "public")
    etag = headers[0][1]
    if has_current(etag, if_none_match):
        return Response(status=304, headers=headers)
    part = _part(range, stored.size) if if_range in {None, etag} else None
    offset, length = part or (0, None)
    content = await cache.get(stored.key, offset=offset, length=length)
    if content is None:
        raise ImageNotFound
    headers += [("content-type", str(stored.content_type)), ("content-length", str(length or stored.size))]
    if length is None:
        return Response(content[1], 200, headers)
    headers.append(("content-range", f"bytes {offset}-{offset + length - 1}/{stored.size}"))
    return Response(content[1], 206, headers)


def _headers(stored: StoredObject, visibility: str) -> HeaderList:
    caching = ("cache-control", f"{visibility}, {_YEAR}")
    return [("etag", f'"{stored.etag}"'), caching, ("accept-ranges", "bytes")]


def _part(text: str | None, size: int) -> tuple[int, int] | None:
    """Return offset and length of one range (RFC 9110, 14.2); None to send the whole image."""
    match = _RANGE.fullmatch(text.strip()) if text else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = min(int(match[2]), size)
        offset = size - length
    else:
        offset = int(match[1])
        last = min(int(match[2]), size - 1) if match[2] else size - 1
        if match[2] and int(match[2]) < offset:
            return None
        length = last - offset + 1
    if length < 1 or offset >= size:
        raise RangeNotSatisfiable(size)
    return offset, length
