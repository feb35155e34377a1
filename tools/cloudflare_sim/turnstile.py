"""A stand-in for Turnstile's siteverify: a token that it gave is good once, for 300 s, for the one secret."""

import http.server
import json
import secrets
import threading
import time
from types import TracebackType
from typing import Any, Self

LIFETIME = 300.0
SECRET = "0x4AAA-sim-turnstile-secret"


class TurnstileSim:
    """`with TurnstileSim() as sim:` answers at `sim.url` + `/siteverify`; while `down` it answers 503."""

    def __init__(self) -> None:
        self.secret, self.down = SECRET, False
        self._given: dict[str, float] = {}
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def solve(self) -> str:
        """Return a token, as a browser gets it whose person passed."""
        token = secrets.token_urlsafe(40)
        self._given[token] = time.monotonic()
        return token

    def reset(self) -> None:
        """Forget all tokens, and be up."""
        self._given.clear()
        self.down = False

    def verify(self, asked: Any) -> dict[str, Any]:
        """Return the verdict on a request's body, and use the token up."""
        given = asked if isinstance(asked, dict) else {}
        if given.get("secret") != self.secret:
            return _refused("invalid-input-secret" if given.get("secret") else "missing-input-secret")
        if not given.get("response"):
            return _refused("missing-input-response")
        given_at = self._given.pop(given["response"], None)
        if given_at is None or time.monotonic() - given_at > LIFETIME:
            return _refused("timeout-or-duplicate" if given_at else "invalid-input-response")
        return {
            "success": True,
            "error-codes": [],
            "challenge_ts": "2026-01-01T00:00:00.000Z",
            "hostname": "example.org",
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


def _refused(code: str) -> dict[str, Any]:
    return {"success": False, "error-codes": [code]}


def _handler(sim: TurnstileSim) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            answer = json.dumps({} if sim.down else sim.verify(json.loads(body))).encode()
            self.send_response(503 if sim.down else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            pass

    return Handler
