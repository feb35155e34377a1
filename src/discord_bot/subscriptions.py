"""`/subscribe` and `/unsubscribe`: who is mentioned in which notices, by kind and by topic."""

import re
from collections.abc import Sequence
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

from discord_bot import interactions as ui
from discord_bot.commands import Commands
from discord_bot.interactions import Button, Interaction, Modal, Reply, Select
from edge import Body, Database, SystemDatabase
from edge.data import ScopedDatabase
from edge.ports import Row

commands = Commands()

type NoticeKind = Literal["sponsor-update", "event", "announcement"]

KINDS: tuple[str, ...] = get_args(NoticeKind.__value__)
NAMES = {"sponsor-update": "Sponsor updates", "event": "Events", "announcement": "Announcements"}
MOST_TOPICS = 10
MOST_MENTIONED = 50
"""Users that one notice mentions; the first who subscribed."""
EVERYTHING = "everything"
MINE = "SELECT kind, topics FROM subscriptions ORDER BY kind"

_WORD = re.compile(r"\w+")
_MATCHING = """
SELECT user_id, count(*) OVER () AS total FROM subscriptions WHERE kind = ? AND (topics = '[]' OR EXISTS (
SELECT 1 FROM json_each(topics) WHERE instr(?, ' ' || value || ' ') > 0)) ORDER BY created_at, user_id LIMIT ?
"""


class Topics(BaseModel):
    """The form's field."""

    model_config = ConfigDict(extra="forbid")

    topics: str = Field("", max_length=200)


@commands.slash("subscribe", "Be mentioned when there is news", is_private=True)
async def offer_kinds() -> Reply:
    """Show a button for each kind of notice."""
    row = [Button(NAMES[kind], f"subscribe{ui.SEPARATOR}{kind}") for kind in KINDS]
    return Reply("What do you want to hear of?", rows=[row], is_private=True)


@commands.button("subscribe")
async def ask_topics(pressed: Interaction, db: Database) -> Modal | Reply:
    """Ask for the topics, those that were given before already there."""
    kind = _kind(pressed)
    if kind is None:
        return Reply("That kind of notice is no more.", is_private=True)
    known = {row["kind"]: from_json(row["topics"]) for row in await db.all(MINE)}
    given = ", ".join(known.get(kind, []))
    field = ui.Field("topics", "Topics, with commas between them", "Empty: everything", given)
    return Modal(f"subscribe{ui.SEPARATOR}{kind}", NAMES[kind], [field])


@commands.modal("subscribe")
async def subscribe(sent: Interaction, form: Body[Topics], db: ScopedDatabase) -> Reply:
    """Keep what somebody wants to hear of."""
    kind = _kind(sent)
    if kind is None or not sent.user_id:
        return Reply("That kind of notice is no more.", is_private=True)
    topics = list(dict.fromkeys(filter(None, map(_worded, form.topics.split(",")))))
    row = {"user_id": sent.user_id, "kind": kind, "topics": to_json(topics[:MOST_TOPICS]).decode()}
    await db.insert("subscriptions", [row], key=("user_id", "kind"))
    told = f"You are subscribed to {NAMES[kind].lower()}: {_told(topics[:MOST_TOPICS])}."
    return Reply(told, is_private=True, is_update=True)


@commands.slash("unsubscribe", "Be mentioned no more", is_private=True)
async def offer_subscribed(db: Database) -> Reply:
    """Show a menu of what somebody is subscribed to."""
    rows = await db.all(MINE)
    if not rows:
        return Reply("You are subscribed to nothing. /subscribe changes that.", is_private=True)
    menu = Select("unsubscribe", [_option(row) for row in rows], "What do you want to hear of no more?")
    return Reply("You are subscribed to this:", rows=[[menu]], is_private=True)


@commands.select("unsubscribe")
async def unsubscribe(chosen: Interaction, db: ScopedDatabase) -> Reply:
    """Forget what was chosen."""
    kinds = [kind for kind in chosen.values if kind in NAMES]
    marks = ", ".join("?" * len(kinds))
    await db.delete("subscriptions", f"kind IN ({marks})", *kinds)
    names = ", ".join(NAMES[kind].lower() for kind in kinds) or "nothing"
    return Reply(f"You are unsubscribed from {names}.", is_private=True, is_update=True)


async def subscribed(kind: str, text: str, db: SystemDatabase) -> tuple[list[str], int]:
    """Return the ids of those who want to hear of a notice of this kind and text, and how many more there are."""
    rows = await db.all(_MATCHING, kind, f" {_worded(text)} ", MOST_MENTIONED)
    return [row["user_id"] for row in rows], rows[0]["total"] - len(rows) if rows else 0


def _worded(text: str) -> str:
    """Return the words of a text alone, so that a topic fits whole words."""
    return " ".join(_WORD.findall(text.casefold()))


def _kind(interaction: Interaction) -> str | None:
    kind = interaction.parts[0] if interaction.parts else ""
    return kind if kind in NAMES else None


def _option(row: Row) -> tuple[str, str]:
    return f"{NAMES[row['kind']]}: {_told(from_json(row['topics']))}", row["kind"]


def _told(topics: Sequence[str]) -> str:
    return ", ".join(topics) or EVERYTHING
