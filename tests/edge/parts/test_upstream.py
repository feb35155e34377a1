"""Calls to other services: the retries and their number, the deadline, and the reported fault."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import monotonic
from typing import Any

import pytest
from tests.edge.conftest import NOON
from tests.edge.parts.conftest import Origin, Reply, SetClock, fetching
from tests.ports import free_port

from edge.clients.upstream import (
    FIRST_BACK_OFF,
    RETRYABLE,
    Call,
    RetryPolicy,
    Upstream,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreached,
    retry,
    retry_after,
)
from edge.errors import BadGateway, GatewayTimeout, Problem
from edge.ports import Fetched, FetchError

QUICK = RetryPolicy(attempts=3, attempt=2.0, deadline=10.0)
SECRET = "s3cret-token"


def call(url: str, *, method: str = "GET", is_safe: bool = True, body: bytes = b"") -> Call:
    return Call(method, f"{url}/path?key={SECRET}", (("authorization", f"Bearer {SECRET}"),), body, is_safe)


def sent(call: Call, clock: SetClock, patience: RetryPolicy = QUICK) -> Fetched:
    async def run() -> Fetched:
        async with fetching() as fetch:
            return await Upstream("Shop", fetch, clock, patience).send(call)

    return asyncio.run(run())


def read(call: Call, clock: SetClock, patience: RetryPolicy = QUICK) -> Any:
    async def run() -> Any:
        async with fetching() as fetch:
            return await Upstream("Shop", fetch, clock, patience).json(call)

    return asyncio.run(run())


def shown_text(fault: Problem) -> str:
    """Return all texts of a fault that are shown or logged."""
    return f"{fault!r} {fault} {fault.document('/x', 'r')} {fault.headers} {fault.__cause__!r}"


def unused() -> str:
    """Return an address without a server."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.mark.parametrize("status", [200, 201, 204, 301, 304, 400, 401, 403, 404, 409, 410, 422, 500, 501])
def test_permanent_failures_are_not_retried(origin: Origin, clock: SetClock, status: int) -> None:
    origin.give(Reply(status, b""))
    assert sent(call(origin.url), clock).status == status
    assert (len(origin.came), clock.slept) == (1, [])


def test_the_statuses_that_may_pass_are_these() -> None:
    assert sorted(RETRYABLE) == [408, 429, 502, 503, 504]


@pytest.mark.parametrize("status", sorted(RETRYABLE))
@pytest.mark.parametrize("attempts", [1, 2, 3, 5])
def test_transient_failures_are_retried_and_the_last_answer_counts(
    origin: Origin, clock: SetClock, status: int, attempts: int
) -> None:
    origin.give(Reply(status))
    assert sent(call(origin.url), clock, RetryPolicy(attempts, 2, 60)).status == status
    assert (len(origin.came), len(clock.slept)) == (attempts, attempts - 1)


@pytest.mark.parametrize("status", [*sorted(RETRYABLE), 0])
def test_the_first_good_answer_ends_it(origin: Origin, clock: SetClock, status: int) -> None:
    origin.give(Reply(status), Reply(status), Reply(200, b'{"n": 3}'))
    assert read(call(origin.url, method="POST"), clock) == {"n": 3}
    assert len(origin.came) == 3


def test_every_try_is_the_same_request(origin: Origin, clock: SetClock) -> None:
    origin.give(Reply(503))
    sent(call(origin.url, method="PUT", body=b"\0whole"), clock)
    assert {
        (request.method, request.target, request.headers["authorization"], request.body) for request in origin.came
    } == {("PUT", f"/path?key={SECRET}", f"Bearer {SECRET}", b"\0whole")}


@pytest.mark.parametrize("status", [*sorted(RETRYABLE), 500])
def test_unsafe_requests_are_not_retried(origin: Origin, clock: SetClock, status: int) -> None:
    origin.give(Reply(status, headers={"retry-after": "1"}))
    assert sent(call(origin.url, method="POST", is_safe=False), clock).status == status
    assert (len(origin.came), clock.slept) == (1, [])


def test_a_broken_connection_is_retried_only_for_safe_requests(origin: Origin, clock: SetClock) -> None:
    origin.give(Reply(0))
    for is_safe, count in ((True, 3), (False, 1)):
        origin.came.clear()
        with pytest.raises(UpstreamFailed) as caught:
            sent(call(origin.url, method="POST", is_safe=is_safe), clock)  # aiohttp repeats a GET once by itself
        assert len(origin.came) == len(caught.value.extra["attempts"]) == count  # type: ignore[arg-type]
        assert type(caught.value) is UpstreamFailed
        assert (caught.value.extra["upstream"], "upstream_status" in caught.value.extra) == ("Shop", False)


