"""The demo client in Chromium against a server; all cases of site.mjs share one server and one browser."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.browser import cases_of, in_chromium, run_script
from tests.klear_karma.conftest import ADMIN_KEY, SECRET
from tests.klear_karma.people import as_healer
from tests.served import served_locally

import build_assets
from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Client
from klear_karma.app import app

pytestmark = [pytest.mark.slow, in_chromium]

SCRIPT = Path(__file__).with_name("site.mjs")
CASES = cases_of(SCRIPT)
ENV = {
    "ENVIRONMENT": "development",
    "LOG_LEVEL": "error",
    "RATE_LIMITER": "off",
    "JWT_SECRET": SECRET,
    "ADMIN_API_KEY": ADMIN_KEY,
    "ACCOUNT_CONFIRMATION": "none",
}
NAME = "Mira <b>Łukasz</b>"


async def practitioner(state: Path) -> str:
    """Create a practitioner on a running server; return the id."""
    runtime = LocalRuntime.open(app, state, ENV, migrations=None)
    try:
        client = Client(app, runtime.ports(), [])
        await as_healer(client, "mira", name=NAME, bio="Ten years\nof practice.")
        return "mira"
    finally:
        await runtime.stop()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run all cases once."""
    folder = tmp_path_factory.mktemp("site")
    assets = folder / "assets"
    build_assets.build(assets, build_assets.sources("klear_karma"))
    with served_locally(folder, ENV, "klear_karma", assets=assets) as served:
        name = asyncio.run(practitioner(folder / "state"))
        return run_script(SCRIPT, served.url, name, seconds=150)


@pytest.mark.parametrize("case", CASES)
def test_in_a_browser(results: dict[str, Any], case: str) -> None:
    assert results[case]["fault"] == ""
