"""`GET /`: a page for browsers, an index for programs."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

import build_assets
from core_tessie import NAME
from core_tessie.app import app
from core_tessie.console.index import LINKS
from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Answer, Client
from edge.version import VERSION

from .conftest import Runner

ROOT = Path(__file__).parents[2]
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assets")
    build_assets.build(folder, build_assets.sources("core_tessie"))
    return folder


def get(assets: Path, target: str, *headers: tuple[str, str]) -> Answer:
    async def answer() -> Answer:
        state = assets.parent / "state"
        runtime = LocalRuntime.open(app, state, {"LOG_LEVEL": "error"}, assets=assets, migrations=ROOT / "migrations")
        try:
            return await Client(app, runtime.ports()).get(target, headers=list(headers))
        finally:
            await runtime.stop()

    return asyncio.run(answer())


@pytest.mark.parametrize("accept", [[], [("accept", "*/*")], [("accept", "application/json")]])
def test_a_program_gets_the_index(assets: Path, accept: Sequence[tuple[str, str]]) -> None:
    answer = get(assets, "/", *accept)
    assert answer.status == 200
    assert answer.json() == {"name": NAME, "version": VERSION, "environment": "development", "links": LINKS}
    assert (answer.header("content-type"), answer.header("vary")) == ("application/json", "accept")


def test_a_browser_gets_the_console(assets: Path) -> None:
    answer = get(assets, "/", ("accept", CHROME))
    assert answer.status == 200
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert answer.header("vary") == "accept"
    assert "default-src 'none'" in (answer.header("content-security-policy") or "")
    assert answer.body == (assets / "index.html").read_bytes()


def test_browser_with_a_cached_console_gets_304(assets: Path) -> None:
    etag = get(assets, "/", ("accept", CHROME)).header("etag") or ""
    assert get(assets, "/", ("accept", CHROME), ("if-none-match", etag)).status == 304


def test_without_static_files_a_browser_gets_the_index(tmp_path: Path) -> None:
    answer = get(tmp_path / "nothing", "/", ("accept", CHROME))
    assert answer.json()["name"] == NAME


def test_unknown_media_type_is_refused_with_the_served_ones(assets: Path) -> None:
    answer = get(assets, "/", ("accept", "image/png"))
    assert answer.status == 406
    assert answer.json()["offered"] == ["application/json", "text/html"]


@pytest.mark.parametrize("path", [*LINKS.values(), "/docs/", "/console.css", "/console.js"])
def test_every_link_is_served(assets: Path, path: str) -> None:
    assert get(assets, path).status in {200, 307, 401, 503}


OPEN_PATHS = ("/", "/health", "/openapi.json", "/openapi.yaml", "/nope")
PAGE_FILES = ("/docs", "/docs/docs.css", "/console.js")
"""Files that pages of this service alone ask for: on Workers no Worker is woken that could allow another."""


def granted_origins(run: Runner, assets: Path, path: str, origin: str) -> list[str]:
    sent = [("accept", CHROME), ("origin", origin)]
    if run.runtime == "local":
        answer = get(assets, path, *sent)
    else:
        answer = run(lambda client: client.anonymous().get(path, headers=sent))
    assert answer.status == (404 if path == "/nope" else 200), path
    return [value for name, value in answer.headers if name == "access-control-allow-origin"]


def test_every_answer_allows_the_origins_of_the_setting_once(run: Runner, assets: Path) -> None:
    page = "http://localhost:3000"
    other = "https://evil.example"
    for path in OPEN_PATHS:
        assert granted_origins(run, assets, path, page) == [page], path
        assert granted_origins(run, assets, path, other) == [], path
    for path in PAGE_FILES:
        assert granted_origins(run, assets, path, page) == ([page] if run.runtime == "local" else []), path
        assert granted_origins(run, assets, path, other) == [], path
