"""Proofs: a part of a credential that the server made, so that a guess is refused without a look-up."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from edge.auth.tokens import KID_LENGTH, kid_of

MAC_BYTES = 16
"""Bytes of a proof: nobody guesses 128 bits."""


class Proofs:
    """Proves texts of one purpose with the first of its keys, and knows those that any of them has proved."""

    def __init__(self, purpose: str, keys: Sequence[str]) -> None:
        self._prove_with = kid_of(keys[0])
        self._keys = {kid_of(key): hmac.digest(key.encode(), f"proofs of {purpose}".encode(), "sha256") for key in keys}

    def prove(self, text: str) -> str:
        """Return the text with its proof: `.`, the id of the signing key, and a code of 22 characters."""
        return f"{text}.{self._prove_with}{self._code(text, self._prove_with)}"

    def check(self, proved: str) -> bool | None:
        """Tell whether this server has proved a text; None where its key is not known, or there is no proof."""
        text, _, proof = proved.rpartition(".")
        kid = proof[:KID_LENGTH]
        if kid not in self._keys:
            return None
        return hmac.compare_digest(proof[KID_LENGTH:].encode(errors="surrogatepass"), self._code(text, kid).encode())

    def _code(self, text: str, kid: str) -> str:
        code = hmac.digest(self._keys[kid], text.encode(errors="surrogatepass"), "sha256")[:MAC_BYTES]
        return urlsafe_b64encode(code).rstrip(b"=").decode()
