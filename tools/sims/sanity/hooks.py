"""Webhooks: signed calls after changes of published documents, repeated after failures, as Sanity makes them."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import aiohttp

from sims.sanity.documents import is_published, stamp_ms
from sims.sanity.store import Change

PAUSES_S = (0.05, 0.1, 0.2)
"""How long to wait before each further attempt; Sanity's are longer, and more."""
_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook's URL, and the secret of its signatures."""

    url: str
    secret: str


class Delivery(NamedTuple):
    """An attempt to deliver: the status of the answer, 0 if none came, and the posted body."""

    status: int
    body: str


def sign(secret: str, body: str | bytes, at_ms: int) -> str:
    """Return the header `sanity-webhook-signature` for a body posted at that moment, in milliseconds."""
    raw = body.encode() if isinstance(body, str) else body
    digest = hmac.new(secret.encode(), f"{at_ms}.".encode() + raw, hashlib.sha256).digest()
    return f"t={at_ms},v1={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


class Hooks:
    """The webhooks of a dataset, and their deliveries."""

    def __init__(self, project_id: str, dataset: str) -> None:
        self.hooks: list[Hook] = []
        self.deliveries: list[Delivery] = []
        self._dataset = {"sanity-project-id": project_id, "sanity-dataset": dataset}
        self._tasks: set[asyncio.Task[None]] = set()

    def clear(self) -> None:
        """Forget all hooks."""
        self.hooks = []

    def add(self, hook: Hook) -> None:
        """Post to this hook from now on; of two with the same URL the later counts."""
        self.hooks = [*(other for other in self.hooks if other.url != hook.url), hook]

    def tell(self, changes: Sequence[Change]) -> None:
        """Begin to deliver the published changes; call it in the event loop."""
        for change in changes:
            if change.operation != "none" and is_published(change.id):
                for number, hook in enumerate(self.hooks):
                    task = asyncio.create_task(self._deliver(hook, f"hook-{number}", change))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        """Cancel pending deliveries."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, hook: Hook, name: str, change: Change) -> None:
        projection = {field: change.document.get(field) for field in ("_id", "_type", "_rev")}
        current = (change.document.get("slug") or {}).get("current")
        body = json.dumps(projection | {"slug": current and {"current": current}}, ensure_ascii=False)
        headers = self._headers(change) | {"sanity-webhook-id": name, "idempotency-key": secrets.token_hex(16)}
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_TIMEOUT_S)) as session:
            for pause in (*PAUSES_S, None):
                signature = sign(hook.secret, body, time.time_ns() // 1_000_000)
                status = await _post(session, hook.url, body, headers | {"sanity-webhook-signature": signature})
                self.deliveries.append(Delivery(status, body))
                if pause is None or (0 < status < 500 and status != 429):
                    return
                await asyncio.sleep(pause)

    def _headers(self, change: Change) -> dict[str, str]:
        return self._dataset | {
            "content-type": "application/json",
            "sanity-operation": change.operation,
            "sanity-document-id": change.id,
            "sanity-transaction-id": change.transaction,
            "sanity-transaction-time": stamp_ms(time.time_ns() // 1_000_000),
        }


async def _post(session: aiohttp.ClientSession, url: str, body: str, headers: dict[str, str]) -> int:
    try:
        async with session.post(url, data=body.encode(), headers=headers, allow_redirects=False) as response:
            await response.read()
            return response.status
    except (aiohttp.ClientError, TimeoutError):
        return 0
