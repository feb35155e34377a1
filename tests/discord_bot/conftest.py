"""The bot on both runtimes, talked to by a stand-in Discord over HTTP, with a stand-in site behind it."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from tests.patience import pauses

from discord_bot.app import app
from edge.ports import Database, KeyValue
from edge.testing import Answer, Client, remote, runner
from edge.testing.host import Host, Workers
from sims.discord import DiscordSim, Exchange
from sims.model import ModelSim

ROOT = Path(__file__).parents[2]
KEY = [("x-api-key", "test-api-key-for-all-tests")]
KEYS = ("API_KEY", "PLATFORM_API_KEY", "DISCORD_BOT_TOKEN", "DISCORD_PUBLIC_KEY")
SITE_KEY = "test-key-of-the-platform-for-all-tests"
KINDS = ("sponsor-update", "event", "announcement")


def document(slug: str, title: str, **members: Any) -> dict[str, Any]:
    """Return a document as the platform API returns it."""
    instants = {name: value.isoformat() for name, value in members.items() if isinstance(value, datetime)}
    return {"id": f"doc-{slug}", "type": "event", "slug": slug, "title": title, **members, **instants}


def soon(hours: float) -> datetime:
    """Return an instant so many hours from now."""
    return (datetime.now(UTC) + timedelta(hours=hours)).replace(microsecond=0)


class SiteSim:
    """The platform API's content, as a test puts it there; `status` other than 200 lets it fail.

    The next answers have the `statuses` and `answer_headers`, one after the other; `headers` are those it was sent.
    """

    def __init__(self) -> None:
        self.reset()
        sim = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sim.headers.append({name.lower(): value for name, value in self.headers.items()})
                status, body = sim.answer(self.path)
                data = json.dumps(body).encode()
                with suppress(ConnectionError):  # the client may have left
                    self.send_response(status)
                    for name, value in sim.answer_headers.pop(0) if sim.answer_headers else ():
                        self.send_header(name, value)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def reset(self) -> None:
        """Begin again with nothing."""
        self.status = 200
        self.delay = threading.Event()
        self.delay.set()
        self.seen: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []
        self.answer_headers: list[list[tuple[str, str]]] = []
        self.content: dict[str, list[dict[str, Any]]] = {kind: [] for kind in ("events", "posts", "people", "projects")}

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, target: str) -> tuple[int, Any]:
        """Return the answer to a GET."""
        self.seen.append(target)
        self.delay.wait(10)
        path = urlsplit(target).path
        query = parse_qs(urlsplit(target).query)
        kind, _, slug = path.removeprefix("/api/v1/content/").partition("/")
        status = self.statuses.pop(0) if self.statuses else self.status
        if status != 200:
            return status, {"title": "broken"}
        listed = self.content[kind]
        if slug:
            document = next((document for document in listed if document["slug"] == slug), None)
            return (200, document) if document else (404, {"title": "No such document"})
        if "upcoming" in query:
            now = datetime.now(UTC)
            listed = sorted(listed, key=lambda document: datetime.fromisoformat(document["starts_at"]))
            listed = [document for document in listed if datetime.fromisoformat(document["starts_at"]) > now]
        documents = [{name: value for name, value in document.items() if name != "text"} for document in listed]
        return 200, {
            "type": kind,
            "total": len(documents),
            "documents": documents[: int(query.get("limit", ["20"])[0])],
        }


@dataclass
class Sims:
    """The bot's services."""

    discord: DiscordSim
    site: SiteSim
    model: ModelSim

    def reset(self) -> None:
        """Make them as they were at their start."""
        self.discord.reset()
        self.site.reset()
        self.model.reset()

    def env(self) -> dict[str, str]:
        """Return the settings by which the bot finds them."""
        return {
            "API_KEY": KEY[0][1],
            "LOG_LEVEL": "info",
            "RATE_LIMITER": "off",
            "DISCORD_API_URL": self.discord.api_url,
            "DISCORD_APP_ID": self.discord.application_id,
            "DISCORD_BOT_TOKEN": self.discord.bot_token,
            "DISCORD_PUBLIC_KEY": self.discord.public_key,
            "PLATFORM_API_URL": self.site.url,
            "PLATFORM_API_KEY": SITE_KEY,
            "SITE_URL": "https://site.example",
            "TIME_ZONE": "Europe/Berlin",
            "LOCAL_AI_URL": self.model.openai_url,
            "LOCAL_AI_KEY": self.model.key,
        }


