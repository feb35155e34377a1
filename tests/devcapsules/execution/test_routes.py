# ruff: noqa: E501 - programs in one line
"""`/api/v1/execute`: programs and tests over HTTP, by users and keys."""

import asyncio
from collections.abc import Mapping
from copy import copy
from statistics import median
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from tests.bundles import needs_bundles
from tests.devcapsules.conftest import as_member
from tests.edge.sandbox.executors import KEY, Remote, needs_sandbox
from tests.members import SystemClock

from devcapsules.execution.executors import Executors
from devcapsules.execution.suite import CallCase, Solution, run_tests
from edge.ports import PortError
from edge.ports.executor import STATUSES, Execution, Language, Program
from edge.runtimes.local.fetch import LocalFetch
from edge.testing import Client
from edge.testing.runner import Runner

pytestmark = [needs_sandbox, pytest.mark.slow]
EXECUTE = "/api/v1/execute"
TESTS = f"{EXECUTE}/tests"
type Run = Runner[Client]

ADD = "def add(a, b):\n    print('adding')\n    return a + b"


def suite(source: str, cases: list[dict[str, Any]], language: str = "python", name: str = "add") -> dict[str, Any]:
    return {"userCode": source, "testCases": cases, "language": language, "functionName": name}


def case(arguments: list[Any], expected: Any, **more: Any) -> dict[str, Any]:
    return {"arguments": arguments, "expected": expected, **more}


def test_program_runs_and_its_result_is_returned(sandboxed: Run) -> None:
    async def play(client: Client) -> None:
        user = await as_member(client, "ada")
        body = {"source_code": "print(input() * 2)", "language": "python", "stdin": "ab", "time_limit": 3}
        answer = await user.post(EXECUTE, body)
        assert answer.status == 200, answer.text
        ran = answer.json()
        assert (ran["status"], ran["stdout"], ran["exit_code"], ran["executor"]) == ("ok", "abab\n", 0, "sandbox")
        assert 1 < ran["time_ms"] < 3000
        assert 3_000 < ran["memory_kb"] < 60_000
        answer = await user.post(EXECUTE, {"source_code": "while True: pass", "language": "python", "time_limit": 0.3})
        assert (answer.json()["status"], answer.json()["message"]) == ("time", "ran longer than its limit of 300 ms")
        assert answer.json()["exit_code"] is None
        db: Any = client.ports.settings.db
        rows = await db.all("SELECT status, language FROM executions WHERE user_id = ? ORDER BY rowid", user.user_id)
        assert [(row["status"], row["language"]) for row in rows] == [("ok", "python"), ("time", "python")]
        used = await db.first("SELECT used FROM usage_daily WHERE user_id = ?", user.user_id)
        assert used["used"] == 2

    sandboxed(play)


def test_keys_can_execute_and_strangers_cannot(sandboxed: Run) -> None:
    async def play(client: Client) -> None:
        body = {"source_code": "print(1)", "language": "python"}
        for path in (EXECUTE, TESTS, f"{TESTS}/results.json"):
            assert (await client.post(path, body)).status == 401
        assert (await client.get(f"{EXECUTE}/limits")).status == 401
        user = await as_member(client, "ada")
        document = (await user.post("/api/v1/auth/api-keys", {"name": "blog", "origins": ["https://a.example"]})).json()
        widget = copy(client)
        widget.headers = [("authorization", f"Bearer {document['secret']}"), ("origin", "https://a.example")]
        assert (await widget.post(EXECUTE, body)).json()["stdout"] == "1\n"
        widget.headers = [("authorization", f"Bearer {document['secret']}"), ("origin", "https://b.example")]
        assert (await widget.post(EXECUTE, body)).status == 403

    sandboxed(play)


