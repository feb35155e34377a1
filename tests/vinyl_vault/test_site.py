"""The site in Chromium against a server; all cases of site.mjs share one server and one browser."""

from pathlib import Path
from typing import Any

import pytest
from tests.browser import cases_of, in_chromium, run_script
from tests.served import served_locally
from tests.vinyl_vault.conftest import SECRET

import build_assets

pytestmark = [pytest.mark.slow, in_chromium]

SCRIPT = Path(__file__).with_name("site.mjs")
CASES = cases_of(SCRIPT)
ENV = {
    "ENVIRONMENT": "development",
    "LOG_LEVEL": "error",
    "RATE_LIMITER": "off",
    "SEARCH_LIMITER": "off",
    "JWT_SECRET": SECRET,
    "DISCOGS_KEY": "a-discogs-key",
    "DISCOGS_SECRET": "a-discogs-secret",
    "DISCOGS_API_URL": "http://127.0.0.1:9",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run all cases once."""
    folder = tmp_path_factory.mktemp("site")
    assets = folder / "assets"
    build_assets.build(assets, build_assets.sources("vinyl_vault"))
    with served_locally(folder, ENV, "vinyl_vault", assets=assets) as served:
        return run_script(SCRIPT, served.url, "", str(served.state / "d1" / "DB.sqlite"), seconds=420)


@pytest.mark.parametrize("case", CASES)
def test_in_a_browser(results: dict[str, Any], case: str) -> None:
    result = results[case]
    if "left_out" in result:
        pytest.skip(result["left_out"])
    assert result["fault"] == ""
