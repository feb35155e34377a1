"""The committed OpenAPI documents match the code, in a form that every consumer takes."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import validate

import openapi
from apps import ROOT, folder, load, packages
from edge.routing import ANY
from sdk_rules import PLACE, SCHEMA, Node, places, schemas

pytestmark = pytest.mark.slow

ANY_METHODS = ("delete", "get", "patch", "post", "put")
SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Reads YAML; that of libyaml takes a tenth of the time."""
REDOCLY = ROOT / "node_modules" / ".bin" / "redocly"

each_app = pytest.mark.parametrize("package", packages())


def committed(package: str, name: str) -> Path:
    return ROOT / "openapi" / folder(package) / name


@cache
def read(package: str) -> Any:
    """Return an app's document, parsed once; no test changes it."""
    return json.loads(committed(package, "openapi.json").read_text(encoding="utf-8"))


@cache
def all_schemas(package: str) -> list[Node]:
    return [*schemas(read(package))]


@cache
def all_places(package: str) -> list[Node]:
    return [*places(read(package))]


@each_app
def test_the_committed_files_match_the_code(package: str) -> None:
    assert [openapi.stale(path, text) for path, text in openapi.rendered(package, openapi.describe(package))] == [
        "",
        "",
    ]


@each_app
def test_yaml_and_json_have_the_same_content(package: str) -> None:
    text = committed(package, "openapi.yaml").read_text(encoding="utf-8")
    assert yaml.load(text, Loader=SAFE) == read(package)


@each_app
def test_the_yaml_is_for_reading(package: str) -> None:
    text = committed(package, "openapi.yaml").read_text(encoding="utf-8")
    assert not any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=SAFE))
    assert "\\u" not in text


@each_app
def test_the_document_is_valid_openapi(package: str) -> None:
    validate(read(package))


@each_app
def test_every_route_is_in_the_document_and_nothing_else(package: str) -> None:
    expected = set()
    for endpoint in load(package).endpoints:
        methods = ANY_METHODS if endpoint.method == ANY else (endpoint.method.lower(),)
        expected |= {(endpoint.path.replace(":path}", "}"), method) for method in methods}
    routes = {(path, method) for path, item in read(package)["paths"].items() for method in item}
    assert expected <= routes
    general = {(re.sub(r"^/d1/[a-z_0-9]+", "/d1/{table}", path), method) for path, method in routes - expected}
    assert general <= expected


@each_app
@pytest.mark.parametrize("rule", SCHEMA)
def test_no_schema_breaks_a_generator(package: str, rule: str) -> None:
    assert [node.path for node in all_schemas(package) if SCHEMA[rule](node)] == []


@each_app
@pytest.mark.parametrize("rule", PLACE)
def test_no_place_breaks_a_generator(package: str, rule: str) -> None:
    assert [node.path for node in all_places(package) if PLACE[rule](node)] == []


@each_app
def test_every_component_is_used(package: str) -> None:
    document = read(package)
    used = {node.value for node in all_places(package) if node.key == "$ref"}
    kinds = document["components"].items()
    assert used == {
        f"#/components/{kind}/{name}" for kind, known in kinds if kind != "securitySchemes" for name in known
    }


@each_app
def test_every_operation_has_a_summary_and_its_security(package: str) -> None:
    operations = [operation for item in read(package)["paths"].values() for operation in item.values()]
    assert all(
        operation["summary"] and operation["operationId"] and "security" in operation for operation in operations
    )


@each_app
def test_every_handler_that_reads_the_body_itself_states_its_types(package: str) -> None:
    for endpoint in load(package).endpoints:
        reads = "request.body(" in inspect.getsource(endpoint.route.handler)
        states = endpoint.route.operation.body is not None or any(item.kind == "body" for item in endpoint.inputs)
        assert states or not reads or endpoint.method == ANY, endpoint.path


@each_app
def test_an_app_loads_nothing_that_builds_its_document(package: str) -> None:
    builders = {"apispec", "yaml", "edge.openapi.document", "edge.openapi.schemas"}
    code = f"import sys, {package}.app; print({builders} & sys.modules.keys())"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, check=True, env={"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True)
    assert loaded.stdout.strip() == "set()"


def test_a_stale_file_is_shown_as_a_difference() -> None:
    path = ROOT / "openapi" / "openapi.yaml"
    difference = openapi.stale(path, path.read_text(encoding="utf-8").replace("3.1.0", "3.1.1", 1))
    assert "-openapi: 3.1.0\n+openapi: 3.1.1\n" in difference


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="Redocly needs Node, and there is none here")
@pytest.mark.parametrize("name", ["openapi.json", pytest.param("openapi.yaml", marks=pytest.mark.soak)])  # the same
def test_redocly_finds_nothing(name: str) -> None:
    documents = [str(committed(package, name)) for package in packages()]
    command = [str(REDOCLY), "lint", "--config", str(ROOT / "tools" / "redocly.yaml"), *documents]
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    lint = subprocess.run(
        command, cwd=ROOT, check=False, env={**os.environ, **quiet}, capture_output=True, text=True, timeout=300
    )
    output = lint.stdout + lint.stderr
    assert lint.returncode == 0, output
    assert [path for path in documents if f"validating {Path(path).relative_to(ROOT)}..." not in output] == [], output