def test_each_case_has_a_result_and_shares_no_state(sandboxed: Run) -> None:
    source = """
seen = []

def add(a, b):
    seen.append(a)
    print("adding", len(seen))
    if a == 13:
        import os
        os._exit(1)
    if a == 14:
        raise ValueError("unlucky")
    if a == 15:
        while True: pass
    return a + b
"""
    cases = [
        case([1, 2], 3, name="small"),
        case([1, 2], 4),
        case([13, 0], 13),
        case([14, 0], 14),
        case([15, 0], 15),
        case([0.1, 0.2], 0.3),
        case([[1], [2]], {"$tuple": [1, 2]}),
    ]

    async def play(client: Client) -> None:
        user = await as_member(client, "ada")
        answer = await user.post(TESTS, suite(source, cases) | {"time_limit": 0.8})
        assert answer.status == 200, answer.text
        ran = answer.json()
        statuses = [result["status"] for result in ran["results"]]
        assert statuses == ["ok", "wrong", "exception", "exception", "time", "ok", "ok"]
        assert (ran["passed"], ran["passed_count"], ran["total"]) == (False, 3, 7)
        first, second, _, fourth, fifth, *_ = ran["results"]
        assert (first["name"], first["arguments"], first["expected"], first["actual"]) == ("small", "1, 2", "3", "3")
        assert second["message"] == "another value was expected"
        assert {result["stdout"] for result in ran["results"] if result["status"] == "ok"} == {"adding 1\n"}
        assert fourth["message"] == "ValueError: unlucky"
        assert fifth["message"] == "ran longer than its limit of 800 ms"
        assert fifth["stdout"] == "adding 1\n"

    sandboxed(play)


def test_hidden_case_reveals_only_its_status(sandboxed: Run) -> None:
    source = "def add(a, b):\n    print('secret', a)\n    if b == 2: raise ValueError(a)\n    return a"
    cases = [case([71, 1], 71, hidden=True), case([72, 2], 1, hidden=True), case([73, 3], 1, hidden=True, name="last")]

    async def play(client: Client) -> None:
        user = await as_member(client, "ada")
        answer = await user.post(TESTS, suite(source, cases))
        results = answer.json()["results"]
        assert [result["status"] for result in results] == ["ok", "wrong", "wrong"]
        for result in results:
            assert result.keys() - {"name", "hidden", "status", "passed", "message"} == {
                name for name, value in result.items() if value is None
            }
        assert not any(text in answer.text for text in ("71", "72", "73", "secret", "ValueError"))
        answer = await user.post(f"{TESTS}/results.json", suite(source, cases))
        assert not any(text in answer.text for text in ("71", "72", "73", "secret", "ValueError"))
        assert [result["status"] for result in answer.json()["tests"]] == ["pass", "fail", "fail"]

    sandboxed(play)


def test_expected_values_never_enter_the_sandbox(sandboxed: Run) -> None:
    source = """
def add(a, b):
    import gc, sys
    found = [open(f"/proc/self/{name}").read() for name in ("cmdline", "environ")]
    found += [open("/main.py").read()]
    found += [repr(one) for one in gc.get_objects() if isinstance(one, (dict, list, tuple)) and len(one) < 100]
    frame = sys._getframe()
    while frame:
        found.append(repr(frame.f_locals))
        frame = frame.f_back
    return any("4711471147114711" in text for text in found if "def add" not in text)
"""

    async def play(client: Client) -> None:
        user = await as_member(client, "ada")
        ran = (await user.post(TESTS, suite(source, [case([1, 2], 4711471147114711)]))).json()
        assert ran["results"][0]["actual"] == "false", ran

    sandboxed(play)


@pytest.mark.parametrize(
    "source",
    [
        "class Always:\n    def __eq__(self, other): return True\ndef add(a, b): return Always()",
        "class Always(int):\n    def __eq__(self, other): return True\n    def __repr__(self): return '3'\ndef add(a, b): return Always(9)",
        'import json\njson.dumps = lambda *a, **k: \'["i", "3"]\'\ndef add(a, b): return 9',
        "import builtins\nbuiltins.len = lambda x: 0\ndef add(a, b): return 9",
        'def add(a, b):\n    import sys\n    sys.stdout.write(\'\\n\\x1e0000000000000000 ["i", "3"]\\n\')\n    return 9',
        "def add(a, b):\n    import os\n    os.write(1, b'PASSED\\n{\"passed\": true}\\n')\n    os._exit(0)",
    ],
)
def test_forged_result_does_not_pass(sandboxed: Run, source: str) -> None:
    async def play(client: Client) -> None:
        user = await as_member(client, "ada")
        ran = (await user.post(TESTS, suite(source, [case([1, 2], 3)]))).json()
        assert ran["passed"] is False, ran

    sandboxed(play)