def test_a_server_that_is_not_there_was_sent_nothing(clock: SetClock) -> None:
    for is_safe, count in ((True, 3), (False, 1)):
        with pytest.raises(UpstreamUnreached) as caught:
            sent(call(unused(), is_safe=is_safe), clock)
        assert len(caught.value.extra["attempts"]) == count  # type: ignore[arg-type]


def test_one_that_does_not_answer_is_a_timeout(origin: Origin, clock: SetClock) -> None:
    origin.give(Reply(delay=5))
    with pytest.raises(UpstreamTimeout) as caught:
        sent(call(origin.url), clock, RetryPolicy(attempts=2, attempt=0.05, deadline=10))
    assert (len(origin.came), caught.value.status, caught.value.extra["upstream"]) == (2, 504, "Shop")
    origin.give(Reply(delay=5))
    with pytest.raises(UpstreamTimeout):
        sent(call(origin.url, is_safe=False), clock, RetryPolicy(attempts=2, attempt=0.05, deadline=10))
    assert len(origin.came) == 1, "it may have done what it was asked"


def test_a_slow_try_is_followed_by_a_quick_one(origin: Origin, clock: SetClock) -> None:
    origin.give(Reply(delay=5), Reply(200, b"1"))
    assert read(call(origin.url), clock, RetryPolicy(attempts=2, attempt=0.05, deadline=10)) == 1


def test_the_deadline_is_of_all_tries(origin: Origin, clock: SetClock) -> None:
    origin.give(Reply(delay=5))
    began = monotonic()
    with pytest.raises(UpstreamTimeout):
        sent(call(origin.url), clock, RetryPolicy(attempts=100, attempt=0.15, deadline=0.3))
    assert 0.1 < monotonic() - began < 2
    assert 1 <= len(origin.came) <= 3
    origin.give(Reply(delay=5))
    began = monotonic()
    with pytest.raises(UpstreamTimeout):
        sent(call(origin.url), clock, RetryPolicy(attempts=1, attempt=60, deadline=0.1))
    assert monotonic() - began < 2, "one try has no more than all of them"


@pytest.mark.parametrize("retry_after", ["2", "2.0", " 2 ", format_datetime(NOON + timedelta(seconds=2), usegmt=True)])
def test_retry_after_of_the_server_is_honoured(origin: Origin, clock: SetClock, retry_after: str) -> None:
    origin.give(Reply(429, headers={"retry-after": retry_after}), Reply(200))
    assert sent(call(origin.url), clock).status == 200
    [slept] = clock.slept
    assert 2 <= slept <= 2 + FIRST_BACK_OFF


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "retry_after", ["10", "3600", "inf", "1e999", format_datetime(NOON + timedelta(days=1), usegmt=True)]
)
def test_a_wait_beyond_the_deadline_ends_it_at_once(
    origin: Origin, clock: SetClock, status: int, retry_after: str
) -> None:
    origin.give(Reply(status, headers={"retry-after": retry_after}))
    assert sent(call(origin.url), clock).status == status
    assert (len(origin.came), clock.slept) == (1, [])


@pytest.mark.parametrize(
    "retry_after",
    [
        "",
        "soon",
        "-5",
        "nan",
        "0",
        "1970",
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "Wed, 21 Oct 2015 07:28:00 -0000",
        "Wed, 99 Oct 2015 07:28:00 GMT",
        "Wed, 21 Oct 99999999999999999999 07:28:00 GMT",
        "Wed, 21 Oct 2026 07:28:00 +99999999999999",
        "\u00fc",
        "1, 2",
    ],
)
def test_an_invalid_retry_after_leaves_the_back_off(origin: Origin, clock: SetClock, retry_after: str) -> None:
    origin.give(Reply(503, headers={"retry-after": retry_after.encode().decode("latin-1")}), Reply(200))
    patience = RetryPolicy(attempts=3, attempt=2, deadline=4000)
    assert sent(call(origin.url), clock, patience).status == 200
    assert sum(clock.slept) <= FIRST_BACK_OFF + (1970 if retry_after == "1970" else 0)


def test_a_date_counts_from_the_clock_and_not_from_the_machine() -> None:
    fetched = Fetched(429, [("retry-after", "Sat, 21 Nov 2026 12:00:30 GMT")], b"")
    assert retry_after(fetched, NOON) == 30
    assert retry_after(fetched, NOON + timedelta(minutes=1)) == 0
    assert retry_after(Fetched(429, [], b""), datetime.now(UTC)) is None


