"""Usage counts and their queries: from the local file, and in workerd from the stand-in's SQL API."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.patience import pauses
from tests.workers.hosting import reading

from core_tessie.console.usage_points import AT_ONCE, FEW, MOST_SUMS, SUMMED, Crowd, Usage
from edge.ports.telemetry import Point, Total
from edge.runtimes.local.log import LocalLog
from edge.runtimes.local.telemetry import LocalTelemetry
from edge.testing import Answer, Client
from edge.testing.host import Host, Workers
from sims.cloudflare import TOKEN, AnalyticsSim
from sims.tessie import Fleet, Simulator

from .conftest import ROOT, Runner
from .test_sync import NOW, TWO_WEEKS, fail, synced

pytestmark = pytest.mark.slow

DATASET = "core_tessie_api"
USAGE = "/colbycommands/usage"

type Totals = dict[tuple[str, ...], dict[str, Any]]


@pytest.fixture(scope="module")
def analytics() -> Iterator[AnalyticsSim]:
    """Return Analytics Engine, empty."""
    with AnalyticsSim() as sim:
        yield sim


@pytest.fixture(scope="module")
def host(workers: Workers, analytics: AnalyticsSim) -> Iterator[Host]:
    """Return the runner of the Worker that writes to the stand-in."""
    running = Host(workers, ROOT / "wrangler.toml", analytics=analytics.url)
    yield running
    running.stop()


@pytest.fixture
def run(runtime: str, request: pytest.FixtureRequest, tmp_path: Path, tessie_port: int) -> Runner:
    """Return a runner on each runtime, with an empty dataset."""
    if runtime == "local":
        return Runner(tmp_path / "state", tessie_port)
    runner: Runner = request.getfixturevalue("remote")
    return runner


@pytest.fixture
def remote(analytics: AnalyticsSim, host: Host, tmp_path: Path, tessie_port: int) -> Runner:
    """Return a runner in workerd."""
    analytics.clear()
    runner = Runner(tmp_path, tessie_port, host=host)
    runner.env |= reading(analytics, DATASET)
    return runner


async def totals(client: Client, query: str = "") -> Totals:
    """Return the counts, by kind and the other dimensions, without the count of the query itself."""
    answer = await client.get(f"{USAGE}{query}")
    assert answer.status == 200, answer.text
    names = ("kind", "name", "outcome", "detail", "actor")
    by_key = {
        tuple(total[name] for name in names if total[name] is not None): total for total in answer.json()["totals"]
    }
    return {key: total for key, total in by_key.items() if USAGE not in key}


async def counted(client: Client, count: int, query: str = "") -> Totals:
    """Wait until the totals count a number of points, and return them: in workerd points come after their event."""
    async for _ in pauses():
        result = await totals(client, query)
        if sum(total["count"] for total in result.values()) >= count:
            return result
    raise AssertionError(f"not {count} points in 10 s: {result}")


def counts(points: Totals) -> dict[tuple[str, ...], int]:
    return {key: total["count"] for key, total in points.items()}


async def use(client: Client) -> None:
    for _ in range(3):
        await client.get("/d1/vehicles?limit=1")
    await client.get("/d1/vehicles/none")
    await client.get("/d1/no_table?x=1")
    await client.get("/nowhere/at/all")
    await client.request("DELETE", "/d1/drives")
    await client.anonymous().get("/d1/vehicles")


def test_every_request_is_counted_by_its_route_and_outcome(run: Runner) -> None:
    async def case(client: Client) -> Totals:
        await use(client)
        return await counted(client, 8)

    result = run(case)
    assert counts(result) == {
        ("request", "/d1/{table}", "2xx"): 3,
        ("request", "/d1/{table}", "4xx"): 3,
        ("request", "/d1/{table}/{row_id}", "4xx"): 1,
        ("request", "", "4xx"): 1,
    }
    listed = result["request", "/d1/{table}", "2xx"]
    assert listed["sums"]["bytes"] == 3 * len("[]")
    assert listed["sums"]["ms"] > 0
    assert listed["mean_ms"] == pytest.approx(listed["sums"]["ms"] / 3, abs=0.001)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("name", {("request", "/d1/{table}"): 6, ("request", "/d1/{table}/{row_id}"): 1, ("request", ""): 1}),
        ("name,name", {("request", "/d1/{table}"): 6, ("request", "/d1/{table}/{row_id}"): 1, ("request", ""): 1}),
        (
            "actor,name,detail",
            {
                ("request", "/d1/{table}", "GET", "admin"): 4,
                ("request", "/d1/{table}", "DELETE", "admin"): 1,
                ("request", "/d1/{table}", "GET", ""): 1,
                ("request", "/d1/{table}/{row_id}", "GET", "admin"): 1,
                ("request", "", "GET", ""): 1,
            },
        ),
    ],
)
def test_totals_are_grouped_by_the_requested_dimensions(
    run: Runner, by: str, expected: dict[tuple[str, ...], int]
) -> None:
    async def case(client: Client) -> Totals:
        await use(client)
        return await counted(client, 8, f"?by={by}")

    assert counts(run(case)) == expected


def test_the_most_frequent_come_first_of_the_last_24_hours(run: Runner) -> None:
    async def case(client: Client) -> Any:
        await use(client)
        await counted(client, 8)
        return (await client.get(USAGE)).json()

    result = run(case)
    since, until = (datetime.fromisoformat(result[name]) for name in ("since", "until"))
    assert until - since == timedelta(days=1)
    order = [total["count"] for total in result["totals"]]
    assert order == sorted(order, reverse=True)


@pytest.mark.slow
def test_period_excludes_earlier_points(run: Runner) -> None:
    async def case(client: Client) -> tuple[Totals, Totals]:
        await use(client)
        await counted(client, 8)
        await asyncio.sleep(1.1)  # instants are whole seconds
        now = datetime.now(UTC)
        return await totals(client, f"?since={now - timedelta(days=89):%Y-%m-%d}"), await totals(
            client, f"?since={now:%Y-%m-%dT%H:%M:%SZ}"
        )

    before, after = run(case)
    assert sum(counts(before).values()) == 8
    assert after == {}


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "since=2020-01-01", "since=2999-01-01", "by=", "by=kind", "by=name;outcome", "by=1", "days=3"],
)
def test_invalid_usage_query_is_refused(run: Runner, query: str) -> None:
    async def case(client: Client) -> Answer:
        return await client.get(f"{USAGE}?{query}")

    answer = run(case)
    assert (answer.status, answer.json()["type"]) == (400, "urn:problem:invalid-parameter")
    assert answer.json()["errors"][0]["pointer"] == query.partition("=")[0]


def test_usage_needs_a_key(run: Runner) -> None:
    async def case(client: Client) -> Answer:
        return await client.anonymous().get(USAGE)

    assert run(case).status == 401


def test_a_sync_is_counted_by_run_and_by_vehicle(run: Runner) -> None:
    async def case(client: Client) -> tuple[Any, Totals]:
        done = await synced(client)
        fail(sim, {"kind": "unauthorized", "vin": sim.vins[0]})
        await synced(client)
        points = await counted(client, 2 + 2 * len(sim.vins), "?by=name,outcome,detail")
        return done, {key: total for key, total in points.items() if key[0] == "sync"}

    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW), port=run.tessie_port) as sim:
        done, points = run(case, started=True)
    cars = len(sim.vins)
    assert counts(points) == {
        ("sync", "run", "succeeded", "api"): 1,
        ("sync", "run", "partial", "api"): 1,
        ("sync", "vehicle", "succeeded", ""): 2 * cars - 1,
        ("sync", "vehicle", "failed", ""): 1,
    }
    sums = points["sync", "run", "succeeded", "api"]["sums"]
    assert (sums["rows"], sums["vehicles"]) == (done["rows_written"], cars)
    assert points["sync", "vehicle", "succeeded", ""]["sums"]["rows"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN"])
def test_without_its_settings_only_usage_is_unavailable(remote: Runner, missing: str) -> None:
    async def case(client: Client) -> tuple[Answer, Answer]:
        return await client.get(USAGE), await client.get("/d1/vehicles")

    del remote.env[missing]
    answer, other = remote(case)
    assert (answer.status, answer.json()["setting"]) == (503, missing)
    assert other.status == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ((500, b"internal"), "answered 500"),
        ((422, b"Input error: no such thing"), "no such thing"),
        ((200, b"<html>"), "documentation"),
        ((200, b'{"data": {}}'), "documentation"),
        ((200, b'{"data": [{"blob1": "request"}]}'), "lacks a requested column"),
    ],
)
def test_failing_analytics_engine_is_a_502_with_its_reason(
    remote: Runner, analytics: AnalyticsSim, failure: tuple[int, bytes], reason: str
) -> None:
    async def case(client: Client) -> Answer:
        analytics.failure = failure
        return await client.get(USAGE)

    answer = remote(case)
    assert (answer.status, answer.json()["upstream"]) == (502, "Analytics Engine")
    assert reason in answer.json()["detail"]
    assert TOKEN not in answer.text


@pytest.mark.slow
def test_a_wrong_token_is_a_502_that_does_not_show_it(remote: Runner) -> None:
    async def case(client: Client) -> Answer:
        return await client.get(USAGE)

    remote.env["CLOUDFLARE_API_TOKEN"] = "hunter2"
    answer = remote(case)
    assert answer.status == 502
    assert "403" in answer.json()["detail"]
    assert "hunter2" not in answer.text


@pytest.mark.slow
def test_sampled_row_counts_by_its_sample_interval(remote: Runner, analytics: AnalyticsSim) -> None:
    async def case(client: Client) -> Totals:
        for interval, ms in ((1, 10.0), (20, 2.5)):
            point = {"indexes": ["request"], "blobs": ["request", "/sampled", "2xx", "GET", ""], "doubles": [ms, 100]}
            analytics.write(DATASET, point, sample_interval=interval)
        return await totals(client)

    sampled = remote(case)["request", "/sampled", "2xx"]
    assert sampled["count"] == 21
    assert sampled["sums"] == {"ms": 60.0, "bytes": 2100.0}
    assert sampled["mean_ms"] == pytest.approx(60 / 21, abs=0.001)


@pytest.mark.slow
def test_no_text_of_a_caller_is_in_the_sql(remote: Runner, analytics: AnalyticsSim) -> None:
    async def case(client: Client) -> None:
        analytics.write(DATASET, {"blobs": ["request"]})
        await totals(client, "?by=actor,name&since=" + f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}")

    remote(case)
    (sql,) = analytics.queries
    assert not set(sql) & set("'\"`;-"), sql


def written(folder: Path, *work: Callable[[LocalTelemetry], Any]) -> list[Any]:
    """Return the result of each query on a local dataset, which is opened anew for each."""

    async def step(query: Callable[[LocalTelemetry], Any]) -> Any:
        with closing(LocalTelemetry(folder / "points.sqlite", lambda: LocalLog(write=bytes.strip))) as points:
            done = query(points)
            return await done if asyncio.iscoroutine(done) else done

    return [asyncio.run(step(query)) for query in work]


def test_actions_and_chat_turns_have_their_own_numbers(tmp_path: Path) -> None:
    def write(points: LocalTelemetry) -> None:
        usage = Usage(points)
        usage.action("wake", "succeeded", 1200.5, 2)
        usage.chat("m" * 300, "completed", 50, 10, 20, 3)

    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    _, totals = written(tmp_path, write, lambda points: points.totals((1, 2, 3, 4, 5), (1, 2, 3, 4), long_ago))
    assert totals == [
        Total(("action", "wake", "succeeded", "", ""), 1, (1200.5, 2, 0, 0)),
        Total(("chat", "m" * 256, "completed", "", ""), 1, (50, 10, 20, 3)),
    ]


class Points:
    """A dataset that records its writes."""

    def __init__(self) -> None:
        self.written: list[Point] = []

    def write(self, point: Point) -> None:
        self.written.append(point)

    async def totals(self, blobs: Any, doubles: Any, since: datetime) -> list[Total]:
        raise NotImplementedError

    async def probe(self) -> None:
        """The dataset is available."""

    def calls(self, route: str) -> float:
        """Return the number of calls that a route's points count."""
        return sum(1 + point.doubles[2] for point in self.written if point.blobs[1] == route)


