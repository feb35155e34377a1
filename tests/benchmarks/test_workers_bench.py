"""The benchmark in workerd runs: this kernel gives the answers that are compared, and the tables come out."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.cases import OTHERS
from benchmarks.workers.__main__ import TIMED, check, measure, report
from benchmarks.workers.peers import PEERS, Peer, SetUp, set_up, start

from pyedge.client import ROOT

pytestmark = pytest.mark.slow

KERNEL, BARE = PEERS[:2]
NUMBER = re.compile(r"\d[\d,]*(\.\d+)?|\d+\.\d\d \(\d+\.\d / \d+\.\d\)")


def peer_setup(peer: Peer, folder: Path) -> SetUp:
    return set_up(peer, folder, ROOT / "python_modules")


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.split("\n")]


@pytest.mark.soak
def test_the_tables_come_out(tmp_path: Path) -> None:
    warm, cold = (
        report(measure([peer_setup(peer, tmp_path) for peer in (KERNEL, BARE)], quick=True)).strip().split("\n\n")
    )
    assert rows(warm)[0][1:] == [case.name for case in TIMED]
    for table, width in ((warm, 1 + len(TIMED)), (cold, 7)):
        assert [row[0] for row in rows(table)[2:]] == [KERNEL.title, BARE.title]
        for row in rows(table)[2:]:
            assert len(row) == width
            assert all(NUMBER.fullmatch(cell) for cell in row[1:]), row


@pytest.mark.soak
def test_a_worker_that_answers_otherwise_is_not_timed(tmp_path: Path) -> None:
    peer = replace(BARE, answers_alike=True)
    with start(peer_setup(peer, tmp_path).place) as worker, pytest.raises(SystemExit, match=f"ok.*{OTHERS[0].name}"):
        check(worker, peer)
