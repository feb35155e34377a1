"""The routes on both runtimes; programs run in this machine's sandbox behind a remote executor's protocol."""

from typing import Any

from tests.bundles import needs_bundles
from tests.devcapsules.conftest import Run, as_member
from tests.edge.sandbox.executors import KEY, Remote, needs_sandbox

from edge.testing import Client

pytestmark = [needs_sandbox, needs_bundles]
TESTS = "/api/v1/execute/tests"


def test_tests_run_remotely_on_both_runtimes(run: Run) -> None:
    with Remote("piston") as remote:
        run.env |= {"SANDBOX": "off", "EXECUTOR_URL": remote.sim.api, "AWS_EXECUTOR_API_KEY": KEY}

        async def play(client: Client) -> None:
            user = await as_member(client, "ada")
            cases = [{"arguments": [2, 3], "expected": 5}, {"arguments": [2, 3], "expected": 6, "hidden": True}]
            for language, source in (
                ("python", "def add(a, b): return a + b"),
                ("javascript", "function add(a, b) { return a + b; }"),
                ("typescript", "export const add = (a: number, b: number): number => a + b;"),
            ):
                body = {"userCode": source, "testCases": cases, "language": language, "functionName": "add"}
                answer = await user.post(TESTS, body)
                assert answer.status == 200, answer.text
                results: list[dict[str, Any]] = answer.json()["results"]
                assert [result["status"] for result in results] == ["ok", "wrong"], answer.text
                assert [result["actual"] for result in results] == ["5", None]
            listed = (await user.get("/api/v1/execute/limits")).json()["languages"]
            assert {language["executor"] for language in listed} == {"piston"}
            remote.sim.failure = (503, "")
            answer = await user.post("/api/v1/execute", {"source_code": "print(1)", "language": "python"})
            assert answer.status == 503
            answer = await user.post("/api/v1/execute", {"source_code": "print(1)", "language": "cobol"})
            assert answer.status == 422

        run(play)
