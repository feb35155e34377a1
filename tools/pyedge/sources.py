"""Copies a Worker's own modules: `python tools/pyedge/sources.py MAIN FOLDER`, for `[build]` in wrangler.toml.

wrangler uploads every `.py` beside the entry. The folder receives the entry and the modules of its source tree that it
imports, also those in functions, byte for byte. The `.txt` and `.mjs` files beside them in packages come too. An entry
inside a package imports from the folder that holds the package; its copy lies at the top.
"""

import ast
import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from typing import NamedTuple

PACKAGES = Path(__file__).resolve().parents[2] / "python_modules"
RUNTIME = frozenset({"js", "pyodide", "pyodide_js", "annotationlib", "compression"})
"""Modules of the Workers' interpreter that the Python of the build may lack."""
BESIDE = frozenset({".txt", ".mjs"})
"""The endings of files that are no Python and that a package's modules may use."""
_FAILURES = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


class SourceError(Exception):
    """The entry cannot be uploaded as it is."""


class Import(NamedTuple):
    """An import of a module, or of a member of it; optional if the code around it handles the failure."""

    where: str
    module: str
    member: str
    optional: bool


def copy(main: Path, folder: Path, packages: Path = PACKAGES) -> None:
    """Bring a folder to hold an entry's files and nothing else; equal files stay untouched."""
    if main.resolve().is_relative_to(folder.resolve()):
        raise SourceError(f"{folder} holds the sources; give the copy a folder of its own")
    files = closure(main, packages)
    fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
    for name, source in files.items():
        target = folder / name
        content = source.read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(content)
            fresh.replace(target)  # complete at any moment: another build may read it
    needed = {path for name in files for path in (folder / name, *(folder / name).parents)}
    for path in sorted({*folder.rglob("*")} - needed, reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


def closure(main: Path, packages: Path = PACKAGES) -> dict[str, Path]:
    """Return the files that an entry needs, by their path in an upload."""
    root = main.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    elsewhere = {*sys.stdlib_module_names, *RUNTIME, *(path.name.partition(".")[0] for path in packages.glob("*"))}
    files, waiting = {main.name: main}, [(main, "")]
    seen = set[tuple[str, str, bool]]()
    while waiting:
        for import_ in imports(*waiting.pop()):
            if import_.module.partition(".")[0] in elsewhere or import_[1:] in seen:
                continue
            seen.add(import_[1:])
            for module, file in _files(root, import_):
                if (name := file.relative_to(root).as_posix()) not in files:
                    files[name] = file
                    waiting.append((file, module if file.name == "__init__.py" else module.rpartition(".")[0]))
    texts = {name.rpartition("/")[0]: path.parent for name, path in files.items()}
    for folder, place in texts.items():
        if (place / "__init__.py").is_file():
            beside = (path for path in place.iterdir() if path.suffix in BESIDE)
            files |= {f"{folder}/{path.name}": path for path in beside}
    return dict(sorted(files.items()))


def _files(root: Path, import_: Import) -> Iterator[tuple[str, Path]]:
    """Yield the files of an imported module, of the packages around it, and of a member that is a module."""
    parts = [*import_.module.split("."), *filter(None, [import_.member])]
    around: Path | None = None
    for end, part in enumerate(parts, 1):
        name = ".".join(parts[:end])
        place = root.joinpath(*parts[:end])
        file = next((path for path in (place / "__init__.py", place.with_name(f"{part}.py")) if path.is_file()), None)
        is_member = around is not None and end > import_.module.count(".") + 1 and _binds(around.read_bytes(), part)
        if file is not None:
            yield name, file
        elif not (place.is_dir() or is_member or import_.optional):
            raise SourceError(f"{import_.where}: {name} is not under {root}, not standard and not in python_modules")
        around = file


class Scan(NamedTuple):
    """The names that a module binds anywhere, and its imports and calls that can run."""

    bound: frozenset[str]
    nodes: tuple[tuple[ast.Import | ast.ImportFrom | ast.Call, bool], ...]


@cache
def _scan(source: bytes) -> Scan:
    """Read a module; several Workers share most of theirs."""
    tree = ast.parse(source)
    bound = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name)
    return Scan(frozenset(bound), tuple(_nodes(tree)))


def _binds(source: bytes, name: str) -> bool:
    return name == "*" or name.startswith("__") or not _scan(source).bound.isdisjoint({name, "*", "__getattr__"})


def imports(path: Path, package: str) -> Iterator[Import]:
    """Yield a module's imports, also those in functions, but not those for a type checker alone."""
    try:
        nodes = _scan(path.read_bytes()).nodes
    except SyntaxError as fault:
        raise SourceError(f"{path}:{fault.lineno}: {fault.msg}") from None
    for node, optional in nodes:
        where = f"{path}:{node.lineno}"
        try:
            yield from (Import(where, module, member, optional) for module, member in _names(node, package))
        except ImportError as fault:
            raise SourceError(f"{where}: {fault}") from None


def _nodes(node: ast.AST, optional: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom | ast.Call, bool]]:
    """Yield the imports and calls that can run, each with whether a failing import is handled there."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Call):
        yield node, optional
    types = isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
    handled = isinstance(node, ast.Try) and any(map(_handles_failure, node.handlers))
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not (types and field == "body"):
                yield from _nodes(child, optional or (handled and field == "body"))


def _handles_failure(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or any(getattr(node, "id", "") in _FAILURES for node in ast.walk(handler.type))


def _names(node: ast.Import | ast.ImportFrom | ast.Call, package: str) -> Iterator[tuple[str, str]]:
    """Yield the modules that a statement or a call of `import_module` names, each with the member or an empty text."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, "") for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = resolve_name("." * node.level + (node.module or ""), package)
        yield from ((module, alias.name) for alias in node.names)
    elif ast.unparse(node.func).rpartition(".")[2] in {"import_module", "__import__"}:
        texts = [getattr(part, "value", None) for part in (*node.args, *(keyword.value for keyword in node.keywords))]
        if not texts or not isinstance(texts[0], str):
            raise ImportError("the name of an imported module must be a literal, as the upload would lack the module")
        anchor = texts[1] if len(texts) > 1 and isinstance(texts[1], str) else package
        yield resolve_name(texts[0], anchor), ""


def main(arguments: list[str]) -> int:
    """Copy an entry's files; fail with the reason if one is missing."""
    if len(arguments) != 2:
        print("usage: sources.py MAIN FOLDER", file=sys.stderr)
        return 2
    try:
        copy(Path(arguments[0]), Path(arguments[1]))
    except (SourceError, OSError) as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
