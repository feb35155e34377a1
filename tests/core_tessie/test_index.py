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


def test_a_browser_that_has_the_console_is_told_so(assets: Path) -> None:
    etag = get(assets, "/", ("accept", CHROME)).header("etag") or ""
    assert get(assets, "/", ("accept", CHROME), ("if-none-match", etag)).status == 304


def test_without_static_files_a_browser_gets_the_index(tmp_path: Path) -> None:
    answer = get(tmp_path / "nothing", "/", ("accept", CHROME))
    assert answer.json()["name"] == NAME


def test_another_form_is_refused_with_what_there_is(assets: Path) -> None:
    answer = get(assets, "/", ("accept", "image/png"))
    assert answer.status == 406
    assert answer.json()["offered"] == ["application/json", "text/html"]


@pytest.mark.parametrize("path", [*LINKS.values(), "/docs/", "/console.css", "/console.js"])
def test_every_link_is_served(assets: Path, path: str) -> None:
    assert get(assets, path).status in {200, 307, 401, 503}
