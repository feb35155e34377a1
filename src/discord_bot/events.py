"""`/events`, `/next` and `/event`: the site's events to come."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from discord_bot.commands import Commands
from discord_bot.content import Document, Site
from discord_bot.interactions import Interaction, Reply
from edge import Body
from edge.clients.discord import Embed

commands = Commands()

NOTHING = Reply("Nothing is planned at the moment.")


class Listing(BaseModel):
    """How many events to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(5, ge=1, le=25, description="How many events to list; 5 by default")


class Chosen(BaseModel):
    """Which event."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, description="Type the beginning of a name, and choose an event")


@commands.slash("events", "What is coming up")
async def list_events(options: Body[Listing], site: Site) -> Reply:
    """List the next events on one card."""
    events = await site.upcoming()
    if not events:
        return NOTHING
    fields = [(event.name, _line(site, event)) for event in events[: options.limit]]
    return Reply(embeds=[_listing(fields, len(events), site.settings.site_url)])


@commands.slash("next", "The next event")
async def show_next(site: Site) -> Reply:
    """Show the next event."""
    events = await site.upcoming()
    return Reply(embeds=[site.card(events[0])]) if events else NOTHING


@commands.slash("event", "One event at length")
async def show_event(options: Body[Chosen], site: Site) -> Reply:
    """Show an event by its name."""
    return Reply(embeds=[site.card(await site.event(options.name))])


@commands.autocomplete("event", "name")
async def complete_event(interaction: Interaction, site: Site) -> list[tuple[str, str]]:
    """Return the events to come with the typed text in their names."""
    typed = interaction.typed.casefold()
    events = [event for event in await site.upcoming() if typed in event.name.casefold()]
    return [(event.name, event.slug) for event in events if len(event.slug) <= 100]


def _listing(fields: Sequence[tuple[str, str]], total: int, url: str | None) -> Embed:
    """Return a card of as many events as have room, which says how many there are beside them."""
    while True:
        hidden = total - len(fields)
        embed = Embed("Coming up", url=url, fields=fields, footer=f"and {hidden} more" if hidden else "")
        count = len(embed.document().get("fields", ()))
        if count >= len(fields):
            return embed
        fields = fields[:count]


def _line(site: Site, event: Document) -> str:
    link = site.link(event, "events")
    parts = [site.when(event), event.location or "", f"[More]({link})" if link else ""]
    return "\n".join(filter(None, parts))
