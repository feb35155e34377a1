"""The seed: twenty exercises; their solutions pass here, but starters and trivial functions do not."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from apps import ROOT
from devcapsules.capsules import store
from devcapsules.execution.suite import Solution, run_tests
from devcapsules.generation.drafts import check_statically
from devcapsules.judging import case_of
from edge.runtimes.local.sandbox.sandbox import LocalSandbox
from edge.testing import Client
from edge.testing.runner import migrated_database

from .conftest import Run

pytestmark = pytest.mark.slow

SEED = ROOT / "tools" / "seeds" / "devcapsules" / "d1.sql"
QUERY = (
    "SELECT c.id, c.language, v.*, a.solution, a.tests, a.hints AS hint_texts FROM capsules AS c "
    "JOIN capsule_versions AS v ON v.capsule_id = c.id JOIN capsule_answers AS a ON a.capsule_id = c.id"
)


def seeded(folder: Path) -> list[dict[str, Any]]:
    path = folder / "seeded.sqlite"
    path.write_bytes(migrated_database(ROOT / "migrations" / "devcapsules"))
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        db.executescript(SEED.read_text(encoding="utf-8"))
        return [dict(row) for row in db.execute(QUERY)]


def test_seed_has_twenty_sound_exercises_in_two_languages(tmp_path: Path) -> None:
    rows = seeded(tmp_path)
    assert Counter(row["language"] for row in rows) == {"python": 10, "javascript": 10}
    for row in rows:
        check_statically(store.content_of_row(row))


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.soak)])
def test_solutions_pass_here_and_starters_do_not(tmp_path: Path, local: Run, step: int) -> None:
    """Every fourth exercise, of both languages; `make soak` takes all."""
    rows = seeded(tmp_path)[::step]
    assert {row["language"] for row in rows} == {"python", "javascript"}

    async def case(_: Client) -> tuple[list[Any], list[str]]:
        sandbox = LocalSandbox()
        try:
            faults = []
            easy = []
            for row in rows:
                cases = [case_of(test) for test in json.loads(row["tests"])]
                solution = Solution(row["language"], row["solution"], row["function_name"])
                results = await run_tests(sandbox, solution, cases)
                faults += [
                    (row["id"], result.name, result.status, result.message)
                    for result in results
                    if not result.has_passed
                ]
                starter = solution._replace(source=row["starter"])
                if all(result.has_passed for result in await run_tests(sandbox, starter, cases[:1])):
                    easy.append(row["id"])
            return faults, easy
        finally:
            sandbox.close()

    assert local(case) == ([], [])