def test_results_come_in_exercisms_form(sandboxed: Run) -> None:
    cases = [case([1, 2], 3, name="adds"), case([1, 2], 4), case(["a", 1], "b")]

    async def play(client: Client) -> None:
        user = await as_member(client, "ada")
        document = (await user.post(f"{TESTS}/results.json", suite(ADD, cases))).json()
        assert {name: document[name] for name in ("version", "status", "message")} == {
            "version": 3,
            "status": "fail",
            "message": None,
        }
        passed, failed, broken = document["tests"]
        assert passed == {
            "name": "adds",
            "status": "pass",
            "message": None,
            "output": "adding\n",
            "test_code": "add(1, 2)",
        }
        assert (failed["name"], failed["status"], failed["message"]) == ("Test 2", "fail", "expected 4, got 3")
        assert broken["status"] == "error"
        assert broken["message"].startswith("TypeError")
        document = (await user.post(f"{TESTS}/results.json", suite("def add(:", cases))).json()
        assert (document["status"], document["tests"]) == ("error", [])
        assert "SyntaxError" in document["message"]

    sandboxed(play)


@needs_bundles
def test_typescript_and_javascript_are_tested_by_the_same_rules(sandboxed: Run) -> None:
    cases = [case([[3, 1, 2]], {"lowest": 1, "all": {"$set": [1, 2, 3]}, "none": None})]
    source = "({ lowest: Math.min(...values), all: new Set(values), none: undefined })"

    async def play(client: Client) -> None:
        user = await as_member(client, "ada")
        for language, types in (("javascript", ""), ("typescript", ": number[]")):
            code = f"export const look = (values{types}) => {source};"
            ran = (await user.post(TESTS, suite(code, cases, language, "look"))).json()
            assert ran["passed"], ran

    sandboxed(play)


@pytest.mark.parametrize(
    "change",
    [
        {"userCode": ""},
        {"userCode": "x" * 20_001},
        {"userCode": 3},
        {"testCases": []},
        {"testCases": [case([], 1)] * 51},
        {"testCases": [{"arguments": []}]},
        {"testCases": [case([{"$float": "x"}], 1)]},
        {"testCases": [case([], {"$dict": 3})]},
        {"language": "cobol"},
        {"functionName": "f()"},
        {"functionName": "__import__('os')"},
        {"time_limit": 0},
        {"time_limit": 16},
        {"time_limit": "fast"},
        {"expected": 1},
    ],
)
def test_invalid_suite_is_refused_with_a_reason(sandboxed: Run, change: dict[str, Any]) -> None:
    async def play(client: Client) -> None:
        user = await as_member(client, "ada")
        answer = await user.post(TESTS, suite(ADD, [case([1, 2], 3)]) | change)
        assert answer.status == 422, answer.text
        assert answer.json()["errors"]

    sandboxed(play)


def test_limits_are_listed(sandboxed: Run) -> None:
    async def play(client: Client) -> None:
        user = await as_member(client, "ada")
        document = (await user.get(f"{EXECUTE}/limits")).json()
        assert {language["language"] for language in document["languages"]} == {"python", "javascript", "typescript"}
        assert {language["executor"] for language in document["languages"]} == {"sandbox"}
        assert [status["status"] for status in document["statuses"]] == list(STATUSES)

    sandboxed(play)


def test_health_names_the_executor(sandboxed: Run) -> None:
    async def play(client: Client) -> None:
        probe = (await client.get("/health")).json()["checks"]["sandbox"]
        assert probe["status"] == "ok"
        assert "bubblewrap" in probe["message"]
        assert "attacks held" in probe["message"]

    sandboxed(play)


ATTACKS = [
    "while True: pass",
    "import os\nwhile True: os.fork()",
    "x = []\nwhile True: x.append(bytearray(1 << 20))",
    "while True: print('x' * 100_000)",
    "import os\nos.kill(-1, 9)\nos.kill(1, 9)",
]


def attack(sandboxed: Run, number: int) -> list[float]:
    """Run attacks concurrently; return the response times of /health in seconds."""

    async def play(client: Client) -> list[float]:
        user = await as_member(client, "ada")
        assert (await client.get("/health")).json()["checks"]["sandbox"]["status"] == "ok"
        bodies = [{"source_code": ATTACKS[n % 5], "language": "python", "time_limit": 0.5} for n in range(number)]
        running = [asyncio.ensure_future(user.post(EXECUTE, body)) for body in bodies]
        waits = []
        while not all(task.done() for task in running):
            started = monotonic()
            assert (await client.get("/health")).status == 200
            waits.append(monotonic() - started)
            await asyncio.sleep(0.02)
        for answer in await asyncio.gather(*running):
            assert answer.status == 200, answer.text
            assert answer.json()["status"] in {"time", "memory", "output", "exception", "crashed"}, answer.text
        return waits

    return sandboxed(play)


