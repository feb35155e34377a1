"""The platform on both runtimes, with a stand-in Sanity, Discord and model behind real addresses."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.remote import Host, RemoteClient

from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Answer, Client
from platform_api.app import app
from sims.discord import DiscordSim
from sims.model import ModelSim
from sims.sanity import SanitySim

ROOT = Path(__file__).parents[2]
KEY = [("x-api-key", "test-api-key-for-all-tests")]
WEBHOOK_SECRET = "whsec-sim-" + "s" * 24

type Case[T] = Callable[[Client], Awaitable[T]]


class Sims:
    """The services that the platform stands on."""

    def __init__(self, sanity: SanitySim, discord: DiscordSim, model: ModelSim) -> None:
        self.sanity, self.discord, self.model = sanity, discord, model

    def reset(self) -> None:
        """Make them as they were at their start."""
        self.sanity.reset()
        self.discord.reset()
        self.model.reset()

    def asked(self) -> int:
        """Return how often Sanity was asked for content: not what an earlier test's index goes on to ask."""
        return len([one for one in self.sanity.requests if "coalesce(body, bio)" not in (one.query or "")])

    def env(self) -> dict[str, str]:
        """Return the settings by which an app finds them."""
        return {
            "API_KEY": KEY[0][1],
            "LOG_LEVEL": "error",
            "RATE_LIMITER": "off",
            "FORM_LIMITER": "off",
            "FORMS_LIMITER": "off",
            "CHAT_LIMITER": "off",
            "SANITY_PROJECT_ID": self.sanity.project_id,
            "SANITY_DATASET": self.sanity.dataset,
            "SANITY_API_URL": self.sanity.url,
            "SANITY_API_READ_TOKEN": self.sanity.read_token,
            "SANITY_API_WRITE_TOKEN": self.sanity.write_token,
            "SANITY_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "DISCORD_API_URL": self.discord.api_url,
            "DISCORD_BOT_TOKEN": self.discord.bot_token,
            "DISCORD_GUILD_ID": self.discord.guild_id,
            "DISCORD_CHANNEL_ID": self.discord.channel_id,
            "LOCAL_AI_URL": self.model.openai_url,
            "LOCAL_AI_KEY": self.model.key,
        }


class Runner:
    """Runs a case with a client of a fresh app; `env` are its settings, `secrets` what none may find in an answer."""

    def __init__(self, state: Path, sims: Sims) -> None:
        self.state, self.sims, self.env = state, sims, sims.env()

    @property
    def secrets(self) -> list[str]:
        """The values that nobody may be told."""
        names = ("API_KEY", "SANITY_API_READ_TOKEN", "SANITY_API_WRITE_TOKEN", "SANITY_WEBHOOK_SECRET")
        return [self.env[name] for name in (*names, "DISCORD_BOT_TOKEN") if self.env.get(name)]

    def check_untold(self, what: str, data: bytes) -> None:
        """Refuse data that holds a secret."""
        assert not [secret for secret in self.secrets if secret.encode() in data], what

    def __call__[T](self, case: Case[T]) -> T:
        """Run a case to its end and return what it returns."""
        return asyncio.run(self._run(case))

    async def _run[T](self, case: Case[T]) -> T:
        runtime = LocalRuntime.open(app, self.state, self.env, migrations=ROOT / "migrations" / "platform_api")
        client = Client(app, runtime.ports())
        try:
            return await case(watched(client, self))
        finally:
            await runtime.stop()
            for path in self.state.rglob("*"):
                if path.is_file():
                    self.check_untold(str(path), path.read_bytes())


class WorkersRunner(Runner):
    """Runs a case in workerd."""

    def __init__(self, state: Path, sims: Sims, host: Host) -> None:
        super().__init__(state, sims)
        self._host = host

    async def _run[T](self, case: Case[T]) -> T:
        return await case(watched(await self._host.client(app, self.env, [], RemoteClient), self))


async def eventually[T](look: Callable[[], Awaitable[T]], holds: Callable[[T], object] = bool) -> T:
    """Return the first of what `look` returns of which this holds, within 10 s or so."""
    for _ in range(200):
        if holds(found := await look()):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"not in 10 s: {found}")


def watched[C: Client](client: C, runner: Runner) -> C:
    """Return a client whose answers are read for secrets."""
    ask = client.request

    async def request(method: str, target: str, **given: Any) -> Answer:
        answer = await ask(method, target, **given)
        runner.check_untold(f"{method} {target}", answer.body + repr(answer.headers).encode())
        return answer

    client.request = request  # type: ignore[method-assign]
    return client


@pytest.fixture(scope="session")
def all_sims() -> Iterator[Sims]:
    """Return the stand-ins, one of each for all tests."""
    with SanitySim() as sanity, DiscordSim() as discord, ModelSim() as model:
        yield Sims(sanity, discord, model)


@pytest.fixture
def sims(all_sims: Sims) -> Sims:
    """Return the stand-ins as they were at their start."""
    all_sims.reset()
    return all_sims


@pytest.fixture(scope="session")
def workers_host(all_sims: Sims) -> Iterator[Host]:
    """Return what runs the Worker; it starts with the first test that asks."""
    host = Host(ROOT / "wrangler.toml", environment="platform-api", ai=all_sims.model.url)
    yield host
    host.stop()


@pytest.fixture(params=["local", pytest.param("workers", marks=pytest.mark.slow)])
def run(request: pytest.FixtureRequest, tmp_path: Path, sims: Sims) -> Runner:
    """Return a runner on each runtime."""
    if request.param == "local":
        return Runner(tmp_path / "state", sims)
    return WorkersRunner(tmp_path / "state", sims, request.getfixturevalue("workers_host"))
