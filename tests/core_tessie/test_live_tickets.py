"""Tickets: each opens one stream or socket, and the same again after a break, as long as its key is good."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.browser import in_chromium
from tests.core_tessie.test_live import CLIENTS, Stream
from tests.core_tessie.test_live_access import Key
from tests.served import Served, served_locally
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from edge.testing import Client
from pyedge.client import node

from .conftest import ENV, Runner, is_free
from .energy_rows import database
from .test_auth import keyed
from .test_credentials import entered

STOLEN = 401


def ticket_of(served: Served, **headers: str) -> dict[str, str]:
    status, ticket = served.ask("POST", "/ws/ticket", **headers)
    assert status == 201, ticket
    return {str(name): str(value) for name, value in ticket.items()}


def stream_status(served: Served, query: str) -> int:
    stream = Stream(served, query, authorization="")
    stream.close()
    return stream.status


def socket_status(served: Served, path: str) -> int:
    try:
        with connect(served.ws_url + path):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.slow
def test_stream_is_resumed_by_its_ticket(served: Served) -> None:
    query = f"?types=custom.*&ticket={ticket_of(served)['ticket']}"
    stream = Stream(served, query, authorization="")
    first = served.publish("custom.first")
    assert next(stream.numbers()) == first
    stream.close()
    missed = served.publish("custom.missed")
    again = Stream(served, query, authorization="", **{"last-event-id": str(first)})
    assert (again.status, next(again.numbers())) == (200, missed)
    again.close()


@pytest.mark.slow
def test_ticket_opens_nothing_but_what_it_has_opened(served: Served) -> None:
    ticket = ticket_of(served)
    assert stream_status(served, f"?types=custom.*&ticket={ticket['ticket']}") == 200
    assert stream_status(served, f"?since=1&types=custom.*&ticket={ticket['ticket']}") == 200
    assert stream_status(served, f"?types=drive.*&ticket={ticket['ticket']}") == STOLEN
    assert stream_status(served, f"?types=custom.*&types=drive.*&ticket={ticket['ticket']}") == STOLEN
    assert stream_status(served, f"?ticket={ticket['ticket']}") == STOLEN
    assert socket_status(served, ticket["ws"]) == STOLEN
    socket = ticket_of(served)
    assert [socket_status(served, socket["ws"]) for _ in range(2)] == [101, 101]
    assert stream_status(served, f"?ticket={socket['ticket']}") == STOLEN
    other = ticket_of(served)["ticket"]
    assert served.ask("GET", f"/d1?ticket={other}", authorization="")[0] == STOLEN
    assert served.ask("GET", "/ws?ticket=made-up", authorization="")[0] == STOLEN
    _, rows = served.ask("GET", "/d1/logs?limit=1000")
    assert not [text for text in (ticket["ticket"], socket["ticket"], other) if text in json.dumps(rows)]


@pytest.mark.slow
def test_ticket_tried_for_two_things_at_once_opens_one(served: Served) -> None:
    ticket = ticket_of(served)
    with ThreadPoolExecutor(4) as pool:
        sockets = [pool.submit(socket_status, served, ticket["ws"]) for _ in range(2)]
        streams = [pool.submit(stream_status, served, f"?ticket={ticket['ticket']}") for _ in range(2)]
        statuses = [[attempt.result() for attempt in tries] for tries in (sockets, streams)]
    assert statuses in ([[101, 101], [STOLEN, STOLEN]], [[STOLEN, STOLEN], [200, 200]])


@pytest.mark.slow
def test_ticket_holds_two_sockets_and_a_third_is_closed_at_once(served: Served) -> None:
    ticket = ticket_of(served)
    other = ticket_of(served)
    with ExitStack() as stack:
        beside = stack.enter_context(connect(served.ws_url + other["ws"], compression=None))
        path = served.ws_url + ticket["ws"]
        first, second, third = (stack.enter_context(connect(path, compression=None)) for _ in range(3))
        with pytest.raises(ConnectionClosed) as closed:
            third.recv(5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
        assert closed.value.rcvd.reason == "this key or ticket has its maximum of streams and sockets"
        for socket in (beside, first, second):
            socket.send('{"type": "ping"}')
            types = [json.loads(socket.recv(10))["type"] for _ in range(2)]
            assert types == ["live.hello", "live.pong"]


@pytest.mark.slow
def test_ticket_holds_two_streams_and_a_third_ends_the_oldest(served: Served) -> None:
    query = f"?types=custom.*&ticket={ticket_of(served)['ticket']}"
    streams = [Stream(served, query, authorization="") for _ in range(3)]
    assert [stream.status for stream in streams] == [200, 200, 200]
    assert list(streams[0].numbers()) == []
    number = served.publish("custom.shared")
    assert [next(stream.numbers()) for stream in streams[1:]] == [number, number]
    for stream in streams:
        stream.close()


@pytest.mark.parametrize("change", ["revoke", "late"])
def test_resumed_ticket_ends(run: Runner, change: str) -> None:
    """The route of the socket stands for both: 426 tells that the ticket was good, without an upgrade."""

    async def case(client: Client) -> list[int]:
        caller = await keyed(client, role="reader")
        ticket = await caller.post("/ws/ticket")
        statuses = [await entered(client, ticket) for _ in range(2)]
        if change == "revoke":
            await database(client).run("UPDATE api_keys SET revoked_at = '2026-01-01 00:00:00'")
        else:
            await database(client).run("UPDATE tickets SET expires_at = '2026-01-01 00:00:00'")
        return [*statuses, await entered(client, ticket)]

    assert run(case) == [426, 426, 401]


def test_ticket_is_resumed_for_hours_and_no_longer_than_its_credential(run: Runner) -> None:
    ends_at = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)

    async def case(client: Client) -> list[timedelta]:
        callers = [
            await keyed(client, role="reader"),
            await keyed(client, role="reader", expires_at=ends_at.isoformat()),
        ]
        tickets = [(await caller.post("/ws/ticket")).json() for caller in callers]
        for ticket in tickets:
            await client.anonymous().get(ticket["ws"])
        rows = await database(client).all("SELECT expires_at FROM tickets")
        assert {row["expires_at"] for row in rows} == {ticket["resumes_until"] for ticket in tickets}
        now = datetime.now(UTC)
        return [datetime.fromisoformat(ticket["resumes_until"]).replace(tzinfo=UTC) - now for ticket in tickets]

    unbounded, bounded = run(case)
    assert timedelta(hours=11) < unbounded <= timedelta(hours=12)
    assert timedelta(minutes=50) < bounded <= timedelta(hours=1)


@contextmanager
def dashboard(served: Served, path: str) -> Iterator[Iterator[list[Any]]]:
    """Run an EventSource in Chromium, and yield its messages: each event and each change of its state."""
    command = [node(), str(CLIENTS), "resume", served.url, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield map(json.loads, process.stdout)
        finally:
            process.kill()


@pytest.mark.slow
@in_chromium
def test_event_source_in_a_browser_survives_a_restart_and_ends_with_its_key(tmp_path: Path) -> None:
    port = next(port for port in range(18_500, 18_600) if is_free(port))
    env = ENV | {"LIVE_CHECK_S": "0.5"}
    with served_locally(tmp_path, env, port=port) as served:
        key = Key(served, role="reader")
        ticket = ticket_of(served, **key.header)
        with dashboard(served, f"{ticket['events']}&types=custom.*") as messages:
            assert next(messages) == ["open", None]
            first = served.publish("custom.first", "x")
            assert next(messages) == ["custom.first", first]
            assert served.process is not None
            served.process.terminate()
            served.process.wait(20)
            with served_locally(tmp_path, env, port=port) as again:
                missed = again.publish("custom.missed", "x")
                seen = [next(message for message in messages if message[0] != "connecting") for _ in range(2)]
                assert seen == [["open", None], ["custom.missed", missed]]
                assert again.ask("POST", f"/auth/keys/{key.id}/revoke")[0] == 200
                assert next(message for message in messages if message[0] != "connecting") == ["closed", None]
