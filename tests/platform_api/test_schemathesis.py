"""schemathesis over the platform's document, with all of its checks, against the server and against workerd."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.documented import check
from tests.platform_api.conftest import KEY, ROOT, Sims
from tests.served import served_locally

from pyedge import Worker

pytestmark = pytest.mark.slow

SIGNED = ["--exclude-path", "/api/v1/content/purge"]
"""What Sanity signs nobody else can call."""


@contextmanager
def serving(runtime: str, sims: Sims, folder: Path) -> Iterator[str]:
    if runtime == "local":
        with served_locally(folder, sims.env(), "platform_api") as served:
            yield served.url
        assert "Traceback" not in (folder / "server.txt").read_text()
        return
    given = {name: value for name, value in sims.env().items() if value != "off"}
    worker = Worker(ROOT / "wrangler.toml", "platform-api", given, {"ratelimits": []}, ai=sims.model.url)
    with worker:
        yield worker.url.rstrip("/")


@pytest.mark.parametrize("runtime", ["local", "workers"])
def test_what_can_be_asked_is_answered_as_the_document_says(runtime: str, sims: Sims, tmp_path: Path) -> None:
    phases = ["--phases", "examples,coverage,fuzzing" if runtime == "local" else "examples,fuzzing"]
    with serving(runtime, sims, tmp_path) as url:
        header = f"Authorization: Bearer {KEY[0][1]}"
        check(url, "openapi/platform_api/openapi.json", header, 5, "--checks", "all", *SIGNED, *phases)
