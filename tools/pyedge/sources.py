"""Copies what a Worker imports: `python tools/pyedge/sources.py MAIN FOLDER`, for `[build]` in wrangler.toml.

wrangler sweeps up every `.py` beside the entry. The folder gets the entry and whatever of the entry's own folder is
imported from there, anywhere in a module, so that an upload has no other app, no local runtime and no test helper.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path


def closure(main: Path) -> dict[str, Path]:
    """Return the files that an entry needs, by their path below its folder."""
    root, waiting, found = main.parent, [main.stem], dict[str, Path]()
    while waiting:
        name = waiting.pop()
        path = _file(root, name)
        if path is None or (below := path.relative_to(root).as_posix()) in found:
            continue
        found[below] = path
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        waiting += [part for imported in _imports(path, package) for part in _parents(imported)]
    return dict(sorted(found.items()))


def copy(main: Path, folder: Path) -> None:
    """Bring a folder to hold an entry's files and no others, leaving equal ones alone."""
    files = closure(main)
    for name, source in files.items():
        target, content = folder / name, source.read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for path in [*folder.rglob("*")]:
        if path.is_file() and path.relative_to(folder).as_posix() not in files:
            path.unlink()


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _file(root: Path, name: str) -> Path | None:
    path = root.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _imports(path: Path, package: str) -> Iterator[str]:
    """Yield the names that a module imports; of `from a import b`, b may be a module too."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")
            base = above[: len(above) + 1 - node.level] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


if __name__ == "__main__":
    copy(Path(sys.argv[1]), Path(sys.argv[2]))
