"""Checks of Ed25519 keys and signatures that the specifications require and no runtime's cryptography makes."""

P = 2**255 - 19


def may_fit(key: bytes, signature: bytes) -> bool:
    """Tell whether key and signature have valid lengths, and none of their points is of small order."""
    return len(key) == 32 and len(signature) == 64 and _is_strong(key) and _is_strong(signature[:32])


def _is_strong(point: bytes) -> bool:
    """Tell whether `y` is below the field's prime, and is not that of one of the eight points of small order.

    The `y` of those points are 0, 1, -1, and the ones whose double has `y` = 0: -x² + y² = 1 + dx²y² with x² = -y²
    and d = -121665/121666.
    """
    y = int.from_bytes(point, "little") % 2**255
    return y < P and y * (y**2 - 1) * (121665 * y**4 - 243332 * y**2 + 121666) % P != 0
