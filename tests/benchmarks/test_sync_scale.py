"""The benchmark of syncs measures the sizes that it reports."""

import asyncio
from pathlib import Path

import pytest
from benchmarks.sync_scale import HEAD, measure


@pytest.mark.slow
def test_benchmark_of_one_car_has_three_lines(tmp_path: Path) -> None:
    first, quiet, later = asyncio.run(measure(1, tmp_path))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (first, quiet, later)]
    assert {len(line) for line in cells} == {HEAD.splitlines()[0].count("|") - 1}
    assert [line[1] for line in cells] == ["first", "nothing new", "a day later"]
    rows = [int(line[8].replace(",", "")) for line in cells]
    assert rows[1] == 0 < rows[2] < rows[0]