@dataclass
class Bot:
    """A running bot: `client` has the key; the other methods are a Discord user's actions."""

    client: Client
    url: str
    sims: Sims
    secrets: tuple[str, ...] = field(repr=False)

    @property
    def db(self) -> Database:
        """Its database."""
        db: Database = self.client.ports.settings.db
        return db

    @property
    def kv(self) -> KeyValue:
        """Its KV."""
        kv: KeyValue = self.client.ports.settings.kv
        return kv

    async def know_webhooks(self, *kinds: str) -> None:
        """Put webhooks' addresses into KV."""
        for kind in kinds or KINDS:
            await self.kv.put(f"webhooks:{kind}", self.sims.discord.webhook_url(kind))

    async def command(self, name: str, options: Mapping[str, Any] | None = None, **how: Any) -> Exchange:
        """Give a slash command, and wait for the deferred answer."""
        return await self._settled(self.sims.discord.command, name, options or {}, **how)

    async def press(self, custom_id: str, **how: Any) -> Exchange:
        """Press a button."""
        return await self._settled(self.sims.discord.press, custom_id, **how)

    async def choose(self, custom_id: str, values: list[str], **how: Any) -> Exchange:
        """Choose in a menu."""
        return await self._settled(self.sims.discord.choose, custom_id, values, **how)

    async def submit(self, custom_id: str, fields: Mapping[str, Any], **how: Any) -> Exchange:
        """Send a form."""
        return await self._settled(self.sims.discord.submit, custom_id, fields, **how)

    async def complete(self, name: str, option: str, typed: str) -> list[dict[str, Any]]:
        """Type into an option, and return the completions."""
        sim = self.sims.discord
        exchange = await asyncio.to_thread(sim.autocomplete, self.url, name, {option: typed}, focused=option)
        assert exchange.faults == []
        choices: list[dict[str, Any]] = exchange.answer["data"]["choices"]
        return choices

    async def send(self, payload: object, **how: Any) -> Exchange:
        """Send an interaction as it is."""
        return await asyncio.to_thread(self.sims.discord.send, self.url, payload, **how)

    async def _settled(self, act: Callable[..., Exchange], *what: Any, **how: Any) -> Exchange:
        exchange = await asyncio.to_thread(act, self.url, *what, **how)
        if exchange.deferred:
            await asyncio.to_thread(exchange.wait, 20.0)
        self.check_untold("an exchange", json.dumps([exchange.answer, exchange.messages]).encode())
        return exchange

    def check_untold(self, what: str, data: bytes) -> None:
        """Refuse data that holds a secret."""
        assert not [secret for secret in self.secrets if secret.encode() in data], what

    async def audit(self, count: int) -> list[dict[str, Any]]:
        """Return the audit log, oldest first, once it has so many entries."""
        async for _ in pauses():
            rows = await self.db.all("SELECT * FROM audit ORDER BY id")
            if len(rows) >= count:
                self.check_untold("the audit log", json.dumps(rows).encode())
                return rows
        raise AssertionError(f"{len(rows)} entries, not {count}")


class Runner(runner.Runner[Bot]):
    """Runs cases with a fresh bot behind a real address; `logs` holds its log lines."""

    def __init__(
        self, state: Path, sims: Sims, capture: "pytest.CaptureFixture[str]", host: Host | None = None
    ) -> None:
        super().__init__(app, state, sims.env(), KEY, host)
        self.sims = sims
        self.logs = ""
        self._capture = capture
        self._seen = 0

    @property
    def secrets(self) -> tuple[str, ...]:
        """No answer, row or line may hold them."""
        hooks = [self.sims.discord.webhook_url(kind).rsplit("/", 1)[1] for kind in KINDS]
        named = [self.env[name] for name in KEYS if name in self.env]
        return (*named, *hooks)

    def __call__[T](self, case: runner.Case[Bot, T], *, started: bool = False) -> T:
        """Run a case, and refuse a log that holds a secret or an interaction's token."""
        try:
            return super().__call__(case, started=started)
        finally:
            lines = "".join(self._capture.readouterr())
            self.logs = lines if self.host is None else "\n".join(self.host.worker.logs[self._seen :])
            tokens = [exchange.token for exchange in self.sims.discord.world.exchanges.values()]
            assert not [secret for secret in (*self.secrets, *tokens) if secret in self.logs]

    @asynccontextmanager
    async def opened(self, client: Client) -> AsyncIterator[Bot]:
        """Yield the bot, behind a server if the client is in process."""
        if isinstance(client, remote.RemoteClient):
            assert self.host is not None
            self._seen = len(self.host.worker.logs)
            yield Bot(client, f"{client.url}/interactions", self.sims, self.secrets)
            return
        runner = web.AppRunner(_bridge(client), shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield Bot(client, f"http://127.0.0.1:{runner.addresses[0][1]}/interactions", self.sims, self.secrets)
        finally:
            await runner.cleanup()


def _bridge(client: Client) -> web.Application:
    """Return a server that passes requests to the app, as the local server does."""

    async def serve(request: web.Request) -> web.Response:
        answer: Answer = await client.anonymous().request(
            request.method, request.path_qs, headers=[*request.headers.items()], body=await request.read()
        )
        headers = [pair for pair in answer.headers if pair[0] != "content-length"]
        return web.Response(status=answer.status, headers=headers, body=answer.body)

    bridge = web.Application(client_max_size=2**21)
    bridge.router.add_route("*", "/{tail:.*}", serve)
    return bridge


@pytest.fixture(scope="session")
def all_sims() -> Iterator[Sims]:
    """Return the stand-ins, one of each for all tests."""
    site = SiteSim()
    with DiscordSim() as discord, ModelSim() as model:
        yield Sims(discord, site, model)
    site.close()


@pytest.fixture
def sims(all_sims: Sims) -> Sims:
    """Return the stand-ins as they were at their start."""
    all_sims.reset()
    return all_sims


@pytest.fixture(scope="session")
def workers_host(workers: Workers, all_sims: Sims) -> Iterator[Host]:
    """Return the Worker's runner; it starts with the first test that uses it."""
    host = Host(workers, ROOT / "wrangler.toml", "discord-bot", ai=all_sims.model.url)
    yield host
    host.stop()


@pytest.fixture
def run(runtime: str, tmp_path: Path, sims: Sims, capfd: "pytest.CaptureFixture[str]", workers_host: Host) -> Runner:
    """Return a runner on each runtime."""
    return Runner(tmp_path / "state", sims, capfd, workers_host if runtime == "workers" else None)


@pytest.fixture
def local(tmp_path: Path, sims: Sims, capfd: "pytest.CaptureFixture[str]") -> Runner:
    """Return a runner on the local runtime alone."""
    return Runner(tmp_path / "state", sims, capfd)
