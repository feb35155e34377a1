"""Measures the English of docstrings and names: `python tools/prose.py [--list] [PATH…]`; fails beyond its bounds."""

import argparse
import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from apps import ROOT

PLACES = ("src", "tools", "tests", "benchmarks")
MOST_WORDS = 25
"""Words of a sentence."""
MOST_CLAUSES = 3
"""Lines of documentation with a clause such as "what …", of 100."""
MOST_BARE_NAMES = 5
"""Bare participles and `one` among names, of 1,000."""
MOST_LONG = 30
"""Sentences that are longer than they should be."""

BARE_NAMES = frozenset(
    {
        "asked",
        "Desk",
        "found",
        "given",
        "held",
        "kept",
        "known",
        "Looking",
        "made",
        "meant",
        "one",
        "said",
        "shown",
        "Standing",
        "taken",
        "told",
        "wanted",
    }
)
_CLAUSE = re.compile(r"\b(?:what|who|whose|whom|whoever|whatever|where|wherever)\b", re.IGNORECASE)
_BEGINNING = re.compile(r"(?:What|Who|Where|Whose|That)\b")
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+|\n\n|\n- ")
_CODE = re.compile(r"`[^`]*`")


class Doc(NamedTuple):
    """A docstring, or the text below a constant."""

    place: str
    text: str


class Finding(NamedTuple):
    """A place that breaks a rule: `rule` is beginning, clause, long or name."""

    rule: str
    place: str
    text: str


class Measure(NamedTuple):
    """The findings in some files, with the numbers that they are compared with."""

    findings: list[Finding]
    lines: int
    names: int

    def count(self, rule: str) -> int:
        """Return how many findings break a rule."""
        return sum(finding.rule == rule for finding in self.findings)

    def complaints(self) -> list[str]:
        """Return the bounds that are exceeded."""
        bounds = {
            "docstrings begin with What, Who, Where, Whose or That": (self.count("beginning"), 0),
            "lines with what, who or where": (self.count("clause"), MOST_CLAUSES * self.lines // 100),
            f"sentences of more than {MOST_WORDS} words": (self.count("long"), MOST_LONG),
            "names that are a bare participle or `one`": (self.count("name"), MOST_BARE_NAMES * self.names // 1000),
        }
        return [f"{count} {title}, at most {bound}" for title, (count, bound) in bounds.items() if count > bound]


def measure(paths: Iterable[Path]) -> Measure:
    """Measure the Python files among some paths."""
    findings: list[Finding] = []
    lines = names = 0
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for doc in docs(tree, str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)):
            lines += sum(bool(line.strip()) for line in doc.text.splitlines())
            findings += faults(doc)
        bound = list(bound_names(tree))
        names += len(bound)
        findings += [Finding("name", f"{path}:{line}", name) for name, line in bound if name.strip("_") in BARE_NAMES]
    return Measure(findings, lines, names)


def docs(tree: ast.Module, path: str) -> Iterator[Doc]:
    """Yield the texts that document a module, its classes, functions and constants."""
    for node in ast.walk(tree):
        if not isinstance(body := getattr(node, "body", None), list):
            continue
        for before, statement in zip([node, *body], body, strict=False):
            is_first = before is node and isinstance(
                node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            )
            if (is_first or isinstance(before, ast.Assign | ast.AnnAssign | ast.TypeAlias)) and (
                text := _text(statement)
            ):
                yield Doc(f"{path}:{statement.lineno}", text)


def faults(doc: Doc) -> Iterator[Finding]:
    """Yield the broken rules of one text."""
    if _BEGINNING.match(doc.text):
        yield Finding("beginning", doc.place, doc.text.splitlines()[0])
    for line in doc.text.splitlines():
        if _CLAUSE.search(_CODE.sub("", line)):
            yield Finding("clause", doc.place, line.strip())
    for sentence in _SENTENCE.split(doc.text):
        if len(sentence.split()) > MOST_WORDS:
            yield Finding("long", doc.place, " ".join(sentence.split()))


def bound_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield each name that is bound, with its line: functions, classes, parameters and variables."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, node.lineno
            case _:
                pass


def _text(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Expr) and isinstance(value := statement.value, ast.Constant):
        return value.value.strip() if isinstance(value.value, str) else ""
    return ""


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the Python files below some paths."""
    for path in paths:
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def main(arguments: list[str]) -> int:
    """Print each exceeded bound; with `--list`, each place."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, default=[ROOT / place for place in PLACES])
    parser.add_argument("--list", action="store_true", help="print each place that breaks a rule")
    options = parser.parse_args(arguments)
    result = measure(files(options.paths))
    if options.list:
        for finding in result.findings:
            print(f"{finding.place}: {finding.rule}: {finding.text}")
    complaints = result.complaints()
    for complaint in complaints:
        print(f"prose: {complaint}")
    return int(bool(complaints))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
