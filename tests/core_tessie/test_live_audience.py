"""Each type of live events and its audience: by the declaration, and over HTTP on both runtimes."""

import ast
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.core_tessie.conftest import ROOT
from tests.core_tessie.test_live import KEY, Stream, opened, received
from tests.core_tessie.test_live_access import Key
from tests.served import Served
from websockets.sync.client import ClientConnection

from core_tessie.app import app
from core_tessie.live_events import AUDIENCES, EVENTS
from edge.access import ADMIN, OPERATOR, READER, Actor
from edge.ports.events import LIVE_AUDIENCES, Audience, Draft, Event, audience_of
from edge.runtimes import live_wire as wire
from sims.model import ModelSim, Turn

OURS, OTHERS = "5YJ3E1EA1KF000001", "5YJ3E1EA1KF000002"
ADMINISTRATOR = Actor("admin", ADMIN)
READERS = {
    "administrator": ADMINISTRATOR,
    "unbound": Actor("phone", READER),
    "another unbound": Actor("tablet", OPERATOR),
    "bound to it": Actor("tablet", READER, frozenset({OURS})),
    "bound to another": Actor("tablet", READER, frozenset({OTHERS})),
    "narrowed token": Actor("phone", READER, frozenset({OURS}), is_token=True),
    "token narrowed to another": Actor("phone", READER, frozenset({OTHERS}), is_token=True),
    "administrator with subjects": Actor("admin", ADMIN, frozenset({OTHERS})),
}
UNBOUND = {"administrator", "unbound", "another unbound"}
OF_OURS = UNBOUND | {"bound to it", "narrowed token"}

OF_SUBJECT = [
    *(f"action.{status}" for status in ("queued", "running", "succeeded", "failed", "dead", "cancelled")),
    *(f"sync.{what}" for what in ("started", "progress", "vehicle.done", "vehicle.failed", "finished")),
    *("vehicle.changed", "drive.recorded", "charge.recorded", "software.update", "report.created"),
    *("sync.part.failed", "sync.unreadable", "tessie.key.refused", "vehicle.archived", "vehicle.returned"),
    *(f"{kind}.{what}" for kind in ("drive", "charge", "idle") for what in ("removed", "restored")),
    *("drive.ended", "charge.ended"),
    *("events.forgotten", "custom.garage.opened"),
]
OF_CALLER = ["agent.turn.started", "agent.token", "agent.turn.done", "agent.turn.failed"]
OF_ADMIN = ["log.warning", "log.error", "not.declared", "custom", "customs.x"]
BY_NOBODY = {"administrator"}
BY_PHONE = BY_NOBODY | {"unbound"}
WHO: dict[str, tuple[set[str], ...]] = {
    **dict.fromkeys(OF_SUBJECT, (UNBOUND, OF_OURS, UNBOUND, OF_OURS)),
    **{name: (BY_NOBODY, BY_NOBODY, BY_PHONE, BY_PHONE | {"narrowed token"}) for name in OF_CALLER},
    **dict.fromkeys(OF_ADMIN, (BY_NOBODY,) * 4),
}
"""The readers that get an event of each type: about nothing; about our car; caused by the unbound key `phone`; and
about our car, caused by a token of that key that is narrowed to it."""


def event_of(draft: Draft) -> Event:
    (event,) = wire.documents([draft], 0, wire.BEGINNING, app.audiences)
    return event


@pytest.mark.parametrize("type_", WHO)
def test_event_of_each_type_reaches_its_audience_alone(type_: str) -> None:
    drafts = (
        Draft(type_, {}),
        Draft(type_, {}, OURS),
        Draft(type_, {}, None, "phone"),
        Draft(type_, {}, OURS, "phone", [OURS]),
    )
    for draft, expected in zip(drafts, WHO[type_], strict=True):
        event = event_of(draft)
        assert {name for name, actor in READERS.items() if wire.is_for_reader(event, (), actor)} == expected, draft


def test_every_declared_type_is_tried() -> None:
    assert EVENTS.keys() <= WHO.keys()
    assert AUDIENCES.keys() == {*EVENTS}
    assert app.audiences == LIVE_AUDIENCES | AUDIENCES


def test_types_that_are_not_declared_are_for_administrators() -> None:
    assert {audience_of(app.audiences, type_) for type_ in ("x", "custom", "sync", "agent.*", "log.info", "")} == {
        Audience.ADMIN
    }


def published() -> Iterator[tuple[str, bool]]:
    """Yield the types that the app's sources publish, and whether each is whole or a beginning."""
    for path in (ROOT / "src" / "core_tessie").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name not in {"publish", "_publish", "Draft"}:
                continue
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield str(first.value), True
            elif isinstance(first, ast.JoinedStr) and isinstance(first.values[0], ast.Constant):
                yield str(first.values[0].value), False


def test_every_type_that_is_published_is_declared() -> None:
    types = {*published()}
    assert len(types) > 12
    for type_, is_whole in types:
        assert type_ in EVENTS if is_whole else any(name.startswith(type_) for name in EVENTS), type_


# -- over HTTP --------------------------------------------------------------------------------------------------------

END = "custom.end"


def ends(served: Served, since: int, after: str) -> None:
    """Wait for an event of a type, and publish one for each reader that says that there is no more."""
    stream = Stream(served, f"?since={since}&types={after}", **KEY)
    next(stream.numbers())
    stream.close()
    served.publish(END)
    for vin in (OURS, OTHERS):
        assert served.ask("POST", "/events", {"type": END, "subject": vin})[0] == 202


