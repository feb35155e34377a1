"""Helpers of all ports' cases for a call that must fail."""

from collections.abc import Awaitable


async def refused(kind: type[Exception], call: Awaitable[object]) -> str:
    """Return the message of the error that a call must raise."""
    try:
        await call
    except kind as fault:
        return str(fault)
    raise AssertionError(f"no {kind.__name__}")
