"""Copies what a Worker imports: `python tools/pyedge/sources.py MAIN FOLDER`, for `[build]` in wrangler.toml.

wrangler sweeps up every `.py` beside the entry. The folder gets the entry and whatever of the entry's own folder is
imported from there, anywhere in a module, so that an upload has no other app, no local runtime and no test helper.
Comments are left out of it, needless spaces, and the docstrings and annotations that nothing reads when it runs;
every line keeps its number.
"""

import ast
import sys
import tokenize
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path

type Place = tuple[int, int]
"""A line, counted from 1, and a column of it, in characters."""
type Edit = tuple[Place, Place, str]
"""What stands from one place to another, and what shall."""

_NO_TEXT = frozenset({"INDENT", "DEDENT", "NEWLINE", "NL", "ENDMARKER"})
_DEFINED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


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
        target, content = folder / name, slim(_text(source)).encode()
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for path in [*folder.rglob("*")]:
        if path.is_file() and path.relative_to(folder).as_posix() not in files:
            path.unlink()


def slim(source: str) -> str:
    """Return a module's text without comments, needless spaces, and what nothing reads at run time.

    The docstrings of classes with a base (titles of problems, descriptions in JSON schemas) and of decorated functions
    (summaries of handlers) stay; of a dataclass, which else would make one, a point is left, of the others an empty
    string, as a body may have nothing else. Annotations stay where they may be asked for: those of fields, of decorated
    and of public functions, and of `__init__`.
    """
    same = meaning(source)
    for edits in (lambda text: [*_comments(text), *_docstrings(text)], _annotations, _spaces):
        edited = _edited(source, edits(source))
        source = edited if _means(edited, same) else source
    return source


def _means(source: str, same: list[object]) -> bool:
    try:
        return meaning(source) == same
    except SyntaxError:
        return False


def meaning(source: str) -> list[object]:
    """Return all that a module says and on which lines, but for what may be left out."""
    tree = ast.parse(source)
    for node in _unread(tree):
        node.value = ast.Constant("", lineno=node.lineno, col_offset=0)
    for function in _unasked(tree):
        function.returns = None
        for argument in _arguments(function):
            argument.annotation = None
    return [ast.dump(tree), [getattr(node, "lineno", 0) for node in ast.walk(tree)]]


def _edited(source: str, edits: Iterable[Edit]) -> str:
    lines = source.split("\n")
    for start, end, text in sorted(edits, reverse=True):
        first, last = start[0] - 1, end[0]
        together = lines[first][: start[1]] + text + lines[last - 1][end[1] :]
        lines[first:last] = [together.rstrip(), *[""] * (last - first - 1)]
    return "\n".join(lines)


def _tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(StringIO(source).readline)


def _comments(source: str) -> Iterator[Edit]:
    for token in _tokens(source):
        if token.type == tokenize.COMMENT:
            yield token.start, token.end, ""


def _spaces(source: str) -> Iterator[Edit]:
    """Yield what makes the gaps between tokens as small as they may be, but for those inside f-strings."""
    depth, quoted, begins, before = 0, 0, True, (0, 0, "")
    for token in _tokens(source):
        kind, (row, column) = tokenize.tok_name[token.type], token.start
        depth += (kind == "INDENT") - (kind == "DEDENT")
        if kind in _NO_TEXT:
            begins = begins or kind == "NEWLINE"
            continue
        if not quoted and before[0] == row:
            apart = _is_word(before[2][-1:]) and _is_word(token.string[:1])
            yield (row, before[1]), token.start, " " if apart else ""
        elif not quoted:
            yield (row, 0), (row, column), " " * depth if begins else ""
        quoted += kind.endswith("_START") - kind.endswith("_END")
        begins, before = False, (*token.end, token.string)


def _is_word(mark: str) -> bool:
    return mark.isalnum() or mark in {"_", "'", '"'}


def _docstrings(source: str) -> Iterator[Edit]:
    lines = source.split("\n")
    tree = ast.parse(source)
    made = {id(node.body[0]) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.decorator_list}
    for node in _unread(tree):
        text = '"."' if id(node) in made else '""'
        yield _place(lines, node.lineno, node.col_offset), _end(lines, node), text


def _annotations(source: str) -> Iterator[Edit]:
    lines, arrows = source.split("\n"), [token.start for token in _tokens(source) if token.string == "->"]
    for function in _unasked(ast.parse(source)):
        for argument in _arguments(function):
            if argument.annotation is not None:
                begin = _place(lines, argument.lineno, argument.col_offset)
                yield (begin[0], begin[1] + len(argument.arg)), _end(lines, argument.annotation), ""
        if function.returns is not None:
            begin = _place(lines, function.returns.lineno, function.returns.col_offset)
            yield max(arrow for arrow in arrows if arrow < begin), _end(lines, function.returns), ""


def _unasked(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the functions whose annotations nothing asks for: private ones, and methods but for the special ones."""
    nodes = [*ast.walk(tree)]
    methods = {id(one) for node in nodes if isinstance(node, ast.ClassDef) for one in node.body}
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    asked = [node for node in functions if node.decorator_list or node.name.startswith("__")]
    return [one for one in functions if one not in asked and (id(one) in methods or one.name.startswith("_"))]


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    given = function.args
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]


def _end(lines: list[str], node: ast.stmt | ast.expr) -> Place:
    return _place(lines, node.end_lineno or node.lineno, node.end_col_offset or 0)


def _place(lines: list[str], line: int, column: int) -> Place:
    """Return a place of `ast`, which counts columns in bytes."""
    return line, len(lines[line - 1].encode()[:column].decode())


def _unread(tree: ast.Module) -> list[ast.Expr]:
    """Return the statements that are only a string and not a docstring that may be read."""
    nodes = [*ast.walk(tree)]
    read = {id(node.body[0]) for node in nodes if isinstance(node, _DEFINED) and _is_read(node)}
    return [node for node in nodes if isinstance(node, ast.Expr) and _is_text(node.value) and id(node) not in read]


def _is_read(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    if isinstance(node, ast.ClassDef):
        return any(ast.unparse(base) != "Protocol" for base in node.bases)
    return bool(node.decorator_list)


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _text(path: Path) -> str:
    with tokenize.open(path) as file:
        return file.read()


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _file(root: Path, name: str) -> Path | None:
    path = root.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _imports(path: Path, package: str) -> Iterator[str]:
    """Yield the names that a module imports; of `from a import b`, b may be a module too."""
    for node in ast.walk(ast.parse(_text(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")
            base = above[: len(above) + 1 - node.level] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


if __name__ == "__main__":
    copy(Path(sys.argv[1]), Path(sys.argv[2]))
