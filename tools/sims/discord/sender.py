"""Sends signed interactions to a bot, and checks its answers."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sims.discord.answers import answer_faults
from sims.discord.exchange import Exchange
from sims.discord.world import World

DEADLINE = 3.0
AGENT = "Discord-Interactions/1.0 (+https://discord.com)"
type Mangle = Callable[[dict[str, str], bytes], tuple[dict[str, str], bytes]]
"""Changes headers and body after they were signed."""


@dataclass(frozen=True, slots=True)
class Signing:
    """The ways in which a request's signature may be wrong."""

    timestamp: str | None = None
    key: Ed25519PrivateKey | None = None
    mangle: Mangle | None = None


def signature(key: Ed25519PrivateKey, timestamp: str, body: bytes) -> str:
    """Return the signature, as hexadecimal digits."""
    return key.sign(timestamp.encode() + body).hex()


def signed(world: World, payload: object, signing: Signing) -> tuple[dict[str, str], bytes]:
    """Return headers and body of an interaction; bytes are sent as they are."""
    compact = json.dumps(payload, ensure_ascii=False, separators=(",", ":")) if not isinstance(payload, bytes) else ""
    body = payload if isinstance(payload, bytes) else compact.encode()
    timestamp = signing.timestamp if signing.timestamp is not None else str(int(world.now()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "X-Signature-Ed25519": signature(signing.key or world.key, timestamp, body),
        "X-Signature-Timestamp": timestamp,
    }
    return signing.mangle(headers, body) if signing.mangle else (headers, body)


async def exchange(world: World, url: str, payload: object, signing: Signing, deadline: float = DEADLINE) -> Exchange:
    """Send an interaction and take the bot's answer, if it comes before the deadline and is right."""
    document: Mapping[str, Any] = payload if isinstance(payload, dict) else {}
    started = Exchange(document, world.now())
    if started.token:
        world.exchanges[started.token] = started
    headers, body = signed(world, payload, signing)
    began = time.monotonic()
    try:
        await _ask(started, url, headers, body, deadline)
    except TimeoutError:
        started.late = True
        started.faults.append(f"no answer within {deadline:g} s")
    except aiohttp.ClientError as gone:
        started.faults.append(f"no answer: {gone!r}")
    started.took = time.monotonic() - began
    if started.status is not None:
        _take(world, started)
    started.over = started.over or started.accepted is None
    return started


async def _ask(exchange: Exchange, url: str, headers: Mapping[str, str], body: bytes, deadline: float) -> None:
    timeout = aiohttp.ClientTimeout(total=deadline)
    async with (
        aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.post(url, data=body, headers=headers, allow_redirects=False) as response,
    ):
        answer = await response.read()
        exchange.headers = {name.lower(): value for name, value in response.headers.items()}
    exchange.status = response.status
    if exchange.accepted is None:
        with suppress(ValueError):
            exchange.answer = json.loads(answer)


def _take(world: World, exchange: Exchange) -> None:
    if exchange.accepted is not None and exchange.status == 202:
        return  # it was answered by a callback
    if exchange.status != 200:
        exchange.faults.append(f"status {exchange.status}, not 200")
        return
    kind = exchange.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        exchange.faults.append(f"content-type {kind!r}, not application/json")
    faults = answer_faults(exchange.payload, exchange.answer)
    exchange.faults += [str(fault) for fault in faults]
    if exchange.accepted is not None:
        exchange.faults.append("40060: Interaction has already been acknowledged.")
    elif not exchange.faults:
        world.accept(exchange, exchange.answer)


async def settle(exchange: Exchange, timeout: float) -> None:
    """Wait for the message that a deferred answer promised."""
    end = asyncio.get_running_loop().time() + timeout
    while exchange.deferred and not exchange.settled and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - the event is for threads
        await asyncio.sleep(0.02)
