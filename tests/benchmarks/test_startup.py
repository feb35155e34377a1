"""`make startup`: every Worker is started without a snapshot, and one that takes too long fails the target."""

from pathlib import Path

import pytest
from benchmarks.startup import BARE, BOUND, NOTE, PYDANTIC, check, first_responses, measure, ratio, report, starts

from upload import ENVIRONMENTS

TAKEN = {BARE: [4.0, 8.0, 5.0], PYDANTIC: [5.0, 10.0, 6.0], "app": [6.0, 30.0, 9.0]}


def test_ratio_is_the_median_of_rounds() -> None:
    assert ratio(TAKEN, PYDANTIC) == 1
    assert ratio(TAKEN, "app") == 1.5


def test_table_shows_each_worker_and_says_that_it_estimates() -> None:
    rows = report(TAKEN).splitlines()[2:]
    assert rows[:3] == [
        "| bare | 5.00 | 0.00 | 0.80 |",
        "| Pydantic, one model | 6.00 | 1.00 | 1.00 |",
        "| app | 9.00 | 4.00 | 1.50 |",
    ]
    assert "estimates" in NOTE


def test_worker_beyond_the_bound_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(TAKEN) == 0
    assert check(TAKEN | {"slow": [5 * BOUND + 0.1, 10 * BOUND + 0.1, 0.0]}) == 1
    assert capsys.readouterr().err == f"error: slow takes {BOUND + 0.01:.2f} times Pydantic alone; at most {BOUND}\n"


@pytest.mark.slow
def test_every_environment_is_started_without_bindings(tmp_path: Path) -> None:
    workers = starts(tmp_path)
    assert sorted(", ".join([*workers][2:]).split(", ")) == sorted(ENVIRONMENTS)
    for start in [*workers.values()][2:]:
        assert not any(start.overrides.values())
        assert {"d1_databases", "assets", "vars"} <= start.overrides.keys()
    [seconds] = first_responses({BARE: workers[BARE]}, 1)[BARE]
    assert seconds > 0


@pytest.mark.soak
def test_prepared_start_takes_less_than_one_of_an_upload(tmp_path: Path) -> None:
    bare = {BARE: starts(tmp_path)[BARE]}
    assert first_responses(bare, 1)[BARE][0] < measure(bare, 1)[BARE][0]
