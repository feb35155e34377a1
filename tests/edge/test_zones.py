"""Time zones by name, with and without the installed files of links."""

import subprocess
import sys
from datetime import UTC, datetime
from typing import Self
from zoneinfo import TZPATH, ZoneInfo, ZoneInfoNotFoundError, reset_tzpath

import pytest

from apps import ROOT
from edge.zone_links import LINKS as LINES
from edge.zones import UnknownZone, linked_zone, zone_of

pytestmark = pytest.mark.slow

LINKS = dict(line.split() for line in LINES.splitlines())
INSTANTS = [datetime(year, month, 15, tzinfo=UTC) for year in (1975, 1999, 2026, 2036) for month in (1, 7)]


def test_links_are_those_of_the_installed_database() -> None:
    command = [sys.executable, "tools/zones.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_each_link_is_the_zone_of_its_file() -> None:
    reset_tzpath([])  # the system's files may be of another edition
    try:
        for name, zone in LINKS.items():
            file = ZoneInfo.no_cache(name)
            linked = linked_zone(name)
            assert linked.key == name
            for instant in INSTANTS:
                assert instant.astimezone(linked).isoformat() == instant.astimezone(file).isoformat(), (name, zone)
    finally:
        reset_tzpath(TZPATH)


def test_a_link_without_its_file_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    class Installed(ZoneInfo):
        def __new__(cls, key: str) -> Self:
            if key in LINKS:
                raise ZoneInfoNotFoundError(key)
            return super().__new__(cls, key)

    monkeypatch.setattr("edge.zones.ZoneInfo", Installed)
    linked_zone.cache_clear()
    zone = zone_of("Asia/Calcutta")
    assert (zone.key, INSTANTS[0].astimezone(zone).isoformat()) == ("Asia/Calcutta", "1975-01-15T05:30:00+05:30")
    linked_zone.cache_clear()


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "Europe", "../etc/passwd", "Europe/Berlin\0", "Accra", "a" * 65])
def test_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(UnknownZone, match="IANA"):
        zone_of(name)


@pytest.mark.parametrize("name", ["Accra", "Africa/Accra Africa/Bamako", ".*", ""])
def test_part_of_a_line_is_no_link(name: str) -> None:
    with pytest.raises(UnknownZone):
        linked_zone(name)
