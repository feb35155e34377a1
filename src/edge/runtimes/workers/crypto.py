"""The `Crypto` port on WebCrypto and Node's crypto."""

from typing import Any

from js import JSON, Array, crypto
from pydantic_core import from_json
from pyodide.ffi import JsException, to_js
from workers import import_from_javascript

from edge.ports.crypto import SCRYPT_MEMORY, ScryptCost, check_scrypt
from edge.runtimes.ed25519 import may_fit
from edge.runtimes.workers.js_bridge import to_object

KEYS = 16
"""Most imported keys in memory."""


class WebCrypto:
    """Signatures by `crypto.subtle`, scrypt by `node:crypto`."""

    def __init__(self) -> None:
        self._keys: dict[bytes, Any] = {}

    async def verify_ed25519(self, key: bytes, signature: bytes, message: bytes) -> bool:
        if not may_fit(key, signature):
            return False
        try:
            imported = self._keys.get(key) or await self._imported(key)
            fits: bool = await crypto.subtle.verify("Ed25519", imported, to_js(signature), to_js(message))
        except JsException:  # the key is no point
            return False
        return fits

    async def scrypt(self, password: bytes, salt: bytes, cost: ScryptCost, length: int) -> bytes:
        check_scrypt(cost, length)
        node = import_from_javascript("node:crypto")
        options = to_object({"N": cost.n, "r": cost.r, "p": cost.p, "maxmem": 2 * SCRYPT_MEMORY})
        # A Buffer cannot cross to Python: it is made inside of an array, and crosses as that array's JSON text.
        derive = node.scryptSync.bind(None, to_js(password), to_js(salt), length, options)
        text = JSON.stringify(Array.from_(to_object({"length": 1}), derive))
        return bytes(from_json(text)[0]["data"])

    async def _imported(self, key: bytes) -> Any:
        imported = await crypto.subtle.importKey("raw", to_js(key), "Ed25519", False, to_js(["verify"]))
        if len(self._keys) == KEYS:
            self._keys.clear()
        self._keys[key] = imported
        return imported
