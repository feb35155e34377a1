"""The `Crypto` port: signatures, checked by the runtime's own cryptography."""

from typing import Protocol


class Crypto(Protocol):
    """Checks of signatures. Whatever is wrong with what is given, lengths included, the answer is False."""

    async def verify_ed25519(self, key: bytes, signature: bytes, message: bytes) -> bool:
        """Tell whether a signature of 64 bytes is that of `message` by the raw public key of 32 bytes (RFC 8032).

        A key or a first half of the signature that is of small order is refused, as WebCrypto's specification says:
        the all-zero key and signature, for one, would else fit every fourth message.
        """