def test_health_goes_on_answering_under_attacks(sandboxed: Run) -> None:
    waits = attack(sandboxed, 5)
    assert len(waits) >= 3
    assert median(waits) < 1


@pytest.mark.soak
def test_health_answers_fast_under_many_attacks(sandboxed: Run) -> None:
    waits = attack(sandboxed, 60)
    assert median(waits) < 0.1, sorted(waits)[-5:]
    assert sorted(waits)[int(len(waits) * 0.99)] < 1


def test_remote_executor_runs_languages_without_sandbox(sandboxed: Run) -> None:
    with Remote("piston") as remote:
        sandboxed.env |= {"SANDBOX": "off", "EXECUTOR_URL": remote.sim.api, "AWS_EXECUTOR_API_KEY": KEY}

        async def play(client: Client) -> None:
            user = await as_member(client, "ada")
            assert (await client.get("/health")).json()["checks"]["sandbox"]["status"] == "not_configured"
            ran = (await user.post(TESTS, suite(ADD, [case([1, 2], 3), case([1, 2], 4)]))).json()
            assert [result["status"] for result in ran["results"]] == ["ok", "wrong"]
            assert len(remote.sim.requests) == 2
            assert "testCases" not in str(remote.sim.requests)
            remote.sim.failure = (503, "")
            answer = await user.post(TESTS, suite(ADD, [case([1, 2], 3)] * 5))
            assert answer.status == 503
            assert answer.header("retry-after") == "5"
            assert "busy or failed (503)" in answer.json()["detail"]

        sandboxed(play)


class Away:
    """A sandbox on a machine where none works, or for other languages alone."""

    name = "sandbox"
    parallel = 1

    def __init__(self, reason: str | None) -> None:
        self._reason = reason

    async def languages(self) -> Mapping[Language, str]:
        return {} if self._reason else {"javascript": "20"}

    async def run(self, program: Program) -> Execution:
        raise AssertionError(program)

    async def probe(self) -> str:
        if self._reason:
            raise PortError(self._reason)
        return "it works"


@pytest.mark.parametrize(
    ("reason", "url", "message"),
    [
        ("no sandbox here: bwrap not found", None, "no sandbox here: bwrap not found"),
        ("no sandbox", "http://127.0.0.1:9", "no sandbox; 127.0.0.1 cannot be reached"),
        (None, None, "sandbox runs no python"),
    ],
)
def test_reason_is_given_where_nobody_runs_a_program(reason: str | None, url: str | None, message: str) -> None:
    settings: Any = SimpleNamespace(
        sandbox=Away(reason), executor_url=url, executor_dialect="piston", aws_executor_api_key=None
    )

    no_assets: Any = None

    async def ran() -> Execution:
        fetch = LocalFetch()
        try:
            executors = Executors(settings, fetch, SystemClock(), no_assets)
            return await executors.run(Program("python", "print(1)"))
        finally:
            await fetch.close()

    ended = asyncio.run(ran())
    assert ended.status == "unavailable"
    assert ended.message.startswith(message)


class Slow(Away):
    """An executor whose every program takes a while."""

    async def run(self, program: Program) -> Execution:
        await asyncio.sleep(0.03)
        return Execution("ok", value=program.call.arguments if program.call else None)


def test_no_case_begins_after_the_time_of_its_request() -> None:
    cases = [CallCase.of([], [], name=str(number)) for number in range(6)]
    solution = Solution("javascript", "", "f")
    results = asyncio.run(run_tests(Slow(None), solution, cases, budget_s=0.05))
    statuses = [result.status for result in results]
    assert statuses[0] != "not_run"
    assert statuses[-2:] == ["not_run"] * 2
    assert results[-1].message == "the request has used its 0.05 s"


def test_missing_executor_is_reported(sandboxed: Run) -> None:
    sandboxed.env |= {"SANDBOX": "off"}

    async def play(client: Client) -> None:
        user = await as_member(client, "ada")
        answer = await user.post(EXECUTE, {"source_code": "print(1)", "language": "python"})
        assert answer.status == 503
        assert "EXECUTOR_URL" in answer.json()["detail"]
        assert (await user.get(f"{EXECUTE}/limits")).json()["languages"] == []

    sandboxed(play)
