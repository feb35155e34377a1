"""Writes the OpenAPI documents of all apps, or of those named: `python tools/openapi.py [--check] [APP…]`."""

import argparse
import difflib
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from openapi_spec_validator import validate

from apps import ROOT, folder, load, parse
from edge.openapi.document import document
from sdk_rules import faults


class _Readable(yaml.SafeDumper):
    """Block style without aliases: lists are indented, and a text of several lines is shown as such."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)


def _text(dumper: _Readable, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _text)


def describe(package: str) -> dict[str, Any]:
    """Return the OpenAPI document of a package's app, with the additions of its module of `documents`, if any."""
    more = importlib.util.find_spec(f"documents.{package}")
    extend = importlib.import_module(more.name).extend if more else None
    return document(load(package), description=importlib.import_module(package).__doc__ or "", extend=extend)


def rendered(package: str, content: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield each file of an app's document with its text; the default app has no folder of its own."""
    place = ROOT / "openapi" / folder(package)
    yield place / "openapi.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    yield place / "openapi.yaml", yaml.dump(content, Dumper=_Readable, sort_keys=False, allow_unicode=True, width=120)


def check_document(content: dict[str, Any]) -> None:
    """Exit with the problems, unless the document is valid and SDK generators will accept it."""
    validate(content)
    problems = faults(content)
    if problems:
        raise SystemExit("\n".join(problems))


def stale(path: Path, text: str) -> str:
    """Return the difference of a committed file from its generated text, or ""."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if old == text:
        return ""
    name = str(path.relative_to(ROOT))
    lines = difflib.unified_diff(
        old.splitlines(True), text.splitlines(True), f"{name} as committed", f"{name} as it is"
    )
    return "".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Write the documents, or with `--check` show which are stale and return 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a committed file is stale")
    options = parse(parser, arguments)
    return _run(options.apps, check=options.check)


def _run(apps: Sequence[str], *, check: bool) -> int:
    differences = []
    for package in apps:
        content = describe(package)
        check_document(content)
        for path, text in rendered(package, content):
            differences.append(stale(path, text))
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    if check:
        sys.stdout.write("".join(differences))
    return int(check and any(differences))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
