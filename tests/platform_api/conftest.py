"""The platform on both runtimes, with a stand-in Sanity, Discord and model behind real addresses."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.patience import pauses

from edge.ports import Limit
from edge.testing import Client, runner
from edge.testing.host import Host, Workers
from platform_api.app import app
from sims.discord import DiscordSim
from sims.model import ModelSim
from sims.sanity import SanitySim

ROOT = Path(__file__).parents[2]
KEY = [("x-api-key", "test-api-key-for-all-tests")]
WORKERS_LIMITS = {name: Limit(limit.calls, 10) for name, limit in app.limits.items()} | {"FORMS_LIMITER": Limit(12, 10)}
"""The limits in workerd: there, tests wait for a window to begin; tests/test_wrangler.py checks the real ones."""
WEBHOOK_SECRET = "whsec-sim-" + "s" * 24


class Sims:
    """The platform's services."""

    def __init__(self, sanity: SanitySim, discord: DiscordSim, model: ModelSim) -> None:
        self.sanity = sanity
        self.discord = discord
        self.model = model

    def reset(self) -> None:
        """Make them as they were at their start."""
        self.sanity.reset()
        self.discord.reset()
        self.model.reset()

    def content_requests(self) -> int:
        """Return how often content was requested from Sanity, without the requests of an earlier test's index."""
        return len([request for request in self.sanity.requests if "coalesce(body, bio)" not in (request.query or "")])

    def env(self) -> dict[str, str]:
        """Return the settings by which an app finds them."""
        return {
            "API_KEY": KEY[0][1],
            "LOG_LEVEL": "error",
            "RATE_LIMITER": "off",
            "KEY_LIMITER": "off",
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


class Runner(runner.Runner[Client]):
    """Runs cases of the platform, with its services."""

    def __init__(self, state: Path, sims: Sims, host: Host | None = None) -> None:
        super().__init__(app, state, sims.env(), [], host)
        self.sims = sims


async def eventually[T](look: Callable[[], Awaitable[T]], holds: Callable[[T], object] = bool) -> T:
    """Return the first result of `look` for which `holds` is true, within 10 s or so."""
    async for _ in pauses():
        if holds(answer := await look()):
            return answer
    raise AssertionError(f"not in 10 s: {answer}")


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
def workers_host(workers: Workers, all_sims: Sims) -> Iterator[Host]:
    """Return the Worker's runner; it starts with the first test that uses it."""
    host = Host(workers, ROOT / "wrangler.toml", "platform-api", limits=WORKERS_LIMITS, ai=all_sims.model.url)
    yield host
    host.stop()


@pytest.fixture
def run(runtime: str, tmp_path: Path, sims: Sims, workers_host: Host) -> Runner:
    """Return a runner on each runtime."""
    return Runner(tmp_path / "state", sims, workers_host if runtime == "workers" else None)
