"""The widget in Chromium from a second origin, with one server and browser for widget.mjs; and its file sizes."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from tests.browser import cases_of, in_chromium, run_script
from tests.bundles import BUNDLED, needs_bundles
from tests.served import ADMIN, ROOT, served_locally

import build_assets
from sims.model.server import KEY, MODEL, ModelSim

from .conftest import SECRET
from .test_generation import draft_turn

SCRIPT = Path(__file__).with_name("widget.mjs")
CASES = cases_of(SCRIPT)
ASSETS = ROOT / "src" / "devcapsules" / "assets" / "widget"
ENV = {
    "ENVIRONMENT": "development",
    "LOG_LEVEL": "error",
    "RATE_LIMITER": "off",
    "WIDGET_LIMITER": "off",
    "JWT_SECRET": SECRET,
    "ADMIN_API_KEY": ADMIN,
}


def with_model(model: ModelSim) -> dict[str, str]:
    """Return the settings with a model that writes one exercise."""
    model.reset("openai")
    model.say(draft_turn())
    names = {"GENERATION_MODEL_URL": model.openai_url, "GENERATION_MODEL_KEY": KEY, "GENERATION_MODEL": MODEL}
    return ENV | names


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run all cases once."""
    folder = tmp_path_factory.mktemp("widget")
    assets = folder / "assets"
    build_assets.build(assets, build_assets.sources("devcapsules"))
    with ModelSim() as model, served_locally(folder, with_model(model), "devcapsules", assets=assets) as served:
        return run_script(SCRIPT, served.url, ADMIN, seconds=400)


@in_chromium
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_in_a_browser(results: dict[str, Any], case: str) -> None:
    result = results[case]
    if "left_out" in result:
        pytest.skip(result["left_out"])
    assert result["fault"] == ""


@pytest.mark.parametrize(
    ("names", "kib"),
    [(["embed.js"], 5), (["widget.js", "markdown.js", "widget.css"], 38)],
)
def test_files_are_small(names: list[str], kib: int) -> None:
    assert sum(len(gzip.compress((ASSETS / name).read_bytes(), 9)) for name in names) <= kib * 1024


@needs_bundles
def test_editor_is_small() -> None:
    assert len(gzip.compress(BUNDLED.joinpath("widget", "editor.js").read_bytes(), 9)) <= 110 * 1024
