"""The limits of embeds."""

from collections.abc import Iterator
from typing import Any

from sims.discord.forms import Fault, boolean, listed, model, moment, prose, required, text, url, whole

LINK = url("http", "https")
PICTURE = url("http", "https", "attachment")
IMAGE = model({"url": PICTURE}, "url")
SEEN = {"title", "description", "fields", "image", "thumbnail", "video", "author", "footer"}
"""An embed has one of these at least; a colour alone shows nothing."""


def _shows(embed: dict[str, Any]) -> Iterator[Fault]:
    if not any(embed.get(name) for name in SEEN):
        yield required("description")


EMBED = model(
    {
        "title": prose(256),
        "description": prose(4096),
        "type": text(32),
        "url": LINK,
        "timestamp": moment,
        "color": whole(0, 0xFFFFFF),
        "footer": model({"text": prose(2048, filled=True), "icon_url": PICTURE}, "text"),
        "image": IMAGE,
        "thumbnail": IMAGE,
        "author": model({"name": prose(256, filled=True), "url": LINK, "icon_url": PICTURE}, "name"),
        "fields": listed(
            model(
                {"name": prose(256, filled=True), "value": prose(1024, filled=True), "inline": boolean}, "name", "value"
            ),
            25,
        ),
    },
    also=_shows,
)
EVERY = listed(EMBED, 10)


def embeds(value: Any) -> Iterator[Fault]:
    """Check a message's embeds, and all their text together."""
    faults = [*EVERY(value)]
    yield from faults
    if not any(fault.code.endswith("_CONVERT") for fault in faults) and _size(value) > 6000:
        yield Fault("MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")


def _size(value: list[dict[str, Any]]) -> int:
    return sum(len(part.strip()) for embed in value if embed for part in _parts(embed) if part)


def _parts(embed: dict[str, Any]) -> Iterator[str | None]:
    yield from (embed.get("title"), embed.get("description"))
    yield (embed.get("footer") or {}).get("text")
    yield (embed.get("author") or {}).get("name")
    for field in embed.get("fields") or []:
        yield from (field.get("name"), field.get("value"))
