"""Copies what a Worker imports: `python tools/pyedge/sources.py MAIN FOLDER`, for `[build]` in wrangler.toml.

wrangler sweeps up every `.py` beside the entry. The folder gets the entry and whatever of the entry's own folder is
imported from there, anywhere in a module, so that an upload has no other app, no local runtime and no test helper. An
entry may stand in a package: what it imports is then below the folder of that package, and it goes to the top itself.
Comments are left out of it, needless spaces, long names of variables and constants, the docstrings and annotations that
nothing reads when it runs, and what routes say for the OpenAPI document alone; every line keeps its number.
"""

import ast
import inspect
import json
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial, reduce
from hashlib import sha256
from io import StringIO
from itertools import pairwise, product
from keyword import iskeyword
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase

type Place = tuple[int, int]
"""A line, counted from 1, and a column of it, in characters."""
type Edit = tuple[Place, Place, str]
"""What stands from one place to another, and what shall."""

_NO_TEXT = frozenset({"INDENT", "DEDENT", "NEWLINE", "NL", "ENDMARKER"})
_QUIET = frozenset({"typing", "collections.abc", "datetime", "edge.ports", "edge.http", "edge.model", "edge.live"})
_SILENT = frozenset({"Protocol", "BaseModel", "TypedDict", "NamedTuple", "Exception", "StrEnum", "IntEnum"})
"""Bases that do nothing with a docstring, but for Pydantic's, which only a JSON Schema shows."""
_WORDS = frozenset({"description", "examples"})
"""What a field says for a schema alone."""
_VERBS = frozenset({"get", "post", "put", "patch", "delete", "any"})
"""The declarations of routes: a path, problems, and more by name."""
_DEFINED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def closure(main: Path) -> dict[str, Path]:
    """Return the files that an entry needs, by their path in an upload, where the entry is at the top."""
    root, found = _root(main), {main.name: main}
    waiting = _loaded(_text(main), main.stem, is_package=False)
    while waiting:
        name = waiting.pop()
        path = _file(root, name)
        if path is None or (below := path.relative_to(root).as_posix()) in found:
            continue
        found[below] = path
        waiting += _loaded(_text(path), name, is_package=path.name == "__init__.py")
    return dict(sorted(found.items()))


def slimmed(main: Path) -> dict[str, str]:
    """Return what an upload has of an entry and all that it needs, by the path below its folder."""
    files = {name: _text(path) for name, path in closure(main).items()}
    passed_on, own = values(files.values()), frozenset(name.partition("/")[0] for name in files if "/" in name)
    shown = values(map(_unannotated, files.values()))
    texts = {name: slim(text, passed_on, own, shown) for name, text in files.items()}
    known = shared(texts.values())
    texts = {name: text if name == main.name else shorten(text, known) for name, text in texts.items()}
    waiting, reached = [main.stem], set[str]()
    while waiting:
        name = waiting.pop()
        base = name.replace(".", "/")
        for below in {f"{base}.py", f"{base}/__init__.py"} & texts.keys() - reached:
            reached.add(below)
            waiting += _loaded(texts[below], name, is_package=below.endswith("__init__.py"))
    return {name: text for name, text in texts.items() if name in reached}


def copy(main: Path, folder: Path) -> None:
    """Bring a folder to hold an entry's files and no others, leaving equal ones alone; what holds is not made again."""
    stamp, given = folder.with_name(f"{folder.name}.stamp"), _digest([Path(__file__), *_root(main).rglob("*.py")])
    if stamp.is_file() and stamp.read_text(encoding="ascii") == given + _digest(folder.rglob("*.py")):
        return
    files = slimmed(main)
    for name, text in files.items():
        target, content = folder / name, text.encode()
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for path in [*folder.rglob("*")]:
        if path.is_file() and path.relative_to(folder).as_posix() not in files:
            path.unlink()
    stamp.write_text(given + _digest(folder.rglob("*.py")), encoding="ascii")


def _digest(paths: Iterable[Path]) -> str:
    """Return what is the same for the same files of the same content."""
    whole = sha256()
    for path in sorted(paths):
        whole.update(f"{path} ".encode() + sha256(path.read_bytes()).digest())
    return whole.hexdigest()


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


def shared(sources: Iterable[str]) -> frozenset[str]:
    """Return the names by which one module may mean what is another's: imported, asked of an object, or in a string."""
    found = set[str]()
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            found |= {*re.findall(r"\w+", " ".join(_strings(node)))} if not isinstance(node, ast.Name) else set()
    return frozenset(found)


def shorten(source: str, known: frozenset[str]) -> str:
    """Return a module's text with short names for the constants that only the module itself can mean."""
    edited = _edited(source, _recalled(source, known))
    return edited if _nameless(edited, known) == _nameless(source, known) else source


