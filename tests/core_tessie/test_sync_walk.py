"""A walk through a history ends and meets each record, however the server treats a window's parameters."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pytest

from core_tessie.sync.walk import Span, Trail

type Server = Callable[[list[dict[str, Any]], Mapping[str, int]], list[dict[str, Any]]]
UNTIL = 100_000


def by_start(records: list[dict[str, Any]], query: Mapping[str, int]) -> list[dict[str, Any]]:
    matches = [record for record in records if query["from"] <= record["started_at"] <= query["to"]]
    return matches[: query.get("limit", len(matches))]


def by_overlap(records: list[dict[str, Any]], query: Mapping[str, int]) -> list[dict[str, Any]]:
    matches = [
        record for record in records if record["ended_at"] >= query["from"] and record["started_at"] <= query["to"]
    ]
    return matches[: query.get("limit", len(matches))]


def without_limit(records: list[dict[str, Any]], query: Mapping[str, int]) -> list[dict[str, Any]]:
    return by_start(records, {**query, "limit": len(records)})


def heedless(records: list[dict[str, Any]], _query: Mapping[str, int]) -> list[dict[str, Any]]:
    return records


def in_short_pages(records: list[dict[str, Any]], query: Mapping[str, int]) -> list[dict[str, Any]]:
    return by_start(records, query if "limit" not in query else {**query, "limit": 50})


def in_short_pages_by_overlap(records: list[dict[str, Any]], query: Mapping[str, int]) -> list[dict[str, Any]]:
    return by_overlap(records, query if "limit" not in query else {**query, "limit": 25})


def history(draw: Random) -> list[dict[str, Any]]:
    """Return records, newest first; many of them may begin in one second."""
    seconds = [draw.randrange(UNTIL) for _ in range(draw.randrange(1, 30))]
    starts = [draw.choice(seconds) for _ in range(draw.randrange(0, 900))]
    records = [{"id": n, "started_at": at, "ended_at": at + draw.randrange(500)} for n, at in enumerate(starts)]
    return sorted(records, key=lambda record: record["started_at"], reverse=True)


@pytest.mark.parametrize(
    "server", [by_start, by_overlap, without_limit, heedless, in_short_pages, in_short_pages_by_overlap]
)
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
        window = server(records, trail.query())
        seen |= {record["id"] for record in window}
        covered.append(trail.advance(window))
        trail = Trail.model_validate_json(trail.model_dump_json(exclude_defaults=True))
    assert not trail.spans
    assert {record["id"] for record in records if record["started_at"] >= floor} <= seen


@pytest.mark.parametrize("server", [by_start, by_overlap, in_short_pages, in_short_pages_by_overlap])
@pytest.mark.parametrize("seed", range(25))
def test_window_has_all_records_of_the_time_that_it_covers(server: Server, seed: int) -> None:
    records = history(Random(seed))
    trail = Trail(spans=[Span(0, UNTIL)])
    while trail.spans:
        window = server(records, trail.query())
        covered = trail.advance(window)
        within = {record["id"] for record in records if covered.floor <= record["started_at"] <= covered.until}
        assert within <= {record["id"] for record in window}
