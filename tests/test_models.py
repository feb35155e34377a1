"""Pydantic validates input: a type for output alone is a TypedDict, and every model can be built."""

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

pytestmark = pytest.mark.slow

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
    return {
        class_
        for class_ in named
        if issubclass(class_, BaseModel) and class_.__module__.partition(".")[0] in {"edge", *APPS}
    }


def handed_over(source: str, module: str) -> set[str]:
    """Return the classes that are passed on as values, such as to Body[…] or a client, or that read JSON themselves.

    A name in another annotation, a class that is called, and an operation's responses do not count.
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
    handed: set[str] = set()

    def visit(node: ast.AST) -> None:
        match node:
            case ast.Subscript(value=ast.Name(id="Body" | "Query" | "Header"), slice=inner):
                handed.update(node_.id for node_ in ast.walk(inner) if isinstance(node_, ast.Name))
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="model_validate_json")):
                handed.add(name)
            case ast.Call(func=ast.Name(id="row_as" | "Operation")):
                return
            case ast.Call(args=args, keywords=keywords):
                arguments = [*args, *(keyword.value for keyword in keywords)]
                handed.update(name_.id for each in arguments for name_ in outermost(each))
            case ast.Dict(values=values) | ast.Tuple(elts=values) | ast.List(elts=values):
                handed.update(value_.id for value_ in values if isinstance(value_, ast.Name))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return handed


def outermost(node: ast.expr) -> Iterator[ast.Name]:
    """Yield a name that is an argument itself, or stands in one such as list[Name]."""
    if isinstance(node, ast.Name):
        yield node
    elif isinstance(node, ast.Subscript):
        yield from (name_ for name_ in ast.walk(node.slice) if isinstance(name_, ast.Name))


def parts(hint: Any) -> Iterator[Any]:
    """Yield a type, and all types of its arguments and fields."""
    seen: set[int] = set()
    waiting = [hint]
    while waiting:
        current = getattr(waiting[-1], "__value__", waiting[-1])
        waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [inner for inner in get_args(current) if not isinstance(inner, str)]
        if isinstance(current, type) and (is_typeddict(current) or issubclass(current, BaseModel)):
            waiting += get_type_hints(current, include_extras=True).values()


def written(app: App) -> Iterator[Any]:
    """Yield the types of an app's answers."""
    for endpoint in app.endpoints:
        yield endpoint.returns
        for body in endpoint.route.operation.responses.values():
            yield from body.values()


def only_written(hints: Iterator[Any], values: set[str]) -> set[str]:
    """Return the models that nothing validates: those not in `values`, nor inside one of `values`."""
    reached = {
        model for hint in hints for model in parts(hint) if isinstance(model, type) and issubclass(model, BaseModel)
    }
    inside = {part for model in reached if full_name(model) in values for part in parts(model)}
    return {full_name(model) for model in reached - inside}


def full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__name__}"


def test_model_that_goes_out_is_one_that_comes_in() -> None:
    values = {name for path in FILES for name in handed_over(path.read_text(), module_of(path))}
    models_ = {name: only_written(written(importlib.import_module(f"{name}.app").app), values) for name in APPS}
    assert models_ == {name: set() for name in APPS}


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
    built = models()
    for model in built:
        assert model.model_rebuild(force=True, raise_errors=True)
    assert {"EnergyReport", "Payload", "ContactForm"} <= {model.__name__ for model in built}


def test_every_parameter_of_a_command_is_validated() -> None:
    for command, takes in COMMANDS.items():
        for name in takes:
            with pytest.raises(ValidationError):
                checked(command, {**dict.fromkeys(takes), name: None})


@pytest.mark.parametrize("name", APPS)
def test_import_builds_no_deferred_validator(name: str) -> None:
    source = f"import sys, {name}.app; print(*sys.modules)"
    loaded = set(run_python(source).split())
    assert loaded.isdisjoint({"jwt", "cryptography", "email.utils", "urllib.request", "http.client"})


def run_python(source: str) -> str:
    command = [sys.executable, "-c", source]
    env = {"PYTHONPATH": str(SRC)}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
