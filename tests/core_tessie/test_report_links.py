"""An energy report without a question, of the last 30 days on the car's clocks; and links that open its page."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from core_tessie.energy.links import link_of
from core_tessie.energy.period import offset_name, zone_named
from edge.access import ADMIN, Actor
from edge.testing import Answer, Client
from edge.zones import UnknownZone

from .conftest import ENV, Runner
from .energy_rows import PATH, A, B, database, put_all, put_vehicle
from .test_auth import by, create_key, keyed

TARIFF = "INSERT INTO tariffs (id, name, vin, currency, timezone, rates) VALUES ('t', 't', ?, 'EUR', ?, '[]')"
HTML = "text/html; charset=utf-8"


async def fleet(client: Client, **offsets: int | None) -> None:
    """Store the rows of two cars, and the offsets that Tessie reports for them."""
    await put_all(client)
    await put_vehicle(client, B)
    for vin, name in ((A, "a"), (B, "b")):
        await database(client).run("UPDATE vehicles SET utc_offset_s = ? WHERE id = ?", offsets.get(name), vin)


def midnight_of(stored: dict[str, Any], zone: str) -> datetime:
    start = datetime.fromisoformat(stored["period_from"]).replace(tzinfo=UTC)
    return start.astimezone(zone_named(zone))


@pytest.mark.parametrize("body", [{}, {"vin": A}])
def test_report_of_nothing_else_is_of_thirty_days_on_the_cars_clocks(run: Runner, body: dict[str, str]) -> None:
    async def case(client: Client) -> tuple[Answer, Answer]:
        await fleet(client, a=-28_800, b=-28_800)
        first = await client.post(PATH, body)
        return first, await client.post(PATH, first.json()["report"]["inputs"])

    first, again = run(case)
    assert (first.status, again.status) == (201, 201)
    stored = first.json()
    assert stored["report"]["inputs"]["timezone"] == "UTC-08:00"
    assert stored["report"] == again.json()["report"]
    end = datetime.fromisoformat(stored["period_to"]).replace(tzinfo=UTC)
    assert abs(end - datetime.now(UTC)) < timedelta(minutes=5)
    start = midnight_of(stored, "UTC-08:00")
    assert (start.hour, start.minute) == (0, 0)
    assert end.astimezone(zone_named("UTC-08:00")).date() - start.date() == timedelta(days=30)


def test_zone_is_that_of_the_tariff_and_else_of_most_cars(run: Runner) -> None:
    async def case(client: Client) -> list[str]:
        await fleet(client, a=19_800)
        zones = [
            (await client.post(PATH, body)).json()["report"]["inputs"]["timezone"] for body in ({"vin": A}, {"vin": B})
        ]
        await database(client).run(TARIFF, A, "Europe/Berlin")
        zones += [(await client.post(PATH, body)).json()["report"]["inputs"]["timezone"] for body in ({"vin": A}, {})]
        named = await client.post(PATH, {"vin": A, "timezone": "Asia/Tokyo"})
        return [*zones, named.json()["report"]["inputs"]["timezone"]]

    assert run(case) == ["UTC+05:30", "UTC", "Europe/Berlin", "Europe/Berlin", "Asia/Tokyo"]


def test_thirty_days_before_an_end_that_is_named(run: Runner) -> None:
    async def case(client: Client) -> Answer:
        await fleet(client)
        return await client.post(PATH, {"to": "2025-04-01", "timezone": "Europe/Berlin"})

    stored = run(case).json()
    assert (stored["period_from"], stored["period_to"]) == ("2025-03-01 23:00:00", "2025-03-31 22:00:00")


def test_no_car_is_no_zone(run: Runner) -> None:
    answer = run(lambda client: client.post(PATH, {}))
    assert (answer.status, answer.json()["report"]["inputs"]["timezone"]) == (201, "UTC")


@pytest.mark.parametrize(
    ("seconds", "name"),
    [(0, "UTC"), (3600, "UTC+01:00"), (-12_600, "UTC-03:30"), (50_400, "UTC+14:00"), (10**9, "UTC"), (-1, "UTC-00:00")],
)
def test_offset_has_a_name_that_is_read_again(seconds: int, name: str) -> None:
    assert offset_name(seconds) == name
    offset = datetime.now(zone_named(name)).utcoffset()
    assert offset == timedelta(seconds=0 if abs(seconds) in {1, 10**9} else seconds)


@pytest.mark.parametrize("name", ["UTC+25:00", "UTC+1:00", "UTC+01:60", "+01:00", "UTC+15:00", "UTC+01:00\n"])
def test_other_words_are_no_offset(name: str) -> None:
    with pytest.raises(UnknownZone):
        zone_named(name)


def test_iana_names_stay_what_they_are() -> None:
    assert zone_named("Europe/Berlin") == ZoneInfo("Europe/Berlin")


def test_link_in_the_json_opens_the_page_without_a_key(run: Runner) -> None:
    async def case(client: Client) -> tuple[list[str], Answer, list[int]]:
        await put_all(client)
        created = (await client.post(PATH, {"from": "2025-01-01", "vin": A})).json()
        read = (await client.get(f"{PATH}/{created['id']}")).json()
        [entry] = (await client.get(PATH)).json()
        links = [created["html_url"], read["html_url"], entry["html_url"]]
        stranger = client.anonymous()
        page = await stranger.get(links[0])
        link = urlsplit(links[0]).query.removeprefix("link=")
        others = [
            (await stranger.get(f"{PATH}/{created['id']}/page")).status,
            (await stranger.get(f"{PATH}/{created['id']}/page?link=")).status,
            (await stranger.get(f"{PATH}/{created['id']}?link={link}")).status,
            (await stranger.get(f"{PATH}?link={link}")).status,
            (await stranger.request("POST", links[0])).status,
            (await by(client, link).get("/auth/me")).status,
            (await stranger.get(links[0][:-1] + ("A" if links[0][-1] != "A" else "B"))).status,
        ]
        return links, page, others

    links, page, others = run(case)
    assert len({*links}) == 1
    assert (page.status, page.header("content-type"), page.header("cache-control")) == (200, HTML, "no-store")
    assert page.text.startswith("<!doctype html>")
    assert "default-src 'none'" in (page.header("content-security-policy") or "")
    assert others == [401, 401, 401, 401, 405, 401, 401]


def test_link_is_for_one_report_and_its_callers_scope(run: Runner) -> None:
    async def case(client: Client) -> list[int]:
        await put_all(client)
        await put_vehicle(client, B)
        key = await create_key(client, role="reader", subjects=[A, B])
        caller = by(client, key["key"])
        ours, theirs = [(await caller.post(PATH, {"from": "2025-01-01", "vin": vin})).json() for vin in (A, B)]
        stranger = client.anonymous()
        swapped = ours["html_url"].replace(ours["id"], theirs["id"])
        statuses = [(await stranger.get(path)).status for path in (ours["html_url"], theirs["html_url"], swapped)]
        await database(client).run("UPDATE api_keys SET subjects = ? WHERE id = ?", f'["{B}"]', key["id"])
        statuses += [(await stranger.get(path)).status for path in (ours["html_url"], theirs["html_url"])]
        await client.post(f"/auth/keys/{key['id']}/revoke")
        return [*statuses, (await stranger.get(theirs["html_url"])).status]

    assert run(case) == [200, 200, 401, 404, 200, 401]


def test_link_expires_with_its_hours_and_with_its_callers_credential(run: Runner) -> None:
    async def case(client: Client) -> tuple[list[int], list[Any]]:
        await put_all(client)
        stored = (await client.post(PATH, {"from": "2025-01-01", "vin": A})).json()
        key = await create_key(client, role="reader", subjects=[A])
        actor = Actor(key["id"], ADMIN, frozenset([A]))
        settings: Any = client.ports.settings
        now = datetime.now(UTC)
        times = [now, now - timedelta(hours=3)]
        links = [link_of(stored["id"], actor, settings, at) for at in times]
        links.append(link_of(stored["id"], actor._replace(expires_at=now.timestamp() - 1), settings, now))
        return [(await client.anonymous().get(str(link))).status for link in links], links

    statuses, links = run(case)
    assert statuses == [200, 401, 401], links


def test_links_end_with_the_administrators_key_and_need_a_signing_key(tmp_path: Path) -> None:
    runner = Runner(tmp_path, 9)

    async def report(client: Client) -> dict[str, Any]:
        await put_all(client)
        stored: dict[str, Any] = (await client.post(PATH, {"from": "2025-01-01"})).json()
        return stored

    stored = runner(report)
    opened = lambda client: client.anonymous().get(stored["html_url"])  # noqa: E731 - a case of the runner
    assert runner(opened).status == 200
    runner.env["ADMIN_API_KEY"] = f"{ENV['ADMIN_API_KEY']}-2"
    assert runner(opened).status == 401
    runner.env |= {"ADMIN_API_KEY": ENV["ADMIN_API_KEY"], "JWT_SECRET_KEY": ""}
    assert runner(lambda client: client.get(f"{PATH}/{stored['id']}")).json()["html_url"] is None
    assert runner(opened).status in {401, 503}


def test_keyed_caller_opens_the_page_without_a_link(run: Runner) -> None:
    async def case(client: Client) -> list[int]:
        await put_all(client)
        stored = (await client.post(PATH, {"from": "2025-01-01", "vin": A})).json()
        callers = await asyncio.gather(*(keyed(client, role="reader", subjects=[vin]) for vin in (A, B)))
        return [(await caller.get(f"{PATH}/{stored['id']}/page")).status for caller in callers]

    assert run(case) == [200, 404]
