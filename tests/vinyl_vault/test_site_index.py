"""`GET /`: the site's page for browsers, the index of the API for programs."""

import asyncio
from pathlib import Path

import pytest

import build_assets
from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Answer, Client
from vinyl_vault.app import app

from .conftest import ENV, ROOT

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assets")
    build_assets.build(folder, build_assets.sources("vinyl_vault"))
    return folder


def get(assets: Path, target: str, accept: str) -> Answer:
    async def answer() -> Answer:
        state = assets.parent / "state"
        runtime = LocalRuntime.open(app, state, ENV, assets=assets, migrations=ROOT / "migrations")
        try:
            return await Client(app, runtime.ports()).get(target, headers=[("accept", accept)])
        finally:
            await runtime.stop()

    return asyncio.run(answer())


def test_browser_gets_page_under_policy_of_static_files(assets: Path) -> None:
    answer = get(assets, "/", CHROME)
    assert (answer.status, answer.header("content-type")) == (200, "text/html; charset=utf-8")
    assert (answer.header("vary"), answer.body) == ("accept", (assets / "index.html").read_bytes())
    policy = answer.header("content-security-policy") or ""
    assert "script-src 'self';" in policy
    assert "manifest-src 'self';" in policy
    assert [name for name, _ in answer.headers if name == "access-control-allow-origin"] == [
        "access-control-allow-origin"
    ]


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_program_gets_index(assets: Path, accept: str) -> None:
    index = get(assets, "/", accept).json()
    assert (index["name"], index["links"]["collection"]) == (app.name, "/api/collection")


def test_form_that_is_not_there_is_refused(assets: Path) -> None:
    answer = get(assets, "/", "image/png")
    assert (answer.status, answer.json()["offered"]) == (406, ["application/json", "text/html"])


@pytest.mark.parametrize("path", ["/confirm", "/reset", "/confirm-email"])
def test_links_of_mails_lead_to_pages(assets: Path, path: str) -> None:
    answer = get(assets, path, CHROME)
    assert (answer.status, answer.header("referrer-policy")) == (200, "no-referrer")
    assert b"js/links.js" in answer.body
