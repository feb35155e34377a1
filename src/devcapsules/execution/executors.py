"""Chooses an executor: the local sandbox if it supports the language, otherwise the remote executor."""

from collections.abc import Mapping
from typing import Literal

from devcapsules.settings import CapsuleSettings
from edge import Clock, Fetch
from edge.clients.execution.compose import TOOL_PATH, has_stripper, keep_stripper, transforms
from edge.clients.execution.judge0 import Judge0
from edge.clients.execution.piston import Piston
from edge.clients.execution.remote import Server
from edge.ports import Assets, PortError
from edge.ports.executor import Execution, Executor, Language, Program

type Dialect = Literal["piston", "judge0"]

_HEADERS: Mapping[Dialect, str] = {"piston": "authorization", "judge0": "x-auth-token"}
NOBODY = "no executor is available: the sandbox is off, and EXECUTOR_URL is not set"


class Executors:
    """Combines the sandbox and the remote executor. A program runs once: its own failures are not retried."""

    def __init__(self, settings: CapsuleSettings, fetch: Fetch, clock: Clock, assets: Assets) -> None:
        self._assets = assets
        sandbox: Executor | None = settings.sandbox
        remote = make_remote(settings, fetch, clock)
        self._all = [executor for executor in (sandbox, remote) if executor is not None]

    @property
    def parallel(self) -> int:
        """Useful number of concurrent runs."""
        return max((executor.parallel for executor in self._all), default=1)

    async def languages(self) -> dict[Language, tuple[str, str]]:
        """Return the version and executor of each language."""
        versions: dict[Language, tuple[str, str]] = {}
        for executor in reversed(self._all):
            versions |= {name: (version, executor.name) for name, version in (await executor.languages()).items()}
        return versions

    async def run(self, program: Program) -> Execution:
        """Run a program on the first executor that is available and supports its language."""
        if transforms(program) is not None and not has_stripper():
            await self._load_stripper()
        reasons = list[str]()
        name = ""
        for executor in self._all:
            name = executor.name
            if program.language not in await executor.languages():
                reasons.append(await _reason(executor, program.language))
                continue
            ended = await executor.run(program)
            if ended.status != "unavailable":
                return ended
            reasons.append(ended.message)
        return Execution("unavailable", "; ".join(reasons) or NOBODY, executor=name)

    async def _load_stripper(self) -> None:
        """Load the tool that strips types from TypeScript; without it TypeScript is not available."""
        asset = await self._assets.get(TOOL_PATH)
        if asset is not None and isinstance(asset.body, bytes):
            keep_stripper(asset.body.decode())


async def _reason(executor: Executor, language: Language) -> str:
    """Return the reason for which an executor does not run a language now."""
    try:
        await executor.probe()
    except PortError as fault:
        return str(fault)
    return f"{executor.name} runs no {language}"


def make_remote(settings: CapsuleSettings, fetch: Fetch, clock: Clock) -> Piston | Judge0 | None:
    """Return the configured remote executor, or None."""
    url: str | None = settings.executor_url
    if url is None:
        return None
    dialect: Dialect = settings.executor_dialect
    secret = settings.aws_executor_api_key
    headers = {} if secret is None else {_HEADERS[dialect]: secret.get_secret_value()}
    server = Server(fetch, url, headers)
    return Piston(server) if dialect == "piston" else Judge0(server, clock)
