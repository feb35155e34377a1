"""Schemathesis on the OpenAPI document, with all of its checks, against the local server and workerd."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from tests.devcapsules.conftest import ENV as BASE
from tests.devcapsules.conftest import as_member
from tests.documented import check
from tests.served import served_locally

from devcapsules.app import app
from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Client
from edge.testing.host import Host

pytestmark = pytest.mark.slow

ENV = BASE | {"GENERATION_MODEL_URL": "http://127.0.0.1:9/v1"}
"""A model that is never called, so that ordered jobs wait."""

LEFT_OUT = ["--exclude-path-regex", "^/api/v1/auth/|^/jobs|^/api/v1/(plans|dead-letters|reports)|/status$"]
"""Accounts have their own test; jobs, plans and reports are for administrators; a status may be a stream."""
CHECKS = ["--checks", "all", "--exclude-checks", "allow_header_conformance"]
"""A capsule's id may be `import`, so /api/v1/capsules/import also accepts the methods of a capsule."""

LIFETIME = timedelta(hours=1)
"""A run may take longer than a member's access token lives."""
PLAN = ["--rate-limit", "900/m"]
"""The largest plan has 1,000 calls a minute."""


@contextmanager
def serving(request: pytest.FixtureRequest, runtime: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the address of the app and a member's header."""
    if runtime == "workers":
        host: Host = request.getfixturevalue("workers_host")

        async def joined() -> Client:
            return await as_member(await host.client(app, ENV, []), "ada", lifetime=LIFETIME)

        credential = asyncio.run(joined()).headers[0][1]
        yield host.worker.url.rstrip("/"), credential
        return
    with served_locally(folder, ENV, "devcapsules") as served:
        yield served.url, asyncio.run(member_of(folder / "state"))
    assert "Traceback" not in (folder / "server.txt").read_text()


async def member_of(state: Path) -> str:
    """Return the credential of a member on a running server."""
    runtime = LocalRuntime.open(app, state, ENV, migrations=None)
    try:
        return (await as_member(Client(app, runtime.ports(), []), "ada", lifetime=LIFETIME)).headers[0][1]
    finally:
        await runtime.stop()


@pytest.mark.parametrize("examples", [2, pytest.param(200, marks=pytest.mark.soak)])
@pytest.mark.parametrize("runtime", ["local", pytest.param("workers", marks=pytest.mark.soak)])
def test_responses_match_the_openapi_document(
    request: pytest.FixtureRequest, runtime: str, examples: int, tmp_path: Path
) -> None:
    phases = ["--phases", "examples,coverage,fuzzing" if examples > 2 and runtime == "local" else "examples,fuzzing"]
    with serving(request, runtime, tmp_path) as (url, credential):
        header = f"Authorization: {credential}"
        check(url, "openapi/devcapsules/openapi.json", header, examples, *CHECKS, *LEFT_OUT, *PLAN, *phases)