def last_of(served: Served) -> int:
    return served.publish("custom.mark")


def heard(ws: ClientConnection) -> list[Any]:
    """Return the events that come to a socket, up to the end."""
    events: list[Any] = []
    while not events or events[-1]["type"] != END:
        event = received(ws)
        if "sequence" in event:
            events.append(event)
    return events[:-1]


def streamed(stream: Stream) -> list[Any]:
    """Return the events that come by a stream, up to the end."""
    events: list[Any] = []
    for line in stream.lines():
        if line.startswith("data: "):
            events.append(json.loads(line[6:]))
            if events[-1]["type"] == END:
                break
    stream.close()
    return events[:-1]


class Followers:
    """A socket and a stream of each of some callers."""

    def __init__(self, served: Served, headers: dict[str, dict[str, str]], query: str) -> None:
        self.sockets = {name: opened(served, query, additional_headers=header) for name, header in headers.items()}
        self.streams = {name: Stream(served, query, **header) for name, header in headers.items()}
        time.sleep(0.3)

    def types(self) -> dict[str, set[str]]:
        """Return the types that each reader received up to the end, which are the same by both transports."""
        by_reader = {}
        for name, ws in self.sockets.items():
            by_socket = heard(ws)
            by_stream = streamed(self.streams[name])
            assert [event["id"] for event in by_socket] == [event["id"] for event in by_stream], name
            by_reader[name] = {event["type"] for event in by_socket}
            ws.close()
        return by_reader


AGENT = {"agent.turn.started", "agent.token", "agent.turn.done"}
QUERY = f"types=agent.*,log.*,{END}"


def chat(served: Served, header: dict[str, str], by: str) -> None:
    """Have a turn of a chat, over HTTP or the socket."""
    if by == "http":
        status, done = served.ask("POST", "/agent/chat", {"message": "Hello?", "stream": False}, **header)
        assert (status, done["status"]) == (200, "complete")
        return
    ws = opened(served, "?types=none", additional_headers=header)
    ws.send(json.dumps({"type": "chat", "message": "Hello?"}))
    assert received(ws)["data"]["result"]["status"] == "complete"
    ws.close()


def callers(served: Served) -> dict[str, dict[str, str]]:
    """Return the headers of callers of every kind; `unbound` and its tokens are one key."""
    unbound = Key(served)
    bound = Key(served, subjects=[OURS, OTHERS])
    return {
        "admin": KEY,
        "unbound": unbound.header,
        "token of unbound": unbound.token(subjects=[OURS]),
        "another unbound": Key(served).header,
        "bound": bound.header,
        "token of bound": bound.token(subjects=[OURS]),
        "another bound": Key(served, subjects=[OURS]).header,
    }


ASKED = {
    "admin": {"admin"},
    "unbound": {"admin", "unbound"},
    "token of unbound": {"admin", "unbound", "token of unbound"},
    "bound": {"admin", "bound"},
    "token of bound": {"admin", "bound", "token of bound"},
    "another bound": {"admin", "another bound"},
}
"""Readers of the chat events of each: the caller, the key that its token is of, and the administrator."""


@pytest.mark.slow
@pytest.mark.parametrize("by", ["http", "socket"])
@pytest.mark.parametrize("asking", ASKED)
def test_chat_is_heard_by_who_asked_and_the_administrator(
    served: Served, model_sim: ModelSim, asking: str, by: str
) -> None:
    model_sim.say(Turn("Yes."))
    headers = callers(served)
    begin = last_of(served)
    live = Followers(served, headers, f"?{QUERY}")
    chat(served, headers[asking], by)
    ends(served, begin, "agent.turn.done")
    expected = {name: AGENT if name in ASKED[asking] else set() for name in headers}
    assert live.types() == expected, "live"
    assert Followers(served, headers, f"?since={begin}&{QUERY}").types() == expected, "from the log"


@pytest.mark.slow
def test_notes_of_the_log_are_the_administrators(served: Served) -> None:
    headers = callers(served)
    begin = last_of(served)
    live = Followers(served, headers, f"?{QUERY}")
    status, _ = served.ask("GET", f"/tessieapi/{OURS}/state")
    assert status >= 500, "there is no Tessie here"
    ends(served, begin, "log.error")
    expected = {name: {"log.error"} if name == "admin" else set() for name in headers}
    types = live.types()
    assert {name: names - {"log.warning"} for name, names in types.items()} == expected
    assert Followers(served, headers, f"?since={begin}&{QUERY}").types() == types


@pytest.mark.slow
def test_ones_own_events_are_for_the_readers_of_their_subject(served: Served) -> None:
    headers = callers(served)
    begin = last_of(served)
    query = f"types=custom.about.*,{END}"
    live = Followers(served, headers, f"?{query}")
    for name, subject in (("nothing", None), ("ours", OURS), ("others", OTHERS)):
        event = {"type": f"custom.about.{name}", "subject": subject}
        assert served.ask("POST", "/events", event)[0] == 202
    ends(served, begin, "custom.about.others")
    about = {name: f"custom.about.{name}" for name in ("nothing", "ours", "others")}
    everything = {*about.values()}
    expected = dict.fromkeys(("admin", "unbound", "another unbound"), everything)
    expected |= {name: {about["ours"]} for name in ("token of unbound", "token of bound", "another bound")}
    expected["bound"] = {about["ours"], about["others"]}
    assert live.types() == expected
    assert Followers(served, headers, f"?since={begin}&{query}").types() == expected