def stranger_calls(crowd: Crowd, *, calls: int, every: float) -> tuple[int, float]:
    """Return the number of points of some calls, and the number of calls that these count."""
    points = 0
    counted = 0.0
    for number in range(calls):
        now = number * every
        due = [doubles for _, doubles in crowd.due(now)]
        mine = crowd.add((f"/{number % 7}", "4xx", "GET", ""), 2.0, 10, now)
        for doubles in [*due, *([mine] if mine else [])]:
            points += 1
            counted += 1 + doubles[2]
            assert doubles[0] == 2.0 * (1 + doubles[2]), "the sum of all of them"
            assert doubles[1] == 10 * (1 + doubles[2])
    return points, counted


def test_few_calls_of_strangers_have_a_point_each() -> None:
    assert stranger_calls(Crowd(), calls=FEW, every=0.1) == (FEW, FEW)


def test_many_calls_of_strangers_share_points_and_are_all_counted() -> None:
    calls = 300 * 600
    points, counted = stranger_calls(Crowd(), calls=calls, every=1 / 300)
    assert points < 10 * (FEW + 7) + calls / SUMMED
    assert calls - 7 * SUMMED < counted <= calls


def test_memory_for_strangers_is_bounded() -> None:
    crowd = Crowd()
    for number in range(10_000):
        crowd.add((f"/{number}", "4xx", "GET", f"{number}"), 1.0, 1, 0.0)
        assert len(crowd._sums) <= MOST_SUMS + 1
    written = 0
    while due := [*crowd.due(60.0)]:
        assert len(due) <= AT_ONCE
        written += len(due)
    assert written <= MOST_SUMS + 1


