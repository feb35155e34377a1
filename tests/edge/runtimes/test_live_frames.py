"""Frames of a live socket: each but a ping is authorized and counted like a request, in order."""

import asyncio
from time import time
from typing import Any

import pytest
from pydantic_core import from_json, to_json
from tests.contracts import events

from edge.access import ADMIN, READER, Actor
from edge.app import App
from edge.context import Ports
from edge.errors import Problem, Unauthorized
from edge.events import Frame
from edge.ports import DatabaseAway, Limit, Log
from edge.ports.events import Follow
from edge.routes import Routes
from edge.runtimes import live_frames
from edge.runtimes import live_wire as wire
from edge.runtimes.live_readers import Reader
from edge.runtimes.live_wire import Close
from edge.runtimes.local.rate_limiter import LocalRateLimiter
from edge.runtimes.local.sockets import MOST_REPLIES, Message, Respond, Socket, serve
from edge.settings import Settings

PHONE = Actor("phone", READER)
routes = Routes(tag="t")


@routes.frame("who", access=READER)
async def say_who(frame: Frame) -> str:
    """Return the sender of the frame, and its rights."""
    return f"{frame.actor.name} {sorted(frame.actor.subjects or [])}"


@routes.frame("boss", access=ADMIN)
async def say_boss() -> str:
    """Answer an administrator."""
    return "boss"


class Chat:
    """An app of these frames, and its keys and limits."""

    def __init__(self, calls: int = 1000) -> None:
        self.keys: dict[str, Actor] = {"phone": PHONE}
        self.is_away = False
        self.looked_up = 0
        self.limiter = LocalRateLimiter(Limit(calls, 60), now=lambda: 0.0)
        self.lines: list[tuple[str, str]] = []

    async def revalidate(self, actor: Actor) -> Actor:
        self.looked_up += 1
        if self.is_away:
            raise DatabaseAway("database is locked")
        if actor.name not in self.keys:
            raise Unauthorized("the key was revoked")
        return self.keys[actor.name]

    async def count(self, actor: Actor) -> None:
        if not (verdict := await self.limiter.take(actor.name)).ok:
            raise TooOften(verdict.reset)

    def app(self) -> App:
        hooks: dict[str, Any] = {"revalidate": self.revalidate, "count_frame": self.count}
        return App("t", version="1", settings=Settings, resources=[routes], authenticate=events.nobody, **hooks)

    def ports(self) -> Ports:
        return Ports(Settings({}), {Log: lambda level, message, **_: self.lines.append((level, message))})

    def answers(self, reader: Reader, *frames: str, is_busy: bool = False) -> list[Any]:
        """Return the answers to frames, one after the other."""
        app = self.app()

        async def run() -> list[Any]:
            results = []
            for frame in frames:
                answer = await live_frames.answer(app, self.ports, reader, frame, is_busy=is_busy)
                document = from_json(answer.text)
                results.append((document["type"], document["data"], answer.has_ended))
            return results

        return asyncio.run(run())


class TooOften(Problem):
    """Too often."""

    title = "Too often"
    status = 429

    def __init__(self, wait: int) -> None:
        super().__init__(retry_after=wait)


def reader() -> Reader:
    return Reader(Follow(PHONE), wire.text, "request-1")


def status_of(answer: Any) -> int:
    return int(answer[1]["problem"]["status"])


def test_frame_is_answered_by_its_handler() -> None:
    ((type_, data, has_ended),) = Chat().answers(reader(), '{"type": "who", "id": 7}')
    assert (type_, data, has_ended) == ("live.reply", {"id": 7, "result": "phone []"}, False)


@pytest.mark.parametrize(
    "frame", ['{"type": "who"}', '{"type": "subscribe", "types": []}', '{"type": "nothing"}', "{", "[1]", "1" * 5000]
)
def test_frame_of_an_ended_credential_is_refused_and_ends_the_socket(frame: str) -> None:
    chat = Chat()
    reader_ = reader()
    chat.keys.clear()
    (answer,) = chat.answers(reader_, frame)
    assert (status_of(answer), answer[2], reader_.types) == (401, True, ())


def test_frame_of_an_expired_credential_is_refused_without_a_look_up() -> None:
    chat = Chat()
    reader_ = reader()
    reader_.actor = Actor("phone", READER, expires_at=time() - 1)
    (answer,) = chat.answers(reader_, '{"type": "who"}')
    assert (status_of(answer), answer[2], chat.looked_up) == (401, True, 0)


def test_ping_costs_nothing() -> None:
    chat = Chat(calls=0)
    chat.keys.clear()
    answers = chat.answers(reader(), '{"type": "ping"}', '{"type": "ping", "id": 1}')
    assert ([type_ for type_, _, _ in answers], chat.looked_up) == (["live.pong"] * 2, 0)


def test_frames_of_every_kind_count() -> None:
    chat = Chat(calls=5)
    frames = ['{"type": "who"}', '{"type": "nothing"}', "{", '{"type": "subscribe", "types": ["a.*"]}', "[]"]
    reader_ = reader()
    answers = chat.answers(reader_, *frames, '{"type": "who"}', '{"type": "subscribe", "types": ["b"]}')
    assert [status_of(answer) for answer in answers if "problem" in answer[1]] == [400, 400, 400, 429, 429]
    assert answers[-1][1]["problem"]["retry_after"] > 0
    assert not any(has_ended for _, _, has_ended in answers)
    assert reader_.types == ("a.*",)


