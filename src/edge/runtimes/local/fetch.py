"""The `Fetch` port on aiohttp."""

import asyncio
from io import BytesIO

import aiohttp
from yarl import URL

from edge.http import HeaderList
from edge.ports import Fetched, FetchError, FetchTimeout, FetchUnreached
from edge.runtimes.limits import check_headers

MAX_BODY = 25 * 1024 * 1024
"""Bytes of a response body, decompressed, beyond which it is refused."""

MAX_HEADER = 128 * 1024
_OWN_HEADERS = ("User-Agent", "Accept", "Content-Type")


class LocalFetch:
    """One session, made when first used. It follows no redirect, stores no cookie, and adds no header of its own."""

    def __init__(self, max_body: int = MAX_BODY) -> None:
        self._max_body = max_body
        self._session: aiohttp.ClientSession | None = None

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderList | None = None,
        body: bytes = b"",
        timeout: float = 10.0,
    ) -> Fetched:
        """Send a request and return the whole response. No message holds the URL's path, query or credentials."""
        target = _parse(url)
        check_headers(headers or [])
        where = f"{method} {target.scheme}://{target.host}:{target.port}"
        try:
            async with asyncio.timeout(timeout):
                return await self._send(method, target, headers or [], body)
        except TimeoutError:
            raise FetchTimeout(f"{where}: no whole response in {timeout:g} s") from None
        except FetchError as fault:
            raise FetchError(f"{where}: {fault}") from None
        except aiohttp.ClientConnectorError as fault:
            raise FetchUnreached(f"{where}: {_reason(fault)}") from None
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise FetchError(f"{where}: {_reason(fault)}") from None

    async def _send(self, method: str, url: URL, headers: HeaderList, body: bytes) -> Fetched:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_OWN_HEADERS,
                timeout=aiohttp.ClientTimeout(total=None),
                requote_redirect_url=False,
                max_line_size=MAX_HEADER,
                max_field_size=MAX_HEADER,
            )
            self._session._retry_connection = False  # aiohttp would repeat even a PUT; retries are the caller's
        data = BytesIO(body) if body else None
        async with self._session.request(method, url, headers=headers, data=data, allow_redirects=False) as response:
            parts = []
            size = 0
            async for part in response.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > self._max_body:
                    raise FetchError(f"the response is larger than {self._max_body} bytes")
            return Fetched(response.status, _received(response), b"".join(parts))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _parse(url: str) -> URL:
    try:
        target = URL(url, encoded=True)
        valid = target.scheme in {"http", "https"} and bool(target.host) and target.port is not None
    except ValueError:
        valid = False
    if not valid:
        raise FetchError("the URL is no absolute http or https URL")
    return target


def _received(response: aiohttp.ClientResponse) -> HeaderList:
    """Return the headers that fit the decoded body, without those about its encoding; cookies stay separate."""
    joined: dict[str, str] = {}
    cookies: HeaderList = []
    for name, value in (
        (raw[0].decode("latin-1").lower(), raw[1].decode(errors="replace")) for raw in response.raw_headers
    ):
        if name == "set-cookie":
            cookies.append((name, value))
        else:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
    if "content-encoding" in joined:
        joined = {name: value for name, value in joined.items() if name not in {"content-encoding", "content-length"}}
    return [*joined.items(), *cookies]


def _reason(fault: Exception) -> str:
    """Return a fault's reason in words that cannot hold the URL, as aiohttp's own messages do."""
    cause = fault.os_error if isinstance(fault, aiohttp.ClientConnectorError) else fault
    return f"{type(fault).__name__}{f' ({cause.strerror})' if isinstance(cause, OSError) and cause.strerror else ''}"
