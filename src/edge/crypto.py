"""The `Crypto` port: signatures, checked by the runtime's own cryptography."""

from typing import Protocol

_P = 2**255 - 19


class Crypto(Protocol):
    """Checks of signatures. Whatever is wrong with what is given, lengths included, the answer is False."""

    async def verify_ed25519(self, key: bytes, signature: bytes, message: bytes) -> bool:
        """Tell whether a signature of 64 bytes is that of `message` by the raw public key of 32 bytes (RFC 8032).

        A key or a first half of the signature that is of small order is refused, as WebCrypto's specification says:
        the all-zero key and signature, for one, would else fit every fourth message.
        """


def may_fit(key: bytes, signature: bytes) -> bool:
    """Tell whether a key and a signature have the form of such; no runtime checks all of this itself."""
    return len(key) == 32 and len(signature) == 64 and _is_strong(key) and _is_strong(signature[:32])


def _is_strong(point: bytes) -> bool:
    """Tell whether `y` is below the field's prime, and of none of the eight points of small order.

    Their `y` are 0, 1, -1, and where doubling gives 0: -x² + y² = 1 + dx²y² with x² = -y² and d = -121665/121666.
    """
    y = int.from_bytes(point, "little") % 2**255
    return y < _P and y * (y**2 - 1) * (121665 * y**4 - 243332 * y**2 + 121666) % _P != 0
