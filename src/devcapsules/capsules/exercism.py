"""Exercism's layout of an exercise, as a ZIP file: export from a capsule, and import into one.

    .docs/instructions.md   the statement        .meta/config.json           authors, files, title
    .docs/hints.md          the hints            .meta/canonical-data.json   the tests, as data
    <slug>.py               the starter          .meta/example.py            the solution
    <slug>_test.py          the tests, as code

Tests are read from the data; without data, from `assertEqual(function(…), …)` with literals in a Python test file.
Nothing of an archive is written to a disk.
"""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from stat import S_ISLNK
from typing import Any

from pydantic_core import from_json

from devcapsules.capsules.exercism_code import (
    LARGEST_TEST_CODE,
    UNNAMED,
    javascript_tests,
    python_tests,
    read_python_tests,
    with_export,
    without_export,
)
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
        example: _code(content.solution, content, language),
        f"{name}.{ending}": _code(content.starter, content, language),
        test: python_tests(content, name) if language == "python" else javascript_tests(content, slug),
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
    instructions = _text(files, ".docs/instructions.md") or _text(files, ".docs/introduction.md")
    statement = re.sub(r"\A# (Instructions|Introduction)\s*", "", instructions).strip()
    function, tests = _tests(files, paths.get("test"))
    function = function or _defined(starter[1] + "\n" + solution[1])
    return {
        "title": str(config.get("title") or config.get("blurb") or starter[0].rpartition(".")[0])[:120],
        "statement": statement or str(config.get("blurb") or ""),
        "starter": without_export(starter[1], function),
        "solution": without_export(solution[1], function),
        "function_name": function,
        "tests": tests,
        "hints": _hints(_text(files, ".docs/hints.md")),
        "language": language,
    }


def _case(test: dict[str, Any], content: Content) -> dict[str, Any]:
    names = [f"arg{number}" for number, _ in enumerate(test["arguments"], 1)]
    case: dict[str, Any] = {
        "description": test["name"] or UNNAMED,
        "property": content.function_name,
        "input": dict(zip(names, test["arguments"], strict=True)),
        "expected": test["expected"],
    }
    if test.get("hidden"):
        case["scenarios"] = ["hidden"]
    if test.get("tolerance") is not None:
        case["tolerance"] = test["tolerance"]
    return case


def _code(code: str, content: Content, language: str) -> str:
    return code if language == "python" else with_export(code, content.function_name)


def _unpacked(body: bytes) -> dict[str, bytes]:
    """Return the files of an archive by path below its root folder; stops at the size limits."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _check(entries)
            files = dict[str, bytes]()
            for entry in entries:
                with archive.open(entry) as file:
                    files[entry.filename] = file.read(LARGEST_FILE + 1)
                if len(files[entry.filename]) > LARGEST_FILE:
                    raise ArchiveRefused(f"a file has more than {LARGEST_FILE} bytes")
    except ArchiveRefused:
        raise
    except (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError, OSError, EOFError, KeyError):
        raise ArchiveRefused("it is not a ZIP file, or is damaged or encrypted") from None
    except Exception as fault:
        if type(fault).__module__ == "zlib":
            raise ArchiveRefused("it is a damaged ZIP file") from None
        raise
    root = next((path[: -len(".meta/config.json")] for path in files if path.endswith(".meta/config.json")), None)
    if root is None:
        raise ArchiveRefused("it has no .meta/config.json")
    return {path.removeprefix(root): data for path, data in files.items() if path.startswith(root)}


def _check(entries: list[zipfile.ZipInfo]) -> None:
    """Refuse too many or too large files, links, odd or equal paths, and methods that take much memory to unpack."""
    if len(entries) > MOST_FILES:
        raise ArchiveRefused(f"it has more than {MOST_FILES} files")
    if sum(entry.file_size for entry in entries) > LARGEST_TOTAL:
        raise ArchiveRefused(f"it has more than {LARGEST_TOTAL} bytes when unpacked")
    if len({entry.filename for entry in entries}) < len(entries):
        raise ArchiveRefused("two of its files have the same path")
    if any(entry.filename.startswith("/") or ".." in entry.filename.split("/") for entry in entries):
        raise ArchiveRefused("a path leaves the archive")
    if any(S_ISLNK(entry.external_attr >> 16) for entry in entries):
        raise ArchiveRefused("it has a link in the place of a file")
    if any(entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} for entry in entries):
        raise ArchiveRefused("its files must be stored or deflated, as usual")


def _text(files: Mapping[str, bytes], path: str) -> str:
    """Return the text of a file, empty if it is missing; raises `ArchiveRefused` unless it is UTF-8."""
    try:
        return files.get(path, b"").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ArchiveRefused(f"{path} is not UTF-8") from None


def _object(files: Mapping[str, bytes], path: str) -> dict[str, Any]:
    try:
        value = from_json(_text(files, path) or "{}", allow_inf_nan=False)
    except ValueError:
        raise ArchiveRefused(f"{path} is not valid JSON") from None
    if not isinstance(value, dict):
        raise ArchiveRefused(f"{path} is not a JSON object")
    return value


def _first(paths: object, files: Mapping[str, bytes]) -> tuple[str, str]:
    """Return the path and text of the first existing file of a list."""
    for path in paths if isinstance(paths, list) else []:
        if isinstance(path, str) and path in files:
            return path, _text(files, path)
    return "", ""


def _tests(files: Mapping[str, bytes], paths: object) -> tuple[str, list[dict[str, Any]]]:
    """Return the function's name and the tests, from the data if there is any."""
    cases = _object(files, ".meta/canonical-data.json").get("cases")
    flat = list(_flat(cases if isinstance(cases, list) else [], 0))
    if not flat:
        path, code = _first(paths, files)
        if len(files.get(path, b"")) > LARGEST_TEST_CODE:
            raise ArchiveRefused(f"{path} has more than {LARGEST_TEST_CODE} bytes")
        return read_python_tests(code)
    tests = []
    for case in flat:
        inputs = case.get("input")
        scenarios = case.get("scenarios")
        name = str(case.get("description") or "")
        tests.append(
            {
                "name": "" if name == UNNAMED else name[:100],
                "arguments": [*inputs.values()] if isinstance(inputs, dict) else [],
                "expected": case.get("expected"),
                "hidden": isinstance(scenarios, list) and "hidden" in scenarios,
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
