"""`make new APP=name`: writes the skeleton of a new Worker, with its tests, document, migration, seed and environment.

The templates stand in tools/new, each at the place that its file gets; `$package` and the like are filled in.
"""

import keyword
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from string import Template

import openapi
import schema
from apps import ROOT, load, packages
from edge.access_table import access_table

TEMPLATES = ROOT / "tools" / "new"
SUFFIX = ".template"
PLACES = (
    "src/{}",
    "migrations/{}",
    "openapi/{}",
    "tests/{}",
    "tests/golden/{}.sql",
    "tests/golden/{}_access.txt",
    "tools/seeds/{}",
)
"""Files and folders of a new package; none of them may exist."""
WRANGLER, README = "wrangler.toml", "README.md"
END_OF_WORKERS = "<!-- /workers -->\n"
"""Marks the end of the list of Workers in the README."""

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 40
RESERVED = {
    "asgi",
    "base",
    "build",
    "common",
    "default",
    "helper",
    "helpers",
    "js",
    "manager",
    "managers",
    "misc",
    "node_modules",
    "pyodide",
    "python_modules",
    "service",
    "services",
    "util",
    "utils",
    "workers",
}
"""Names without meaning, folders that git ignores, and names in use in a Worker or in build/."""


class Refused(Exception):
    """There can be no app of this name; the message is for a person."""


def main(arguments: Sequence[str]) -> int:
    """Write the skeleton and list its files; print a fault that a person can fix as one line, with the exit code 2."""
    package = arguments[0] if arguments else os.environ.get("APP") or ""
    try:
        check(package)
        print("\n".join(next_steps(package, write(package))))
    except Refused as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    return 0


def check(package: str) -> None:
    """Raise `Refused` unless an app of this name can be made."""
    if not package:
        raise Refused("say which app: make new APP=vinyl_vault")
    if reason := _name_fault(package) or _name_clash(package):
        raise Refused(f"APP={package[:80]!r}: {reason}")


def write(package: str) -> list[str]:
    """Make the skeleton in a folder of its own, then move it to its places; return the paths of its files."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="new-") as folder:
        staged = Path(folder)
        fill(staged, names(package))
        edit(staged, package)
        tidy(staged, package)
        describe(staged, package)
        written = sorted(path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file())
        move(staged, ROOT, [*(place.format(package) for place in PLACES), WRANGLER, README])
    return written


def names(package: str) -> dict[str, str]:
    """Return the values for the templates."""
    name = package.replace("_", "-")
    return {
        "package": package,
        "name": name,
        "title": "".join(word.capitalize() for word in package.split("_")),
        "heading": f"# ---- {name} ".ljust(119, "-"),
        "limiter": str(_next_limiter()),
    }


def fill(staged: Path, members: Mapping[str, str]) -> None:
    """Write all templates, filled, to their paths below a folder."""
    for template in sorted(TEMPLATES.rglob(f"*{SUFFIX}")):
        place = template.relative_to(TEMPLATES).as_posix().removesuffix(SUFFIX).replace("PACKAGE", members["package"])
        _put(staged / place, Template(template.read_text(encoding="utf-8")).substitute(members))


def edit(staged: Path, package: str) -> None:
    """Put the new environment behind those of wrangler.toml, and the Worker's line behind the others of the README."""
    block = (staged / WRANGLER).read_text(encoding="utf-8")
    _put(staged / WRANGLER, (ROOT / WRANGLER).read_text(encoding="utf-8").rstrip("\n") + "\n" + block)
    readme = (ROOT / README).read_text(encoding="utf-8")
    line = f"- `{package}`: notes; say here what it is for.\n"
    before, marker, after = readme.partition(END_OF_WORKERS)
    _put(staged / README, before + line + marker + after if marker else readme.rstrip("\n") + "\n\n" + line)