def slim(
    source: str,
    passed_on: frozenset[str] | None = None,
    own: frozenset[str] = frozenset(),
    shown: frozenset[str] | None = None,
) -> str:
    """Return a module's text without comments, needless spaces, and what nothing reads at run time.

    Of the docstrings of classes with a base of ours (titles of problems) and of decorated functions that are passed on
    (summaries of handlers that are listed) the first line stays; of a dataclass, which else would make one, a point is
    left, of the others an empty string, as a body may have nothing else. Annotations stay where they may be asked for:
    those
    of fields, of decorated functions, of `__init__`, and of public functions, but for those that are only called: whose
    names are not among `passed_on`. Unused imports go, of modules that do nothing when they are imported, as those of
    the packages `own` do; and the words about fields of models that are not among `shown`, which are passed on outside
    annotations: nobody asks for their schema.
    """
    meant = partial(meaning, passed_on=passed_on, own=own, shown=shown)
    same = meant(source)
    wording, annotations = (partial(edits, passed_on=passed_on) for edits in (_wording, _annotations))
    imported = partial(_imported, own=own)
    described = partial(_described, shown=shown)
    steps = (_promises, wording, _documented, described, _unneeded, annotations, imported, _spaces, _renamed)
    with suppress(SyntaxError):  # as a rule all of them hold, and are checked together
        whole = reduce(lambda text, edits: _edited(text, edits(text)), steps, source)
        if meant(whole) == same:
            return whole
    for edits in steps:
        edited = _edited(source, edits(source))
        source = edited if _means(edited, same, meant) else source
    return source


def _wording(source: str, passed_on: frozenset[str] | None) -> list[Edit]:
    return [*_comments(source), *_docstrings(source, passed_on)]


def _means(source: str, same: list[object], meant: Callable[[str], list[object]]) -> bool:
    try:
        return meant(source) == same
    except SyntaxError:
        return False


def meaning(
    source: str,
    passed_on: frozenset[str] | None = None,
    own: frozenset[str] = frozenset(),
    shown: frozenset[str] | None = None,
) -> list[object]:
    """Return all that a module says and on which lines, but for what may be left out."""
    tree = ast.parse(source)
    _leave_out_words(tree, passed_on)
    tree = _Untyped().visit(tree)
    for call in _declarations(tree):
        call.args, call.keywords = call.args[:1], [one for one in call.keywords if one.arg != "operation"]
    for call in _fields(tree, shown):
        call.keywords = [one for one in call.keywords if one.arg not in _WORDS]
    while unneeded := _constants(tree):
        tree.body = [_nothing(one) if one in unneeded else one for one in tree.body]
    _leave_out_imports(tree, own)
    for function in _functions(tree.body):
        numbers = {name: f"_{number}" for number, name in enumerate(_locals(function))}
        for name in _names(function):
            name.id = numbers.get(name.id, name.id)
    return [ast.dump(tree), [getattr(node, "lineno", 0) for node in ast.walk(tree)]]


def _leave_out_words(tree: ast.Module, passed_on: frozenset[str] | None) -> None:
    for protocol in _protocols(tree):
        protocol.body = [one for one in protocol.body if not isinstance(one, _DEFINED)]
    for node in _unread(tree, passed_on):
        node.value = _constant("", node)
    for node in _read_first(tree, passed_on):
        node.value = _constant(_first_line(node), node)
    for function in _unasked(tree, passed_on):
        function.returns = None
        for argument in _arguments(function):
            argument.annotation = None


def _leave_out_imports(tree: ast.Module, own: frozenset[str]) -> None:
    for statement, names in _unused(tree, own):
        statement.names = [alias for alias in statement.names if alias.name not in names]
        for alias in statement.names:
            alias.lineno = statement.lineno
    tree.body = [_nothing(one) if isinstance(one, ast.ImportFrom) and not one.names else one for one in tree.body]


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


def _described(source: str, shown: frozenset[str] | None) -> Iterator[Edit]:
    """Yield the words about fields of models whose schema nobody asks for."""
    for call in _fields(ast.parse(source), shown):
        yield from _given(source, call, {id(one.value) for one in call.keywords if one.arg in _WORDS})


def _fields(tree: ast.Module, shown: frozenset[str] | None) -> list[ast.Call]:
    """Return the calls of `Field` in classes that are not shown."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    hidden = [one for one in classes if shown is not None and one.name not in shown]
    calls = [node for one in hidden for node in ast.walk(one) if isinstance(node, ast.Call)]
    return [one for one in calls if isinstance(one.func, ast.Name) and one.func.id == "Field"]


def _unannotated(source: str) -> str:
    """Return a module's code without annotations."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.unparse(tree)


