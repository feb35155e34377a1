"""Exercism's layout of an exercise, as a ZIP file: export from a capsule, and import into one.

    .docs/instructions.md   the statement        .meta/config.json           authors, files, title
    .docs/hints.md          the hints            .meta/canonical-data.json   the tests, as data
    <slug>.py               the starter          .meta/example.py            the solution
    <slug>_test.py          the tests, as code

Tests are read from the data; without data, from `assertEqual(function(…), …)` with literals in a Python test file.
"""

import ast
import io
import json
import re
import zipfile
from typing import Any

from pydantic_core import from_json

from devcapsules.capsules.models import Content
from edge.errors import BadRequest

LARGEST_FILE = 256 * 1024
LARGEST_TOTAL = 1024 * 1024
MOST_FILES = 200
ENDINGS = {"python": "py", "javascript": "js", "typescript": "ts"}
COMMENT = "Written by this service: .meta/canonical-data.json has the same tests, and is what is read back."
_EPOCH = (1980, 1, 1, 0, 0, 0)


class ArchiveRefused(BadRequest):
    """This is not an exercise in Exercism's layout."""

    title = "This is not an exercise in Exercism's layout"


def slug_of(title: str) -> str:
    """Return a file name for a title."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "exercise"


def write_archive(content: Content, language: str, author: str) -> bytes:
    """Return a capsule as a ZIP file; equal capsules give identical files."""
    slug = slug_of(content.title)
    ending = ENDINGS[language]
    name = slug.replace("-", "_") if language == "python" else slug
    test = f"{name}_test.py" if language == "python" else f"{slug}.spec.{ending}"
    example = f".meta/example.{ending}" if language == "python" else f".meta/proof.ci.{ending}"
    config = {
        "authors": [author],
        "title": content.title,
        "blurb": content.statement.partition("\n")[0][:350],
        "files": {"solution": [f"{name}.{ending}"], "test": [test], "example": [example]},
    }
    data = {"exercise": slug, "comments": [COMMENT], "cases": [_case(test, content) for test in content.tests]}
    files = {
        ".docs/instructions.md": f"# Instructions\n\n{content.statement}\n",
        ".docs/hints.md": "# Hints\n\n" + "".join(f"- {_folded(hint)}\n" for hint in content.hints),
        ".meta/config.json": _pretty(config),
        ".meta/canonical-data.json": _pretty(data),
        example: content.solution,
        f"{name}.{ending}": content.starter,
        test: _test_code(content, language, name),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(f"{slug}/{path}", _EPOCH), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def read_archive(body: bytes) -> dict[str, Any]:
    """Return the fields of a new capsule from a ZIP file; raises `ArchiveRefused` if it is invalid or too large."""
    files = _unpacked(body)
    config = _object(files, ".meta/config.json")
    listed = config.get("files")
    paths = listed if isinstance(listed, dict) else {}
    starter = _first(paths.get("solution"), files)
    solution = _first(paths.get("example") or paths.get("exemplar"), files)
    language = next((name for name, ending in ENDINGS.items() if starter[0].endswith(f".{ending}")), "")
    if not language:
        raise ArchiveRefused("its config.json must name a Python, JavaScript or TypeScript file as solution")
    instructions = files.get(".docs/instructions.md", "") or files.get(".docs/introduction.md", "")
    statement = re.sub(r"\A# (Instructions|Introduction)\s*", "", instructions).strip()
    function, tests = _tests(files, _first(paths.get("test"), files)[1])
    return {
        "title": str(config.get("title") or config.get("blurb") or starter[0].rpartition(".")[0])[:120],
        "statement": statement or str(config.get("blurb") or ""),
        "starter": starter[1],
        "solution": solution[1],
        "function_name": function or _defined(starter[1] + "\n" + solution[1]),
        "tests": tests,
        "hints": _hints(files.get(".docs/hints.md", "")),
        "language": language,
    }


def _case(test: dict[str, Any], content: Content) -> dict[str, Any]:
    names = [f"arg{number}" for number, _ in enumerate(test["arguments"], 1)]
    case: dict[str, Any] = {
        "description": test["name"] or "a case",
        "property": content.function_name,
        "input": dict(zip(names, test["arguments"], strict=True)),
        "expected": test["expected"],
    }
    if test.get("hidden"):
        case["scenarios"] = ["hidden"]
    if test.get("tolerance") is not None:
        case["tolerance"] = test["tolerance"]
    return case


def _test_code(content: Content, language: str, module: str) -> str:
    function = content.function_name
    if language == "python":
        lines = [
            "import unittest",
            "",
            f"from {module} import {function}",
            "",
            "",
            "class ExerciseTest(unittest.TestCase):",
        ]
        for number, test in enumerate(content.tests, 1):
            call = f"{function}({', '.join(map(repr, test['arguments']))})"
            lines += [f"    def test_{number:02}(self):", f"        self.assertEqual({call}, {test['expected']!r})", ""]
        return "\n".join(lines if content.tests else [*lines, "    pass", ""])
    lines = [f"import {{ {function} }} from './{module}';", "", f"describe({json.dumps(content.title)}, () => {{"]
    for test in content.tests:
        call = f"{function}({', '.join(map(json.dumps, test['arguments']))})"
        lines.append(
            f"  test({json.dumps(test['name'])}, () => expect({call}).toEqual({json.dumps(test['expected'])}));"
        )
    return "\n".join([*lines, "});", ""])


def _unpacked(body: bytes) -> dict[str, str]:
    """Return the texts of an archive by path below its root folder; stops at the size limits."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MOST_FILES:
                raise ArchiveRefused(f"it has more than {MOST_FILES} files")
            if sum(entry.file_size for entry in entries) > LARGEST_TOTAL:
                raise ArchiveRefused(f"it has more than {LARGEST_TOTAL} bytes when unpacked")
            texts: dict[str, str] = {}
            for entry in entries:
                with archive.open(entry) as file:
                    data = file.read(LARGEST_FILE + 1)
                if len(data) > LARGEST_FILE:
                    raise ArchiveRefused(f"a file has more than {LARGEST_FILE} bytes")
                texts[entry.filename] = data.decode("utf-8", "replace")
    except ArchiveRefused:
        raise
    except (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError, OSError, EOFError, KeyError):
        raise ArchiveRefused("it is not a ZIP file, or is damaged or encrypted") from None
    except Exception as fault:
        if type(fault).__module__ in {"zlib", "lzma", "_lzma"}:
            raise ArchiveRefused("it is a damaged ZIP file") from None
        raise
    root = next((path[: -len(".meta/config.json")] for path in texts if path.endswith(".meta/config.json")), None)
    if root is None:
        raise ArchiveRefused("it has no .meta/config.json")
    return {path.removeprefix(root): text for path, text in texts.items() if path.startswith(root)}


