"""Time zones by their IANA names; a second name of a zone works even without its file."""

import re
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge.zone_links import LINKS

LONGEST_NAME = 64
_NAME = re.compile(r"(?!right/|posix/|Factory$|localtime$|posixrules$)[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")


class UnknownZone(ValueError):
    """There is no time zone of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name[:LONGEST_NAME]!r} is not the name of an IANA time zone, such as Europe/Berlin")


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of an IANA name; `UnknownZone` if there is none."""
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise UnknownZone(name)
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        pass
    except (ValueError, OSError):  # OSError: the name of a folder, such as Europe
        raise UnknownZone(name) from None
    return linked_zone(name)


@lru_cache(maxsize=32)
def linked_zone(name: str) -> ZoneInfo:
    """Return the zone that the IANA database links a name to, under that name: Workers have no files of links."""
    from importlib.resources import files  # noqa: PLC0415 - on first use: few zones are called by a second name

    link = re.search(rf"^{re.escape(name)} (\S+)$", LINKS, re.MULTILINE)
    if not link:
        raise UnknownZone(name)
    with files("tzdata").joinpath("zoneinfo", *link[1].split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
