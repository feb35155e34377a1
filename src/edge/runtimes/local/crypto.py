"""The `Crypto` port on OpenSSL."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.runtimes.ed25519 import may_fit


class LocalCrypto:
    """Signatures by the package `cryptography`."""

    async def verify_ed25519(self, key: bytes, signature: bytes, message: bytes) -> bool:
        if not may_fit(key, signature):
            return False
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except (InvalidSignature, ValueError):  # the latter where the key is no point
            return False
        return True
