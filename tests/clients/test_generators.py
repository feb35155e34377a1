"""Clients that other people's generators write: each is checked strictly, and calls the running app."""

import json
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.clients.generators import (
    CHECKS,
    INDEXED,
    LARGE,
    MODULES,
    check_python,
    check_typescript,
    document,
    has_java,
    node,
    run,
)
from tests.core_tessie.conftest import ENV
from tests.core_tessie.test_schemathesis import sync
from tests.served import ADMIN, Served, served_locally

from apps import packages
from sims.model import ModelSim, Turn
from sims.tessie import Fleet, Simulator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("node") is None, reason="the generators need Node, and there is none here"),
]

CORE = Path(__file__).with_name("core")
DOCUMENT = document("core_tessie")
EXPECTED = {
    "list": [2, "number", True],
    "create": [201, True],
    "absent": [404, 404],
    "refused": 422,
    "mirror": [200, True],
    "chat": [200, "Far."],
}
"""Each client's results: rows that a filter chose, a new one, a problem, a fault, another's answer, a turn."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, ModelSim]]:
    """Run the app with a fleet that is synced, and a model."""
    folder = tmp_path_factory.mktemp("served")
    fleet = Fleet(seed=7, until=datetime(2025, 11, 20, tzinfo=UTC))
    with Simulator(fleet) as tessie, ModelSim() as model:
        env = ENV | {"TESSIE_BASE_URL": tessie.url, "LOCAL_AI_URL": model.openai_url, "LOCAL_AI_KEY": model.key}
        with served_locally(folder, env) as app:
            sync(app)
            yield app, model


def facts_of(command: list[str], served: tuple[Served, ModelSim], cwd: Path) -> Any:
    """Return the results of a client at the running app."""
    app, model = served
    model.say(Turn("Far."))
    return json.loads(run([*command, app.url, ADMIN], cwd).splitlines()[-1])


@pytest.mark.parametrize(
    ("tool", "entry"),
    [
        ("openapi-typescript", "fetch_client.ts"),
        pytest.param("hey-api", "hey_client.ts", marks=pytest.mark.soak),
        pytest.param("orval", "orval_client.ts", marks=pytest.mark.soak),
    ],
)
def test_typescript_client_calls_app(tool: str, entry: str, served: tuple[Served, ModelSim], tmp_path: Path) -> None:
    CHECKS[tool][0](DOCUMENT, tmp_path)
    shutil.copy(CORE / entry, tmp_path)
    check_typescript(tmp_path, INDEXED, entry)
    bundle = ["--bundle", "--platform=node", "--format=esm", "--outfile=client.mjs", "--log-level=warning"]
    run([str(MODULES / ".bin" / "esbuild"), entry, *bundle], tmp_path)
    assert facts_of([node(entry)[0], "client.mjs"], served, tmp_path) == EXPECTED


def test_python_client_calls_app(served: tuple[Served, ModelSim], tmp_path: Path) -> None:
    CHECKS["openapi-python-client"][0](DOCUMENT, tmp_path)
    shutil.copy(CORE / "python_client.py", tmp_path)
    check_python(tmp_path, "python_client.py")
    assert facts_of([sys.executable, "python_client.py"], served, tmp_path) == EXPECTED


@pytest.mark.soak
def test_models_are_written_and_checked(tmp_path: Path) -> None:
    generate, check = CHECKS["datamodel-code-generator"]
    generate(DOCUMENT, tmp_path)
    check(tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("package", packages())
@pytest.mark.parametrize("tool", CHECKS)
def test_client_of_every_app_is_written_and_checked(tool: str, package: str, tmp_path: Path) -> None:
    generate, check = CHECKS[tool]
    generate(document(package), tmp_path)
    check(tmp_path)


@pytest.mark.soak
@pytest.mark.skipif(not has_java(), reason="openapi-generator needs Java, and there is none here")
@pytest.mark.parametrize("package", packages())
@pytest.mark.parametrize("kind", LARGE)
def test_client_of_openapi_generator_is_written_and_checked(kind: str, package: str, tmp_path: Path) -> None:
    generate, check = LARGE[kind]
    generate(document(package), tmp_path)
    check(tmp_path)
