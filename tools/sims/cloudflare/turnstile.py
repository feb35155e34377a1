"""A stand-in for Turnstile's siteverify: a token that it gave is good once, for 300 s, for the one secret."""

import secrets
import time
from typing import Any

from aiohttp import web

from sims.server import StandIn

LIFETIME = 300.0
SECRET = "0x4AAA-sim-turnstile-secret"


class TurnstileSim(StandIn):
    """`with TurnstileSim() as sim:` answers at `sim.url` + `/siteverify`; while `down` it answers 503."""

    def __init__(self) -> None:
        super().__init__()
        self.secret = SECRET
        self.down = False
        self._tokens: dict[str, float] = {}

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        application = web.Application()
        application.router.add_post("/siteverify", self._answer)
        return application

    def solve(self) -> str:
        """Return a token, as the browser of a person gets it by passing the challenge."""
        token = secrets.token_urlsafe(40)
        self._tokens[token] = time.monotonic()
        return token

    def reset(self) -> None:
        """Forget all tokens, and be up."""
        self._tokens.clear()
        self.down = False

    def verify(self, form: Any) -> dict[str, Any]:
        """Return the verdict on a request's body, and use the token up."""
        fields = form if isinstance(form, dict) else {}
        if fields.get("secret") != self.secret:
            return _refused("invalid-input-secret" if fields.get("secret") else "missing-input-secret")
        if not fields.get("response"):
            return _refused("missing-input-response")
        issued_at = self._tokens.pop(fields["response"], None)
        if issued_at is None or time.monotonic() - issued_at > LIFETIME:
            return _refused("timeout-or-duplicate" if issued_at else "invalid-input-response")
        return {
            "success": True,
            "error-codes": [],
            "challenge_ts": "2026-01-01T00:00:00.000Z",
            "hostname": "example.org",
        }

    async def _answer(self, request: web.Request) -> web.Response:
        return web.json_response({}, status=503) if self.down else web.json_response(self.verify(await request.json()))


def _refused(code: str) -> dict[str, Any]:
    return {"success": False, "error-codes": [code]}
