"""The benchmark of a bot's first answer runs, and its rows come out."""

import re

import pytest
from benchmarks.first_answer import report, starts

from sims.discord import DiscordSim

pytestmark = pytest.mark.slow


def test_a_start_is_measured_up_to_an_answer_that_discord_takes() -> None:
    with DiscordSim(deadline=60) as sim:
        lines = report([*starts(sim, 1)]).splitlines()
    assert all(re.fullmatch(r"\| \w+ of 1 \| \d+\.\d\d \| \d+ \| \d+ \|", line) for line in lines[2:]), lines
    assert len(lines) == 4
