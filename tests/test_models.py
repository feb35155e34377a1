"""Pydantic validates what comes in: what only goes out is a TypedDict, and every model can be built."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict, get_args, get_type_hints, is_typeddict

import pytest
from pydantic import BaseModel, ValidationError

from core_tessie.tessie.car_commands import COMMANDS, checked
from edge.app import App

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src"
APPS = sorted(path.parent.name for path in SRC.glob("*/app.py") if path.parent.name != "edge")
FILES = sorted(path for path in SRC.rglob("*.py") if not {"workers", "worker.py", "main.py"} & {*path.parts})


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


def models() -> set[type[BaseModel]]:
    """Return every model of the sources."""
    modules = [importlib.import_module(module_of(path)) for path in FILES]
    named = [value for module in modules for value in vars(module).values() if isinstance(value, type)]
    return {one for one in named if issubclass(one, BaseModel) and one.__module__.partition(".")[0] in {"edge", *APPS}}


def handed_over(source: str, module: str) -> set[str]:
    """Return the classes that are passed on as values, such as to Body[…] or a client, or that read JSON themselves.

    A name in another annotation, a class that is called, and an operation's responses are no such use.
    """
    tree = ast.parse(source)
    origins = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return {origins.get(name, f"{module}.{name}") for name in names_handed_over(tree)}


def names_handed_over(tree: ast.Module) -> set[str]:
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        match node:
            case ast.Subscript(value=ast.Name(id="Body" | "Query" | "Header"), slice=inner):
                found.update(one.id for one in ast.walk(inner) if isinstance(one, ast.Name))
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="model_validate_json")):
                found.add(name)
            case ast.Call(func=ast.Name(id="row_as" | "Operation")):
                return
            case ast.Call(args=args, keywords=keywords):
                given = [*args, *(one.value for one in keywords)]
                found.update(one.id for each in given for one in outermost(each))
            case ast.Dict(values=values) | ast.Tuple(elts=values) | ast.List(elts=values):
                found.update(one.id for one in values if isinstance(one, ast.Name))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return found


def outermost(node: ast.expr) -> Iterator[ast.Name]:
    """Yield a name that is an argument itself, or stands in one such as list[Name]."""
    if isinstance(node, ast.Name):
        yield node
    elif isinstance(node, ast.Subscript):
        yield from (one for one in ast.walk(node.slice) if isinstance(one, ast.Name))


def parts(hint: Any) -> Iterator[Any]:
    """Yield a type, and all that its arguments and fields are made of."""
    seen: set[int] = set()
    waiting = [hint]
    while waiting:
        one = getattr(waiting[-1], "__value__", waiting[-1])
        waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [inner for inner in get_args(one) if not isinstance(inner, str)]
        if isinstance(one, type) and (is_typeddict(one) or issubclass(one, BaseModel)):
            waiting += get_type_hints(one, include_extras=True).values()


def written(app: App) -> Iterator[Any]:
    """Yield the types of what an app answers."""
    for endpoint in app.endpoints:
        yield endpoint.returns
        for body in endpoint.route.operation.responses.values():
            yield from body.values()


def only_written(hints: Iterator[Any], values: set[str]) -> set[str]:
    """Return the models among the types that nothing validates: those of `values`, and what they hold, are."""
    reached = {one for hint in hints for one in parts(hint) if isinstance(one, type) and issubclass(one, BaseModel)}
    inside = {part for one in reached if full_name(one) in values for part in parts(one)}
    return {full_name(one) for one in reached - inside}


def full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__name__}"


def test_model_that_goes_out_is_one_that_comes_in() -> None:
    values = {name for path in FILES for name in handed_over(path.read_text(), module_of(path))}
    found = {name: only_written(written(importlib.import_module(f"{name}.app").app), values) for name in APPS}
    assert found == {name: set() for name in APPS}


def test_rule_of_outgoing_models_catches() -> None:
    class Inner(BaseModel):
        number: int

    class Row(BaseModel):
        inner: Inner

    class Shown(TypedDict):
        row: Row

    source = """
OPERATION = Operation({200: {JSON: Row}})
async def get() -> Row: return Row.model_validate(row)
"""
    names = {f"{__name__}.Row", f"{__name__}.Inner"}
    assert only_written(iter([list[Shown] | None]), handed_over(source, __name__)) == names
    for use in ("def post(row: Body[Row | None]): ...", "client.get(list[Row], 1)", "Row.model_validate_json(text)"):
        assert only_written(iter([Shown]), handed_over(source + use, __name__)) == set()


def test_every_model_can_be_built() -> None:
    found = models()
    for model in found:
        assert model.model_rebuild(force=True, raise_errors=True)
    assert {"EnergyReport", "Payload", "ContactForm"} <= {model.__name__ for model in found}


def test_every_parameter_of_a_command_is_validated() -> None:
    for command, takes in COMMANDS.items():
        for name in takes:
            with pytest.raises(ValidationError):
                checked(command, {**dict.fromkeys(takes), name: None})


@pytest.mark.parametrize("name", APPS)
def test_import_builds_no_validator_of_what_waits_for_its_first_use(name: str) -> None:
    source = f"import sys, {name}.app; print(*sys.modules)"
    loaded = set(run_python(source).split())
    assert loaded.isdisjoint({"jwt", "cryptography", "email.utils", "urllib.request", "http.client"})


def run_python(source: str) -> str:
    command, env = [sys.executable, "-c", source], {"PYTHONPATH": str(SRC)}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
