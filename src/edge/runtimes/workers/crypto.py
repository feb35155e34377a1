"""The `Crypto` port on WebCrypto."""

from typing import Any

from js import crypto
from pyodide.ffi import JsException, to_js

from edge.runtimes.ed25519 import may_fit

KEYS = 16
"""Keys that are kept imported."""


class WebCrypto:
    """Signatures by `crypto.subtle`."""

    def __init__(self) -> None:
        self._keys: dict[bytes, Any] = {}

    async def verify_ed25519(self, key: bytes, signature: bytes, message: bytes) -> bool:
        if not may_fit(key, signature):
            return False
        try:
            known = self._keys.get(key) or await self._imported(key)
            fits: bool = await crypto.subtle.verify("Ed25519", known, to_js(signature), to_js(message))
        except JsException:  # the key is no point
            return False
        return fits

    async def _imported(self, key: bytes) -> Any:
        known = await crypto.subtle.importKey("raw", to_js(key), "Ed25519", False, to_js(["verify"]))
        if len(self._keys) == KEYS:
            self._keys.clear()
        self._keys[key] = known
        return known
