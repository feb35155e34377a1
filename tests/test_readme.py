"""The README tells of every make target and app, and its commands are real."""

import re
import subprocess
from pathlib import Path

import pytest

from apps import packages

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE)


def test_every_target_and_app_is_told() -> None:
    told = set(re.findall(r"`make ([a-z-]+)`", README))
    assert {target for target in TARGETS if target != "help"} <= told
    assert all(f"`{package}`" in README for package in packages())


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+)(?:`|\s+#)", README))))
def test_a_target_that_is_told_can_be_made(target: str) -> None:
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_file_that_is_told_is_there() -> None:
    named = {
        name
        for name in re.findall(r"`([\w./-]+/[\w.-]+)`", README)
        if not name.startswith(("/", "application/", "text/"))
    }
    places = [ROOT, ROOT / "src"]
    missing = [name for name in named if not any((place / name).exists() for place in places)]
    assert [name for name in missing if not name.startswith(("build/", "openapi/"))] == []


def test_every_reason_why_a_case_is_for_one_runtime_is_told() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    reasons = re.findall(r"local_only\(\s*\"([^\"]+)\"", tests)
    reasons += re.findall(r"^    \(\"\w+\", \"\w+\"\): \"([^\"]+)\",$", tests, re.MULTILINE)
    told = " ".join(README.split())
    assert len(reasons) > 6
    assert [reason for reason in reasons if f'"{reason}"' not in told] == []
