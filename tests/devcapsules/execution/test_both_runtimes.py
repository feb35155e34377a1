"""The routes on both runtimes; programs run in this machine's sandbox behind a remote executor's protocol."""

from typing import Any

from tests.bundles import needs_bundles
from tests.devcapsules.conftest import Member, Run, as_member
from tests.devcapsules.test_capsules import CAPSULE
from tests.devcapsules.test_capsules import PATH as CAPSULES
from tests.edge.sandbox.executors import KEY, Remote, needs_sandbox

from edge.testing import Client

pytestmark = [needs_sandbox, needs_bundles]
TESTS = "/api/v1/execute/tests"


BROKEN = {"solution": "def double(n):\n    return 3 * n\n"}


async def publishing(user: Member) -> None:
    """Check that others see only capsules whose solution passes, by each way to publish."""
    added = await user.post(CAPSULES, {**CAPSULE, "visibility": "public"})
    assert added.status == 201, added.text
    path = f"{CAPSULES}/{added.json()['id']}"
    changed = await user.request("PATCH", path, json=BROKEN)
    assert (changed.status, changed.json()["failed"], changed.json()["total"]) == (409, 2, 2), changed.text
    assert [(test["test"], test["status"]) for test in changed.json()["tests"]] == [(0, "wrong"), (1, "wrong")]
    assert "987654" not in changed.text
    assert (await user.get(path)).json()["version"] == 1
    assert (await user.post(CAPSULES, {**CAPSULE, **BROKEN, "visibility": "unlisted"})).status == 409
    draft = f"{CAPSULES}/{(await user.post(CAPSULES, {**CAPSULE, **BROKEN})).json()['id']}"
    for refused in (
        await user.post(f"{draft}/publish", {}),
        await user.request("PATCH", draft, json={"visibility": "unlisted"}),
    ):
        assert (refused.status, refused.json()["title"]) == (409, "The solution does not pass the capsule's own tests")
    assert (await user.get(draft)).json()["visibility"] == "private"
    mended = await user.request("PATCH", draft, json={"solution": CAPSULE["solution"], "visibility": "public"})
    assert (mended.status, mended.json()["visibility"]) == (200, "public"), mended.text
    assert (await user.post(f"{draft}/publish", {"visibility": "private"})).status == 200


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
            await publishing(user)
            remote.sim.failure = (503, "")
            away = await user.post(CAPSULES, {**CAPSULE, "visibility": "public"})
            assert (away.status, "nothing changed" in away.json()["detail"]) == (503, True)
            assert away.header("retry-after")
            assert len((await user.get(f"{CAPSULES}?mine=true")).json()["capsules"]) == 2
            answer = await user.post("/api/v1/execute", {"source_code": "print(1)", "language": "python"})
            assert answer.status == 503
            answer = await user.post("/api/v1/execute", {"source_code": "print(1)", "language": "cobol"})
            assert answer.status == 422

        run(play)