def _object(files: dict[str, str], path: str) -> dict[str, Any]:
    try:
        value = from_json(files.get(path, "{}"))
    except ValueError:
        raise ArchiveRefused(f"{path} is not valid JSON") from None
    if not isinstance(value, dict):
        raise ArchiveRefused(f"{path} is not a JSON object")
    return value


def _first(paths: object, files: dict[str, str]) -> tuple[str, str]:
    """Return the path and text of the first existing file of a list."""
    for path in paths if isinstance(paths, list) else []:
        if isinstance(path, str) and path in files:
            return path, files[path]
    return "", ""


def _tests(files: dict[str, str], code: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the function's name and the tests, from the data if there is any."""
    cases = _object(files, ".meta/canonical-data.json").get("cases")
    flat = list(_flat(cases if isinstance(cases, list) else [], 0))
    if not flat:
        return _from_code(code)
    tests = []
    for case in flat:
        inputs = case.get("input")
        tests.append(
            {
                "name": str(case.get("description") or "")[:100],
                "arguments": [*inputs.values()] if isinstance(inputs, dict) else [],
                "expected": case.get("expected"),
                "hidden": "hidden" in (case.get("scenarios") or []),
                "tolerance": case.get("tolerance"),
            }
        )
    return str(flat[0].get("property") or ""), tests


def _flat(cases: list[Any], depth: int) -> Any:
    for case in cases:
        if isinstance(case, dict) and isinstance(case.get("cases"), list) and depth < 5:
            yield from _flat(case["cases"], depth + 1)
        elif isinstance(case, dict) and "expected" in case:
            yield case


def _from_code(code: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the function's name and the tests from `assertEqual(function(literals), literal)` in a Python file."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "", []
    function = ""
    tests = list[dict[str, Any]]()
    for method in ast.walk(tree):
        if not isinstance(method, ast.FunctionDef) or not method.name.startswith("test"):
            continue
        for node in ast.walk(method):
            if assertion := _assertion(node):
                function = function or assertion[0]
                test = {"name": method.name.removeprefix("test_").replace("_", " ")[:100]}
                tests += [{**test, "arguments": assertion[1], "expected": assertion[2]}] * (assertion[0] == function)
    return function, tests


def _assertion(node: ast.AST) -> tuple[str, list[Any], Any] | None:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or len(node.args) < 2:
        return None
    call, expected = node.args[:2]
    is_plain = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.keywords
    if node.func.attr != "assertEqual" or not is_plain:
        return None
    try:
        values = [ast.literal_eval(argument) for argument in call.args]  # type: ignore[attr-defined]
        value = ast.literal_eval(expected)
        json.dumps([values, value], allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return None
    return call.func.id, values, value  # type: ignore[attr-defined]


def _hints(text: str) -> list[str]:
    items = re.findall(r"^[-*] (.+(?:\n  .+)*)", text, re.MULTILINE)
    return [re.sub(r"\n  ", "\n", item)[:2_000] for item in items[:10]]


def _folded(hint: str) -> str:
    return hint.replace("\n", "\n  ")


def _defined(code: str) -> str:
    match = re.search(r"^\s*(?:export\s+)?(?:def|function|const|let)\s+([A-Za-z_]\w*)", code, re.MULTILINE)
    return match[1] if match else "solve"


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
