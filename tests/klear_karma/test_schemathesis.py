"""Schemathesis on the OpenAPI document, with all of its checks, against the local server and workerd."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.documented import check
from tests.klear_karma.conftest import ENV
from tests.klear_karma.people import as_healer
from tests.served import served_locally

from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Client
from edge.testing.host import Host
from klear_karma.app import app

pytestmark = pytest.mark.slow

SETTINGS = ENV | {"FEED_LIMITER": "off"}
LEFT_OUT = ["--exclude-path-regex", "^/api/auth/|^/jobs|^/ws|^/events"]
"""Accounts and live events have their own tests; jobs are for administrators."""
CHECKS = ["--checks", "all", "--exclude-checks", "allow_header_conformance"]
"""A practitioner's id may be `search`, so /api/practitioners/search also accepts the methods of a practitioner."""


@contextmanager
def serving(request: pytest.FixtureRequest, runtime: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the address of the app and the header of a practitioner."""
    if runtime == "workers":
        host: Host = request.getfixturevalue("workers_host")

        async def joined() -> str:
            return await credential_of(await host.client(app, SETTINGS, []))

        credential = asyncio.run(joined())
        yield host.worker.url.rstrip("/"), credential
        return
    with served_locally(folder, SETTINGS, "klear_karma") as served:
        yield served.url, asyncio.run(on_server(folder / "state"))
    assert "Traceback" not in (folder / "server.txt").read_text()


async def on_server(state: Path) -> str:
    """Return the credential of a practitioner on a running server."""
    runtime = LocalRuntime.open(app, state, SETTINGS, migrations=None)
    try:
        return await credential_of(Client(app, runtime.ports(), []))
    finally:
        await runtime.stop()


async def credential_of(client: Client) -> str:
    """Return the credential of a new practitioner."""
    return (await as_healer(client, "mira")).headers[0][1]


@pytest.mark.parametrize("examples", [3, pytest.param(200, marks=pytest.mark.soak)])
@pytest.mark.parametrize("runtime", ["local", pytest.param("workers", marks=pytest.mark.soak)])
def test_responses_match_the_openapi_document(
    request: pytest.FixtureRequest, runtime: str, examples: int, tmp_path: Path
) -> None:
    phases = ["--phases", "examples,coverage,fuzzing" if examples > 3 and runtime == "local" else "fuzzing"]
    with serving(request, runtime, tmp_path) as (url, credential):
        header = f"Authorization: {credential}"
        check(url, "openapi/klear_karma/openapi.json", header, examples, *CHECKS, *LEFT_OUT, *phases)
