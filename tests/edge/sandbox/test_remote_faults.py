"""Remote executors that refuse, fail, stay silent or talk nonsense: a program ends in words, and none is lost."""

import asyncio
import json
from typing import Any

import pytest
from tests.edge.sandbox.executors import QuickClock

from edge.clients.execution.judge0 import Judge0
from edge.clients.execution.piston import Piston
from edge.clients.execution.remote import Server
from edge.http import HeaderList
from edge.ports import Fetched, FetchError, FetchTimeout, FetchUnreached
from edge.ports.executor import Execution, Limits, Program

RUNTIMES = [
    {"language": "python", "version": "3.9.4", "aliases": []},
    {"language": "python", "version": "3.12.0", "aliases": []},
    {"language": "python", "version": "3.13.0", "runtime": "pypy"},
    {"language": "javascript", "version": "20.11.1", "runtime": "node"},
    {"language": "javascript", "version": "1.32.3", "runtime": "deno"},
]
LANGUAGES = [
    {"id": 70, "name": "Python (2.7.17)"},
    {"id": 71, "name": "Python (3.8.1)"},
    {"id": 92, "name": "Python (3.11.2)"},
    {"id": 63, "name": "JavaScript (Node.js 12.14.0)"},
    {"id": 93, "name": "JavaScript (Node.js 18.15.0)"},
]
CONFIG = {"max_cpu_time_limit": "2", "max_wall_time_limit": 20, "max_memory_limit": 64_000}


