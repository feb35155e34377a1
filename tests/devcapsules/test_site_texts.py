"""The author's pages speak three languages: each text has its translations, and each placeholder survives."""

import json
import re
from pathlib import Path

import pytest

from devcapsules.generation.quality import Parts
from edge.ports.executor import STATUSES

SITE = Path(__file__).parents[2] / "src" / "devcapsules" / "assets" / "site"
SCRIPT = (SITE / "site.js").read_text(encoding="utf-8")
STRING = r'"((?:[^"\\]|\\.)*)"'
USED = re.compile(
    rf"\b(?:t|field|area|button)\({STRING}|form\(\w+, {STRING}|^\s*\}}, {STRING}|\), {STRING}(?=, [f.])",
    re.MULTILINE,
)
LISTS = re.compile(r"(?:heads = |options: )\[([^\]]*)\]")
NAMES = {"python", "javascript", "typescript"}
ROUNDS = (SITE.parents[1] / "generation" / "rounds.py").read_text(encoding="utf-8")


def texts() -> dict[str, list[str]]:
    lines = re.findall(rf"^  ({STRING}): (\[.*\]),$", (SITE / "texts.js").read_text(encoding="utf-8"), re.MULTILINE)
    return {json.loads(english): json.loads(others) for english, _, others in lines}


def used() -> set[str]:
    found = {next(part for part in parts if part) for parts in USED.findall(SCRIPT)}
    for listed in LISTS.findall(SCRIPT):
        found |= set(re.findall(STRING, listed))
    steps = set(re.findall(rf"report(?:\(|, ){STRING}", ROUNDS))
    assert len(steps) == 2
    states = {"queued", "running", "succeeded", "failed", "dead"}
    return (found | steps | states | set(STATUSES) | set(Parts.__annotations__)) - NAMES


def test_every_text_is_translated() -> None:
    assert len(used()) > 80
    assert used() <= texts().keys(), used() - texts().keys()


def test_no_translation_is_left_over() -> None:
    assert texts().keys() <= used(), texts().keys() - used()


@pytest.mark.parametrize("place", [0, 1])
def test_translations_have_the_same_placeholders(place: int) -> None:
    for english, others in texts().items():
        assert set(re.findall(r"{\w+}", others[place])) == set(re.findall(r"{\w+}", english)), english
        assert others[place].strip()


def test_no_text_is_written_without_translation() -> None:
    """A text with a space in it stands in a call that translates it."""
    for text in re.findall(rf"textContent: {STRING}", SCRIPT):
        assert not text, text
    assert not re.findall(r"say\([\"`][A-Z]", SCRIPT)
