"""GitHub's workflows: valid, pinned, without rights they do not need, and they call nothing but make."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.test_readme import TARGETS

from apps import ROOT
from deploying.build import environments

pytestmark = pytest.mark.slow

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
each = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    return document


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def test_there_are_three() -> None:
    assert [path.name for path in FILES] == ["ci.yml", "deploy.yml", "soak.yml"]


@each
def test_workflow_is_valid(path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@each
def test_actions_are_pinned_by_commit(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))
    assert used
    assert [
        action for action in used if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)
    ] == []


@each
def test_workflow_may_only_read_and_ends(path: Path) -> None:
    assert read(path)["permissions"] == {"contents": "read"}
    assert all(int(job["timeout-minutes"]) <= 60 for job in read(path)["jobs"].values())
    checkouts = [step for step in steps(path) if "checkout" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] == "false" for step in checkouts)


@each
def test_workflow_calls_make_and_puts_no_expression_into_a_command(path: Path) -> None:
    commands = [step["run"] for step in steps(path) if "run" in step and step.get("id") != "name"]
    assert commands
    assert {command.removeprefix("make ") for command in commands} <= {*TARGETS}
    assert not [step["run"] for step in steps(path) if "${{" in step.get("run", "")]


def test_deployment_knows_all_environments_and_names_its_secrets() -> None:
    workflow = read(ROOT / ".github" / "workflows" / "deploy.yml")
    names = environments()
    assert workflow["on"]["workflow_dispatch"]["inputs"]["environment"]["options"] == names
    assert workflow["on"]["push"]["tags"] == [f"{name}-[0-9]*" for name in names]
    [env] = [step["env"] for step in workflow["jobs"]["deploy"]["steps"] if step.get("run") == "make deploy"]
    for name in ("CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN"):
        assert env[name] == f"${{{{ secrets.{name} }}}}"


@pytest.mark.parametrize("name", [*environments(), *(f"{environment}-2026-12-01" for environment in environments())])
def test_tag_names_its_environment(name: str) -> None:
    [command] = [
        step["run"] for step in steps(ROOT / ".github" / "workflows" / "deploy.yml") if step.get("id") == "name"
    ]
    script = command.replace('>> "$GITHUB_OUTPUT"', "")
    done = subprocess.run(
        ["sh", "-c", script], env={"NAME": name, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"environment={name.removesuffix('-2026-12-01')}\n"
