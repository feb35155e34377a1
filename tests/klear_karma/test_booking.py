"""Bookings: states, sides, windows, expiring requests, moves, and visibility to others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.klear_karma.conftest import Run, as_admin, as_member
from tests.klear_karma.practices import (
    HOUR,
    book,
    booked,
    change,
    count,
    day_after_tomorrow,
    ended,
    patch,
    practice,
    zulu,
)
from tests.members import SystemClock

from edge.testing import Client
from klear_karma.availability.timetables import Timetable, Timetables
from klear_karma.availability.zones import Span
from klear_karma.booking.problems import ChangeRefused, NotWelcome, ServiceNotFound, SlotNotOffered, SlotTaken
from klear_karma.booking.states import Action, Booking, Refused, Side, State, next_state
from klear_karma.booking.store import Bookings, Change, Wish
from klear_karma.practitioners.profile import PractitionerNotFound

SETTLE = "*/5 * * * *"
NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def booking(state: State, hours: float = 48, **more: Any) -> Booking:
    starts_at = NOW + timedelta(hours=hours)
    return Booking(state, starts_at, starts_at + timedelta(hours=1), 24, **more)


CASES = [
    (booking(State.REQUESTED), Action.CONFIRM, Side.PRACTITIONER, State.CONFIRMED),
    (booking(State.REQUESTED), Action.CONFIRM, Side.CUSTOMER, Refused.SIDE),
    (booking(State.REQUESTED, expires_at=NOW), Action.CONFIRM, Side.PRACTITIONER, Refused.EXPIRED),
    (booking(State.REQUESTED), Action.RESCHEDULE, Side.CUSTOMER, State.REQUESTED),
    (booking(State.REQUESTED), Action.RESCHEDULE, Side.PRACTITIONER, Refused.SIDE),
    (booking(State.REQUESTED, 1), Action.CANCEL, Side.CUSTOMER, State.CANCELLED),
    (booking(State.CONFIRMED), Action.CONFIRM, Side.PRACTITIONER, Refused.STATE),
    (booking(State.CONFIRMED, 24), Action.CANCEL, Side.CUSTOMER, State.CANCELLED),
    (booking(State.CONFIRMED, 23.9), Action.CANCEL, Side.CUSTOMER, Refused.TOO_LATE),
    (booking(State.CONFIRMED, 23.9), Action.RESCHEDULE, Side.CUSTOMER, Refused.TOO_LATE),
    (booking(State.CONFIRMED, 0.1), Action.CANCEL, Side.PRACTITIONER, State.CANCELLED),
    (booking(State.CONFIRMED, 0), Action.CANCEL, Side.PRACTITIONER, Refused.TOO_LATE),
    (booking(State.CONFIRMED), Action.RESCHEDULE, Side.PRACTITIONER, State.RESCHEDULED),
    (booking(State.CONFIRMED, -0.5), Action.NO_SHOW, Side.PRACTITIONER, Refused.TOO_EARLY),
    (booking(State.CONFIRMED, -1), Action.NO_SHOW, Side.PRACTITIONER, State.NO_SHOW),
    (booking(State.CONFIRMED, -1), Action.NO_SHOW, Side.CUSTOMER, Refused.SIDE),
    (booking(State.COMPLETED, -1), Action.NO_SHOW, Side.PRACTITIONER, State.NO_SHOW),
    (booking(State.COMPLETED, -200), Action.NO_SHOW, Side.PRACTITIONER, Refused.TOO_LATE),
    (booking(State.COMPLETED, -1), Action.CANCEL, Side.CUSTOMER, Refused.SIDE),
    (booking(State.COMPLETED, -1), Action.CANCEL, Side.ADMIN, State.CANCELLED),
    (booking(State.RESCHEDULED, moved_by=Side.CUSTOMER), Action.CONFIRM, Side.CUSTOMER, Refused.SIDE),
    (booking(State.RESCHEDULED, moved_by=Side.CUSTOMER), Action.CONFIRM, Side.PRACTITIONER, State.CONFIRMED),
    (booking(State.RESCHEDULED, 1, moved_by=Side.PRACTITIONER), Action.CANCEL, Side.CUSTOMER, State.CANCELLED),
    (booking(State.RESCHEDULED, 1, moved_by=Side.CUSTOMER), Action.CANCEL, Side.CUSTOMER, Refused.TOO_LATE),
]


@pytest.mark.parametrize(("before", "action", "side", "after"), CASES)
def test_change_leads_to_its_state_or_is_refused(
    before: Booking, action: Action, side: Side, after: State | Refused
) -> None:
    assert next_state(before, action, side, NOW) == after


@pytest.mark.parametrize("state", [State.NO_SHOW, State.CANCELLED, State.EXPIRED])
@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("side", Side)
def test_ended_booking_cannot_change(state: State, action: Action, side: Side) -> None:
    assert next_state(booking(state), action, side, NOW) is Refused.STATE


def test_request_is_confirmed_by_the_practitioner_and_cancelled_by_the_customer(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client, needs_confirmation=1)
        ada = await as_member(client, "ada")
        booking = await booked(ada, day_after_tomorrow(), note="my shoulder")
        assert (booking["state"], booking["side"], booking["note"]) == ("requested", "customer", "my shoulder")
        assert (booking["customer"]["name"], booking["practitioner"]["name"], booking["service"]["name"]) == (
            "Ada",
            "Mira",
            "Reiki",
        )
        assert (booking["price"], booking["currency"], booking["minutes"]) == (7500, "EUR", 60)
        assert (await change(ada, booking, "confirm")).json()["reason"] == "side"
        confirmed = await change(mira, booking, "confirm")
        assert (confirmed.status, confirmed.json()["state"], confirmed.json()["side"]) == (
            200,
            "confirmed",
            "practitioner",
        )
        again = await change(mira, booking, "confirm")
        assert (again.status, again.json()["type"]) == (409, "urn:problem:change-refused")
        gone = await change(ada, booking, "cancel", reason="ill")
        assert (gone.json()["cancelled_by"], gone.json()["cancel_reason"]) == ("customer", "ill")
        kinds = [
            notification["kind"] for notification in (await mira.get("/api/notifications")).json()["notifications"]
        ]
        assert sorted(kinds) == ["appointment.cancelled", "appointment.requested"]
        mine = (await ada.get("/api/notifications")).json()
        assert ([notification["kind"] for notification in mine["notifications"]], mine["unread"]) == (
            ["appointment.confirmed"],
            1,
        )
        assert (await ada.post("/api/notifications/read", {})).json() == {"unread": 0}
        assert await count(client, "SELECT count(*) FROM reminders") == 0
        assert (await book(await as_member(client, "bob"), day_after_tomorrow())).status == 201

    run(case)


def test_terms_are_those_of_the_booking_and_a_key_is_for_one_request(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client, cancellation_hours=100)
        ada = await as_member(client, "ada")
        booking = await booked(ada, day_after_tomorrow(), key="once")
        assert (await book(ada, day_after_tomorrow(), key="once")).json() == booking
        other = await book(ada, day_after_tomorrow(), key="once", note="other")
        assert (other.status, other.json()["type"]) == (422, "urn:problem:key-reused")
        db: Any = client.ports.settings.db
        await db.run("UPDATE services SET price = 1, minutes = 30, name = 'Other', buffer_after_minutes = 60")
        await db.run("UPDATE practitioners SET cancellation_hours = 0, name = 'Other'")
        now = (await ada.get(f"/api/appointments/{booking['id']}")).json()
        assert now == booking
        assert (now["price"], now["minutes"], now["cancellation_hours"]) == (7500, 60, 100)
        assert (await change(ada, booking, "cancel")).json()["reason"] == "too_late"
        assert (await change(mira, booking, "cancel")).status == 200

    local(case)


def test_request_blocks_its_slot_until_it_expires(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client, needs_confirmation=1)
        ada = await as_member(client, "ada")
        bob = await as_member(client, "bob")
        booking = await booked(ada, day_after_tomorrow())
        assert (await book(bob, day_after_tomorrow())).status == 409
        db: Any = client.ports.settings.db
        await db.run("UPDATE appointments SET expires_at = '2020-01-01 00:00:00' WHERE id = ?", booking["id"])
        assert (await change(mira, booking, "confirm")).json()["reason"] == "expired"
        assert (await book(bob, day_after_tomorrow())).status == 201, "no job needs to run for it"
        await client.scheduled(SETTLE)
        await client.scheduled(SETTLE)
        assert (await ada.get(f"/api/appointments/{booking['id']}")).json()["state"] == "expired"
        assert await count(client, "SELECT count(*) FROM notifications WHERE kind = 'appointment.expired'") == 2

    run(case)


def test_only_both_sides_see_a_booking(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        eve = await as_member(client, "eve")
        await practice(client, "zoe")
        booking = await booked(ada, day_after_tomorrow())
        path = f"/api/appointments/{booking['id']}"
        for side in (mira, ada):
            assert (await side.get(path)).status == 200
            assert [
                appointment["id"] for appointment in (await side.get("/api/appointments")).json()["appointments"]
            ] == [booking["id"]]
        zoe = await as_member(client, "zoe", "healer")
        for other in (eve, zoe):
            assert (await other.get(path)).status == 404
            assert (await patch(other, path, {"action": "cancel"})).status == 404
            assert (await other.get("/api/appointments")).json() == {"appointments": [], "next": None}
        assert (await patch(as_admin(client), path, {"action": "cancel"})).status == 403
        mixed = {"practitioner_id": "zoe", "service_id": "mira-reiki", "starts_at": zulu(day_after_tomorrow())}
        assert (await ada.post("/api/appointments", mixed)).status == 404
        assert (await book(mira, day_after_tomorrow())).json()["type"] == "urn:problem:own-service"

    run(case)


@pytest.mark.parametrize("columns", [{"verification": "pending"}, {"verification": "rejected"}, {"is_listed": 0}])
def test_unlisted_practitioner_cannot_be_booked(local: Run, columns: dict[str, Any]) -> None:
    async def case(client: Client) -> None:
        await practice(client, **columns)
        assert (await book(await as_member(client, "ada"), day_after_tomorrow())).status == 404

    local(case)


def test_completed_once_it_is_over_and_no_show_by_the_practitioner(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        booking = await booked(ada, day_after_tomorrow())
        assert (await change(mira, booking, "no_show")).json()["reason"] == "too_early"
        await ended(client, booking["id"])
        await client.scheduled(SETTLE)
        await client.scheduled(SETTLE)
        assert (await ada.get(f"/api/appointments/{booking['id']}")).json()["state"] == "completed"
        assert await count(client, "SELECT count(*) FROM notifications WHERE kind = 'appointment.completed'") == 1
        assert (await change(ada, booking, "cancel")).status == 409
        assert (await change(mira, booking, "no_show")).json()["state"] == "no_show"

    run(case)


def test_move_keeps_the_booking_and_asks_the_other_side(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        start = day_after_tomorrow()
        booking = await booked(ada, start)
        moved = (await change(mira, booking, "reschedule", starts_at=zulu(start + HOUR))).json()
        assert (moved["id"], moved["state"], moved["sequence"]) == (booking["id"], "rescheduled", 1)
        assert (await change(mira, booking, "confirm")).json()["reason"] == "side"
        back = await change(ada, booking, "reschedule", starts_at=zulu(start))
        assert (back.status, back.json()["moved_by"]) == (200, "customer")
        same = await change(ada, booking, "reschedule", starts_at=zulu(start))
        assert same.status == 200, "a booking does not stand in its own way"
        assert (await change(mira, booking, "confirm")).json()["state"] == "confirmed"
        due = await count(client, "SELECT count(*) FROM reminders WHERE due_at < ?", zulu(start)[:10])
        assert (due, await count(client, "SELECT count(*) FROM reminders")) == (1, 2)

    run(case)


BAD_TIMES = ["2027-02-30T10:00:00Z", "2027-03-01T25:00:00Z", "2027-03-01 10:00", "9999-12-31T23:59:59Z", "", "now", 5]


@pytest.mark.parametrize("starts_at", BAD_TIMES)
def test_impossible_time_is_refused(local: Run, starts_at: Any) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        body = {"practitioner_id": "mira", "service_id": "mira-reiki", "starts_at": starts_at}
        assert (await (await as_member(client, "ada")).post("/api/appointments", body)).status == 422

    local(case)


def test_time_that_is_no_slot_is_refused_with_its_reason(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client, notice_minutes=600, horizon_days=5)
        ada = await as_member(client, "ada")
        start = day_after_tomorrow()
        now = int(datetime.now(UTC).timestamp())
        reasons = {
            "hours": start + 60,
            "notice": now - now % HOUR + HOUR,
            "horizon": start + 30 * 24 * HOUR,
        }
        for reason, instant in reasons.items():
            answer = await book(ada, instant)
            assert (answer.status, answer.json().get("reason")) == (409, reason), answer.text

    local(case)


def test_change_requires_its_fields(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        ada = await as_member(client, "ada")
        booking = await booked(ada, day_after_tomorrow())
        path = f"/api/appointments/{booking['id']}"
        bodies = [
            {"action": "reschedule"},
            {"action": "confirm", "starts_at": zulu(day_after_tomorrow())},
            {"action": "confirm", "reason": "x"},
            {"action": "complete"},
            {"state": "confirmed"},
            {"action": "cancel", "reason": "a\nb"},
        ]
        assert [(await patch(ada, path, body)).status for body in bodies] == [422] * len(bodies)

    local(case)


def test_list_has_pages_and_filters(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        start = day_after_tomorrow(0)
        ids = [(await booked(ada, start + n * HOUR))["id"] for n in range(7)]
        listed_ids: list[str] = []
        path = "/api/appointments?limit=3"
        while path:
            listed = (await ada.get(path)).json()
            listed_ids += [appointment["id"] for appointment in listed["appointments"]]
            path = f"/api/appointments?limit=3&after={listed['next']}" if listed["next"] else ""
        assert listed_ids == ids
        window = f"/api/appointments?from={zulu(start + 2 * HOUR)}&to={zulu(start + 4 * HOUR)}"
        assert [appointment["id"] for appointment in (await mira.get(window)).json()["appointments"]] == ids[2:4]
        assert (await mira.get("/api/appointments?side=customer")).json()["appointments"] == []
        assert len((await mira.get("/api/appointments?side=practitioner&state=confirmed")).json()["appointments"]) == 7
        for cursor in ("x", "%00", "4pyo", "a" * 201, "e30"):
            assert (await ada.get(f"/api/appointments?after={cursor}")).status == 400

    local(case)


def test_booking_with_shifted_wall_time_stays_and_is_listed(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client, time_zone="Europe/Berlin")
        ada = await as_member(client, "ada")
        booking = await booked(ada, day_after_tomorrow())
        assert (await mira.get("/api/appointments/shifted")).json() == []
        db: Any = client.ports.settings.db
        agreed = booking["wall_time"].replace(booking["wall_time"][10:13], "T03")
        await db.run("UPDATE appointments SET wall_time = ?, tzdata_version = '2020a'", agreed)
        (listed,) = (await mira.get("/api/appointments/shifted")).json()
        assert (listed["agreed"], listed["now"], listed["starts_at"]) == (
            agreed,
            booking["wall_time"],
            booking["starts_at"],
        )
        assert (await ada.get("/api/appointments/shifted")).json() == []

    local(case)


class StoppedClock(SystemClock):
    """A stopped clock, as seen by a slow request that read the time earlier."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment


def test_request_that_expires_while_it_is_confirmed_does_not_overlap(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client, needs_confirmation=1)
        ada = await as_member(client, "ada")
        booking = await booked(ada, day_after_tomorrow())
        db: Any = client.ports.settings.db
        row = await db.first("SELECT * FROM appointments WHERE id = ?", booking["id"])
        await db.run("UPDATE appointments SET expires_at = '2020-01-01 00:00:00' WHERE id = ?", booking["id"])
        await booked(await as_member(client, "bob"), day_after_tomorrow())
        slow = StoppedClock(datetime(2019, 12, 31, tzinfo=UTC))
        settings: Any = client.ports.settings
        late = Bookings(db, Timetables(db), slow, settings)
        with pytest.raises(SlotTaken):
            await late.change(row, Change(Action.CONFIRM, Side.PRACTITIONER))
        assert (await change(mira, booking, "confirm")).json()["reason"] == "expired"
        assert await count(client, "SELECT count(*) FROM appointments WHERE state = 'confirmed'") == 0

    local(case)


def test_booking_that_was_cancelled_since_it_was_read_is_not_cancelled_again(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client, cancellation_hours=0)
        booking = await booked(await as_member(client, "ada"), day_after_tomorrow())
        db: Any = client.ports.settings.db
        row = await db.first("SELECT * FROM appointments WHERE id = ?", booking["id"])
        assert (await change(mira, booking, "cancel")).status == 200
        settings: Any = client.ports.settings
        late = Bookings(db, Timetables(db), SystemClock(), settings)
        with pytest.raises(ChangeRefused):
            await late.change(row, Change(Action.CANCEL, Side.CUSTOMER))
        sides = await db.all("SELECT cancelled_by, sequence FROM appointments")
        assert sides == [{"cancelled_by": "practitioner", "sequence": 1}]
        assert await count(client, "SELECT count(*) FROM notifications WHERE kind = 'appointment.cancelled'") == 1

    local(case)