def tidy(staged: Path, package: str) -> None:
    """Sort imports and break lines, which both depend on the app's name."""
    files = [str(path) for path in sorted(staged.rglob("*.py"))]
    ours = f'lint.isort.known-first-party=["{package}"]'  # which is not in src/ yet
    _ruff("check", "--select", "I", "--fix", "--quiet", "--config", ours, *files)
    _ruff("format", "--quiet", *files)


def describe(staged: Path, package: str) -> None:
    """Write all that is generated from the app; importing it shows that it is sound before the move."""
    migrations = staged / "migrations" / package
    golden = staged / "tests" / "golden"
    _put(staged / "src" / package / "schema.py", schema.rendered(schema.read(migrations)))
    _put(golden / f"{package}.sql", schema.golden(migrations))
    sys.dont_write_bytecode = True  # caches must not be moved
    sys.path.insert(0, str(staged / "src"))
    content = openapi.describe(package)
    openapi.check_document(content)
    _put(golden / f"{package}_access.txt", access_table(load(package)))
    for path, text in openapi.rendered(package, content):
        _put(staged / path.relative_to(ROOT), text)


def move(staged: Path, root: Path, parts: Sequence[str]) -> None:
    """Move files and folders, all of them or none: files that are there are replaced, folders are new."""
    with ExitStack() as undo:
        for part in parts:
            target = root / part
            before = target.read_bytes() if target.is_file() else None
            os.replace(staged / part, target)
            undo.callback(_remove, target) if before is None else undo.callback(target.write_bytes, before)
        undo.pop_all()


def next_steps(package: str, written: Sequence[str]) -> Iterator[str]:
    """Yield the lines about the written files and the next steps."""
    edited = {WRANGLER: f"the environment {package.replace('_', '-')}", README: "a line in the list of the Workers"}
    if END_OF_WORKERS not in (ROOT / README).read_text(encoding="utf-8"):
        edited[README] = "a line at its end, as it has no list of the Workers"
    yield "wrote:"
    yield from (f"  {path}" + (f"    ({edited[path]})" if path in edited else "") for path in written)
    yield "next:"
    first = f"make dev APP={package}"
    yield f"  {first}    # serves it at http://127.0.0.1:8787, with a key that is shown"
    yield f"  {'make test':{len(first)}}    # all tests, on both runtimes"
    yield f"  {'make dry-run':{len(first)}}    # lists the files of a deployment"


def _name_fault(package: str) -> str:
    """Return why nothing should be called so, or nothing."""
    if not NAME.fullmatch(package) or len(package) > LONGEST:
        return f"give words in lower case with _ between them, {LONGEST} characters at most, such as vinyl_vault"
    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        return "this is a word of Python's"
    if package.startswith(("edge", "test")):
        return "edge is the kernel, and names with test are tests"
    if package in sys.stdlib_module_names:
        return "Python has a module of this name"
    return "this name is reserved" if package in RESERVED else ""


def _name_clash(package: str) -> str:
    """Return the reason why this name is in use, or ""."""
    if package in packages():
        return "there is an app of this name"
    for place in (package, *(pattern.format(package) for pattern in PLACES)):
        if (ROOT / place).exists():
            return f"{place} is there already"
    if find_spec(package) is not None:
        return "there is a module of this name, of ours or installed"
    name = package.replace("_", "-")
    wrangler = (ROOT / WRANGLER).read_text(encoding="utf-8")
    existing = {*tomllib.loads(wrangler).get("env", {}), *re.findall(r'"([^"\n]*)"', wrangler)}
    clashes = [candidate for candidate in (name, f"{name}-db") if candidate in existing]
    return f"wrangler.toml names {clashes[0]} already" if clashes else ""


def _next_limiter() -> int:
    """Return the number of a rate limit in a hundred of its own."""
    wrangler = (ROOT / WRANGLER).read_text(encoding="utf-8")
    return (
        max(map(int, re.findall(r'^namespace_id = "(\d+)"', wrangler, re.MULTILINE)), default=1000) // 100 * 100 + 101
    )


def _ruff(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "ruff", *arguments, "--no-cache"], cwd=ROOT, check=True)


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _remove(path: Path) -> None:
    if path.is_dir():
        rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
