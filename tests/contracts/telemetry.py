"""The contract of every `Telemetry`. Each case writes under a name of its own; it imports nothing but the kernel."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from tests.contracts.expected import refused

from edge.ports import LimitExceeded
from edge.ports.telemetry import Point, Telemetry, Total

type Case = Callable[[Telemetry], Awaitable[None]]


async def totals(telemetry: Telemetry, name: str, blobs: tuple[int, ...], doubles: tuple[int, ...] = ()) -> list[Total]:
    """Return the totals of the points with `name` as their first blob, without it."""
    rows = await telemetry.totals((1, *blobs), doubles, hour_ago())
    return [Total(row.blobs[1:], row.count, row.sums) for row in rows if row.blobs[0] == name]


async def arrived(telemetry: Telemetry, name: str, count: int) -> None:
    """Wait until as many points of a name are there: they are written without waiting."""
    while sum(total.count for total in await totals(telemetry, name, ())) < count:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def hour_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


async def points_are_totalled_the_most_first(telemetry: Telemetry) -> None:
    for blob, number in (("few", 1.5), ("many", 2), ("many", 3), ("many", -0.25)):
        telemetry.write(Point("totalled", ["totalled", blob, "x"], [number, 10]))
    await arrived(telemetry, "totalled", 4)
    assert await totals(telemetry, "totalled", (2,), (1, 2)) == [
        Total(("many",), 3, (4.75, 30)),
        Total(("few",), 1, (1.5, 10)),
    ]
    assert await totals(telemetry, "totalled", (), (2,)) == [Total((), 4, (40,))]
    assert await totals(telemetry, "totalled", (3, 2), (2, 1)) == [
        Total(("x", "many"), 3, (30, 4.75)),
        Total(("x", "few"), 1, (10, 1.5)),
    ]


async def equal_counts_come_in_the_order_of_their_blobs(telemetry: Telemetry) -> None:
    for blob in ("b", "a", "c"):
        telemetry.write(Point("ordered", ["ordered", blob], []))
    await arrived(telemetry, "ordered", 3)
    assert [total.blobs for total in await totals(telemetry, "ordered", (2,))] == [("a",), ("b",), ("c",)]


async def missing_values_of_a_point_are_empty_or_0(telemetry: Telemetry) -> None:
    telemetry.write(Point("", ["lacking"], []))
    telemetry.write(Point("", ["lacking", ""], [0, 0]))
    await arrived(telemetry, "lacking", 2)
    assert await totals(telemetry, "lacking", (2, 20), (1, 20)) == [Total(("", ""), 2, (0, 0))]


async def text_comes_back_as_it_went(telemetry: Telemetry) -> None:
    texts = ["'; DROP TABLE points; --", '"', "\\", "naïve 🚗", "two\nlines", "/d1/{table}", "null", "0"]
    for text in texts:
        telemetry.write(Point(text, ["texts", text], [1]))
    await arrived(telemetry, "texts", len(texts))
    assert sorted(total.blobs[0] for total in await totals(telemetry, "texts", (2,))) == sorted(texts)


async def a_period_has_the_requested_start(telemetry: Telemetry) -> None:
    telemetry.write(Point("period", ["period"], []))
    await arrived(telemetry, "period", 1)
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert [total for total in await telemetry.totals((1,), (), later) if total.blobs == ("period",)] == []


async def a_point_over_a_limit_is_dropped_and_no_other(telemetry: Telemetry) -> None:
    good = Point("limits", ["limits"], [1])
    full = Point("x" * 96, ["limits", "x" * 4084, "ü" * 6147, *[""] * 17], [1.0] * 20)
    over = [
        Point("x" * 97, good.blobs, [1]),
        Point("ü" * 49, good.blobs, [1]),
        Point("limits", ["limits", *[""] * 20], [1]),
        Point("limits", good.blobs, [1.0] * 21),
        Point("limits", ["limits", "x" * 16_379], [1]),
        Point("limits", ["limits", "x" * 4085, "ü" * 6147], [1]),
        Point("limits", good.blobs, [float("nan")]),
        Point("limits", good.blobs, [float("inf")]),
        Point("limits", ["limits", "\ud800"], [1]),
    ]
    for point in (*over, full, *over, good):
        telemetry.write(point)
    await arrived(telemetry, "limits", 2)
    assert await totals(telemetry, "limits", (), (1,)) == [Total((), 2, (2,))]


async def an_event_writes_25_points(telemetry: Telemetry) -> None:
    for _ in range(30):
        telemetry.write(Point("event", ["event"], [1]))
    await arrived(telemetry, "event", 25)
    await asyncio.sleep(0.2)
    assert await totals(telemetry, "event", (), (1,)) == [Total((), 25, (25,))]


async def only_numbers_that_a_point_has_are_asked_for(telemetry: Telemetry) -> None:
    for blobs, doubles in (((0,), ()), ((21,), ()), ((1,), (0,)), ((1,), (21,)), ((-1,), ())):
        await refused(LimitExceeded, telemetry.totals(blobs, doubles, hour_ago()))


async def probe_answers(telemetry: Telemetry) -> None:
    await telemetry.probe()


CASES: list[Case] = [
    points_are_totalled_the_most_first,
    equal_counts_come_in_the_order_of_their_blobs,
    missing_values_of_a_point_are_empty_or_0,
    text_comes_back_as_it_went,
    a_period_has_the_requested_start,
    a_point_over_a_limit_is_dropped_and_no_other,
    an_event_writes_25_points,
    only_numbers_that_a_point_has_are_asked_for,
    probe_answers,
]
