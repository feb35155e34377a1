"""Checks of Ed25519 keys and signatures that the specifications demand and no runtime's cryptography makes."""

P = 2**255 - 19


def may_fit(key: bytes, signature: bytes) -> bool:
    """Tell whether a key and a signature have the lengths of such, and no point of them is of small order."""
    return len(key) == 32 and len(signature) == 64 and _is_strong(key) and _is_strong(signature[:32])


def _is_strong(point: bytes) -> bool:
    """Tell whether `y` is below the field's prime, and of none of the eight points of small order.

    Their `y` are 0, 1, -1, and where doubling gives 0: -x² + y² = 1 + dx²y² with x² = -y² and d = -121665/121666.
    """
    y = int.from_bytes(point, "little") % 2**255
    return y < P and y * (y**2 - 1) * (121665 * y**4 - 243332 * y**2 + 121666) % P != 0
