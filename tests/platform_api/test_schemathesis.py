"""schemathesis over the platform's document, with all of its checks, against the server and against workerd."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.documented import check
from tests.platform_api.conftest import KEY, Sims
from tests.served import served_locally

from edge.testing.host import Host
from platform_api.app import app

pytestmark = pytest.mark.slow

SIGNED = ["--exclude-path", "/api/v1/content/purge"]
"""Routes that need Sanity's signature: nobody else can call them."""


@contextmanager
def serving(request: pytest.FixtureRequest, runtime: str, sims: Sims, folder: Path) -> Iterator[str]:
    if runtime == "local":
        with served_locally(folder, sims.env(), "platform_api") as served:
            yield served.url
        assert "Traceback" not in (folder / "server.txt").read_text()
        return
    host: Host = request.getfixturevalue("workers_host")
    asyncio.run(host.client(app, sims.env(), []))
    yield host.worker.url.rstrip("/")


@pytest.mark.parametrize("examples", [5, pytest.param(200, marks=pytest.mark.soak)])
@pytest.mark.parametrize("runtime", ["local", pytest.param("workers", marks=pytest.mark.soak)])
def test_answers_conform_to_the_document(
    request: pytest.FixtureRequest, runtime: str, examples: int, sims: Sims, tmp_path: Path
) -> None:
    phases = ["--phases", "examples,coverage,fuzzing" if examples > 5 and runtime == "local" else "examples,fuzzing"]
    with serving(request, runtime, sims, tmp_path) as url:
        header = f"Authorization: Bearer {KEY[0][1]}"
        check(url, "openapi/platform_api/openapi.json", header, examples, "--checks", "all", *SIGNED, *phases)
