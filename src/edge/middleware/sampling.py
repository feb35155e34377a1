"""Sampling: frequent calls are written in full up to a number a minute, and then as one row for several calls."""

from collections.abc import Hashable
from typing import NamedTuple
from weakref import WeakKeyDictionary

KEYS = 5_000
"""Most keys that one sampler counts at once; beyond that, those of earlier minutes are dropped."""


class Steps(NamedTuple):
    """The sampling of one kind of call: each of the first `full` calls of a minute, then one row for `each` calls.

    Beyond ten times `full` a row stands for ten times as many calls. With `each` 0 nothing more is written in the
    minute.
    """

    full: int
    each: int = 0


class _Count:
    """Calls of one key: in this minute, and since its last row."""

    __slots__ = ("calls", "minute", "unwritten")

    def __init__(self, minute: int) -> None:
        self.minute = minute
        self.calls = 0
        self.unwritten = 0


class Sampler:
    """Decides which calls are written. Its counts are lost with its isolate or process."""

    def __init__(self, keys: int = KEYS) -> None:
        self._keys = keys
        self._counts: dict[Hashable, _Count] = {}

    def take(self, key: Hashable, steps: Steps, now: float) -> int:
        """Count one call at `now`, in seconds; return the number of calls that its row stands for, 0 without a row."""
        count = self._count(key, int(now) // 60)
        count.calls += 1
        count.unwritten += 1
        if count.calls > steps.full:
            each = steps.each if count.calls <= 10 * steps.full else 10 * steps.each
            if not each or count.unwritten < each:
                return 0
        calls = count.unwritten
        count.unwritten = 0
        return calls

    def spend(self, key: Hashable, amount: int, most: int, now: float) -> bool:
        """Spend an amount of a key's budget for the minute; return whether there was enough left."""
        count = self._count(key, int(now) // 60)
        if count.calls + amount > most:
            return False
        count.calls += amount
        return True

    def _count(self, key: Hashable, minute: int) -> _Count:
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= self._keys:
                self._make_room(minute)
            count = self._counts[key] = _Count(minute)
        elif count.minute != minute:
            count.minute = minute
            count.calls = 0
        return count

    def _make_room(self, minute: int) -> None:
        """Drop the keys of earlier minutes; all of them if this minute alone has too many."""
        self._counts = {key: count for key, count in self._counts.items() if count.minute == minute}
        if len(self._counts) > self._keys // 2:
            self._counts.clear()


_samplers: WeakKeyDictionary[object, Sampler] = WeakKeyDictionary()


def sampler_of(owner: object) -> Sampler:
    """Return the sampler that lives as long as `owner`, such as an isolate's settings: events share it."""
    sampler = _samplers.get(owner)
    if sampler is None:
        sampler = _samplers[owner] = Sampler()
    return sampler