def _documented(source: str) -> Iterator[Edit]:
    """Yield what the declarations of routes say for the document alone: their problems and their operation."""
    for call in _declarations(ast.parse(source)):
        operations = {id(one.value) for one in call.keywords if one.arg == "operation"}
        yield from _given(source, call, {id(one) for one in call.args[1:]} | operations)


def _given(source: str, call: ast.Call, dropped: set[int]) -> Iterator[Edit]:
    """Yield those of a call's arguments whose ids are `dropped`, each with the comma beside it."""
    lines = source.split("\n")
    given = [*call.args, *(one.value for one in call.keywords)]
    parts = sorted(given, key=lambda one: (one.lineno, one.col_offset))
    kept = [one for one in parts if id(one) not in dropped]
    if not kept and parts:
        yield _end(lines, call.func), _end(lines, call), "()"
        return
    for before, part in pairwise(parts):
        if id(part) in dropped:
            yield _end(lines, before), _end(lines, part), ""


def _declarations(tree: ast.Module) -> list[ast.Call]:
    """Return the calls `@routes.get(path, …)` and the like that decorate functions."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    calls = [one for function in functions for one in function.decorator_list if isinstance(one, ast.Call)]
    return [one for one in calls if isinstance(one.func, ast.Attribute) and one.func.attr in _VERBS and one.args]


def _unneeded(source: str) -> Iterator[Edit]:
    """Yield the private constants that nothing in their module names any more."""
    lines, tree = source.split("\n"), ast.parse(source)
    while unneeded := _constants(tree):
        for one in unneeded:
            yield _place(lines, one.lineno, one.col_offset), _end(lines, one), '""'
        tree.body = [_nothing(one) if one in unneeded else one for one in tree.body]


def _constants(tree: ast.Module) -> list[ast.stmt]:
    nodes = [*ast.walk(tree)]
    used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return [
        one
        for one in tree.body
        if isinstance(one, ast.Assign) and len(one.targets) == 1 and isinstance(one.targets[0], ast.Name)
        if one.targets[0].id.startswith("_") and not one.targets[0].id.startswith("__")
        if one.targets[0].id not in used and _is_plain(one.value)
    ]  # fmt: skip


def _is_plain(value: ast.expr) -> bool:
    """Tell whether an expression only says something: it calls nothing but what describes an operation."""
    calls = [node for node in ast.walk(value) if isinstance(node, ast.Call)]
    return all(isinstance(one.func, ast.Name) and one.func.id == "Operation" for one in calls)


def _renamed(source: str) -> Iterator[Edit]:
    """Yield short names for the variables of functions. Parameters keep theirs: they may be given by name."""
    lines = source.split("\n")
    for function in _functions(ast.parse(source).body):
        names = _names(function)
        taken = {node.id for node in names} | {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
        letters = (a + b for a in ["", *ascii_lowercase] for b in ascii_lowercase)
        free = (name for name in letters if name not in taken and not iskeyword(name))
        short = {name: next(free) for name in _locals(function) if len(name) > 1}
        for node in names:
            if node.id in short:
                yield _place(lines, node.lineno, node.col_offset), _end(lines, node), short[node.id]


def _recalled(source: str, known: frozenset[str]) -> Iterator[Edit]:
    """Yield short names, in capitals, for the module's own constants."""
    lines, tree = source.split("\n"), ast.parse(source)
    taken = known | {token.string for token in _tokens(source)}
    letters = ("".join(some) for size in (1, 2) for some in product(ascii_uppercase, repeat=size))
    free = (name for name in letters if name not in taken)
    short = {name: next(free) for name in _constants_of(tree, known) if len(name) > 2}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in short:
            yield _place(lines, node.lineno, node.col_offset), _end(lines, node), short[node.id]


def _nameless(source: str, known: frozenset[str]) -> list[object]:
    """Return all that a module says and on which lines, but for what its own constants are called."""
    tree = ast.parse(source)
    numbers = {name: f"_{number}" for number, name in enumerate(_constants_of(tree, known))}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = numbers.get(node.id, f" {node.id}")
    return [ast.dump(tree), [getattr(node, "lineno", 0) for node in ast.walk(tree)]]


def _constants_of(tree: ast.Module, known: frozenset[str]) -> list[str]:
    """Return the names that a module binds by assignments of its own level and in no other way, and that none knows."""
    assigned = [one.targets[0] for one in tree.body if isinstance(one, ast.Assign) and len(one.targets) == 1]
    places = {id(one): one.id for one in assigned if isinstance(one, ast.Name) and not one.id.startswith("__")}
    nodes = [*ast.walk(tree)]
    names = [one for one in nodes if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)]
    elsewhere = {one.id for one in names if id(one) not in places}
    elsewhere |= {text for node in nodes if not isinstance(node, ast.Name) for text in _strings(node)}
    return [name for name in dict.fromkeys(places.values()) if name not in known | elsewhere]


