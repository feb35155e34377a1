"""Schemathesis on the OpenAPI document, with all of its checks, against the local server and workerd."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.documented import check
from tests.served import served_locally
from tests.vinyl_vault.conftest import ENV, as_member

from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Client
from edge.testing.host import Host
from vinyl_vault.app import app

pytestmark = pytest.mark.slow

LEFT_OUT = ["--exclude-path-regex", "^/api/auth/|^/jobs"]
"""Jobs are for administrators, and a request to an account's routes may end the session of those that follow."""
ACCOUNTS = ["--include-path-regex", "^/api/auth/", "--exclude-operation-id", "endAllSessions"]
"""Routes of accounts, but the one that is certain to end the session."""
CHECKS = ["--checks", "all", "--exclude-checks", "allow_header_conformance"]
"""A record's id may be `sync`, so /api/collection/sync also accepts the methods of a record."""


@contextmanager
def serving(request: pytest.FixtureRequest, runtime: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the address of the app and a member's header."""
    if runtime == "workers":
        host: Host = request.getfixturevalue("workers_host")

        async def joined() -> Client:
            return await as_member(await host.client(app, ENV, []), "ada")

        credential = asyncio.run(joined()).headers[0][1]
        yield host.worker.url.rstrip("/"), credential
        return
    with served_locally(folder, ENV, "vinyl_vault") as served:
        yield served.url, asyncio.run(member_of(folder / "state"))
    assert "Traceback" not in (folder / "server.txt").read_text()


async def member_of(state: Path) -> str:
    """Return the credential of a member on a running server."""
    runtime = LocalRuntime.open(app, state, ENV, migrations=None)
    try:
        return (await as_member(Client(app, runtime.ports(), []), "ada")).headers[0][1]
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
        check(url, "openapi/vinyl_vault/openapi.json", header, examples, *CHECKS, *LEFT_OUT, *phases)
        if runtime == "local":
            check(url, "openapi/vinyl_vault/openapi.json", header, examples, *CHECKS, *ACCOUNTS, *phases)
