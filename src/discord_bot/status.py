"""`/status`: the state of the bot and its services, and its last notices."""

import asyncio
from datetime import UTC, datetime

from discord_bot.audit import Audit
from discord_bot.commands import Commands
from discord_bot.interactions import Reply
from discord_bot.schema import SCHEMA
from discord_bot.settings import BotSettings
from edge import Ports
from edge.clients.discord import Embed
from edge.instants import FORM
from edge.ports import Row
from edge.resources.health import probe

commands = Commands()

PROBE = 2.0
"""Seconds that a service has to answer."""
GOOD, BAD, NONE = "🟢", "🔴", "⚪"


@commands.slash("status", "How the bot is", is_private=True)
async def show_status(ports: Ports, audit: Audit) -> Reply:
    """Show the services, and the last notices."""
    bindings = [field for field in BotSettings.fields if field.port]
    probes = await asyncio.gather(*(probe(field, ports, PROBE, SCHEMA.migrations) for field in bindings))
    marks = {"ok": GOOD, "error": BAD, "not_configured": NONE}
    services = "\n".join(
        f"{marks[check['status']]} {field.kind}" for field, check in zip(bindings, probes, strict=True)
    )
    sent = [_line(row) for row in await audit.sent(3)]
    fields = [("Services", services), ("Sent last", "\n".join(sent) or "Nothing yet")]
    is_well = all(check["status"] != "error" for check in probes)
    return Reply(embeds=[Embed("All is well" if is_well else "Something is wrong", fields=fields)], is_private=True)


def _line(row: Row) -> str:
    at = datetime.strptime(row["created_at"], FORM).replace(tzinfo=UTC)
    title = str(row["detail"]).partition("\n")[0]
    return f"<t:{int(at.timestamp())}:R> {row['subject'].partition('/')[0]}: {title}"
