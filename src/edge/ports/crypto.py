"""The `Crypto` port: signatures and password hashes, by the runtime's own cryptography."""

from typing import NamedTuple, Protocol


class ScryptCost(NamedTuple):
    """The cost of scrypt (RFC 7914): `n` is a power of two, and 128 · `n` · `r` bytes of memory are needed."""

    n: int
    r: int
    p: int


SCRYPT_MEMORY = 32 * 1024 * 1024
"""Most bytes that scrypt may need: an isolate has 128 MB for everything."""


class Crypto(Protocol):
    """Checks of signatures, and scrypt. Any fault of a signature, a wrong length included, gives False."""

    async def verify_ed25519(self, key: bytes, signature: bytes, message: bytes) -> bool:
        """Tell whether a signature of 64 bytes is that of `message` by the raw public key of 32 bytes (RFC 8032).

        A key or a first half of the signature that is of small order is refused, as WebCrypto's specification requires:
        the all-zero key and signature, for one, would else fit every fourth message.
        """

    async def scrypt(self, password: bytes, salt: bytes, cost: ScryptCost, length: int) -> bytes:
        """Derive `length` bytes from a password (RFC 7914); `ValueError` for a cost that is invalid, or needs too much.

        On Workers the isolate does nothing else meanwhile.
        """


def check_scrypt(cost: ScryptCost, length: int) -> None:
    """Raise `ValueError` unless a cost is valid, and its memory within bounds."""
    is_power = cost.n >= 2 and cost.n & (cost.n - 1) == 0
    if not (is_power and cost.r >= 1 and cost.p >= 1 and cost.r * cost.p < 2**30 and 1 <= length <= 1024):
        raise ValueError(f"no cost of scrypt: {cost}")
    if 128 * cost.r * (cost.n + cost.p) > SCRYPT_MEMORY:
        raise ValueError(f"scrypt of this cost needs more than {SCRYPT_MEMORY} bytes: {cost}")
