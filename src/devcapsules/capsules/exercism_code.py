"""Tests of an exercise as code in Exercism's form: written for Python and JavaScript, read from Python."""

import ast
import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any

from devcapsules.capsules.models import Content

LARGEST_TEST_CODE = 64 * 1024
"""Most bytes of a Python test file that is read; those of Exercism have at most some 40,000."""
UNNAMED = "a case"
"""The description of a test without a name: Exercism's tests have one."""
_ASSERTIONS = ("assertEqual", "assertIs", "assertAlmostEqual")


def python_tests(content: Content, module: str) -> str:
    """Return a test file for `unittest`."""
    function = content.function_name
    lines = [
        "import unittest",
        "",
        f"from {module} import {function}",
        "",
        "",
        "class ExerciseTest(unittest.TestCase):",
    ]
    for number, test in enumerate(content.tests, 1):
        call = f"{function}({', '.join(map(_python, test['arguments']))})"
        lines += [f"    def test_{number:02}(self):", f"        {_python_assertion(call, test)}", ""]
    return "\n".join(lines if content.tests else [*lines, "    pass", ""])


def javascript_tests(content: Content, module: str) -> str:
    """Return a test file for Jest."""
    function = content.function_name
    lines = [f"import {{ {function} }} from './{module}';", "", f"describe({json.dumps(content.title)}, () => {{"]
    for test in content.tests:
        call = f"{function}({', '.join(map(_javascript, test['arguments']))})"
        lines.append(f"  test({json.dumps(test['name'] or UNNAMED)}, () => {_javascript_assertion(call, test)});")
    return "\n".join([*lines, "});", ""])


def with_export(code: str, function: str) -> str:
    """Return JavaScript that exports its function, as Exercism's tests import it."""
    return code if re.search(rf"\bexport\b[^\n;]*\b{function}\b", code) else code + _export_of(function)


def without_export(code: str, function: str) -> str:
    """Return JavaScript without the line that `with_export` added."""
    return code.removesuffix(_export_of(function))


def read_python_tests(code: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the function's name and the tests from assertions with literals: `assertEqual(function(1), 2)`."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "", []
    function = ""
    tests = list[dict[str, Any]]()
    for method in _methods(tree):
        name = method.name.removeprefix("test_").replace("_", " ")[:100]
        for node in ast.walk(method):
            if assertion := _assertion(node):
                function = function or assertion[0]
                test = {"name": name, "arguments": assertion[1], "expected": assertion[2]}
                tests += [test] * (assertion[0] == function)
    return function, tests


def _export_of(function: str) -> str:
    return f"\nexport {{ {function} }};\n"


def _python_assertion(call: str, test: Mapping[str, Any]) -> str:
    expected = _python(test["expected"])
    if (room := _room(test)) is not None:
        return f"self.assertAlmostEqual({call}, {expected}, delta={room!r})"
    return f"self.assertEqual({call}, {expected})"


def _javascript_assertion(call: str, test: Mapping[str, Any]) -> str:
    expected = _javascript(test["expected"])
    if (room := _room(test)) is not None:
        return f"expect(Math.abs({call} - {expected})).toBeLessThanOrEqual({json.dumps(room)})"
    return f"expect({call}).toEqual({expected})"


def _room(test: Mapping[str, Any]) -> float | None:
    """Return how far a number may lie from the expected one, None if not at all or for other values."""
    expected = test["expected"]
    tolerance = test.get("tolerance")
    if not isinstance(expected, int | float) or isinstance(expected, bool) or tolerance == 0:
        return None
    if tolerance is None:
        return max(1e-9 * abs(expected), 1e-12) if isinstance(expected, float) else None
    try:
        return float(tolerance * max(1.0, abs(expected)))
    except OverflowError:
        return None


def _python(value: Any) -> str:
    """Return an author's JSON as a Python expression; an object that is no valid value stays a mapping."""
    if isinstance(value, list):
        return f"[{', '.join(map(_python, value))}]"
    if not isinstance(value, dict):
        return repr(value)
    if (marked := _marked(value, _PYTHON)) is not None:
        return marked
    return f"{{{', '.join(f'{key!r}: {_python(part)}' for key, part in value.items())}}}"


def _javascript(value: Any) -> str:
    """Return an author's JSON as a JavaScript expression."""
    if isinstance(value, list):
        return f"[{', '.join(map(_javascript, value))}]"
    if not isinstance(value, dict):
        return json.dumps(value)
    if (marked := _marked(value, _JAVASCRIPT)) is not None:
        return marked
    return f"{{{', '.join(f'{json.dumps(key)}: {_javascript(part)}' for key, part in value.items())}}}"


def _marked(value: Mapping[str, Any], forms: Mapping[str, Callable[[Any], str]]) -> str | None:
    """Return the expression of an object such as `{"$set": […]}`; None for another or an invalid one."""
    (name, content), *others = value.items() or [("", None)]
    if others or name not in forms:
        return None
    try:
        return forms[name](content)
    except (TypeError, ValueError):
        return None


_PYTHON: Mapping[str, Callable[[Any], str]] = {
    "$tuple": lambda parts: f"({''.join(f'{_python(part)}, ' for part in parts).strip()})",
    "$set": lambda parts: f"{{{', '.join(map(_python, parts))}}}" if parts else "set()",
    "$dict": lambda pairs: f"{{{', '.join(f'{_python(key)}: {_python(part)}' for key, part in pairs)}}}",
    "$float": lambda text: f"float({text!r})",
    "$int": lambda text: str(int(text)),
    "$bytes": lambda text: repr(base64.b64decode(text)),
}
_JAVASCRIPT: Mapping[str, Callable[[Any], str]] = {
    "$tuple": lambda parts: _javascript(list(parts)),
    "$set": lambda parts: f"new Set({_javascript(list(parts))})",
    "$dict": lambda pairs: f"new Map({_javascript([[key, part] for key, part in pairs])})",
    "$float": lambda text: {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(text) or json.dumps(float(text)),
    "$int": lambda text: f"{int(text)}" if abs(int(text)) < 2**53 else f"{int(text)}n",
    "$bytes": lambda text: f"new Uint8Array({[*base64.b64decode(text)]})",
}


def _methods(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Yield the test functions of a module and of its classes; none lies in another."""
    for node in tree.body:
        for part in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(part, ast.FunctionDef) and part.name.startswith("test"):
                yield part


def _assertion(node: ast.AST) -> tuple[str, list[Any], Any] | None:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or len(node.args) < 2:
        return None
    call, expected = node.args[:2]
    if node.func.attr not in _ASSERTIONS or not isinstance(call, ast.Call) or call.keywords:
        return None
    try:
        values = [_json(ast.literal_eval(argument)) for argument in call.args]
        value = _json(ast.literal_eval(expected))
    except (ValueError, TypeError, RecursionError):
        return None
    return (call.func.id, values, value) if isinstance(call.func, ast.Name) else None


def _json(value: Any) -> Any:
    """Return a Python literal as an author's JSON; `ValueError` for one that has none."""
    if isinstance(value, list):
        return [_json(part) for part in value]
    if isinstance(value, tuple | set):
        return {"$tuple" if isinstance(value, tuple) else "$set": [_json(part) for part in value]}
    if isinstance(value, dict):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: _json(part) for key, part in value.items()}
        return {"$dict": [[_json(key), _json(part)] for key, part in value.items()]}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, float):
        return value if isfinite(value) else {"$float": repr(value)}
    if value is None or isinstance(value, int | str):
        return value
    raise ValueError(value)