class MeddlingTimetables(Timetables):
    """Timetables that are changed as soon as one was read, once."""

    def __init__(self, db: Any, changes: list[str]) -> None:
        super().__init__(db)
        self._whole = db
        self._changes = changes

    async def load(self, practitioner_id: str, window: Span, now: int, *, without: str = "") -> Timetable | None:
        timetable = await super().load(practitioner_id, window, now, without=without)
        while self._changes:
            await self._whole.run(self._changes.pop())
        return timetable


TIME_OFF = (
    "INSERT INTO time_off (id, practitioner_id, starts_at, ends_at, created_at) "
    "VALUES ('off', 'mira', '2026-01-01 00:00:00', '2099-01-01 00:00:00', '2026-01-01 00:00:00')"
)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (["UPDATE practitioners SET verification = 'rejected'"], PractitionerNotFound),
        (["UPDATE practitioners SET is_listed = 0"], PractitionerNotFound),
        (["UPDATE services SET is_active = 0"], ServiceNotFound),
        (["UPDATE practitioners SET calendar_version = calendar_version + 1", TIME_OFF], SlotNotOffered),
        (["INSERT INTO blocks VALUES ('mira', 'ada', '2026-01-01')"], NotWelcome),
    ],
)
def test_change_since_the_timetable_was_read_decides_anew(local: Run, changes: list[str], fault: Any) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        await as_member(client, "ada")
        settings: Any = client.ports.settings
        db = settings.db
        bookings = Bookings(db, MeddlingTimetables(db, [*changes]), SystemClock(), settings)
        with pytest.raises(fault):
            await bookings.book(Wish("ada", "mira", "mira-reiki", day_after_tomorrow()))
        for table in ("appointments", "notifications", "reminders"):
            assert await count(client, f"SELECT count(*) FROM {table}") == 0
        assert await count(client, "SELECT booking_count FROM practitioners") == 0

    local(case)