class Talk:
    """A `Fetch` that answers by a script: an answer for each path, or a fault; the last one is repeated."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {"runtimes": RUNTIMES, "languages": LANGUAGES, "config_info": CONFIG} | answers
        self.sent: list[tuple[str, dict[str, Any] | None]] = []

    async def __call__(
        self, method: str, url: str, *, headers: HeaderList | None = None, body: bytes = b"", timeout: float = 10.0
    ) -> Fetched:
        assert timeout <= 30
        assert headers is not None
        name = url.partition("?")[0].removeprefix("http://executor/").partition("/")[0]
        self.sent.append((f"{method} {name}", json.loads(body) if body else None))
        answer = self.answers[f"{method} {name}"] if f"{method} {name}" in self.answers else self.answers[name]
        if isinstance(answer, list) and answer and isinstance(answer[0], tuple | Exception | type):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        status, value = answer if isinstance(answer, tuple) else (200, answer)
        return Fetched(status, [], value if isinstance(value, bytes) else json.dumps(value).encode())


def piston(talk: Talk, program: Program) -> Execution:
    return asyncio.run(Piston(Server(talk, "http://executor")).run(program))


def judge0(talk: Talk, program: Program) -> Execution:
    return asyncio.run(Judge0(Server(talk, "http://executor"), QuickClock()).run(program))


HELLO = Program("python", "print(1)", limits=Limits(1_000, 100, 1_000))
DONE = {"stdout": "1\n", "stderr": "", "code": 0, "signal": None, "message": None, "status": None}


@pytest.mark.parametrize("run", [piston, judge0])
@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (FetchUnreached("no route"), "unavailable", "cannot be reached"),
        (FetchTimeout("no whole answer in 11 s"), "unavailable", "did not answer"),
        (FetchError("reset"), "unavailable", "did not answer"),
        ((401, {"message": "no"}), "unavailable", "refuses the key"),
        ((403, b""), "unavailable", "refuses the key"),
        ((413, b""), "refused", "too large"),
        ((429, b""), "unavailable", "busy or failed (429)"),
        ((500, b""), "unavailable", "busy or failed (500)"),
        ((503, {"error": "queue is full"}), "unavailable", "busy or failed (503)"),
        ((404, b"not here"), "unavailable", "answered 404"),
        ((200, b"<html>"), "unavailable", "no JSON"),
    ],
)
def test_server_that_fails_is_unavailable_in_words(run: Any, answer: Any, status: str, words: str) -> None:
    ended = run(Talk(execute=answer, submissions=answer), HELLO)
    assert (ended.status, ended.value) == (status, None)
    assert words in ended.message
    assert "executor" in ended.message
    ended = run(Talk(runtimes=answer, languages=answer), HELLO)
    assert ended.status in {"unavailable", "refused"}


def test_unreached_server_is_tried_twice_and_a_silent_one_once() -> None:
    talk = Talk(execute=[FetchUnreached("no route"), (200, {"run": DONE})])
    assert piston(talk, HELLO).status == "ok"
    talk = Talk(execute=[FetchTimeout("late"), (200, {"run": DONE})])
    assert piston(talk, HELLO).status == "unavailable"


def test_newest_whole_interpreter_is_taken() -> None:
    talk = Talk(execute=(200, {"run": DONE}))
    piston(talk, HELLO)
    _, body = talk.sent[-1]
    assert body is not None
    assert (body["language"], body["version"]) == ("python", "3.12.0")
    talk = Talk(submissions={"token": "t", "status": {"id": 3}})
    judge0(talk, Program("typescript", "1"))
    assert [body["language_id"] for name, body in talk.sent if body] == [93]


def test_smaller_limit_of_the_server_is_learnt_and_reported() -> None:
    fault = (400, {"message": "run_timeout cannot exceed the configured limit of 3000"})
    late = {**DONE, "code": None, "signal": "SIGKILL", "status": "TO", "wall_time": 3001}
    talk = Talk(execute=[fault, (200, {"run": late})])
    ended = piston(talk, HELLO._replace(limits=Limits(9_000, 100, 1_000)))
    assert (ended.status, ended.message) == ("time", "ran longer than its limit of 3000 ms")
    assert [body["run_timeout"] for name, body in talk.sent if body] == [9_000, 3_000]
    talk = Talk(**{"POST submissions": (201, {"token": "t"}), "GET submissions": {"status": {"id": 5}}})
    ended = judge0(talk, HELLO._replace(limits=Limits(9_000, 100, 1_000)))
    assert (ended.status, ended.message) == ("time", "ran longer than its limit of 2000 ms")
    assert [body["memory_limit"] for name, body in talk.sent if body] == [62 * 1024]


@pytest.mark.parametrize(
    ("run", "status", "words"),
    [
        (DONE, "ok", ""),
        ({**DONE, "code": 1, "stderr": "Traceback\nValueError: no", "status": "RE"}, "exception", "ValueError: no"),
        ({**DONE, "code": 3}, "exception", "ended with exit code 3"),
        ({**DONE, "code": None, "signal": "SIGSEGV", "status": "SG"}, "crashed", "SIGSEGV"),
        ({**DONE, "code": None, "signal": "SIGKILL", "memory": 104_857_600}, "memory", "100 MB"),
        ({**DONE, "code": None, "signal": "SIGKILL", "wall_time": 1_002}, "time", "1000 ms"),
        ({**DONE, "code": None, "signal": "SIGKILL", "status": "OL"}, "output", "1000 bytes"),
        ({**DONE, "status": "XX", "message": "isolate failed"}, "unavailable", "isolate failed"),
        ({"stdout": 3, "stderr": None, "code": 0, "signal": None}, "ok", ""),
        ({}, "unavailable", "no result"),
        (None, "unavailable", "no result"),
        ({**DONE, "stdout": "x" * 2_000}, "output", "1000 bytes"),
    ],
)
def test_every_end_of_piston_has_a_status(run: Any, status: str, words: str) -> None:
    ended = piston(Talk(execute=(200, {"run": run})), HELLO)
    assert ended.status == status, ended
    assert words in ended.message
    assert len(ended.stdout) <= 1_000


def test_program_that_does_not_compile_is_an_exception() -> None:
    stage = {"stdout": "", "stderr": "error: no", "code": 1, "signal": None}
    ended = piston(Talk(execute=(200, {"compile": stage, "run": stage})), HELLO)
    assert (ended.status, ended.message) == ("exception", "error: no")


@pytest.mark.parametrize(
    ("number", "more", "status"),
    [
        (3, {}, "ok"),
        (5, {}, "time"),
        (6, {"compile_output": "ZXJyb3I="}, "exception"),
        (7, {}, "crashed"),
        (8, {}, "output"),
        (9, {}, "crashed"),
        (10, {}, "crashed"),
        (11, {"exit_code": 2}, "exception"),
        (11, {"exit_code": 1, "memory": 62 * 1024}, "memory"),
        (12, {"exit_signal": 31}, "crashed"),
        (13, {"message": "bm8="}, "unavailable"),
        (14, {}, "unavailable"),
    ],
)
def test_every_end_of_judge0_has_a_status(number: int, more: dict[str, Any], status: str) -> None:
    waiting = [(200, {"status": {"id": 1}}), (200, {"status": {"id": 2}}), (200, {"status": {"id": number}, **more})]
    talk = Talk(**{"POST submissions": (201, {"token": "t"}), "GET submissions": waiting})
    ended = judge0(talk, HELLO)
    assert ended.status == status, ended
    assert sum(name == "GET submissions" for name, _ in talk.sent) == 3


@pytest.mark.parametrize("answer", [{}, {"status": 3}, {"status": {"id": "3"}}, [], None, "x"])
def test_nonsense_of_judge0_is_unavailable(answer: Any) -> None:
    talk = Talk(**{"POST submissions": (201, {"token": "t"}), "GET submissions": (200, answer)})
    assert judge0(talk, HELLO).status == "unavailable"
    assert judge0(Talk(submissions=(201, answer)), HELLO).status == "unavailable"


@pytest.mark.slow
def test_submission_that_never_runs_is_given_up() -> None:
    talk = Talk(**{"POST submissions": (201, {"token": "t"}), "GET submissions": {"status": {"id": 1}}})
    ended = judge0(talk, HELLO)
    assert ended.status == "unavailable"
    assert "did not run the program" in ended.message


def test_token_is_no_path() -> None:
    assert judge0(Talk(submissions=(201, {"token": "../languages"})), HELLO).status == "unavailable"


def test_refusal_of_judge0_is_reported() -> None:
    talk = Talk(submissions=(422, {"language_id": ["language with id 150000 doesn't exist"]}))
    ended = judge0(talk, HELLO)
    assert (ended.status, "150000" in ended.message) == ("refused", True)
