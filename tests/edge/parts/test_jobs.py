"""`/jobs`: the scheduled jobs by hand, for the administrator; a dry run changes nothing and lists the changes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.edge.conftest import KEY, NOON, Lines

from edge.access import PUBLIC
from edge.endpoint import PlanError
from edge.errors import Problem
from edge.events import Tick
from edge.ports import Clock
from edge.resources.jobs import job_routes
from edge.routes import Routes
from edge.testing import Answer, Client

type Serve = Callable[..., Client]

ADMIN_KEY = [("x-api-key", KEY)]


class OutOfStock(Problem):
    """There is no more of it."""

    title = "There is no more of it"
    status = 409


class Shop:
    """An app with jobs; `ticks` are those that they got."""

    def __init__(self, serve: Serve) -> None:
        self.ticks: list[Tick] = []
        group = Routes("/shop", tag="shop", access=PUBLIC)

        @group.cron("0 5 * * *")
        async def sweep_shop(tick: Tick, clock: Clock) -> dict[str, Any]:
            self.ticks.append(tick)
            return {"at": clock.now(), "swept": [] if tick.is_dry else ["floor", "Größe 🐢"]}

        @group.cron("*/15 * * * *")
        async def count_stock(tick: Tick) -> None:
            self.ticks.append(tick)

        @group.cron("*/15 * * * *")
        async def break_in(tick: Tick) -> None:
            self.ticks.append(tick)
            raise RuntimeError("the alarm is on")

        @group.cron("1 1 1 1 *")
        async def sell_out() -> None:
            raise OutOfStock("no apples")

        self.client = serve(group, job_routes())

    def get(self, target: str) -> Answer:
        return asyncio.run(self.client.request("GET", target, headers=ADMIN_KEY))

    def post(self, target: str) -> Answer:
        return asyncio.run(self.client.request("POST", target, headers=ADMIN_KEY))


@pytest.fixture
def shop(serve: Serve) -> Shop:
    return Shop(serve)


def test_the_jobs_of_all_resources_are_listed(shop: Shop) -> None:
    assert shop.get("/jobs").json() == [
        {"name": "sweep_shop", "cron": "0 5 * * *"},
        {"name": "count_stock", "cron": "*/15 * * * *"},
        {"name": "break_in", "cron": "*/15 * * * *"},
        {"name": "sell_out", "cron": "1 1 1 1 *"},
    ]


def test_a_job_runs_now_and_its_report_is_returned(shop: Shop) -> None:
    answer = shop.post("/jobs/sweep_shop")
    assert (answer.status, answer.json()) == (
        200,
        {
            "name": "sweep_shop",
            "cron": "0 5 * * *",
            "dry_run": False,
            "ran_at": "2026-11-21T12:00:00Z",
            "report": {"at": "2026-11-21T12:00:00Z", "swept": ["floor", "Größe 🐢"]},
        },
    )
    assert shop.ticks == [Tick("0 5 * * *", NOON)]
    assert shop.post("/jobs/count_stock").json()["report"] is None
    assert len(shop.ticks) == 2, "the other job of its hour does not run"


def test_a_dry_run_is_passed_to_the_job(shop: Shop) -> None:
    answer = shop.post("/jobs/sweep_shop?dry_run=true").json()
    assert (answer["dry_run"], answer["report"]["swept"]) == (True, [])
    assert shop.ticks == [Tick("0 5 * * *", NOON, is_dry=True)]
    assert shop.post("/jobs/sweep_shop?dry_run=false").json()["dry_run"] is False


def test_by_the_clock_a_job_is_never_dry(shop: Shop) -> None:
    asyncio.run(shop.client.scheduled("0 5 * * *", NOON))
    assert shop.ticks == [Tick("0 5 * * *", NOON)]


@pytest.mark.parametrize("name", ["nothing", "Sweep_shop", "sweep_shop%20", "0%205%20*%20*%20*", "__class__"])
def test_an_unknown_job_is_404_and_lists_the_existing_ones(shop: Shop, name: str) -> None:
    answer = shop.post(f"/jobs/{name}")
    assert (answer.status, answer.json()["type"]) == (404, "urn:problem:job-not-found")
    assert answer.json()["detail"] == "there are sweep_shop, count_stock, break_in, sell_out"
    assert shop.ticks == []


@pytest.mark.parametrize("query", ["dry_run=perhaps", "dry=true", "dry_run=true&more=1", "DRY_RUN=true", "dry_run="])
def test_an_invalid_request_runs_nothing(shop: Shop, query: str) -> None:
    assert shop.post(f"/jobs/sweep_shop?{query}").status == 400
    assert shop.ticks == []


@pytest.mark.parametrize("headers", [[], [("x-api-key", "another")], [("authorization", "Bearer x")]])
def test_only_the_administrator_runs_or_sees_jobs(shop: Shop, headers: list[tuple[str, str]]) -> None:
    for method, target in (("GET", "/jobs"), ("POST", "/jobs/sweep_shop"), ("POST", "/jobs/nothing")):
        answer = asyncio.run(shop.client.request(method, target, headers=headers))
        assert answer.status == 401
        assert "sweep_shop" not in answer.text.replace(target, "")
    assert shop.ticks == []


def test_a_get_runs_nothing(shop: Shop) -> None:
    assert shop.get("/jobs/sweep_shop").status == 405
    assert shop.ticks == []


def test_a_job_that_breaks_is_our_fault_and_logged(shop: Shop, log: Lines) -> None:
    answer = shop.post("/jobs/break_in")
    assert (answer.status, answer.json()["type"]) == (500, "urn:problem:internal-error")
    assert "alarm" not in answer.text
    [line] = [line for line in log.lines if line["level"] == "error"]
    assert "RuntimeError: the alarm is on" in line["error"]


def test_a_job_that_is_refused_tells_why(shop: Shop) -> None:
    answer = shop.post("/jobs/sell_out")
    assert (answer.status, answer.json()["detail"]) == (409, "no apples")


def test_an_app_without_jobs_has_an_empty_list(serve: Serve) -> None:
    client = serve(job_routes())
    assert asyncio.run(client.request("GET", "/jobs", headers=ADMIN_KEY)).json() == []
    answer = asyncio.run(client.request("POST", "/jobs/x", headers=ADMIN_KEY))
    assert (answer.status, answer.json()["detail"]) == (404, "there are none")


def test_two_jobs_of_one_name_are_an_error_at_composition(serve: Serve) -> None:
    groups = [Routes(f"/{name}", tag=name, access=PUBLIC) for name in ("a", "b")]
    for group in groups:

        @group.cron("0 5 * * *")
        async def refresh(tick: Tick) -> None:
            raise AssertionError(tick)

    with pytest.raises(PlanError, match="two jobs are called refresh"):
        serve(*groups, job_routes())
