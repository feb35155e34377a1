"""Static files: their paths, their types, and the files that are never served."""

import asyncio
from pathlib import Path

import pytest

from edge.http import Response
from edge.runtimes.local.assets import LocalAssets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret")
    root = tmp_path / "public"
    (root / "docs").mkdir(parents=True)
    (root / "index.html").write_text("home")
    (root / "docs" / "index.html").write_text("docs")
    (root / "about.html").write_text("about")
    (root / "openapi.yaml").write_text("openapi: 3.1.1")
    (root / "space ü.js").write_text("1")
    (root / ".hidden").write_text("hidden")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "_headers").write_text("# for all\n/openapi.*\n  Access-Control-Allow-Origin: *\n\n/other\n  X-Other: 1\n")
    return root


def get(folder: Path | None, path: str, if_none_match: str | None = None) -> Response | None:
    return asyncio.run(LocalAssets(folder).get(path, if_none_match))


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/", b"home", "text/html; charset=utf-8"),
        ("/docs/", b"docs", "text/html; charset=utf-8"),
        ("/about", b"about", "text/html; charset=utf-8"),
        ("/openapi.yaml", b"openapi: 3.1.1", "text/yaml"),
        ("/space%20%C3%BC.js", b"1", "text/javascript; charset=utf-8"),
    ],
)
def test_a_file_is_served_with_its_type(folder: Path, path: str, body: bytes, kind: str) -> None:
    response = get(folder, path)
    assert response is not None
    assert (response.status, response.body, response.header("content-type")) == (200, body, kind)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/docs", "/docs/"),
        ("/docs/index.html", "/docs/"),
        ("/docs/index", "/docs/"),
        ("/index.html", "/"),
        ("/about.html", "/about"),
        ("/about/", "/about"),
    ],
)
def test_a_page_has_one_address(folder: Path, path: str, location: str) -> None:
    response = get(folder, path)
    assert response is not None
    assert (response.status, response.header("location")) == (307, location)


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/docs/..%5c..%5csecret.txt",
        "/docs/../../secret.txt",
        "//etc/passwd",
        "/%2Fetc/passwd",
        "/link.txt",
        "/.hidden",
        "/docs/./index.html",
        "/_headers",
        "/%5Fheaders",
        "/openapi.yaml%00.html",
        "/openapi.yaml/",
        "/openapi.yaml/more",
        "/%",
        "/%ff",
        "*",
        "/" + "x" * 5000,
    ],
)
def test_nothing_else_is_served(folder: Path, path: str) -> None:
    assert get(folder, path) is None


def test_no_folder_is_no_file() -> None:
    assert get(None, "/") is None


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_a_known_etag_is_not_modified(folder: Path, form: str) -> None:
    first = get(folder, "/openapi.yaml")
    assert first is not None
    etag = first.header("etag") or ""
    assert etag.startswith('"')
    again = get(folder, "/openapi.yaml", form.format(etag))
    assert again is not None
    assert (again.status, again.body, again.header("etag")) == (304, b"", etag)


def test_an_edited_file_has_another_etag(folder: Path) -> None:
    assets = LocalAssets(folder)
    before = asyncio.run(assets.get("/openapi.yaml"))
    (folder / "openapi.yaml").write_text("openapi: 3.1.2 edited")
    after = asyncio.run(assets.get("/openapi.yaml", before.header("etag") if before else None))
    assert after is not None
    assert (after.status, after.body) == (200, b"openapi: 3.1.2 edited")


def test_the_headers_file_adds_headers(folder: Path) -> None:
    yaml, home = get(folder, "/openapi.yaml"), get(folder, "/")
    assert yaml is not None
    assert home is not None
    assert yaml.header("access-control-allow-origin") == "*"
    assert yaml.header("x-other") is None
    assert home.header("access-control-allow-origin") is None
