"""Reminders: created and moved with their booking, sent once, and never for cancelled bookings."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.klear_karma.conftest import Run, as_member
from tests.klear_karma.practices import booked, change, count, day_after_tomorrow, practice, zulu

from edge.testing import Client

SETTLE = "*/5 * * * *"
TOLD = "SELECT count(*) FROM notifications WHERE kind = 'appointment.reminder'"


async def make_due(client: Client) -> None:
    """Make all reminders due now."""
    db: Any = client.ports.settings.db
    await db.run("UPDATE reminders SET due_at = '2020-01-01 00:00:00'")


def test_reminder_is_sent_once_by_two_runs_at_once(run: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        ada = await as_member(client, "ada")
        await booked(ada, day_after_tomorrow())
        await client.scheduled(SETTLE)
        assert await count(client, TOLD) == 0
        await make_due(client)
        await asyncio.gather(*(client.scheduled(SETTLE) for _ in range(4)))
        assert await count(client, TOLD) == 4, "two kinds, for two sides"
        assert await count(client, "SELECT count(*) FROM reminders WHERE sent_at IS NULL") == 0

    run(case)


def test_reminders_of_cancelled_bookings_are_not_sent(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        await practice(client, "zoe", needs_confirmation=1)
        gone = await booked(ada, day_after_tomorrow())
        start = day_after_tomorrow(15)
        request = await booked(ada, start, "zoe")
        await make_due(client)
        assert (await change(mira, gone, "cancel")).status == 200
        await client.scheduled(SETTLE)
        assert await count(client, TOLD) == 0
        zoe = await as_member(client, "zoe", "healer")
        assert (await change(zoe, request, "confirm")).status == 200
        await client.scheduled(SETTLE)
        assert await count(client, TOLD) == 4

    run(case)


def test_move_moves_the_reminders(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client, cancellation_hours=0)
        ada = await as_member(client, "ada")
        start = day_after_tomorrow()
        booking = await booked(ada, start)
        await make_due(client)
        await client.scheduled(SETTLE)
        later = start + 48 * 3600
        assert (await change(ada, booking, "reschedule", starts_at=zulu(later))).status == 200
        assert await count(client, "SELECT count(*) FROM reminders WHERE sent_at IS NULL") == 2
        db: Any = client.ports.settings.db
        due = {row["kind"]: row["due_at"] for row in await db.all("SELECT kind, due_at FROM reminders")}
        moment = datetime.fromtimestamp(later, UTC)
        assert due == {
            kind: f"{moment - before:%Y-%m-%d %H:%M:%S}"
            for kind, before in {"day": timedelta(days=1), "hour": timedelta(hours=1)}.items()
        }

    local(case)


def test_mail_has_the_time_in_the_practitioners_zone(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client, time_zone="Pacific/Auckland")
        ada = await as_member(client, "ada")
        booking = await booked(ada, day_after_tomorrow(), note="my secret")
        await make_due(client)
        await client.scheduled(SETTLE)
        wall = datetime.fromisoformat(booking["wall_time"])
        files = [path for path in (local.state / "mail").rglob("*") if path.is_file()]
        mails = [path.read_text(encoding="utf-8") for path in files]
        assert len(mails) == 2, "one for each side, however many were due"
        assert all(f"{wall:%H:%M}" in mail for mail in mails)
        assert not [mail for mail in mails if "my secret" in mail]

    local(case)


async def send_again(client: Client, *, later: bool = True) -> None:
    """Run the job, by default after the pause of a failed mail."""
    db: Any = client.ports.settings.db
    if later:
        await db.run("UPDATE reminder_mails SET due_at = '2020-01-01 00:00:00' WHERE due_at IS NOT NULL")
    await client.scheduled(SETTLE)


def mails_of(run: Run) -> list[str]:
    """Return the recipients of the mails that were sent."""
    files = sorted((run.state / "mail").rglob("*.eml"))
    return sorted(line[4:] for file in files for line in file.read_text().splitlines() if line.startswith("To: "))


def break_mailer(run: Run, *, broken: bool) -> None:
    """Make the mailer refuse every mail, or accept them again."""
    folder = run.state / "mail"
    if broken:
        folder.write_text("a file in place of the folder")
    else:
        folder.unlink()


SIDES = ["ada@example.org", "mira@example.org"]


def test_failed_mail_is_sent_again_after_a_pause_and_once(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        await booked(await as_member(client, "ada"), day_after_tomorrow())
        await make_due(client)
        break_mailer(local, broken=True)
        await client.scheduled(SETTLE)
        waits = "SELECT count(*) FROM reminder_mails WHERE attempts = 1 AND due_at > datetime('now', '+4 minutes')"
        assert await count(client, waits) == 2
        break_mailer(local, broken=False)
        await send_again(client, later=False)
        assert mails_of(local) == []
        await asyncio.gather(*(send_again(client) for _ in range(3)))
        await send_again(client)
        assert mails_of(local) == SIDES
        assert await count(client, TOLD) == 4, "notifications are not repeated"

    local(case)


def test_mail_is_given_up_after_five_attempts(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        await booked(await as_member(client, "ada"), day_after_tomorrow())
        await make_due(client)
        break_mailer(local, broken=True)
        for _ in range(7):
            await send_again(client)
        assert await count(client, "SELECT count(*) FROM reminder_mails WHERE attempts = 5 AND due_at IS NULL") == 2
        break_mailer(local, broken=False)
        await send_again(client)
        assert mails_of(local) == []

    local(case)


def test_failed_mail_of_a_cancelled_or_moved_booking_is_not_sent(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client, cancellation_hours=0)
        ada = await as_member(client, "ada")
        bookings = [await booked(ada, day_after_tomorrow(hour)) for hour in (8, 10, 12)]
        await make_due(client)
        break_mailer(local, broken=True)
        await client.scheduled(SETTLE)
        break_mailer(local, broken=False)
        assert (await change(mira, bookings[0], "cancel")).status == 200
        later = zulu(day_after_tomorrow() + 48 * 3600)
        assert (await change(ada, bookings[1], "reschedule", starts_at=later)).status == 200
        db: Any = client.ports.settings.db
        await db.run("UPDATE appointments SET starts_at = '2020-01-01 00:00:00' WHERE id = ?", bookings[2]["id"])
        await send_again(client)
        assert mails_of(local) == []

    local(case)


def test_mail_with_an_unknown_outcome_is_not_sent_again_but_the_next_reminder_is(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        booking = await booked(await as_member(client, "ada"), day_after_tomorrow())
        db: Any = client.ports.settings.db
        await db.run("UPDATE reminders SET due_at = '2020-01-01 00:00:00' WHERE kind = 'day'")
        sql = "INSERT INTO reminder_mails VALUES (?, 'customer', 1, NULL, '2027-01-01 00:00:00')"
        await db.run("UPDATE reminders SET sent_at = due_at WHERE kind = 'day'")
        await db.run(sql, booking["id"])  # the process ended while it was sent
        await send_again(client)
        assert mails_of(local) == []
        await make_due(client)
        await send_again(client)
        assert mails_of(local) == SIDES

    local(case)