def _strings(node: ast.AST) -> Iterator[str]:
    """Yield the names and texts that a node itself has."""
    for _, value in ast.iter_fields(node):
        yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))


def _functions(body: Iterable[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions and methods of a module that are not inside others."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body)


def _names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.Name]:
    return [node for one in function.body for node in ast.walk(one) if isinstance(node, ast.Name)]


def _locals(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Return a function's own variables: names that it assigns and that mean them wherever they stand inside it."""
    nodes = [node for one in function.body for node in ast.walk(one)]
    if any(isinstance(node, ast.ClassDef) for node in nodes):
        return []
    bound = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    for node in nodes:
        if isinstance(node, ast.Global | ast.Nonlocal):
            bound |= {*node.names}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.ExceptHandler | ast.FunctionDef | ast.AsyncFunctionDef | ast.MatchAs | ast.MatchStar):
            bound.add(node.name or "")
    inner = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)]
    nested = {id(node) for one in inner for node in ast.walk(one)}
    own = {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        if id(node) not in nested
    }  # fmt: skip
    return [name for name in dict.fromkeys(node.id for node in _names(function)) if name in own - bound]


def _imported(source: str, own: frozenset[str]) -> Iterator[Edit]:
    """Yield the imports of names that are left unused, of modules that do nothing when they are imported."""
    lines = source.split("\n")
    for statement, names in _unused(ast.parse(source), own):
        left = [ast.unparse(alias) for alias in statement.names if alias.name not in names]
        text = f"from {statement.module} import {', '.join(left)}" if left else '""'
        yield _place(lines, statement.lineno, statement.col_offset), _end(lines, statement), text


def _unused(tree: ast.Module, own: frozenset[str]) -> list[tuple[ast.ImportFrom, set[str]]]:
    nodes = [*ast.walk(tree)]
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    used |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return [
        (node, names)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        if node.module in _QUIET or node.module.partition(".")[0] in own
        if (names := {alias.name for alias in node.names if (alias.asname or alias.name) not in used})
    ]


def _docstrings(source: str, passed_on: frozenset[str] | None) -> Iterator[Edit]:
    lines = source.split("\n")
    tree = ast.parse(source)
    made = {id(node.body[0]) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.decorator_list}
    for node in _unread(tree, passed_on):
        text = '"."' if id(node) in made else '""'
        yield _place(lines, node.lineno, node.col_offset), _end(lines, node), text
    for node in _read_first(tree, passed_on):
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


def _read_first(tree: ast.Module, passed_on: frozenset[str] | None) -> list[ast.Expr]:
    """Return the docstrings whose first line may be read."""
    read = [node.body[0] for node in ast.walk(tree) if isinstance(node, _DEFINED) and _is_read(node, passed_on)]
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


def _unread(tree: ast.Module, passed_on: frozenset[str] | None) -> list[ast.Expr]:
    """Return the statements that are only a string and not a docstring that may be read."""
    nodes = [*ast.walk(tree)]
    read = {id(node.body[0]) for node in nodes if isinstance(node, _DEFINED) and _is_read(node, passed_on)}
    return [node for node in nodes if isinstance(node, ast.Expr) and _is_text(node.value) and id(node) not in read]


def _is_read(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, passed_on: frozenset[str] | None) -> bool:
    if isinstance(node, ast.ClassDef):
        return any(ast.unparse(base) not in _SILENT for base in node.bases)
    return bool(node.decorator_list) and (passed_on is None or node.name in passed_on)


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _text(path: Path) -> str:
    with tokenize.open(path) as file:
        return file.read()


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _root(main: Path) -> Path:
    """Return the folder that an entry imports from: its own, or the one above the package that it stands in."""
    folder = main.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _file(root: Path, name: str) -> Path | None:
    path = root.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _loaded(text: str, name: str, *, is_package: bool) -> list[str]:
    """Return the names of what a module may load, and of the packages around it."""
    package = name if is_package else name.rpartition(".")[0]
    return [part for imported in _imports(text, package) for part in _parents(imported)]


def _imports(text: str, package: str) -> Iterator[str]:
    """Yield the names that a module imports; of `from a import b`, b may be a module too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")
            base = above[: len(above) + 1 - node.level] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


if __name__ == "__main__":
    copy(Path(sys.argv[1]), Path(sys.argv[2]))
