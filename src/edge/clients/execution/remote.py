"""What executors behind HTTP have in common: bounded calls, and faults that say whose they are."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pydantic_core import from_json, to_json

from edge.http import HeaderList
from edge.ports import Fetch, Fetched, FetchError, FetchUnreached, PortError
from edge.ports.executor import Execution, Language

CALL_S = 10.0
"""Seconds that a server has for an answer, beside the time that a program may take."""
LANGUAGES_S = 600.0
"""Seconds for which a server's list of languages is used again."""


class Unavailable(PortError):
    """The server runs nothing now; the message says why."""


class Refused(PortError):
    """The server takes no such program."""

    is_away = False


class Server(NamedTuple):
    """A server of executions: the address before its routes, and headers that open it."""

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
        """Send a request, again where nothing was sent; `Unavailable` where no answer came or the key is refused."""
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
        """Return the JSON of an answer; `Unavailable` where it is none or has another status than 200 and 201."""
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
    """A server's name of a language, its version, and what it calls it in a request."""

    name: str
    version: str
    key: Any


def number_of(version: str) -> tuple[int, ...]:
    """Return a version as numbers, to find the newest."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def failed(fault: PortError, name: str) -> Execution:
    """Return the execution of a program that the server did not run."""
    return Execution("refused" if isinstance(fault, Refused) else "unavailable", str(fault), executor=name)


class Languages:
    """The languages of a server, asked for once in a while."""

    def __init__(self) -> None:
        self._known: dict[Language, Listed] | None = None
        self._until = 0.0

    def get(self) -> dict[Language, Listed] | None:
        """Return them, or None where they have to be asked for."""
        return self._known if asyncio.get_running_loop().time() < self._until else None

    def keep(self, known: dict[Language, Listed]) -> dict[Language, Listed]:
        """Keep them for a while."""
        self._known, self._until = known, asyncio.get_running_loop().time() + LANGUAGES_S
        return known
