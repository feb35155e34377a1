"""The documentation has each setting with its default, each group of routes, and the project's one version."""

import json
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from inspect import isclass
from pathlib import Path

import pytest
import yaml

from apps import packages
from edge.settings import Field, Settings
from edge.version import VERSION

ROOT = Path(__file__).parents[1]
SETTINGS = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
PAGES = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def fields(package: str) -> Iterator[Field]:
    module = import_module(f"{package}.settings")
    for value in vars(module).values():
        if isclass(value) and issubclass(value, Settings) and value.__module__ == module.__name__:
            yield from value.fields


def rows() -> dict[str, str]:
    """Return the default that the page gives for each setting; a row may have several, separated by commas."""
    defaults: dict[str, str] = {}
    for line in SETTINGS.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| `"):
            continue
        names = cells[0].split(", ")
        values = cells[1].split(", ")
        values = values * len(names) if len(values) == 1 else values
        for name, value in zip(names, values, strict=False):
            defaults.setdefault(name.strip("`"), value)
    return defaults


@pytest.mark.parametrize("package", packages())
def test_each_setting_is_documented(package: str) -> None:
    documented = rows()
    settings = list(fields(package))
    assert len(settings) > 10
    assert [field.name for field in settings if field.name not in documented] == []


@pytest.mark.parametrize("package", packages())
def test_each_number_among_the_defaults_is_documented(package: str) -> None:
    numbers = [field for field in fields(package) if type(field.default) in (int, float)]
    documented = {name: text.strip("`") for name, text in rows().items()}
    wrong = {field.name: documented[field.name] for field in numbers if documented[field.name] != f"{field.default:g}"}
    assert {name: text for name, text in wrong.items() if not text.startswith("as ")} == {}


@pytest.mark.parametrize("package", packages())
def test_each_group_of_routes_is_documented(package: str) -> None:
    folder = "" if package == "core_tessie" else package
    paths = json.loads((ROOT / "openapi" / folder / "openapi.json").read_text(encoding="utf-8"))["paths"]
    groups = {"/".join(path.split("/")[: 3 if path.startswith("/api/") else 2]) for path in paths}
    assert [group for group in sorted(groups) if group not in PAGES] == []


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION
    assert f"## [{VERSION}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_runbook_has_each_log_line_of_level_error() -> None:
    runbook = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    lines = set(re.findall(r"log\(\s*\"error\",\s*f?\"(?:\{[^}]*\} )?([^\"]+)\"", sources))
    assert len(lines) > 20
    assert [line for line in sorted(lines) if f"{line}`" not in runbook] == []


def test_pre_commit_calls_the_tools_of_make_check() -> None:
    """The audit is left out, as it asks databases on the network."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ncheck: ")[2].partition("\n\n")[0]
    tools = set(re.findall(r"\$\(BIN\)/(?:python )?(\S+)", recipe)) - {"tools/audit.py"}
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    entries = " ".join(hook["entry"] for hook in hooks)
    assert len(tools) > 5
    assert [tool for tool in sorted(tools) if not re.search(rf"\.venv/bin/(python )?{tool}\b", entries)] == []
