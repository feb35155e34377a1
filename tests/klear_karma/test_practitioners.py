"""Profiles, services, hours and times off: only their owner changes them, and only verified ones are public."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.klear_karma.conftest import Run, as_admin, as_member
from tests.klear_karma.people import ALL_DAY, PROFILE, SERVICE, as_healer, verify
from tests.klear_karma.practices import HOUR, booked, change, day_after_tomorrow, practice

from edge.testing import Answer, Client
from klear_karma.availability.zones import days
from klear_karma.money import DIGITS, amount

pytestmark = pytest.mark.slow

ME = "/api/practitioners/me"


def test_profile_is_found_when_it_is_verified_and_listed(run: Run) -> None:
    async def case(client: Client) -> list[Answer]:
        mira = await as_member(client, "mira", "healer")
        ada = await as_member(client, "ada")
        answer = await mira.request("PUT", ME, json=PROFILE)
        before = await ada.get("/api/practitioners/mira")
        await verify(client, "mira")
        listed = await ada.get("/api/practitioners/mira")
        await mira.request("PUT", ME, json=PROFILE | {"is_listed": False})
        return [answer, before, listed, await client.get("/api/practitioners/mira"), await mira.get(ME)]

    answer, before, listed, hidden, own = run(case)
    assert (answer.status, answer.json()["verification"], answer.json()["exact_place"]) == (
        200,
        "pending",
        PROFILE["place"],
    )
    assert (before.status, listed.status, hidden.status) == (404, 200, 404)
    document = listed.json()
    assert document["name"] == PROFILE["name"]
    assert "exact_place" not in document
    assert "52.512345" not in listed.text
    assert "Straße" not in listed.text
    assert abs(document["place"]["lat"] - 52.512345) < 0.01
    assert (own.json()["is_listed"], own.json()["verification"]) == (False, "verified")


def test_rejected_profile_waits_again_when_it_is_written(local: Run) -> None:
    async def case(client: Client) -> list[str]:
        mira = await as_healer(client, "mira")
        states = list[str]()
        for state in ("rejected", "verified"):
            await verify(client, "mira", state)
            states.append((await mira.request("PUT", ME, json=PROFILE)).json()["verification"])
        return states

    assert local(case) == ["pending", "verified"]


def test_removed_time_zone_affects_only_its_own_slots(local: Run) -> None:
    async def case(client: Client) -> list[Any]:
        await as_healer(client, "mira")
        await as_healer(client, "ole")
        db: Any = client.ports.settings.db
        await db.run("UPDATE practitioners SET time_zone = 'Europe/Gone' WHERE id = 'mira'")
        day = (datetime.now(UTC).date() + timedelta(days=5)).isoformat()
        search = await client.get(f"/api/practitioners/search?lat=52.51&lng=13.41&available_on={day}")
        slots = await client.get("/api/practitioners/mira/availability?zone=UTC")
        return [[row["id"] for row in search.json()["practitioners"]], slots.status]

    assert local(case) == [["ole"], 409]


def test_customer_has_no_profile(run: Run) -> None:
    async def case(client: Client) -> list[Answer]:
        ada = await as_member(client, "ada")
        return [
            await ada.request("PUT", ME, json=PROFILE),
            await ada.get(ME),
            await ada.post(f"{ME}/services", SERVICE),
            await ada.request("PUT", f"{ME}/hours", json={"hours": []}),
            await ada.post(f"{ME}/time-off", {"first_day": "2027-01-01", "last_day": "2027-01-02"}),
            await ada.get(f"{ME}/time-off"),
            await as_admin(client).get(ME),
        ]

    assert [answer.status for answer in run(case)] == [403, 404, 404, 404, 404, 404, 403]


def test_only_owner_can_change_services(run: Run) -> None:
    async def case(client: Client) -> list[Answer]:
        mira = await as_healer(client, "mira")
        ole = await as_healer(client, "ole")
        [service] = (await mira.get(f"{ME}/services")).json()
        path = f"{ME}/services/{service['id']}"
        return [
            await ole.request("PUT", path, json=SERVICE),
            await ole.request("DELETE", path),
            await ole.get(f"/api/practitioners/ole/availability?service_id={service['id']}"),
            await mira.request("PUT", path, json=SERVICE | {"price": 6000, "is_active": False}),
            await mira.get(ME),
            await client.get("/api/practitioners/mira"),
            await mira.request("DELETE", path),
            await mira.request("DELETE", path),
        ]

    foreign, removal, slots, changed, own, public, removed, again = run(case)
    assert (foreign.status, removal.status, slots.status) == (404, 404, 404)
    assert (changed.status, changed.json()["price"]) == (200, 6000)
    assert [service["is_active"] for service in own.json()["services"]] == [False]
    assert (own.json()["min_price"], public.json()["services"]) == (None, [])
    assert (removed.status, again.status) == (204, 404)


def test_currency_stays_while_services_have_prices(local: Run) -> None:
    async def case(client: Client) -> list[Answer]:
        mira = await as_healer(client, "mira")
        refused = await mira.request("PUT", ME, json=PROFILE | {"currency": "JPY"})
        [service] = (await mira.get(f"{ME}/services")).json()
        await mira.request("DELETE", f"{ME}/services/{service['id']}")
        return [refused, await mira.request("PUT", ME, json=PROFILE | {"currency": "JPY"})]

    refused, changed = local(case)
    assert (refused.status, changed.json()["currency"]) == (409, "JPY")


def test_currencies_are_those_of_2026() -> None:
    begun = {"SLE", "VES", "XCG", "ZWG"}
    ended = {"ANG", "BGN", "HRK", "SLL", "ZWL"}
    assert (begun - {*DIGITS}, ended & {*DIGITS}) == (set(), set())
    assert (amount(5000, "JPY"), amount(1, "EUR"), amount(1234, "KWD")) == ("5000 JPY", "0.01 EUR", "1.234 KWD")


def test_hours_are_returned_unchanged(run: Run) -> None:
    hours = [
        {"weekday": 0, "opens": "08:00", "closes": "12:00", "breaks": [{"opens": "10:00", "closes": "10:15"}]},
        {"weekday": 0, "opens": "13:00", "closes": "24:00", "breaks": []},
    ]

    async def case(client: Client) -> list[Answer]:
        mira = await as_healer(client, "mira")
        return [await mira.request("PUT", f"{ME}/hours", json={"hours": hours}), await mira.get(f"{ME}/hours")]

    written, read = run(case)
    assert written.json() == read.json() == {"hours": hours, "conflicts": []}


def test_breaks_hold_no_slots_and_new_ones_begin_after_them(local: Run) -> None:
    breaks = [{"opens": "12:00", "closes": "13:00"}, {"opens": "10:00", "closes": "10:15"}]
    day = datetime.now(UTC).date() + timedelta(days=5)
    hours = {"weekday": day.weekday(), "opens": "09:00", "closes": "15:00", "breaks": breaks}

    async def case(client: Client) -> None:
        mira = await as_healer(client, "mira", time_zone="UTC")
        assert (await mira.request("PUT", f"{ME}/hours", json={"hours": [hours]})).status == 200
        path = f"/api/practitioners/mira/availability?from={day}&to={day}"
        slots = [slot["starts_at"][11:16] for slot in (await client.get(path)).json()["slots"]]
        assert slots == ["09:00", "10:15", "10:45", "13:00", "13:30", "14:00"]
        [service] = (await client.get("/api/practitioners/mira")).json()["services"]
        ada = await as_member(client, "ada")
        order = {"practitioner_id": "mira", "service_id": service["id"]}
        for clock, status in (("09:30", 409), ("11:15", 409), ("12:00", 409), ("10:45", 201)):
            answer = await ada.post("/api/appointments", order | {"starts_at": f"{day}T{clock}:00Z"})
            assert answer.status == status, (clock, answer.text)

    local(case)


def test_only_owner_lists_and_removes_time_off(run: Run) -> None:
    async def case(client: Client) -> list[Answer]:
        mira = await as_healer(client, "mira")
        ole = await as_healer(client, "ole")
        days = await mira.post(f"{ME}/time-off", {"first_day": "2050-03-27", "last_day": "2050-03-28"})
        times = await mira.post(
            f"{ME}/time-off", {"starts_at": "2050-01-01T10:00:00+01:00", "ends_at": "2050-01-01T12:00:00Z"}
        )
        path = f"{ME}/time-off/{days.json()['id']}"
        return [
            *(days, times, await mira.get(f"{ME}/time-off"), await ole.get(f"{ME}/time-off")),
            *(await ole.request("DELETE", path), await mira.request("DELETE", path)),
            *(await mira.request("DELETE", path), await mira.get(f"{ME}/time-off")),
        ]

    days, times, listed, others, foreign, removed, again, left = run(case)
    assert (days.json()["starts_at"], days.json()["ends_at"]) == ("2050-03-26T23:00:00Z", "2050-03-28T22:00:00Z")
    assert (times.json()["starts_at"], times.json()["ends_at"]) == ("2050-01-01T09:00:00Z", "2050-01-01T12:00:00Z")
    assert [row["id"] for row in listed.json()] == [times.json()["id"], days.json()["id"]]
    assert (others.json(), foreign.status, removed.status, again.status) == ([], 404, 204, 404)
    assert [row["id"] for row in left.json()] == [times.json()["id"]]


def test_only_administrator_verifies_and_it_is_audited(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        mira = await as_member(client, "mira", "healer")
        await mira.request("PUT", ME, json=PROFILE)
        path = "/api/admin/practitioners/mira/verification"
        db: Any = client.ports.settings.db
        return [
            (await as_admin(client).get("/api/admin/practitioners")).json(),
            (await mira.request("PUT", path, json={"state": "verified"})).status,
            (await verify(client, "mira")).status,
            (await verify(client, "nobody")).status,
            await db.all("SELECT actor, action, target_id, details FROM admin_audit"),
        ]

    waiting, own, done, nobody, audit = run(case)
    assert [row["id"] for row in waiting] == ["mira"]
    assert (own, done, nobody) == (403, 200, 404)
    assert [(row["action"], row["target_id"]) for row in audit] == [("verification", "mira")]
    assert '"to":"verified"' in audit[0]["details"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", PROFILE | {"time_zone": "Europe/Atlantis"}),
        ("", PROFILE | {"time_zone": "../../etc/passwd"}),
        ("", PROFILE | {"currency": "XXX"}),
        ("", PROFILE | {"currency": "eur"}),
        ("", PROFILE | {"name": " "}),
        ("", PROFILE | {"name": "a\u0000b"}),
        ("", PROFILE | {"place": {"lat": 90.1, "lng": 0}}),
        ("", PROFILE | {"place": {"lat": 0, "lng": 180.1}}),
        ("", PROFILE | {"horizon_days": 10**15}),
        ("", PROFILE | {"verification": "verified"}),
        ("", PROFILE | {"specializations": ["Reiki", "reiki"]}),
        ("/services", SERVICE | {"price": 10**15}),
        ("/services", SERVICE | {"price": -1}),
        ("/services", SERVICE | {"price": 79.99}),
        ("/services", SERVICE | {"minutes": 1400, "buffer_after_minutes": 60}),
        ("/services", SERVICE | {"minutes": 0}),
        ("/services", SERVICE | {"currency": "USD"}),
        ("/hours", {"hours": [{"weekday": 7, "opens": "09:00", "closes": "10:00"}]}),
        ("/hours", {"hours": [{"weekday": 0, "opens": "10:00", "closes": "09:00"}]}),
        ("/hours", {"hours": [{"weekday": 0, "opens": "25:00", "closes": "26:00"}]}),
        ("/hours", {"hours": [ALL_DAY[0], ALL_DAY[0]]}),
        (
            "/hours",
            {
                "hours": [
                    {
                        "weekday": 0,
                        "opens": "09:00",
                        "closes": "10:00",
                        "breaks": [{"opens": "08:00", "closes": "09:30"}],
                    }
                ]
            },
        ),
        ("/time-off", {}),
        ("/time-off", {"first_day": "2027-02-30", "last_day": "2027-03-01"}),
        ("/time-off", {"first_day": "2027-03-02", "last_day": "2027-03-01"}),
        ("/time-off", {"first_day": "2027-03-02"}),
        ("/time-off", {"first_day": "2027-03-02", "last_day": "2099-03-01"}),
        ("/time-off", {"starts_at": "2027-03-02T10:00:00", "ends_at": "2027-03-02T11:00:00"}),
        ("/time-off", {"starts_at": "2027-03-02T25:00:00Z", "ends_at": "2027-03-03T11:00:00Z"}),
        ("/time-off", {"starts_at": "2027-03-02T10:00:00Z", "ends_at": "2027-03-02T10:00:00Z"}),
    ],
)
def test_bad_values_are_refused(local: Run, path: str, body: dict[str, Any]) -> None:
    async def case(client: Client) -> Answer:
        mira = await as_member(client, "mira", "healer")
        await mira.request("PUT", ME, json=PROFILE)
        method = "PUT" if path in {"", "/hours"} else "POST"
        return await mira.request(method, ME + path, json=body)

    answer = local(case)
    assert answer.status == 422, answer.text
    assert answer.header("content-type") == "application/problem+json"


def test_changes_at_the_same_time_are_all_made(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        mira = await as_healer(client, "mira")

        async def add(number: int) -> int:
            return (
                await mira.post(f"{ME}/services", SERVICE | {"name": f"Kind{number}", "price": 100 + number})
            ).status

        statuses = await asyncio.gather(*[add(number) for number in range(5)])
        own = (await mira.get(ME)).json()
        db: Any = client.ports.settings.db
        indexed = await db.first("SELECT words FROM practitioner_texts")
        return [statuses, len(own["services"]), own["min_price"], indexed["words"]]

    statuses, count, least, words = run(case)
    assert statuses == [201] * 5
    assert (count, least) == (6, 100)
    assert all(f"kind{number}" in words for number in range(5))


def test_bookings_outside_new_hours_stay_and_are_listed(run: Run) -> None:
    start = day_after_tomorrow(10)
    day = datetime.fromtimestamp(start, UTC).date().isoformat()
    noon = [{"weekday": weekday, "opens": "12:00", "closes": "20:00"} for weekday in range(7)]

    async def case(client: Client) -> list[Any]:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        booking = await booked(ada, start)
        late = await booked(ada, start + 4 * HOUR)
        document = [
            (await mira.get(f"{ME}/hours")).json()["conflicts"],
            (await mira.request("PUT", f"{ME}/hours", json={"hours": noon})).json()["conflicts"],
            (await mira.post(f"{ME}/time-off", {"first_day": day, "last_day": day})).json()["conflicts"],
        ]
        await change(ada, booking, "cancel")
        document.append((await mira.get(f"{ME}/hours")).json()["conflicts"])
        state = (await ada.get(f"/api/appointments/{late['id']}")).json()["state"]
        return [booking["id"], late["id"], document, state]

    first, second, (before, hours, time_off, left), state = run(case)
    assert before == []
    assert [(row["appointment_id"], row["reason"]) for row in hours] == [(first, "hours")]
    assert [(row["appointment_id"], row["reason"]) for row in time_off] == [(first, "hours"), (second, "time_off")]
    assert [row["appointment_id"] for row in left] == [second]
    assert state == "confirmed"
    assert hours[0]["customer_name"] == "Ada"


def test_booked_time_is_no_slot_until_it_is_cancelled(run: Run) -> None:
    start = day_after_tomorrow(10)
    day = datetime.fromtimestamp(start, UTC).date().isoformat()

    async def case(client: Client) -> list[list[str]]:
        await practice(client)
        ada = await as_member(client, "ada")

        async def starts() -> list[str]:
            page = await client.get(f"/api/practitioners/mira/availability?from={day}&to={day}")
            return [slot["starts_at"][11:16] for slot in page.json()["slots"]]

        before = await starts()
        booking = await booked(ada, start)
        during = await starts()
        await change(ada, booking, "cancel")
        return [before, during, await starts()]

    before, during, after = run(case)
    assert len(before) == 24
    assert (set(before) - set(during), after) == ({"10:00"}, before)


def test_repeated_hour_is_listed_with_both_offsets(local: Run) -> None:
    zone = ZoneInfo("Europe/Berlin")
    today = datetime.now(UTC).date() + timedelta(days=1)
    lengths = {day: days(zone, day, day) for day in (today + timedelta(days=number) for number in range(366))}
    autumn = next(day for day, span in lengths.items() if span.end - span.start == 25 * 3600)
    spring = next(day for day, span in lengths.items() if span.end - span.start == 23 * 3600)

    async def case(client: Client) -> list[list[str]]:
        mira = await as_healer(client, "mira", horizon_days=730)
        night = [{"weekday": weekday, "opens": "01:00", "closes": "04:00"} for weekday in range(7)]
        await mira.request("PUT", f"{ME}/hours", json={"hours": night})
        await mira.post(f"{ME}/services", SERVICE | {"minutes": 30})
        pages = [
            await client.get(f"/api/practitioners/mira/availability?from={day}&to={day}") for day in (spring, autumn)
        ]
        return [[slot["starts_at"][11:] for slot in page.json()["slots"]] for page in pages]

    short, long = local(case)
    assert short == ["01:00:00+01:00", "01:30:00+01:00", "03:00:00+02:00", "03:30:00+02:00"]
    assert long == [
        *("01:00:00+02:00", "01:30:00+02:00", "02:00:00+02:00", "02:30:00+02:00"),
        *("02:00:00+01:00", "02:30:00+01:00", "03:00:00+01:00", "03:30:00+01:00"),
    ]


def test_change_of_verified_text_is_listed_and_audited_but_does_not_end_the_verification(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await as_healer(client, "mira")
        admin = as_admin(client)
        changed = "/api/admin/practitioners?state=changed"

        async def put(**profile: Any) -> None:
            answer = await mira.request("PUT", "/api/practitioners/me", json=PROFILE | profile)
            assert (answer.status, answer.json()["verification"]) == (200, "verified")

        await put(notice_minutes=60, time_zone="Europe/Paris")
        assert (await admin.get(changed)).json() == [], "no public text"
        await put(bio="I heal everything")
        await put(bio="I heal everything, cheaply")
        (listed,) = (await admin.get(changed)).json()
        assert (listed["id"], listed["verification"], bool(listed["changed_at"])) == ("mira", "verified", True)
        assert (await client.get("/api/practitioners/mira")).status == 200
        entries = (await admin.get("/api/admin/audit")).json()
        assert [entry["details"] for entry in entries if entry["actor"] == "mira"] == [{"verified": {"bio": ""}}]
        await verify(client, "mira")
        assert (await admin.get(changed)).json() == []
        added = await mira.post("/api/practitioners/me/services", SERVICE | {"name": "Miracle cure"})
        assert added.status == 201
        assert [row["id"] for row in (await admin.get(changed)).json()] == ["mira"]

    run(case)


def clock_changes() -> list[tuple[str, date]]:
    """Return the days of the coming year that are longer or shorter than 24 hours."""
    coming = [datetime.now(UTC).date() + timedelta(days=number) for number in range(3, 368)]
    changes = []
    for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Pacific/Auckland"):
        lengths = {day: days(ZoneInfo(name), day, day) for day in coming}
        changes += [(name, day) for day, span in lengths.items() if span.end - span.start != 24 * HOUR]
    assert len(changes) >= 10
    return changes


def test_day_of_the_asker_lists_the_slots_of_two_days_of_the_practitioner(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client, horizon_days=730)
        for name, day in clock_changes():
            zone = ZoneInfo(name)
            noon = datetime.combine(day, time(12), UTC)
            hours = [noon + timedelta(hours=hour) for hour in range(-40, 41)]
            expected = [hour for hour in hours if hour.astimezone(zone).date() == day]
            path = f"/api/practitioners/mira/availability?from={day}&to={day}&zone={name}"
            slots = (await client.get(path)).json()["slots"]
            assert [slot["starts_at"] for slot in slots] == [hour.astimezone(zone).isoformat() for hour in expected]
            assert len({slot["starts_at"] for slot in slots}) == len(expected), "an hour that comes twice"
            assert [slot["practitioner_starts_at"] for slot in slots] == [hour.isoformat() for hour in expected]
            assert len({slot["practitioner_starts_at"][:10] for slot in slots}) == 2

    local(case)
