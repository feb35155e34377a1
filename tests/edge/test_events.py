"""Jobs and consumers: their selection, the outcome of each message, and refusals at import."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from edge.app import MAX_RETRY_DELAY
from edge.endpoint import Body, PlanError
from edge.events import Delivery, Outcome, Retry, Tick
from edge.ports import Clock, Log
from edge.routes import Routes
from edge.settings import Settings
from edge.testing import Client

type Serve = Callable[..., Client]

HOURLY, DAILY = "0 * * * *", "0 4 * * *"


class Task(BaseModel):
    car: str
    fails: bool = False
    again: int | None = None


def worker(seen: list[str]) -> Routes:
    routes = Routes(tag="t")

    @routes.queue("tasks", retry_delay=10)
    async def work(task: Body[Task], delivery: Delivery, clock: Clock) -> None:
        seen.append(f"{task.car} {delivery.attempts} {clock.now().year}")
        if task.fails:
            raise RuntimeError("no luck")
        if task.again is not None:
            raise Retry("later", task.again)
        if task.car == "asleep":
            raise Retry("asleep")

    return routes


def test_each_message_has_an_outcome_of_its_own(serve: Serve, log: Any) -> None:
    seen: list[str] = []
    bodies = [{"car": "a"}, {"car": "b", "fails": True}, {"car": "c", "again": 90}, {"no": "car"}, {"car": "asleep"}]
    outcomes = asyncio.run(serve(worker(seen)).queue("tasks", bodies))
    assert outcomes == [
        Outcome("message-0"),
        Outcome("message-1", 10),
        Outcome("message-2", 90),
        Outcome("message-3", 10),
        Outcome("message-4", 10),
    ]
    assert seen == ["a 1 2026", "b 1 2026", "c 1 2026", "asleep 1 2026"]
    assert [(line["level"], line["id"]) for line in log.lines] == [
        ("error", "message-1"),
        ("info", "message-2"),
        ("error", "message-3"),
        ("info", "message-4"),
    ]


@pytest.mark.parametrize(
    ("attempts", "delay"),
    [(0, 10), (1, 10), (2, 20), (3, 40), (12, 20480), (14, MAX_RETRY_DELAY), (9**9, MAX_RETRY_DELAY)],
)
def test_a_failing_message_waits_twice_as_long_each_time(serve: Serve, attempts: int, delay: int) -> None:
    (outcome,) = asyncio.run(serve(worker([])).queue("tasks", [{"car": "b", "fails": True}], attempts=attempts))
    assert outcome.retry_after == delay


@pytest.mark.parametrize(("again", "delay"), [(0, 0), (-5, 0), (10**9, MAX_RETRY_DELAY)])
def test_a_requested_delay_is_bounded_by_the_queues_limit(serve: Serve, again: int, delay: int) -> None:
    (outcome,) = asyncio.run(serve(worker([])).queue("tasks", [{"car": "a", "again": again}]))
    assert outcome.retry_after == delay


def test_a_message_of_an_unknown_queue_is_an_error(serve: Serve) -> None:
    with pytest.raises(KeyError):
        asyncio.run(serve(worker([])).queue("other", [{}]))


def clockwork(ran: list[str]) -> Routes:
    routes = Routes(tag="t")

    @routes.cron(HOURLY)
    async def breaks(tick: Tick) -> None:
        ran.append(f"breaks {tick.cron}")
        raise RuntimeError("no luck")

    @routes.cron(HOURLY)
    async def works(log: Log) -> None:
        ran.append("works")
        log("info", "done")

    @routes.cron(DAILY)
    async def daily() -> None:
        ran.append("daily")

    return routes


def test_all_jobs_of_an_expression_run_and_a_failure_is_raised(serve: Serve, log: Any) -> None:
    ran: list[str] = []
    with pytest.raises(ExceptionGroup) as failed:
        asyncio.run(serve(clockwork(ran)).scheduled(HOURLY))
    assert [str(fault) for fault in failed.value.exceptions] == ["no luck"]
    assert ran == [f"breaks {HOURLY}", "works"]
    assert [line["message"] for line in log.lines] == ["job failed", "done"]


class Unset(Settings):
    api_key: str


def test_missing_setting_is_reported_once_and_without_a_traceback(serve: Serve, log: Any) -> None:
    routes = Routes(tag="t")

    @routes.cron(HOURLY)
    async def needs(settings: Unset) -> None:
        assert settings.api_key

    @routes.cron(HOURLY)
    async def needs_too(settings: Unset) -> None:
        assert settings.api_key

    client = serve(routes, settings=Unset)
    for _ in range(2):
        with pytest.raises(ExceptionGroup):
            asyncio.run(client.scheduled(HOURLY))
    [line] = log.lines
    assert (line["message"], line["setting"], line["error"]) == (
        "a setting is missing",
        "API_KEY",
        "API_KEY is not set",
    )


def test_only_the_jobs_of_the_expression_run(serve: Serve, log: Any) -> None:
    ran: list[str] = []
    asyncio.run(serve(clockwork(ran)).scheduled(DAILY))
    assert (ran, log.lines) == (["daily"], [])


def test_an_expression_without_a_job_is_logged(serve: Serve, log: Any) -> None:
    asyncio.run(serve(clockwork([])).scheduled("* * * * *"))
    assert [line["level"] for line in log.lines] == ["error"]


async def unknown(_x: int) -> None: ...
async def body_of_a_tick(_x: Body[Task]) -> None: ...


@pytest.mark.parametrize("handler", [unknown, body_of_a_tick])
def test_a_job_with_an_unknown_parameter_is_an_error_at_import(serve: Serve, handler: Any) -> None:
    routes = Routes(tag="t")
    routes.cron(HOURLY)(handler)
    with pytest.raises(PlanError, match="_x"):
        serve(routes)


def test_two_consumers_of_one_queue_are_an_error_at_import(serve: Serve) -> None:
    with pytest.raises(PlanError, match="two consumers of tasks"):
        serve(worker([]), worker([]))
