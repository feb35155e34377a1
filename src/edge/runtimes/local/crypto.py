"""The `Crypto` port on OpenSSL."""

import asyncio
from hashlib import scrypt

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.ports.crypto import SCRYPT_MEMORY, ScryptCost, check_scrypt
from edge.runtimes.ed25519 import may_fit


class LocalCrypto:
    """Signatures by the package `cryptography`, scrypt by `hashlib`."""

    async def verify_ed25519(self, key: bytes, signature: bytes, message: bytes) -> bool:
        if not may_fit(key, signature):
            return False
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except (InvalidSignature, ValueError):  # ValueError if the key is no point
            return False
        return True

    async def scrypt(self, password: bytes, salt: bytes, cost: ScryptCost, length: int) -> bytes:
        check_scrypt(cost, length)
        memory = 2 * SCRYPT_MEMORY  # OpenSSL counts a little more than the memory that is needed
        options = {"salt": salt, "n": cost.n, "r": cost.r, "p": cost.p, "maxmem": memory, "dklen": length}
        return await asyncio.to_thread(lambda: scrypt(password, **options))  # type: ignore[arg-type]
