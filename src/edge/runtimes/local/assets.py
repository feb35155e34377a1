"""The `Assets` port: the static files of a folder, as Cloudflare serves them."""

import asyncio
import hashlib
import mimetypes
import zlib
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from edge.errors import BadEncoding
from edge.http import HeaderList, Response, has_current, percent_decode
from edge.runtimes.local.compression import Compressed

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".yaml": "text/yaml",
    ".yml": "text/yaml",
}


class _Asset(NamedTuple):
    """A file's content when its size and modification time were `stamp`."""

    stamp: tuple[int, int]
    body: bytes
    etag: str
    forms: dict[str, bytes]


class LocalAssets:
    """Serves static files with a strong ETag.

    A page has one address, and its other addresses redirect to it: `/docs/` for docs/index.html, `/docs` for docs.html.
    Hidden files, `_headers` and everything outside the folder are not served.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder.resolve() if folder is not None else None
        self._cache: dict[Path, _Asset] = {}

    async def get(self, path: str, if_none_match: str | None = None) -> Response | None:
        """Return the file for a URL path, 304 if its ETag is among `if_none_match`, or None."""
        segments = _segments(path)
        if self._folder is None or segments is None:
            return None
        file = await asyncio.to_thread(self._find, "/".join(segments), path.endswith("/"))
        if file is None or isinstance(file, str):
            return Response(status=307, headers=[("location", file)]) if file else None
        asset = await asyncio.to_thread(self._read, file)
        headers = [("content-type", media_type(file)), ("etag", asset.etag), ("cache-control", _REVALIDATE)]
        for name, value in await asyncio.to_thread(self._configured_headers, path):
            headers = [*(pair for pair in headers if pair[0] != name), (name, value)]
        if has_current(asset.etag, if_none_match):
            return Response(status=304, headers=headers)
        return Compressed(asset.body, headers, asset.forms)

    def _find(self, name: str, is_folder: bool) -> Path | str | None:
        """Return the file of a path without its slashes, or the path to redirect to, or None."""
        stem = name.removesuffix(".html")
        if name != stem or stem.rpartition("/")[2] == "index":
            return "/" + quote(stem.removesuffix("index")) if self._file(stem + ".html") else None
        index = self._file(f"{name}/index.html".lstrip("/"))
        page = self._file(name + ".html")
        if index:
            return index if is_folder else f"/{quote(name)}/"
        if page:
            return f"/{quote(name)}" if is_folder else page
        return None if is_folder else self._file(name)

    def _file(self, name: str) -> Path | None:
        assert self._folder is not None
        with suppress(OSError):  # such as a name that is too long
            file = (self._folder / name).resolve()
            return file if file.is_relative_to(self._folder) and file.is_file() else None
        return None

    def _read(self, file: Path) -> _Asset:
        status = file.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        asset = self._cache.get(file)
        if asset is None or asset.stamp != stamp:
            body = file.read_bytes()
            etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            asset = self._cache[file] = _Asset(stamp, body, etag, self._forms(file, body))
        return asset

    def _forms(self, file: Path, body: bytes) -> dict[str, bytes]:
        """Return the forms that were compressed in advance, unless they are of other bytes than the file's."""
        assert self._folder is not None
        form = compressed_folder(self._folder) / f"{file.relative_to(self._folder)}.gz"
        with suppress(OSError):
            packed = form.read_bytes()
            if packed[-8:] == zlib.crc32(body).to_bytes(4, "little") + (len(body) & 0xFFFFFFFF).to_bytes(4, "little"):
                return {"gzip": packed}
        return {}

    def _configured_headers(self, path: str) -> HeaderList:
        """Return the headers that `_headers` sets for a path: patterns at the margin, headers indented below."""
        assert self._folder is not None
        file = self._folder / "_headers"
        headers = []
        applies = False
        for line in self._read(file).body.decode().splitlines() if file.is_file() else ():
            if line[:1].isspace() and applies and ":" in line:
                name, _, value = line.partition(":")
                headers.append((name.strip().lower(), value.strip()))
            elif line.strip() and not line[:1].isspace():
                applies = fnmatchcase(path, line.strip())
        return headers


def compressed_folder(folder: Path) -> Path:
    """Return the folder of files that were compressed in advance: beside the other, so that none is served."""
    return folder.with_name(f"{folder.name}.gz")


_REVALIDATE = "public, max-age=0, must-revalidate"


def _segments(path: str) -> list[str] | None:
    """Return the decoded segments of a path, or None if the path may not be served."""
    try:
        segments = [percent_decode(segment) for segment in path.strip("/").split("/")]
    except BadEncoding:
        return None
    if path.startswith("//") or any(_hidden(segment) for segment in segments):
        return None
    return segments


def _hidden(segment: str) -> bool:
    return segment.startswith(".") or segment == "_headers" or any(sign in segment for sign in "/\\\0")


def media_type(file: Path) -> str:
    """Return the media type of a file by its name."""
    return TYPES.get(file.suffix.lower()) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
