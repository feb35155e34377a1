"""Which modules the default Worker loads: a golden file, so that a new import shows in review."""

import json

import pytest
from tests.golden_files import FOLDER, check_golden
from tests.workers.hosting import ROOT, hosted

pytestmark = pytest.mark.slow

GOLDEN = FOLDER / "core_tessie_modules.txt"
NEVER = (
    "edge.runtimes.local",
    "edge.testing",
    "edge.openapi.document",
    "edge.openapi.schemas",
    "apispec",
    "yaml",
    "sqlite3",
    "aiohttp",
)

COMPILERS = "unicodedata"
"""Loaded by the compiler for names of characters, and not where the bytecode is from an earlier run."""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Start the app under the rules of import, let it answer once, and ask."""
    trees = {"core_tessie": ROOT / "src" / "core_tessie"}
    with hosted("modules", tmp_path_factory.mktemp("modules"), trees) as worker:
        assert worker.get("/health")[0] == 200
        assert worker.get("/d1")[0] == 401
        names: list[str] = json.loads(worker.get("/modules")[2])
        return [name for name in names if name != COMPILERS]


@pytest.mark.golden
def test_the_modules_are_those_of_the_golden_file(modules: list[str]) -> None:
    check_golden(GOLDEN, "".join(f"{name}\n" for name in modules))


def test_nothing_of_the_local_runtime_or_the_build_is_loaded(modules: list[str]) -> None:
    assert [name for name in modules if name.startswith(NEVER)] == []
    assert "core_tessie.d1.routes" in modules
