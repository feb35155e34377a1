"""The reference, the console and a report in Chromium: one server and one browser for all cases of pages.mjs."""

from pathlib import Path
from typing import Any

import pytest
from tests.browser import cases_of, in_chromium, run_script
from tests.served import ADMIN, Served, served_locally

import build_assets

from .conftest import ENV

pytestmark = [pytest.mark.slow, in_chromium]

SCRIPT = Path(__file__).with_name("pages.mjs")
CASES = cases_of(SCRIPT)
BLUE = "5YJ3E1EA7KF000001"
RED = "5YJ3E1EA7KF000002"
GREEN = "5YJ3E1EA7KF000003"
PROGRESS = {
    BLUE: {
        "status": "partial",
        "failing": {"drives": {"error": "Tessie answered 500", "since": "2025-06-01 12:00:00"}},
    },
    RED: {"status": "failed", "error": "the car is gone"},
    GREEN: {"status": "succeeded"},
}


def fill(served: Served) -> str:
    """Store three cars, a drive, a sync that succeeded for one car alone, and a report; return the report's id.

    The sync is later than those that the server runs by itself: the console shows the latest five.
    """
    cars = {"Blue": BLUE, "Red": RED, "Green": GREEN}
    drive = {"vin": BLUE, "tessie_id": 1, "started_at": "2025-05-02T10:00:00Z", "ended_at": "2025-05-02T11:00:00Z"}
    run = {"id": "run", "cause": "api", "status": "partial", "progress": PROGRESS, "vehicles_total": 3}
    rows = {
        "vehicles": [{"id": vin, "vin": vin, "display_name": name, "is_active": True} for name, vin in cars.items()],
        "drives": [drive | {"distance_mi": 40.0, "energy_used_kwh": 11.0}],
        "sync_runs": [run | {"started_at": "2099-06-01T12:00:00Z", "ended_at": "2099-06-01T12:01:00Z"}],
    }
    for table, sent in rows.items():
        status, answer = served.ask("POST", f"/d1/{table}", sent)
        assert status == 201, answer
    period = {"from": "2025-05-01", "to": "2025-06-01"}
    status, report = served.ask("POST", "/colbycommands/energy-report", period, accept="application/json")
    assert status == 201, report
    return str(report["id"])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run all cases once."""
    folder = tmp_path_factory.mktemp("pages")
    assets = folder / "assets"
    build_assets.build(assets, build_assets.sources("core_tessie"))
    with served_locally(folder, ENV, assets=assets) as served:
        return run_script(SCRIPT, served.url, ADMIN, fill(served), seconds=300)


@pytest.mark.parametrize("case", CASES)
def test_in_a_browser(results: dict[str, Any], case: str) -> None:
    assert results[case] == ""
