"""Prices of releases by currency, cached in R2 with their age."""

from functools import partial

from vinyl_vault.discogs.answers import Answer, Answers
from vinyl_vault.discogs.client import Discogs, Json
from vinyl_vault.discogs.money import minor_units

FRESH_S = 86_400
"""Seconds for which a cached price is served."""


class Prices:
    """Reads the lowest price of a release in a currency, and the number of copies for sale."""

    def __init__(self, answers: Answers, discogs: Discogs) -> None:
        self._answers = answers
        self._discogs = discogs

    def spare(self) -> "Prices":
        """Return prices for background work, which uses only spare calls."""
        return Prices(self._answers, self._discogs.spare())

    async def get(self, release_id: int, currency: str) -> Answer:
        """Return a price, at most a day old unless Discogs fails; its data are None if there is no such release."""
        key = f"price-{release_id}-{currency.lower()}"
        return await self._answers.get(key, partial(self._fetch, release_id, currency), lambda _: FRESH_S)

    async def _fetch(self, release_id: int, currency: str) -> Json:
        stats = await self._discogs.stats(release_id, currency)
        lowest = stats.get("lowest_price")
        value = lowest.get("value") if isinstance(lowest, dict) and lowest.get("currency") == currency else None
        minor = minor_units(value, currency)
        for_sale = stats.get("num_for_sale")
        return {
            "release_id": release_id,
            "currency": currency,
            "lowest_price": value if minor is not None else None,
            "lowest_price_minor": minor,
            "for_sale": for_sale if isinstance(for_sale, int) and not isinstance(for_sale, bool) else None,
            "blocked": stats.get("blocked_from_sale") is True,
        }
