"""Copies what a Worker imports: `python tools/pyedge/sources.py MAIN FOLDER`, for `[build]` in wrangler.toml.

wrangler sweeps up every `.py` beside the entry. The folder gets the entry and whatever of the entry's own folder is
imported from there, anywhere in a module, so that an upload has no other app, no local runtime and no test helper.
Comments are left out of it, needless spaces, and the docstrings and annotations that nothing reads when it runs;
every line keeps its number.
"""

import ast
import inspect
import json
import sys
import tokenize
from collections.abc import Iterable, Iterator
from functools import partial
from io import StringIO
from pathlib import Path

type Place = tuple[int, int]
"""A line, counted from 1, and a column of it, in characters."""
type Edit = tuple[Place, Place, str]
"""What stands from one place to another, and what shall."""

_NO_TEXT = frozenset({"INDENT", "DEDENT", "NEWLINE", "NL", "ENDMARKER"})
_QUIET = frozenset({"typing", "collections.abc", "datetime", "edge.ports", "edge.http", "edge.model", "edge.live"})
_SILENT = frozenset({"Protocol", "BaseModel", "TypedDict", "NamedTuple", "Exception", "StrEnum", "IntEnum"})
"""Bases that do nothing with a docstring, but for Pydantic's, which only a JSON Schema shows."""
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
    passed_on = values(_text(source) for source in files.values())
    for name, source in files.items():
        target, content = folder / name, slim(_text(source), passed_on).encode()
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for path in [*folder.rglob("*")]:
        if path.is_file() and path.relative_to(folder).as_posix() not in files:
            path.unlink()


def values(sources: Iterable[str]) -> frozenset[str]:
    """Return the names that modules use other than to call or import them: what they name can be asked."""
    found = set[str]()
    for source in sources:
        nodes = [*ast.walk(ast.parse(source))]
        called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        for node in nodes:
            if isinstance(node, ast.Name | ast.Attribute) and id(node) not in called:
                found.add(node.id if isinstance(node, ast.Name) else node.attr)
    return frozenset(found)


def slim(source: str, passed_on: frozenset[str] | None = None) -> str:
    """Return a module's text without comments, needless spaces, and what nothing reads at run time.

    Of the docstrings of classes with a base of ours (titles of problems) and of decorated functions (summaries of
    handlers) the first line stays; of a dataclass, which else would make one, a point is left,
    of the others an empty string, as a body may have nothing else. Annotations stay where they may be asked for: those
    of fields, of decorated functions, of `__init__`, and of public functions, but for those that are only called: whose
    names are not among `passed_on`.
    """
    same = meaning(source, passed_on)
    annotations = partial(_annotations, passed_on=passed_on)
    for edits in (_promises, lambda text: [*_comments(text), *_docstrings(text)], annotations, _imported, _spaces):
        edited = _edited(source, edits(source))
        source = edited if _means(edited, same, passed_on) else source
    return source


def _means(source: str, same: list[object], passed_on: frozenset[str] | None) -> bool:
    try:
        return meaning(source, passed_on) == same
    except SyntaxError:
        return False


def meaning(source: str, passed_on: frozenset[str] | None = None) -> list[object]:
    """Return all that a module says and on which lines, but for what may be left out."""
    tree = ast.parse(source)
    for protocol in _protocols(tree):
        protocol.body = [one for one in protocol.body if not isinstance(one, _DEFINED)]
    for node in _unread(tree):
        node.value = _constant("", node)
    for node in _read_first(tree):
        node.value = _constant(_first_line(node), node)
    for function in _unasked(tree, passed_on):
        function.returns = None
        for argument in _arguments(function):
            argument.annotation = None
    tree = _Untyped().visit(tree)
    for statement, names in _unused(tree):
        statement.names = [alias for alias in statement.names if alias.name not in names]
        for alias in statement.names:
            alias.lineno = statement.lineno
    tree.body = [_nothing(one) if isinstance(one, ast.ImportFrom) and not one.names else one for one in tree.body]
    return [ast.dump(tree), [getattr(node, "lineno", 0) for node in ast.walk(tree)]]


