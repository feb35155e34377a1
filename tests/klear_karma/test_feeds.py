"""Feeds of both sides: through secret links, read by the package icalendar, and without data of others."""

from datetime import UTC, datetime, timedelta
from typing import Any

from icalendar import Calendar
from tests.klear_karma.conftest import ENV, Run, as_member
from tests.klear_karma.practices import day_after_tomorrow, insertion, practice

from edge.instants import from_epoch, to_text
from edge.testing import Answer, Client
from klear_karma.app import app

SITE = ENV["SITE_URL"]


async def add(client: Client, name: str, **columns: Any) -> None:
    """Insert a booking of Ada with Mira."""
    db: Any = client.ports.settings.db
    start = day_after_tomorrow() + 3600 * columns.pop("hour", 0)
    row = {
        "id": name,
        "customer_id": "ada",
        "practitioner_id": "mira",
        "customer_name": "Ada",
        "practitioner_name": "Mira",
        "service_name": "Reiki; deep, slow",
        "state": "confirmed",
        "starts_at": from_epoch(start),
        "ends_at": from_epoch(start + 3600),
        "time_zone": "UTC",
        "wall_time": "x",
        "blocked_from": start,
        "blocked_until": start + 3600,
        "minutes": 60,
        "price": 7500,
        "currency": "EUR",
        "note": "my back\r\nhurts",
        "free": 1,
        "current": 1,
        "created_at": "2026-01-01 00:00:00",
        "updated_at": "2026-01-02 00:00:00",
    } | columns
    statement = insertion("appointments", row)
    await db.run(statement.sql, *statement.params)


async def link_of(client: Client, side: str, **body: Any) -> str:
    """Return the path of a new link."""
    answer = await client.post("/api/feeds", {"side": side} | body)
    assert answer.status == 201, answer.text
    url: str = answer.json()["url"]
    assert url.startswith(f"{SITE}/calendars/")
    return url.removeprefix(SITE)


def events(answer: Answer) -> dict[str, Any]:
    """Parse the events of a feed by UID."""
    assert (answer.status, answer.header("content-type")) == (200, "text/calendar; charset=utf-8"), answer.text
    read: Any = Calendar.from_ical(answer.body)
    return {str(event["UID"]): event for event in read.walk("VEVENT")}


def test_feeds_show_each_side_its_own(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        bob = await as_member(client, "bob")
        await add(client, "one")
        paths = [
            await link_of(ada, "customer"),
            await link_of(mira, "practitioner"),
            await link_of(mira, "practitioner", has_notes=True),
            await link_of(mira, "customer"),
            await link_of(bob, "customer"),
        ]
        stranger = client.anonymous()
        return [await stranger.get(path, headers=[("accept", "image/png")]) for path in paths]

    ada, mira, with_notes, none, bob = run(case)
    [event] = events(ada).values()
    assert (event["UID"], event["SUMMARY"]) == ("one@klear-karma-api", "Reiki; deep, slow: Mira")
    assert event["DESCRIPTION"] == "my back\nhurts"
    [event] = events(mira).values()
    assert event["SUMMARY"] == "Reiki; deep, slow: Ada"
    assert "DESCRIPTION" not in event
    assert b"hurts" not in mira.body
    assert [event["DESCRIPTION"] for event in events(with_notes).values()] == ["my back\nhurts"]
    assert (events(none), events(bob)) == ({}, {})


def test_revoked_link_answers_404(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        await practice(client)
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        path = await link_of(ada, "customer")
        [link] = (await ada.get("/api/feeds")).json()
        answers = [
            await bob.request("DELETE", f"/api/feeds/{link['id']}"),
            await client.get(path),
            await ada.request("DELETE", f"/api/feeds/{link['id']}"),
            await client.get(path),
            await client.get("/calendars/x.ics"),
            await client.get("/calendars/%00.ics"),
        ]
        db: Any = client.ports.settings.db
        return [[answer.status for answer in answers], link, path, str(await db.all("SELECT * FROM feed_links"))]

    statuses, link, path, stored = run(case)
    assert statuses == [404, 200, 204, 404, 404, 404]
    assert {*link} == {"id", "side", "has_notes", "created_at"}
    assert path.split("/")[-1].removesuffix(".ics") not in stored


def test_unchanged_feed_is_not_sent_again(run: Run) -> None:
    async def case(client: Client) -> list[Answer]:
        await practice(client)
        ada = await as_member(client, "ada")
        await add(client, "one")
        path = await link_of(ada, "customer")
        first = await client.get(path)
        tag = str(first.header("etag"))
        same = await client.get(path, headers=[("if-none-match", f'"other", W/{tag}')])
        db: Any = client.ports.settings.db
        await db.run("UPDATE appointments SET sequence = 1, updated_at = '2026-01-03 00:00:00'")
        return [first, same, await client.get(path, headers=[("if-none-match", tag)])]

    first, same, changed = run(case)
    assert (same.status, same.body, changed.status) == (304, b"", 200)
    assert first.header("cache-control") == same.header("cache-control") == "private, no-cache"
    assert events(changed)["one@klear-karma-api"]["SEQUENCE"] == 1
    assert events(changed)["one@klear-karma-api"]["DTSTAMP"].dt == datetime(2026, 1, 3, tzinfo=UTC)


def test_cancelled_bookings_stay_for_a_month_and_others_for_their_window(local: Run) -> None:
    now = datetime.now(UTC)

    def ago(days: int) -> str:
        return to_text(now - timedelta(days=days))

    cancelled = {"state": "cancelled", "cancelled_by": "customer"}

    async def case(client: Client) -> list[Any]:
        await practice(client)
        ada = await as_member(client, "ada")
        await add(client, "fresh", updated_at=ago(29), **cancelled)
        await add(client, "stale", updated_at=ago(31), **cancelled)
        await add(client, "asked", state="requested", expires_at=ago(-1), hour=2)
        await add(client, "past", state="completed", starts_at=ago(89))
        await add(client, "ancient", state="completed", starts_at=ago(91))
        await add(client, "distant", starts_at=ago(-370))
        return [await client.get(await link_of(ada, "customer"))]

    [answer] = local(case)
    by_uid = events(answer)
    assert {name.split("@")[0]: str(event["STATUS"]) for name, event in by_uid.items()} == {
        "fresh": "CANCELLED",
        "asked": "TENTATIVE",
        "past": "CONFIRMED",
    }


def test_links_are_bounded_in_number(run: Run) -> None:
    async def case(client: Client) -> list[int]:
        ada = await as_member(client, "ada")
        statuses = [(await ada.post("/api/feeds", {"side": "customer"})).status for _ in range(11)]
        return [*statuses, (await ada.post("/api/feeds", {"side": "both"})).status]

    assert run(case) == [201] * 10 + [409, 422]


def test_each_link_has_its_own_rate_limit(local: Run) -> None:
    async def case(client: Client) -> list[list[int]]:
        ada = await as_member(client, "ada")
        first, other = await link_of(ada, "customer"), await link_of(ada, "customer")
        calls = 2 * app.limits["FEED_LIMITER"].calls + 1  # a new minute may begin among them
        return [[(await client.get(first)).status for _ in range(calls)], [(await client.get(other)).status]]

    first, second = local(case)
    assert (first[0], 429 in first, second) == (200, True, [200])
