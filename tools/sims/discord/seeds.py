"""The initial state: an application, a guild, its scheduled events and its announcements."""

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH_MS = 1_420_070_400_000
"""Discord's ids count from 2015."""
APPLICATION, GUILD, USER, OWNER = (
    "1190000000000000001",
    "1180000000000000001",
    "1170000000000000001",
    "1170000000000000002",
)
ANNOUNCEMENTS, GENERAL, DIRECT, STAGE = (f"118000000000000010{number}" for number in range(4))
KINDS = ("sponsor-update", "event", "announcement", "contact", "sponsor", "membership")
SEED = bytes(range(32))
"""Of the key that interactions are signed with."""
LOCALE = "en-US"
HELLO = """# Welcome, neighbours 👋
We meet **every other Thursday** at _Café Übermut_. Read <#1180000000000000101> first."""
TALK = """## Talk: „Größe zählt nicht“
Zoë shows how she runs a *tiny* service on the edge — with `code`, ~~slides~~ and 🥨.
> Doors open at 18:30."""
ANNOUNCED = (
    HELLO,
    "Our new sponsor is **Żółw & Synowie** 🐢 — thank you! https://zolw.example/über-uns",
    TALK,
    "Membership fees are due: 20 € for students, 40 € for all others. ||Paid already? Thank you!||",
    "**Reminder**\n- bring a laptop\n- bring a friend\n- 日本語 is fine, too",
    "The recording of last week is online: [watch it](https://video.example/watch?v=1&t=90)",
    "⚠️ The room has changed: now 2ⁿᵈ floor, `R2.04`\n```py\nprint('see you')\n```",
    "Call for talks: *Ideen, Fragen, Geschichten* — everyone is welcome, naïve or not. 🎤",
)
EVENTS = (
    # name, days ahead, hours, status, kind of place, interested users
    ("Hacknacht: Bring your own bug 🐛", 3, 4, 1, 3, 42),
    ("Talk & Tapas: Postgres für alle", 17, 2, 1, 3, 118),
    ("Online stage: ask us anything", 30, 1, 1, 1, 7),
    ("Picknick am See (Regen!)", 8, 5, 4, 3, 23),
    ("Lightning talks — Frühling", -12, 3, 3, 3, 64),
)


def snowflake(moment: datetime, number: int = 0) -> str:
    """Return the id of something made then."""
    return str((int(moment.timestamp() * 1000) - EPOCH_MS) << 22 | number & 0x3FFFFF)


def stamp(moment: datetime) -> str:
    """Return an instant as Discord writes it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def bot_token() -> str:
    """Return the bot's token, in the form that Discord's have."""
    return base64.urlsafe_b64encode(APPLICATION.encode()).decode().rstrip("=") + ".SimBot.stand-in-bot-token-for-tests"


def user(fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a user."""
    own = {
        "id": USER,
        "username": "zoe.mueller",
        "discriminator": "0",
        "global_name": "Zoë Müller",
        "avatar": None,
        "avatar_decoration_data": None,
        "bot": False,
        "public_flags": 0,
        "primary_guild": None,
    }
    return own | dict(fields or {})


BOT = user({"id": APPLICATION, "username": "community-bot", "global_name": None, "bot": True, "discriminator": "4711"})


def application(public_key: str) -> dict[str, Any]:
    """Return the application."""
    return {
        "id": APPLICATION,
        "name": "community-bot",
        "icon": None,
        "description": "Events, news and members",
        "bot": BOT,
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": public_key,
        "flags": 0,
        "team": None,
        "owner": user({"id": OWNER, "username": "owner"}),
        "interactions_endpoint_url": None,
        "approximate_guild_count": 1,
    }


def guild(*, counts: bool) -> dict[str, Any]:
    """Return the guild."""
    own: dict[str, Any] = {
        "id": GUILD,
        "name": "Edge Café — Nürnberg ☕",
        "icon": "a_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "splash": None,
        "banner": None,
        "description": "A community for people who build small things",
        "owner_id": OWNER,
        "features": ["COMMUNITY", "NEWS"],
        "preferred_locale": "de",
        "vanity_url_code": "edge-cafe",
        "premium_tier": 1,
        "premium_subscription_count": 3,
        "verification_level": 1,
        "nsfw_level": 0,
        "mfa_level": 0,
        "afk_timeout": 300,
        "afk_channel_id": None,
        "system_channel_id": GENERAL,
        "rules_channel_id": GENERAL,
        "roles": [],
        "emojis": [],
        "stickers": [],
        "public_updates_channel_id": None,
        "premium_progress_bar_enabled": False,
        "default_message_notifications": 1,
        "explicit_content_filter": 2,
        "system_channel_flags": 0,
    }
    return own | ({"approximate_member_count": 1312, "approximate_presence_count": 217} if counts else {})


def events(start: datetime) -> Iterator[dict[str, Any]]:
    """Yield the scheduled events, seen from an instant."""
    day = start.replace(hour=18, minute=0, second=0, microsecond=0)
    for number, (name, ahead, hours, status, kind, count) in enumerate(EVENTS):
        begins = day + timedelta(days=ahead)
        yield {
            "id": snowflake(start - timedelta(days=40 - number), number),
            "guild_id": GUILD,
            "name": name,
            "channel_id": STAGE if kind == 1 else None,
            "creator_id": OWNER,
            "creator": user({"id": OWNER, "username": "owner"}),
            "description": f"**{name}**\nAlles Weitere folgt …",
            "scheduled_start_time": begins.isoformat(),
            "scheduled_end_time": (begins + timedelta(hours=hours)).isoformat(),
            "privacy_level": 2,
            "status": status,
            "entity_type": kind,
            "entity_id": None,
            "image": None,
            "recurrence_rule": None,
            "entity_metadata": {"location": "Café Übermut, Färberstraße 5"} if kind == 3 else None,
            "user_count": count,
        }


def announcements(start: datetime) -> Iterator[dict[str, Any]]:
    """Yield the messages of the channel of announcements, oldest first."""
    for number, content in enumerate(ANNOUNCED):
        moment = start - timedelta(days=4 * (len(ANNOUNCED) - number), minutes=13 * number)
        author = user({"id": OWNER, "username": "owner", "global_name": "Jürgen"})
        yield message(snowflake(moment, number), ANNOUNCEMENTS, author, moment) | {"content": content, "flags": 1}


def message(message_id: str, channel: str, author: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    """Return a message in which there is nothing yet."""
    return {
        "id": message_id,
        "type": 0,
        "channel_id": channel,
        "author": dict(author),
        "content": "",
        "embeds": [],
        "attachments": [],
        "components": [],
        "mentions": [],
        "mention_roles": [],
        "mention_everyone": False,
        "pinned": False,
        "tts": False,
        "timestamp": stamp(moment),
        "edited_timestamp": None,
        "flags": 0,
    }
