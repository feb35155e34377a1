"""The audit log: no administrator's change is without an entry, whichever route makes it."""

from typing import Any

from tests.klear_karma.conftest import Run, as_admin, as_member
from tests.klear_karma.practices import booked, count, day_after_tomorrow, ended, insertion, practice

from edge import ADMIN, OPERATOR
from edge.testing import Client
from klear_karma.app import AUDITED, app

CHANGES = [endpoint for endpoint in app.endpoints if endpoint.access in {OPERATOR, ADMIN} and endpoint.method != "GET"]
VALUES = {"report_id": "p1", "practitioner_id": "mira", "name": "settle_appointments"}
BODIES: dict[str, Any] = {
    "/api/admin/appointments/{appointment_id}/outcome": {"action": "cancel"},
    "/api/admin/reports/{report_id}/decision": {"decision": "dismissed"},
    "/api/admin/practitioners/{practitioner_id}/verification": {"state": "rejected"},
    "/events": {"type": "custom.test"},
}


async def world(client: Client) -> dict[str, str]:
    """Create something for each administrator's route to act on; return the values of the paths' parameters."""
    await practice(client)
    ada = await as_member(client, "ada")
    booking = await booked(ada, day_after_tomorrow())
    report = {"id": "p1", "reporter_id": "ada", "target_kind": "user", "target_id": "mira", "reason": "x"}
    db: Any = client.ports.settings.db
    await db.batch([insertion("reports", report | {"created_at": "2027-01-01 00:00:00"})])
    return VALUES | {"appointment_id": booking["id"]}


async def entries(client: Client) -> list[Any]:
    """Return the rows of the audit log."""
    db: Any = client.ports.settings.db
    rows: list[Any] = await db.all("SELECT * FROM admin_audit ORDER BY id")
    return rows


def test_change_by_an_administrator_leaves_one_entry(run: Run) -> None:
    async def case(client: Client) -> None:
        values = await world(client)
        admin = as_admin(client)
        for endpoint in CHANGES:
            before = len(await entries(client))
            path = endpoint.path.format_map(values)
            answer = await admin.request(endpoint.method, path, json=BODIES.get(endpoint.path, {}))
            name = f"{endpoint.method} {endpoint.path}"
            assert answer.status < 300, (name, answer.text)
            added = (await entries(client))[before:]
            assert [row["actor"] for row in added] == ["admin"], name
            assert (added[0]["action"] == name) is (name not in AUDITED)

    assert {f"{endpoint.method} {endpoint.path}" for endpoint in CHANGES} > AUDITED
    run(case)


def test_entry_names_the_job_and_how_it_was_run(local: Run) -> None:
    async def case(client: Client) -> None:
        admin = as_admin(client)
        assert (await admin.post("/jobs/settle_appointments?dry_run=true", {})).status == 200
        assert (await admin.post("/jobs/no%00%20%22such%2Fjob", {})).status == 404
        listed = (await admin.get("/api/admin/audit")).json()
        seen = [(entry["action"], entry["target_kind"], entry["target_id"]) for entry in listed]
        assert seen == [
            ("POST /jobs/{name}", "jobs", 'no\x00 "such/job'),
            ("POST /jobs/{name}", "jobs", "settle_appointments"),
        ]
        assert [entry["details"]["query"] for entry in listed] == ["", "dry_run=true"]
        assert all(entry["details"]["request_id"] for entry in listed)

    local(case)


def test_job_that_cannot_be_recorded_does_not_run(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        booking = await booked(await as_member(client, "ada"), day_after_tomorrow())
        await ended(client, booking["id"])
        db: Any = client.ports.settings.db
        await db.run("ALTER TABLE admin_audit RENAME TO elsewhere")
        assert (await as_admin(client).post("/jobs/settle_appointments", {})).status >= 500
        assert await count(client, "SELECT count(*) FROM appointments WHERE state = 'completed'") == 0
        await db.run("ALTER TABLE elsewhere RENAME TO admin_audit")
        assert (await as_admin(client).post("/jobs/settle_appointments", {})).status == 200
        assert await count(client, "SELECT count(*) FROM appointments WHERE state = 'completed'") == 1

    local(case)


def test_reads_and_members_leave_no_entry(local: Run) -> None:
    async def case(client: Client) -> None:
        await world(client)
        ada = await as_member(client, "ada")
        admin = as_admin(client)
        for endpoint in CHANGES:
            assert (
                await ada.request(endpoint.method, endpoint.path.format_map(VALUES | {"appointment_id": "x"}))
            ).status == 403
        for path in ("/jobs", "/api/admin/reports", "/api/admin/practitioners", "/api/admin/audit"):
            assert (await admin.get(path)).status == 200
        assert (await ada.post("/api/messages", {"practitioner_id": "mira", "body": "Hi"})).status == 201
        assert await entries(client) == []

    local(case)