def test_the_pauses_grow_and_differ(origin: Origin) -> None:
    origin.give(Reply(503))
    pauses: list[list[float]] = []
    for _ in range(12):
        clock = SetClock()
        sent(call(origin.url), clock, RetryPolicy(attempts=4, attempt=2, deadline=1000))
        pauses.append(clock.slept)
    assert all(0 <= pause <= FIRST_BACK_OFF * 2**n for slept in pauses for n, pause in enumerate(slept))
    assert len({pause for slept in pauses for pause in slept}) > 30, "all clients would come back at one moment"
    assert max(slept[2] for slept in pauses) > FIRST_BACK_OFF


def test_pauses_are_as_long_as_the_patience_says(origin: Origin) -> None:
    origin.give(Reply(503))
    for back_off in (0.0, 2000.0):
        clock = SetClock()
        sent(call(origin.url), clock, RetryPolicy(attempts=4, attempt=2, deadline=1e6, back_off=back_off))
        assert all(0 <= pause <= back_off * 2**n for n, pause in enumerate(clock.slept))
        assert len(clock.slept) == 3
        assert (max(clock.slept) > FIRST_BACK_OFF * 2**2) == (back_off > 0)


def test_the_gate_is_passed_before_each_try(clock: SetClock) -> None:
    passed: list[str] = []

    async def gate() -> None:
        passed.append("gate")

    async def send(seconds: float) -> Fetched:
        assert 0 < seconds <= QUICK.attempt
        passed.append("send")
        raise FetchError("broken")

    tries = asyncio.run(retry(send, QUICK, clock, gate))
    assert passed == ["gate", "send"] * 3
    assert tries.summary().startswith("3 attempts in 0.")
    assert tries.history == ["broken"] * 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (300, UpstreamFailed),
        (301, UpstreamFailed),
        (400, UpstreamRefused),
        (401, UpstreamRefused),
        (404, UpstreamRefused),
        (429, UpstreamRefused),
        (499, UpstreamRefused),
        (500, UpstreamFailed),
        (503, UpstreamFailed),
        (599, UpstreamFailed),
    ],
)
def test_a_refusal_is_distinguished_from_a_failure(
    origin: Origin, clock: SetClock, status: int, kind: type[Problem]
) -> None:
    origin.give(Reply(status, b"reason: " + SECRET.encode()))
    with pytest.raises(BadGateway) as caught:
        read(call(origin.url), clock)
    assert type(caught.value) is kind
    assert caught.value.extra == {"upstream": "Shop", "upstream_status": status}
    assert caught.value.detail == f"Shop answered {status}"
    assert caught.value.status == 502


@pytest.mark.parametrize(
    "body", [b"{", b"<html>", b"\xff", b"{'a': 1}", b"[" * 100_000, b'{"a": 1} x', b" ", SECRET.encode()]
)
def test_invalid_json_is_the_services_fault(origin: Origin, clock: SetClock, body: bytes) -> None:
    origin.give(Reply(200, body))
    with pytest.raises(UpstreamFailed, match="invalid JSON") as caught:
        read(call(origin.url), clock)
    assert len(origin.came) == 1
    assert caught.value.extra["upstream"] == "Shop"
    assert SECRET not in shown_text(caught.value)


@pytest.mark.parametrize(
    ("body", "value"), [(b"", None), (b"null", None), (b'{"a": [1, "\xc3\xbc"]}', {"a": [1, "ü"]})]
)
def test_json_comes_as_it_is(origin: Origin, clock: SetClock, body: bytes, value: object) -> None:
    origin.give(Reply(200, body))
    assert read(call(origin.url), clock) == value


@pytest.mark.parametrize(
    ("response", "url"),
    [
        (Reply(0), ""),
        (Reply(500), ""),
        (Reply(404), ""),
        (Reply(200, b"{"), ""),
        (Reply(delay=5), ""),
        (Reply(), "http://nobody:{0}@127.0.0.1:1/{0}"),
        (Reply(), "http://127.0.0.1:99999999/{0}"),
        (Reply(), "ftp://127.0.0.1/{0}"),
        (Reply(), "http://{0}@[::1/{0}"),
        (Reply(), "{0}"),
    ],
)
def test_no_fault_shows_a_path_a_query_or_a_credential(
    origin: Origin, clock: SetClock, response: Reply, url: str
) -> None:
    origin.give(response)
    with pytest.raises((BadGateway, GatewayTimeout)) as caught:
        read(call(url.format(SECRET) or origin.url), clock, RetryPolicy(2, 0.1, 5))
    assert SECRET not in shown_text(caught.value)
    assert "/path" not in shown_text(caught.value)
    assert caught.value.extra["upstream"] == "Shop"