def test_events_of_one_isolate_share_summed_points() -> None:
    points = Points()
    for _ in range(1500):
        Usage(points).request("/x", "GET", 401, 1.0)
    assert FEW + 1 <= len(points.written) <= 2 * (FEW + 1)
    assert points.calls("/x") >= FEW + SUMMED


def test_a_known_caller_has_a_point_for_each_call_unless_it_is_over_its_limit() -> None:
    points = Points()
    for _ in range(500):
        Usage(points).request("/known", "GET", 200, 1.0, actor="phone")
        Usage(points).request("/over", "GET", 429, 1.0, actor="phone")
    routes = [point.blobs[1] for point in points.written]
    assert routes.count("/known") == 500
    assert routes.count("/over") <= 2 * FEW


def test_unknown_methods_are_counted_as_one() -> None:
    points = Points()
    for number in range(FEW - 1):
        Usage(points).request("/x", f"METHOD{number}", 405, 1.0)
    assert {point.blobs[3] for point in points.written} == {"other"}


def test_calls_that_share_a_point_are_counted_with_it(tmp_path: Path) -> None:
    async def case(client: Client) -> Any:
        for doubles in ((30.0, 300.0, 2.0), (10.0, 100.0, 0.0), (5.0, 50.0)):  # the last as it was written before
            client.ports.settings.analytics.write(Point("request", ["request", "/shared", "4xx", "GET", ""], doubles))
        return (await client.get(f"{USAGE}?by=name")).json()["totals"]

    runner = Runner(tmp_path / "state", 9)
    [total] = [total for total in runner(case) if total["name"] == "/shared"]
    assert (total["count"], total["sums"]) == (5, {"ms": 45.0, "bytes": 450.0})
    assert total["mean_ms"] == 9.0


def test_anonymous_calls_do_not_fill_the_file(tmp_path: Path) -> None:
    async def case(client: Client) -> int:
        for _ in range(400):
            await client.anonymous().get("/d1/vehicles")
        await totals(client)
        points = client.ports.settings.analytics
        rows = await points.work(lambda connection: connection.execute("SELECT count(*) FROM points").fetchone())
        return int(rows[0])

    assert Runner(tmp_path / "state", 9)(case) <= 2 * (FEW + 1) + 1


def test_without_a_dataset_nothing_is_counted_and_nothing_fails() -> None:
    Usage(None).request("/", "GET", 200, 1.0)


def test_points_are_kept_three_months_here(tmp_path: Path) -> None:
    def age(points: LocalTelemetry) -> Any:
        return points.work(lambda connection: connection.execute("UPDATE points SET written_at = written_at - 8000000"))

    def write(points: LocalTelemetry) -> None:
        points.write(Point("x", ["x"], []))

    def count(points: LocalTelemetry) -> Any:
        return points.totals((), (), datetime(2000, 1, 1, tzinfo=UTC))

    results = written(tmp_path, write, count, age, write, count)
    assert [results[1], results[4]] == [[Total((), 1, ())], [Total((), 1, ())]]