def test_frame_acts_as_its_credential_stands_now() -> None:
    chat = Chat()
    reader_ = reader()
    chat.keys["phone"] = Actor("phone", READER, frozenset({"car-1"}))
    (answer,) = chat.answers(reader_, '{"type": "who"}')
    assert answer[1]["result"] == "phone ['car-1']"
    assert reader_.actor.subjects == frozenset({"car-1"})


def test_frame_needs_the_role_of_its_handler() -> None:
    chat = Chat()
    assert status_of(chat.answers(reader(), '{"type": "boss"}')[0]) == 403
    chat.keys["phone"] = Actor("phone", ADMIN)
    assert chat.answers(reader(), '{"type": "boss"}')[0][1]["result"] == "boss"


def test_frame_is_deferred_while_its_credential_cannot_be_checked() -> None:
    chat = Chat()
    chat.is_away = True
    (answer,) = chat.answers(reader(), '{"type": "who"}')
    assert (status_of(answer), answer[1]["problem"]["retry_after"], answer[2]) == (503, 5, False)
    assert chat.lines == [("error", "a service is unavailable")]


def test_frame_of_a_busy_socket_is_refused_without_a_look_up() -> None:
    chat = Chat()
    (answer,) = chat.answers(reader(), '{"type": "who"}', is_busy=True)
    assert (status_of(answer), chat.looked_up) == (429, 0)


@pytest.mark.parametrize(
    ("own", "back"),
    [('"a"', "a"), ("7", 7), (f'"{"x" * 200}"', "x" * 200), (f'"{"x" * 201}"', None), ("9" * 30, None), ("[1]", None)],
)
def test_short_id_comes_back(own: str, back: object) -> None:
    (answer,) = Chat().answers(reader(), f'{{"type": "who", "id": {own}}}')
    assert answer[1]["id"] == back


@pytest.mark.parametrize("types", [["x" * 2001], ["x" * 100] * 21, ["x"] * 51, [""], "x", [1]])
def test_types_are_bounded(types: object) -> None:
    frame = to_json({"type": "subscribe", "types": types}).decode()
    assert status_of(Chat().answers(reader(), frame)[0]) == 400


def test_frames_are_let_in_in_their_order() -> None:
    """A look-up that takes long does not let a later frame pass."""
    chat = Chat()
    reader_ = reader()
    waits = iter([0.05, 0.0, 0.02])

    async def slowly(actor: Actor) -> Actor:
        await asyncio.sleep(next(waits))
        return actor

    chat.revalidate = slowly  # type: ignore[method-assign]
    app = chat.app()

    async def run() -> None:
        frames = [f'{{"type": "subscribe", "types": ["t{number}"]}}' for number in range(3)]
        calls = [live_frames.answer(app, chat.ports, reader_, frame, is_busy=False) for frame in frames]
        await asyncio.gather(*map(asyncio.ensure_future, calls))

    asyncio.run(run())
    assert reader_.types == ("t2",)


def test_client_that_takes_nothing_is_not_read_on() -> None:
    """Its replies wait; while many do, no further frame is taken from it."""

    async def run() -> int:
        frames = 0

        async def receive() -> Message:
            nonlocal frames
            frames += 1
            return {"type": "websocket.receive", "text": '{"type": "who"}'}

        async def send(_message: Message) -> None:
            await asyncio.Event().wait()

        async def nothing() -> Any:
            await asyncio.Event().wait()
            yield []

        async def respond(text: str, *, is_busy: bool) -> live_frames.Answer:
            return live_frames.Answer(f"{text} {is_busy}")

        serving = asyncio.create_task(serve(Socket(receive, send), nothing(), respond))
        await asyncio.sleep(0.1)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return frames

    assert asyncio.run(run()) == MOST_REPLIES


def closing(frames: list[str], respond: Respond) -> list[Message]:
    """Return the messages to a socket that sends frames and then waits."""

    async def run() -> list[Message]:
        left = iter(frames)
        sent = list[Message]()
        closed = asyncio.Event()

        async def receive() -> Message:
            for text in left:
                return {"type": "websocket.receive", "text": text}
            await closed.wait()
            return {"type": "websocket.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)
            if message["type"] == "websocket.close":
                closed.set()

        async def nothing() -> Any:
            await asyncio.Event().wait()
            yield []

        await asyncio.wait_for(serve(Socket(receive, send), nothing(), respond), 5)
        return sent

    return asyncio.run(run())


def test_pings_are_under_the_pace_too() -> None:
    async def respond(text: str, *, is_busy: bool) -> live_frames.Answer:
        raise AssertionError((text, is_busy))

    sent = closing([wire.PING] * (wire.FRAMES + 5), respond)
    assert [message.get("text") for message in sent[:-1]] == [wire.PONG] * wire.FRAMES
    assert sent[-1]["code"] == Close.TOO_MANY


def test_refused_credential_closes_the_socket_behind_the_reply() -> None:
    async def respond(text: str, *, is_busy: bool) -> live_frames.Answer:
        return live_frames.Answer(f"{text} {is_busy}", has_ended=True)

    sent = closing(["a"], respond)
    assert [message.get("text") or message["code"] for message in sent] == ["a False", Close.UNAUTHORIZED]