class _Untyped(ast.NodeTransformer):
    """Takes away the types of variables."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        node.body = [one if isinstance(one, ast.AnnAssign) else self.visit(one) for one in node.body]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is None:
            return node
        return ast.copy_location(ast.Assign([node.target], node.value), node)


def _nothing(node: ast.stmt) -> ast.Expr:
    return ast.copy_location(ast.Expr(_constant("", node)), node)


def _constant(text: str, node: ast.stmt) -> ast.Constant:
    return ast.Constant(text, lineno=node.lineno, col_offset=0)


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


def _promises(source: str) -> Iterator[Edit]:
    """Yield the methods of protocols, which nobody calls."""
    lines = source.split("\n")
    for protocol in _protocols(ast.parse(source)):
        for node in protocol.body:
            if isinstance(node, _DEFINED):
                first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                yield (first, 0), _end(lines, node), ""


def _protocols(tree: ast.Module) -> list[ast.ClassDef]:
    """Return the protocols that say in words what they are, so that without their methods something is left."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return [one for one in classes if "Protocol" in map(ast.unparse, one.bases) and ast.get_docstring(one) is not None]


def _imported(source: str) -> Iterator[Edit]:
    """Yield the imports of names that are left unused, of modules that do nothing when they are imported."""
    lines = source.split("\n")
    for statement, names in _unused(ast.parse(source)):
        left = [ast.unparse(alias) for alias in statement.names if alias.name not in names]
        text = f"from {statement.module} import {', '.join(left)}" if left else '""'
        yield _place(lines, statement.lineno, statement.col_offset), _end(lines, statement), text


def _unused(tree: ast.Module) -> list[tuple[ast.ImportFrom, set[str]]]:
    nodes = [*ast.walk(tree)]
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    used |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return [
        (node, names)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module in _QUIET
        if (names := {alias.name for alias in node.names if (alias.asname or alias.name) not in used})
    ]


def _docstrings(source: str) -> Iterator[Edit]:
    lines = source.split("\n")
    tree = ast.parse(source)
    made = {id(node.body[0]) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.decorator_list}
    for node in _unread(tree):
        text = '"."' if id(node) in made else '""'
        yield _place(lines, node.lineno, node.col_offset), _end(lines, node), text
    for node in _read_first(tree):
        if node.end_lineno != node.lineno:
            text = json.dumps(_first_line(node), ensure_ascii=False)
            yield _place(lines, node.lineno, node.col_offset), _end(lines, node), text


def _annotations(source: str, passed_on: frozenset[str] | None) -> Iterator[Edit]:
    lines, arrows = source.split("\n"), [token.start for token in _tokens(source) if token.string == "->"]
    tree = ast.parse(source)
    for function in _unasked(tree, passed_on):
        for argument in _arguments(function):
            if argument.annotation is not None:
                begin = _place(lines, argument.lineno, argument.col_offset)
                yield (begin[0], begin[1] + len(argument.arg)), _end(lines, argument.annotation), ""
        if function.returns is not None:
            begin = _place(lines, function.returns.lineno, function.returns.col_offset)
            yield max(arrow for arrow in arrows if arrow < begin), _end(lines, function.returns), ""
    for variable in _variables(tree):
        yield _end(lines, variable.target), _end(lines, variable.annotation), ""


def _unasked(tree: ast.Module, passed_on: frozenset[str] | None) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the functions whose annotations nothing asks for: private ones, methods, and what is only called."""
    nodes = [*ast.walk(tree)]
    methods = {id(one) for node in nodes if isinstance(node, ast.ClassDef) for one in node.body}
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    asked = [node for node in functions if node.decorator_list or node.name.startswith("__")]
    private = {one.name for one in functions if one.name.startswith("_")}
    only_called = private if passed_on is None else {one.name for one in functions} - passed_on
    return [one for one in functions if one not in asked and (id(one) in methods or one.name in only_called)]


def _read_first(tree: ast.Module) -> list[ast.Expr]:
    """Return the docstrings whose first line may be read."""
    read = [node.body[0] for node in ast.walk(tree) if isinstance(node, _DEFINED) and _is_read(node)]
    return [node for node in read if isinstance(node, ast.Expr) and _is_text(node.value)]


def _first_line(node: ast.Expr) -> str:
    assert isinstance(node.value, ast.Constant)
    return inspect.cleandoc(str(node.value.value)).partition("\n")[0]


def _variables(tree: ast.Module) -> list[ast.AnnAssign]:
    """Return the assignments with a type, but for the fields of classes."""
    nodes = [*ast.walk(tree)]
    fields = {id(one) for node in nodes if isinstance(node, ast.ClassDef) for one in node.body}
    return [one for one in nodes if isinstance(one, ast.AnnAssign) and one.value is not None and id(one) not in fields]


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
        return any(ast.unparse(base) not in _SILENT for base in node.bases)
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
