"""The common part of executors behind HTTP: bounded calls, and faults that name the responsible side."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pydantic_core import from_json, to_json

from edge.clients.execution.compose import refusal
from edge.http import HeaderList
from edge.ports import Fetch, Fetched, FetchError, FetchUnreached, PortError
from edge.ports.executor import Execution, Language, Program, Status

CALL_S = 10.0
"""Seconds that a server has for an answer, beside the time that a program may take."""
LANGUAGES_S = 600.0
"""Seconds for which a server's list of languages is cached."""


class Unavailable(PortError):
    """The server runs nothing now; the message has the reason."""


class Refused(PortError):
    """The server does not accept such a program."""

    is_away = False


class Server(NamedTuple):
    """A server of executions: the address before its routes, and headers with its key."""

    fetch: Fetch
    url: str
    headers: Mapping[str, str] = {}

    @property
    def host(self) -> str:
        """The server's name, for messages."""
        return urlsplit(self.url).hostname or self.url

    async def get(self, path: str) -> Any:
        """Return the JSON of a path."""
        return self.value(await self.send("GET", path, CALL_S), path)

    async def send(self, method: str, path: str, timeout: float, body: object = None) -> Fetched:
        """Send a request; retry if nothing was sent. `Unavailable` without an answer, or if the key is refused."""
        headers: HeaderList = [*self.headers.items()]
        data = b"" if body is None else to_json(body)
        if data:
            headers.append(("content-type", "application/json"))
        for is_last in (False, True):
            try:
                answer = await self.fetch(method, self.url + path, headers=headers, body=data, timeout=timeout)
                return self._checked(answer)
            except FetchUnreached as fault:
                if is_last:
                    raise Unavailable(f"{self.host} cannot be reached: {fault}") from None
            except FetchError as fault:
                raise Unavailable(f"{self.host} did not answer: {fault}") from None
        raise AssertionError

    def value(self, answer: Fetched, what: str) -> Any:
        """Return the JSON of an answer; `Unavailable` for anything else, or a status other than 200 and 201."""
        if answer.status not in {200, 201}:
            raise Unavailable(f"{self.host} answered {answer.status} to {what}")
        try:
            return from_json(answer.body)
        except ValueError:
            raise Unavailable(f"{self.host} answered {what} with no JSON") from None

    def _checked(self, answer: Fetched) -> Fetched:
        if answer.status in {401, 403}:
            raise Unavailable(f"{self.host} refuses the key of the executor ({answer.status})")
        if answer.status == 413:
            raise Refused(f"the program is too large for {self.host}")
        if answer.status == 429 or answer.status >= 500:
            raise Unavailable(f"{self.host} is busy or failed ({answer.status}); try again later")
        return answer


class Listed(NamedTuple):
    """A language in a server's list: its name there, its version, and its name in a request."""

    name: str
    version: str
    key: Any


def number_of(version: str) -> tuple[int, ...]:
    """Return a version as numbers, to find the newest."""
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


class RemoteExecutor(ABC):
    """The `Executor` port by a server; the list of its languages is cached for a while."""

    name: str
    parallel = 8

    def __init__(self, server: Server) -> None:
        self._server = server
        self._cached: dict[Language, Listed] | None = None
        self._until = 0.0

    @abstractmethod
    async def _ask_languages(self) -> dict[Language, Listed]:
        """Return the languages that the server lists."""

    @abstractmethod
    async def _run(self, program: Program, listed: Listed) -> Execution:
        """Run a program in a language of the list; `PortError` if the server does not."""

    async def languages(self) -> Mapping[Language, str]:
        """Return the languages that it runs now, each with its version; none if it does not work."""
        try:
            return {name: listed.version for name, listed in (await self._listed()).items()}
        except PortError:
            return {}

    async def run(self, program: Program) -> Execution:
        """Run a program to its end, which its limits bound."""
        if (reason := refusal(program)) is not None:
            return Execution("refused", reason, executor=self.name)
        try:
            listed = (await self._listed()).get(program.language)
            if listed is None:
                raise Refused(f"{self._server.host} runs no {program.language}")
            return await self._run(program, listed)
        except PortError as fault:
            status: Status = "refused" if isinstance(fault, Refused) else "unavailable"
            return Execution(status, str(fault), executor=self.name)

    async def probe(self) -> str:
        """Return the languages that it runs; raise `PortError` if it runs none."""
        listed = await self._listed(anew=True)
        if not listed:
            raise Unavailable(f"{self._server.host} runs none of the languages")
        versions = ", ".join(f"{name} {language.version}" for name, language in listed.items())
        return f"{self.name} at {self._server.host}: {versions}"

    async def _listed(self, *, anew: bool = False) -> dict[Language, Listed]:
        now = asyncio.get_running_loop().time()
        if anew or self._cached is None or now >= self._until:
            languages = await self._ask_languages()
            if "javascript" in languages:
                languages["typescript"] = languages["javascript"]
            self._cached = languages
            self._until = now + LANGUAGES_S
        return self._cached
