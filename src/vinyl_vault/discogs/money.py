"""The currencies of Discogs, and amounts in minor units."""

from decimal import ROUND_HALF_UP, Decimal, DecimalException
from typing import Literal

type Currency = Literal["USD", "GBP", "EUR", "CAD", "AUD", "JPY", "CHF", "MXN", "BRL", "NZD", "SEK", "ZAR"]
MOST_MINOR = 10**12
"""Largest amount accepted as a price, in minor units."""

_WITHOUT_MINOR = frozenset({"JPY"})


def minor_units(amount: object, currency: str) -> int | None:
    """Return an amount in cents, or in yen for JPY; None if it is not an amount."""
    if isinstance(amount, bool) or not isinstance(amount, int | float | str):
        return None
    try:
        exact = Decimal(str(amount)).scaleb(0 if currency in _WITHOUT_MINOR else 2)
        whole = exact.quantize(Decimal(1), ROUND_HALF_UP)
    except DecimalException:
        return None
    return int(whole) if whole.is_finite() and 0 <= whole <= MOST_MINOR else None