def test_time_zone_that_was_removed_causes_no_server_error(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        booking = await booked(ada, day_after_tomorrow())
        off = {"first_day": "2027-06-01", "last_day": "2027-06-02"}
        await mira.post("/api/practitioners/me/time-off", off)
        db: Any = client.ports.settings.db
        await db.run("UPDATE appointments SET time_zone = 'Gone/City'")
        await db.run("UPDATE practitioners SET time_zone = 'Gone/City'")
        (shifted,) = (await mira.get("/api/appointments/shifted")).json()
        assert (shifted["appointment_id"], shifted["now"]) == (booking["id"], None)
        (listed,) = (await mira.get("/api/practitioners/me/time-off")).json()
        assert (listed["starts_at"], listed["last_day"]) == ("2027-06-01T00:00:00Z", "2027-06-02")
        refused = [
            await client.get("/api/practitioners/mira/availability"),
            await client.get("/api/practitioners/mira/availability?zone=UTC"),
            await mira.post("/api/practitioners/me/time-off", off),
        ]
        assert {answer.json()["type"] for answer in refused} == {"urn:problem:zone-gone"}
        assert {answer.status for answer in refused} == {409}
        assert (await client.get("/practitioners/mira")).status == 200
        assert (await change(mira, booking, "cancel")).status == 200

    local(case)


def test_notice_and_horizon_hold_for_a_booking_of_a_service_that_is_gone(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client, horizon_days=5)
        ada = await as_member(client, "ada")
        booking = await booked(ada, day_after_tomorrow(15))
        db: Any = client.ports.settings.db
        await db.run("DELETE FROM services")
        await db.run("UPDATE practitioners SET notice_minutes = 2880, cancellation_hours = 0")
        await db.run("UPDATE appointments SET cancellation_hours = 0")
        tomorrow = day_after_tomorrow() - 24 * HOUR
        for start, reason in ((tomorrow, "notice"), (day_after_tomorrow() + 7 * 24 * HOUR, "horizon")):
            refused = await change(ada, booking, "reschedule", starts_at=zulu(start))
            assert (refused.status, refused.json()["reason"]) == (409, reason), refused.text
        assert (await change(mira, booking, "reschedule", starts_at=zulu(tomorrow))).status == 200

    local(case)
