"""The locks agree: those that are installed into one environment name one version of each package."""

import re
from pathlib import Path

import pytest

LOCKS = Path(__file__).parents[1] / "tools" / "requirements"
TOGETHER = ("local", "dev", "soak", "bench", "deploy")


def versions(group: str) -> dict[str, set[str]]:
    """Return the versions of each package of a lock; a package may have one for each platform."""
    found = dict[str, set[str]]()
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (LOCKS / f"{group}.txt").read_text(), re.M):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("group", TOGETHER[1:])
def test_lock_agrees_with_those_installed_before(group: str) -> None:
    own = versions(group)
    assert own
    for other in ("local", "dev"):
        before = versions(other)
        assert {
            name: (own[name], before[name]) for name in own.keys() & before.keys() if own[name] != before[name]
        } == {}
