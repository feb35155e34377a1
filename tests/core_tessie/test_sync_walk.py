"""A walk through a history ends, and meets each record, whatever the server makes of a window's parameters."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pytest

from core_tessie.sync.walk import Span, Trail

type Server = Callable[[list[dict[str, Any]], Mapping[str, int]], list[dict[str, Any]]]
UNTIL = 100_000


def by_start(records: list[dict[str, Any]], query: Mapping[str, int]) -> list[dict[str, Any]]:
    found = [one for one in records if query["from"] <= one["started_at"] <= query["to"]]
    return found[: query.get("limit", len(found))]


def by_overlap(records: list[dict[str, Any]], query: Mapping[str, int]) -> list[dict[str, Any]]:
    found = [one for one in records if one["ended_at"] >= query["from"] and one["started_at"] <= query["to"]]
    return found[: query.get("limit", len(found))]


def without_limit(records: list[dict[str, Any]], query: Mapping[str, int]) -> list[dict[str, Any]]:
    return by_start(records, {**query, "limit": len(records)})


def heedless(records: list[dict[str, Any]], _query: Mapping[str, int]) -> list[dict[str, Any]]:
    return records


def history(draw: Random) -> list[dict[str, Any]]:
    """Return records, newest first, of which many may begin in one second."""
    seconds = [draw.randrange(UNTIL) for _ in range(draw.randrange(1, 30))]
    starts = [draw.choice(seconds) for _ in range(draw.randrange(0, 900))]
    found = [{"id": n, "started_at": at, "ended_at": at + draw.randrange(500)} for n, at in enumerate(starts)]
    return sorted(found, key=lambda one: one["started_at"], reverse=True)


@pytest.mark.parametrize("server", [by_start, by_overlap, without_limit, heedless])
@pytest.mark.parametrize("seed", range(25))
def test_walk_ends_and_meets_each_record(server: Server, seed: int) -> None:
    draw = Random(seed)
    records = history(draw)
    floor = draw.choice((0, 0, draw.randrange(UNTIL)))
    trail = Trail(spans=[Span(floor, UNTIL)], floor=floor)
    seen: set[int] = set()
    covered: list[Span] = []
    for _ in range(200):
        if not trail.spans:
            break
        found = server(records, trail.query())
        seen |= {one["id"] for one in found}
        covered.append(trail.advance(found))
        trail = Trail.model_validate_json(trail.model_dump_json(exclude_defaults=True))
    assert not trail.spans
    assert {one["id"] for one in records if one["started_at"] >= floor} <= seen


@pytest.mark.parametrize("server", [by_start, by_overlap])
@pytest.mark.parametrize("seed", range(25))
def test_window_has_all_records_of_the_time_that_it_covers(server: Server, seed: int) -> None:
    records = history(Random(seed))
    trail = Trail(spans=[Span(0, UNTIL)])
    while trail.spans:
        found = server(records, trail.query())
        covered = trail.advance(found)
        within = {one["id"] for one in records if covered.floor <= one["started_at"] <= covered.until}
        assert within <= {one["id"] for one in found}
