"""Randomness: refused while the main module is imported, but for the draws of a package's patch."""
# mypy: disable-error-code="import-not-found"

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from _pyedge_host import allowEntropy

REFUSAL = (
    "randomness is not allowed while a Worker is starting: what is drawn at import is part of the snapshot, so every "
    "instance would have the same. Draw it in a handler"
)


class State:
    """Whether the main module is being imported, and how many draws are allowed meanwhile."""

    importing = False
    allowed = 0


@contextmanager
def allow_bad_entropy_calls(calls: int) -> Iterator[None]:
    """Allow this many draws, of a constant instead of randomness."""
    before, State.allowed = State.allowed, calls
    outside = allowEntropy(calls)
    try:
        yield
    finally:
        State.allowed = before
        allowEntropy(outside)


def refuse() -> None:
    """Raise while the main module is imported."""
    if State.importing and not State.allowed:
        raise OSError(errno.EIO, REFUSAL)


_urandom = os.urandom


def urandom(size: int) -> bytes:
    """Stand in for `os.urandom`."""
    refuse()
    return _urandom(size)


os.urandom = urandom
