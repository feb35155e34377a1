"""`/colbycommands/energy-report`: valid requests, stored reports, and the forms in which they are returned."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core_tessie.energy.period import Period
from core_tessie.energy.sql import Question, statements
from edge.errors import PROBLEM_JSON
from edge.ports import Statement
from edge.testing import Answer, Client

from .conftest import Runner
from .energy_rows import PATH, A, B, database, put_all, put_vehicle

JANUARY = {"from": "2025-01-01", "to": "2025-02-01"}
UNKNOWN_VIN = "5YJ3E1EA1KF999999"


def test_a_report_is_created_where_its_location_says(run: Runner) -> None:
    async def case(client: Client) -> tuple[Answer, Answer]:
        await put_all(client)
        answer = await client.post(
            PATH, JANUARY | {"vin": A, "timezone": "Europe/Berlin"}, headers=[("x-request-id", "r1")]
        )
        return answer, await client.get(answer.header("location") or "")

    answer, read = run(case)
    assert (answer.status, read.status) == (201, 200)
    stored = answer.json()
    assert read.json() | {"summary": None} == stored  # a model may have written one by now
    assert answer.header("location") == f"{PATH}/{stored['id']}"
    assert stored["title"] == "Energy report: Bluebird, 2025-01-01 to 2025-01-31"
    assert (stored["vin"], stored["period_from"], stored["period_to"]) == (
        A,
        "2024-12-31 23:00:00",
        "2025-01-31 23:00:00",
    )
    assert (stored["rows_used"], stored["summary"]) == (6 + 7 + 5 + 2, None)
    assert (stored["actor"], stored["request_id"]) == ("admin", "r1")
    assert stored["report"]["inputs"] == {
        "vin": A,
        "from": "2024-12-31T23:00:00Z",
        "to": "2025-01-31T23:00:00Z",
        "timezone": "Europe/Berlin",
        "home": "Home",
        "min_drive_mi": 2,
        "currency": None,
    }


def test_a_zone_may_have_its_second_name(run: Runner) -> None:
    """Of which a Worker has no file."""

    async def case(client: Client) -> Answer:
        return await client.post(PATH, {"from": "2025-01-01", "to": "2025-02-01", "timezone": "US/Pacific"})

    answer = run(case)
    assert (answer.status, answer.json()["period_from"]) == (201, "2025-01-01 08:00:00")


def test_the_stored_inputs_give_the_same_report_again(run: Runner) -> None:
    async def case(client: Client) -> tuple[bytes, bytes, Any]:
        await put_all(client)
        first = await client.post(PATH, {"from": "2025-01-01", "timezone": "America/Denver"})
        second = await client.post(PATH, first.json()["report"]["inputs"])
        stored = await database(client).all("SELECT report FROM energy_reports ORDER BY rowid")
        return stored[0]["report"], stored[1]["report"], (first.status, second.status)

    first, second, statuses = run(case)
    assert statuses == (201, 201)
    assert first == second


def test_without_an_end_the_period_ends_now(run: Runner) -> None:
    before = datetime.now(UTC).replace(microsecond=0)

    async def case(client: Client) -> Answer:
        return await client.post(PATH, {"from": "2025-01-01"})

    end = datetime.fromisoformat(run(case).json()["report"]["inputs"]["to"])
    assert before <= end <= datetime.now(UTC)


REFUSED = [
    ({"from": "yesterday"}, "/from"),
    ({"from": 1735689600}, "/from"),
    ({"from": "1735689600"}, "/from"),
    ({"from": "2025-W01-1"}, "/from"),
    ({"from": "20250101"}, "/from"),
    ({"from": "2025-01-01 08:00:00"}, "/from"),
    ({"from": "2025-02-30"}, "/from"),
    ({"from": "1999-01-01"}, "/from"),
    ({"from": "2025-01-01T24:00:00Z"}, "/from"),
    ({"from": "2025-01-02", "to": "2025-01-01"}, "/from"),
    ({"from": "2025-01-01", "to": "2025-01-01"}, "/from"),
    ({"from": "2099-01-01"}, "/from"),
    ({"from": "2010-01-01", "to": "2025-01-01"}, "/to"),
    ({"from": "2025-01-01", "to": None, "timezone": "Mars/Olympus"}, "/timezone"),
    ({"from": "2025-01-01", "timezone": "../../etc/passwd"}, "/timezone"),
    ({"from": "2025-01-01", "vin": "5YJ3E1EA1KF00000O"}, "/vin"),
    ({"from": "2025-01-01", "vin": "5YJ3"}, "/vin"),
    ({"from": "2025-01-01", "vin": A + "\n"}, "/vin"),
    ({"from": "2025-01-01", "min_drive_mi": -1}, "/min_drive_mi"),
    ({"from": "2025-01-01", "until": "2025-02-01"}, "/until"),
]


@pytest.mark.parametrize(("body", "pointer"), REFUSED)
def test_what_is_wrong_with_a_request_is_pointed_at(run: Runner, body: dict[str, Any], pointer: str) -> None:
    async def case(client: Client) -> Answer:
        answer = await client.post(PATH, body)
        assert await database(client).all("SELECT id FROM energy_reports") == []
        return answer

    answer = run(case)
    assert (answer.status, answer.header("content-type")) == (422, PROBLEM_JSON)
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("POST", PATH, {"from": "2025-01-01", "vin": UNKNOWN_VIN}, 404),
        ("GET", f"{PATH}/0123456789abcdef0123456789abcdef", None, 404),
        ("GET", f"{PATH}?limit=0", None, 400),
        ("GET", f"{PATH}?limit=101", None, 400),
        ("GET", f"{PATH}?vin=x", None, 400),
        ("GET", f"{PATH}?page=2", None, 400),
        ("DELETE", PATH, None, 405),
        ("PUT", f"{PATH}/1", None, 405),
    ],
)
def test_what_is_not_there_is_a_problem(run: Runner, method: str, target: str, body: object, status: int) -> None:
    async def case(client: Client) -> Answer:
        return await client.request(method, target, json=body)

    answer = run(case)
    assert (answer.status, answer.header("content-type")) == (status, PROBLEM_JSON)


@pytest.mark.parametrize(
    ("accept", "status", "media_type"),
    [
        (None, 200, "application/json"),
        ("*/*", 200, "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 200, "text/html; charset=utf-8"),
        ("text/markdown", 200, "text/markdown; charset=utf-8"),
        ("text/html;q=0.5, text/markdown;q=0.9", 200, "text/markdown; charset=utf-8"),
        ("application/json;q=0, text/*", 200, "text/html; charset=utf-8"),
        ("application/pdf", 406, PROBLEM_JSON),
        ("*/*;q=0", 406, PROBLEM_JSON),
    ],
)
def test_a_report_comes_in_the_form_that_is_liked_best(
    run: Runner, accept: str | None, status: int, media_type: str
) -> None:
    async def case(client: Client) -> Answer:
        answer = await client.post(PATH, JANUARY)
        return await client.get(answer.header("location") or "", headers=[("accept", accept)] if accept else [])

    answer = run(case)
    assert (answer.status, answer.header("content-type")) == (status, media_type)
    varying = {name.strip() for key, value in answer.headers if key == "vary" for name in value.split(",")}
    assert "accept" in varying


def test_the_page_may_run_and_fetch_nothing(run: Runner) -> None:
    async def case(client: Client) -> Answer:
        answer = await client.post(PATH, JANUARY)
        return await client.get(answer.header("location") or "", headers=[("accept", "text/html")])

    assert (run(case).header("content-security-policy") or "").startswith("default-src 'none'")


def test_reports_are_listed_newest_first_without_their_numbers(run: Runner) -> None:
    async def case(client: Client) -> tuple[list[Any], list[Any], list[Any]]:
        await put_vehicle(client, A)
        await put_vehicle(client, B, "Redbird")
        for vin in (A, B, None):
            await client.post(PATH, JANUARY | {"vin": vin})
        every, of_a, last = [await client.get(PATH + query) for query in ("", f"?vin={A}", "?limit=1")]
        return every.json(), of_a.json(), last.json()

    every, of_a, last = run(case)
    assert [entry["vin"] for entry in every] == [None, B, A]
    assert [entry["vin"] for entry in of_a] == [A]
    assert last == every[:1]
    assert "report" not in last[0]


@pytest.mark.slow
def test_a_report_that_no_row_can_hold_is_refused(run: Runner) -> None:
    """A battery reading a month for each of many cars makes many rows of the report."""

    async def case(client: Client) -> Answer:
        cars = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 160) "
        months = "WITH RECURSIVE m (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM m WHERE i < 119) "
        await database(client).batch(
            [
                Statement(cars + "INSERT INTO vehicles (id, vin) SELECT 'VIN' || i, 'VIN' || i FROM n"),
                Statement(
                    months + "INSERT INTO battery_health (id, vin, recorded_at, capacity_kwh, max_range_mi) "
                    "SELECT id || '-' || month, id, month, 75, 300 "
                    "FROM vehicles, (SELECT datetime('2015-01-01', i || ' months') AS month FROM m)"
                ),
            ]
        )
        return await client.post(PATH, {"from": "2015-01-01", "to": "2025-01-01"})

    answer = run(case)
    assert (answer.status, answer.json()["title"]) == (422, "The report is too large to store")


@pytest.mark.parametrize("vin", [None, A])
def test_every_statement_finds_its_events_by_an_index(run: Runner, vin: str | None) -> None:
    period = Period(datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC), "Europe/Berlin")

    async def case(client: Client) -> dict[str, str]:
        plans = {}
        for name, (sql, params) in statements(Question(vin, period)).items():
            steps = await database(client).all(f"EXPLAIN QUERY PLAN {sql}", *params)
            plans[name] = "\n".join(step["detail"] for step in steps)
        return plans

    for name, plan in run(case).items():
        if name != "vehicles":
            assert "SEARCH e USING INDEX" in plan, (name, plan)
            assert "(vin=? AND " in plan, (name, plan)
            assert "SCAN e" not in plan, (name, plan)


def test_the_lists_are_found_by_an_index(run: Runner) -> None:
    async def case(client: Client) -> str:
        sql = "SELECT id FROM energy_reports WHERE vin = ? ORDER BY created_at DESC, rowid DESC LIMIT ?"
        steps = await database(client).all(f"EXPLAIN QUERY PLAN {sql}", A, 20)
        return "\n".join(step["detail"] for step in steps)

    assert run(case) == "SEARCH energy_reports USING INDEX energy_reports_vin_created (vin=?)"
