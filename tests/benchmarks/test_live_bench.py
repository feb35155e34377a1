"""The benchmark of live events runs: every delivery is counted, and the row comes out."""

import re
import urllib.request

import pytest
from benchmarks.live.__main__ import COLUMNS, KEY, local, measure

pytestmark = pytest.mark.slow


def test_a_row_comes_out_for_each_kind_of_connection(capsys: pytest.CaptureFixture[str]) -> None:
    with local() as server:
        request = urllib.request.Request(f"{server.url}/auth/me", headers={"authorization": f"Bearer {KEY}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert "ratelimit" not in answer.headers, "more connections than the calls of a minute are held"
        rows = [measure(server, kind, 10, seconds=1, rate=5) for kind in ("sse", "ws")]
    assert capsys.readouterr().err == "", "it says so where a delivery is missing"
    for row, kind in zip(rows, ("sse", "ws"), strict=True):
        cells = [cell.strip() for cell in row.strip("| ").split(" | ")]
        assert (len(cells), cells[:2]) == (len(COLUMNS), [kind, "10"])
        assert all(re.fullmatch(r"-?\d[\d,]*(\.\d+)?", cell) for cell in cells[1:]), row
