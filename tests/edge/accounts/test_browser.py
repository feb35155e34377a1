"""Four tabs of a real browser: late, disordered and lost answers log nobody out, and no script sees the cookie."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.browser import in_chromium, run_script
from tests.served import ROOT, served_locally

from .conftest import ENV, HERE

pytestmark = [pytest.mark.slow, in_chromium]


def tabs(folder: Path, wakes: int, seed: int) -> dict[str, Any]:
    env = ENV | {"SITE_URL": "", "RATE_LIMITER": "off"}
    with served_locally(folder, env, "tests.edge.accounts.site", ROOT) as served:
        return run_script(HERE / "tabs.mjs", served.url, str(wakes), str(seed), seconds=20 + wakes * 2)


def check(report: dict[str, Any]) -> None:
    assert report["registered"] == [201, None]
    counts = Counter(report["statuses"])
    assert counts.keys() <= {200, "TimeoutError"}, counts
    assert counts[200] > counts["TimeoutError"]
    assert report["cookies"] == [{"name": "refresh", "path": "/api/auth", "httpOnly": True, "sameSite": "Strict"}]
    assert report["seen"] == ""


def test_four_tabs_stay_logged_in(tmp_path: Path) -> None:
    check(tabs(tmp_path, 6, 5))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_four_tabs_stay_logged_in_through_200_wakes(tmp_path: Path, seed: int) -> None:
    check(tabs(tmp_path, 200, seed))
