"""`/api/v1/discord`: the community's Discord, to be read: its events, members and announcements, through the cache."""

from typing import Annotated, Any, Literal, TypedDict

from pydantic import AwareDatetime, BaseModel, Field
from pydantic_core import to_json

from edge import PUBLIC, Log, NotConfigured, Operation, Request, Response, Routes
from edge.clients.cache import Cache, CacheEntry, Terms
from edge.clients.discord import Discord
from edge.clients.lenient import read_all
from edge.clients.upstream import UpstreamFailed, UpstreamRefused, UpstreamTimeout, checked
from platform_api import NAME
from platform_api.content import accepted_age
from platform_api.settings import PlatformSettings

routes = Routes("/api/v1/discord", tag="discord", access=PUBLIC)

TERMS = Terms(fresh=300)
_SCHEDULED = {1: "scheduled", 2: "active"}


class Venue(BaseModel):
    """The place of an event outside Discord."""

    location: str | None = None


class GivenEvent(BaseModel):
    """A scheduled event as Discord has it."""

    id: str
    name: str
    description: str | None = None
    scheduled_start_time: AwareDatetime
    scheduled_end_time: AwareDatetime | None = None
    status: int
    entity_metadata: Venue | None = None
    user_count: int | None = None


class GivenGuild(BaseModel):
    """A server as Discord has it."""

    name: str
    approximate_member_count: int
    approximate_presence_count: int


class Author(BaseModel):
    """The author of a message."""

    username: str = ""
    global_name: str | None = None


class GivenMessage(BaseModel):
    """A message as Discord has it."""

    id: str
    content: str
    timestamp: AwareDatetime
    author: Author = Author()


class GuildEvent(TypedDict):
    """An event of the community that is to come, or takes place."""

    id: str
    name: str
    description: str | None
    starts_at: AwareDatetime
    ends_at: AwareDatetime | None
    status: Literal["scheduled", "active"]
    location: str | None
    interested: int | None


class Members(TypedDict):
    """How many people there are; both numbers are Discord's estimates."""

    name: str
    members: int
    online: int


class Announcement(TypedDict):
    """A message of the channel for announcements, in Discord's Markdown."""

    id: str
    text: str
    published_at: AwareDatetime
    author: str
    url: Annotated[str, Field(description="of the message in Discord")]


class Community:
    """The server that the settings name, as the bot sees it."""

    def __init__(self, settings: PlatformSettings, discord: Discord, cache: Cache, log: Log) -> None:
        self._settings = settings
        self._discord = discord
        self._cache = cache
        self._log = log

    async def events(self, oldest: int | None = None) -> CacheEntry:
        """Return the events to come, soonest first."""

        async def make() -> bytes:
            path = f"/guilds/{self._guild()}/scheduled-events?with_user_count=true"
            given_events = self._readable(GivenEvent, await self._get(list[Any], path))
            events = [_event(event) for event in given_events if event.status in _SCHEDULED]
            return to_json(sorted(events, key=lambda event: event["starts_at"]))

        return await self._cache.get("discord:events", make, TERMS, oldest)

    async def members(self, oldest: int | None = None) -> CacheEntry:
        """Return how many there are."""

        async def make() -> bytes:
            guild = await self._get(GivenGuild, f"/guilds/{self._guild()}?with_counts=true")
            counted = Members(
                name=guild.name, members=guild.approximate_member_count, online=guild.approximate_presence_count
            )
            return to_json(counted)

        return await self._cache.get("discord:members", make, TERMS, oldest)

    async def announcements(self, oldest: int | None = None) -> CacheEntry:
        """Return the latest announcements, newest first."""

        async def make() -> bytes:
            guild = self._guild()
            channel = self._settings.discord_channel_id
            if channel is None:
                raise NotConfigured("DISCORD_CHANNEL_ID")
            messages = self._readable(
                GivenMessage, await self._get(list[Any], f"/channels/{channel}/messages?limit=20")
            )
            place = f"https://discord.com/channels/{guild}/{channel}"
            announcements = [_announcement(message, place) for message in messages if message.content]
            return to_json(announcements)

        return await self._cache.get("discord:announcements", make, TERMS, oldest)

    def _guild(self) -> str:
        guild: str | None = self._settings.discord_guild_id
        if guild is None:
            raise NotConfigured("DISCORD_GUILD_ID")
        return guild

    def _readable[M: BaseModel](self, model: type[M], items: list[Any]) -> list[M]:
        """Return the readable records of a list; `UpstreamFailed` if it has some and none is readable."""
        readable, unreadable = read_all(model, items)
        if unreadable:
            self._log("warning", "unreadable records of Discord left out", model=model.__name__, count=unreadable)
        if items and not readable:
            raise UpstreamFailed("Discord's answer has no readable record", upstream="Discord")
        return readable

    async def _get[T](self, kind: type[T], path: str) -> T:
        token = self._settings.discord_bot_token
        if token is None:
            raise NotConfigured("DISCORD_BOT_TOKEN")
        return checked(kind, await self._discord.read(path, token), "Discord")


_PROBLEMS = (NotConfigured, UpstreamFailed, UpstreamRefused, UpstreamTimeout)


@routes.get("/events", *_PROBLEMS, operation=Operation({200: {"application/json": list[GuildEvent]}}))
async def list_discord_events(community: Community, request: Request) -> Response:
    """List the events that are scheduled in the community's Discord."""
    return (await community.events(accepted_age(request))).response(NAME, request.headers.get("if-none-match"))


@routes.get("/members", *_PROBLEMS, operation=Operation({200: {"application/json": Members}}))
async def count_discord_members(community: Community, request: Request) -> Response:
    """Tell how many members the community's Discord has."""
    return (await community.members(accepted_age(request))).response(NAME, request.headers.get("if-none-match"))


@routes.get("/announcements", *_PROBLEMS, operation=Operation({200: {"application/json": list[Announcement]}}))
async def list_discord_announcements(community: Community, request: Request) -> Response:
    """List the latest announcements."""
    return (await community.announcements(accepted_age(request))).response(NAME, request.headers.get("if-none-match"))


def _event(event: GivenEvent) -> GuildEvent:
    return GuildEvent(
        id=event.id,
        name=event.name,
        description=event.description,
        starts_at=event.scheduled_start_time,
        ends_at=event.scheduled_end_time,
        status="active" if event.status == 2 else "scheduled",
        location=event.entity_metadata.location if event.entity_metadata else None,
        interested=event.user_count,
    )


def _announcement(message: GivenMessage, place: str) -> Announcement:
    return Announcement(
        id=message.id,
        text=message.content,
        published_at=message.timestamp,
        url=f"{place}/{message.id}",
        author=message.author.global_name or message.author.username,
    )
