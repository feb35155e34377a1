"""A KV namespace as Cloudflare's API has it: keys in pages, and many pairs at once."""

import time
from dataclasses import dataclass, field
from typing import Any

from edge.ports import LimitExceeded
from edge.runtimes.limits import check_put
from sims.cloudflare.d1_api import Refusal

PAGE = 1000
BULK = 10_000
FIELDS = {"key", "value", "expiration", "expiration_ttl", "metadata", "base64"}


@dataclass(slots=True)
class Namespace:
    """Values by their names, with the second at which each expires, or None."""

    page: int = PAGE
    pairs: dict[str, tuple[str, float | None]] = field(default_factory=dict)

    def keys(self, query: dict[str, str]) -> tuple[list[dict[str, Any]], str]:
        """Return a page of keys in byte order, and the cursor of the next page: "" on the last."""
        prefix = query.get("prefix", "")
        after = query.get("cursor", "")
        now = time.time()
        limit = min(int(query.get("limit", self.page)), self.page)
        living = [(name, end) for name, (_, end) in self.pairs.items() if end is None or end > now]
        names = sorted((name, end) for name, end in living if name.startswith(prefix) and name > after)
        page = [{"name": name} | ({} if end is None else {"expiration": int(end)}) for name, end in names[:limit]]
        return page, names[limit - 1][0] if len(names) > limit else ""

    def value(self, name: str) -> bytes:
        """Return a value."""
        if name not in self.pairs:
            raise Refusal(404, 10009, "get: 'key not found'")
        return self.pairs[name][0].encode()

    def bulk(self, pairs: Any) -> dict[str, Any]:
        """Put many pairs: all of them, or none."""
        if not isinstance(pairs, list) or len(pairs) > BULK:
            raise Refusal(400, 10012, f"the body is a list of at most {BULK} pairs")
        fresh = {}
        for pair in pairs:
            if not {"key", "value"} <= pair.keys() <= FIELDS or not isinstance(pair["value"], str):
                raise Refusal(400, 10012, "a pair has a key and a value, both text")
            ttl = pair.get("expiration_ttl")
            try:
                check_put(pair["key"], pair["value"], ttl)
            except LimitExceeded as fault:
                raise Refusal(400, 10033, str(fault)) from None
            fresh[pair["key"]] = (pair["value"], None if ttl is None else time.time() + ttl)
        self.pairs |= fresh
        return {"successful_key_count": len(fresh), "unsuccessful_keys": []}
