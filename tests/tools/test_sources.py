"""What a Worker uploads says what the sources say, in fewer bytes."""

import ast
import dis
import gzip
import inspect
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType

import pytest

from pyedge.client import ROOT
from pyedge.sources import closure, copy, meaning, shared, shorten, slim, slimmed

SLIMMED = {
    "a comment": ("x=1  # one\n# two\n", "x=1\n\n"),
    "what looks like one": ("x='# no'\ny=f'{x}#{x!r:#>4}'", None),
    "a module's docstring": ('"""What\nit is."""\nx=1', '""\n\nx=1'),
    "a body that is only a docstring": ('def f():\n    """Words\n    and words."""', 'def f():\n ""\n'),
    "a body on the line of its head": ('def f(): "words"', 'def f():""'),
    "a docstring of several strings": ('def f():\n    ("a"  # one\n     "b")\n    g()', 'def f():\n ""\n\n g()'),
    "letters of several bytes before and in it": ('def ü(): "ü🚗"; "é"; g()', 'def ü():"";"";g()'),
    "a string beside a statement": ('x=1\n"""What x is,\nat length."""', 'x=1\n""\n'),
    "a docstring with escapes": ('def f():\n    r"""\\d # no"""\n    return 1', 'def f():\n ""\n return 1'),
    "a decorated function's docstring": (
        '@get\ndef f():\n """Summary.\n\n # more"""',
        '@get\ndef f():\n "Summary."\n\n',
    ),
    "the docstring of a class with a base": (
        'class A(Problem):\n """Title.\n\n More."""',
        'class A(Problem):\n "Title."\n\n',
    ),
    "a model's docstring": ('class A(BaseModel):\n """Words."""\n a:int', 'class A(BaseModel):\n ""\n a:int'),
    "a variable's type": ("a: int = 1\ndef f():\n b: int = a", "a=1\ndef f():\n b=a"),
    "imports of types alone": (
        "from typing import Any, cast\nx: Any = cast(1, 2)",
        "from typing import cast\nx=cast(1,2)",
    ),
    "a dataclass's docstring": ('@dataclass\nclass A:\n """A row."""\n a:int', '@dataclass\nclass A:\n "."\n a:int'),
    "a private function's annotations": ("def _f(a: int, *b: str, c: int = 1) -> None: ...", "def _f(a,*b,c=1):..."),
    "a method's": (
        "class A(B):\n async def f(\n  self,\n  a: dict[str, int],\n ) -> None: ...",
        "class A(B):\n async def f(\nself,\na,\n):...",
    ),
    "annotations that may be asked for": (
        "class A:\n b:int=1\n def __init__(self,a:int)->None:...\n @c\n def d(self)->int:...\ndef f(a:int)->int:...",
        None,
    ),
    "a plain class's docstring": ('class A:\n """Words."""', 'class A:\n ""'),
    "a protocol's docstrings": (
        'class A(Protocol):\n    """Words."""\n    def f(self):\n        """Words."""',
        'class A(Protocol):\n ""\n\n',
    ),
    "strings that are no docstrings": ("def f():\n return 'a'\nx=['''a\n    # b''','b']", None),
    "what would change its line": ('"""Two\nlines."""; x = 1  # one', '"""Two\nlines.""";x=1# one'),
    "a comment that is printed": ('f"""{x  # one\n=}"""', None),
    "a line that goes on": ("x = 1 +\\\n    2  # three\n", "x=1+\\\n2\n"),
    "brackets over lines": ("f(\n    a,  # one\n    b = [\n        1,\n    ],\n)", "f(\na,\nb=[\n1,\n],\n)"),
    "blocks": ("if a:\n    if b :\n        c\n    d\nelse :\n    e", "if a:\n if b:\n  c\n d\nelse:\n e"),
    "blocks after empty lines": ("if a:\n\n    b\n\n\nc", "if a:\n\n b\n\n\nc"),
    "words side by side": ("x = not y if 1 else - z is None", "x=not y if 1 else-z is None"),
    "words beside strings": (
        'x = "a" "b" if "a" in f"b" or r"c" else b""',
        'x="a" "b" if "a" in f"b" or r"c" else b""',
    ),
    "operators side by side": (
        "f(* a, ** b, c = - - d, e = a [1 : : 2], g = ~ - 1)",
        "f(*a,**b,c=--d,e=a[1::2],g=~-1)",
    ),
    "a method of a number": ("x = 1 .real + 1. .real", "x = 1 .real + 1. .real"),
    "variables of functions": (
        "def f(one):\n two = one + 1\n three: int = two\n return [g(x, two=two) for x in three], f'{two} {three}'",
        "def f(one):\n a=one+1\n b=a\n return[g(x,two=a)for x in b],f'{a} {b}'",
    ),
    "a variable that is printed by its name": ("def f():\n one=1\n return f'{one=}'", None),
    "variables that others mean, too": (
        "def f(a):\n global one\n one=1\n from x import two\n def three(b=5):\n  nonlocal a\n  a=b\n return three",
        None,
    ),
    "a variable of a function inside": (
        "def f(one):\n two=1\n def g(x):\n  three=x\n  return two+three\n return g",
        "def f(one):\n a=1\n def g(x):\n  three=x\n  return a+three\n return g",
    ),
    "what a route says for the document": (
        '_A = Operation({200: B})\n_C = (D, *E)\n@routes.get("/x", *_C, F, access=G, operation=_A)\nasync def f(): ...',
        '""\n""\n@routes.get("/x",access=G)\nasync def f():...',
    ),
    "private constants that do something": ("_A = f()\n_B = 1\nC = _B", "_A=f()\n_B=1\nC=_B"),
    "inside an f-string": ('x=f"""\n    {  a }\n  {b = }{{ {c :  > {d}}"""', None),
    "a string and what follows it": ('x = """\n    a\n    """ .strip ( )', 'x="""\n    a\n    """.strip()'),
}
"""What comes to be of a module; None: nothing."""

SPOKEN = """
import asyncio
from core_tessie.actions import list_kinds
from core_tessie.agent_tools import tool_schemas
from core_tessie.app import app
from core_tessie.commands import list_commands
from edge.errors import Problem

def below(kind):
    for one in kind.__subclasses__():
        yield from [one, *below(one)]

print(*sorted(f"{one.__name__} {one.type} {one.title}" for one in below(Problem)), sep="\\n")
print(*(f"{one.method} {one.path} {one.access} {one.route.status}" for one in app.endpoints), sep="\\n")
print(asyncio.run(list_commands()), asyncio.run(list_kinds()), tool_schemas(), sep="\\n")
"""
"""Prints what an app says of itself when it runs: titles, summaries, schemas."""


@pytest.mark.parametrize(("source", "expected"), SLIMMED.values(), ids=SLIMMED)
def test_what_is_left_of_a_module(source: str, expected: str | None) -> None:
    assert slim(source) == (source if expected is None else expected)


def test_words_about_fields_stay_where_a_schema_is_asked_for() -> None:
    source = 'class A(BaseModel):\n a:int=Field(1,ge=0,description="x")\n b:int=Field(description="y")'
    assert slim(source, shown=frozenset({"A"})) == source
    assert slim(source, shown=frozenset()) == "class A(BaseModel):\n a:int=Field(1,ge=0)\n b:int=Field()"


@pytest.mark.parametrize(
    ("one", "other"), [("x = 1", "x = 2"), ("\nx = 1", "x = 1"), ('@a\ndef f(): "b"', '@a\ndef f(): "c"')]
)
def test_a_change_of_meaning_is_seen(one: str, other: str) -> None:
    assert meaning(one) != meaning(other)


SHORTENED = {
    "constants": ("LIMIT=1\n_LONG=LIMIT+1\ndef f():return LIMIT+_LONG", "A=1\nB=A+1\ndef f():return A+B"),
    "inside and around": (
        "LIMIT=1\nclass C:\n a=LIMIT\n def f(self,b=LIMIT)->LIMIT:return[f'{LIMIT}'for x in LIMIT]",
        "A=1\nclass C:\n a=A\n def f(self,b=A)->A:return[f'{A}'for x in A]",
    ),
    "names that are taken": ("LIMIT=1\ndef f(A,C):return LIMIT,A.B", "D=1\ndef f(A,C):return D,A.B"),
    "a constant that is bound twice": ("LIMIT=1\nLIMIT=LIMIT+1", "A=1\nA=A+1"),
    "a long line of them": ("LIMIT=1;OTHER=LIMIT\nprint(LIMIT,ü:=OTHER,LIMIT)", "A=1;B=A\nprint(A,ü:=B,A)"),
    "what is imported elsewhere": ("KNOWN=1", None),
    "what is another's member": ("MEMBER=1", None),
    "what a string says": ("SAID=1;TOLD=1", None),
    "what a text of its own says": ("LIMIT=1\nx='LIMIT'\nf'{LIMIT=}'", None),
    "what a function binds, too": ("LIMIT=1\ndef f():\n LIMIT=2\n return LIMIT", None),
    "what a function binds for the module": ("LIMIT=1\ndef f():\n global LIMIT\n LIMIT=2", None),
    "what a class binds, too": ("LIMIT=1\nclass C:\n LIMIT:int=2", None),
    "an argument": ("LIMIT=1\ndef f(LIMIT):return LIMIT\nf(LIMIT=LIMIT)", None),
    "other bindings": (
        "A1,B1=1,2\nONE=1\nfor ONE in[]:...\nTWO=1\nwith x as TWO:...\nSIX=1\nSIX+=1\ntype TEN=x\nTEN=1\nOFF=1;del OFF",
        None,
    ),
    "names of functions, classes and errors": (
        "ONE=1\ndef ONE():...\nTWO=1\nclass TWO:...\nSIX=1\ntry:...\nexcept x as SIX:...\nTEN=1\nimport y as TEN",
        None,
    ),
    "names in patterns and of types": (
        "ONE=1\nTWO=1\nSIX=1\nmatch x:\n case{**ONE}:...\n case[*TWO]:...\n case C(SIX=1):...\nTEN=1\ndef f[TEN]():...",
        None,
    ),
    "what Python itself asks for": ("__all__=1", None),
}
"""What comes to be of a module beside another, which is `OTHERS`; None: nothing."""
OTHERS = "from x import KNOWN\ny.MEMBER\nz='a SAID b'\nf'{y}TOLD'"


@pytest.mark.parametrize(("source", "expected"), SHORTENED.values(), ids=SHORTENED)
def test_what_a_modules_own_constants_are_called(source: str, expected: str | None) -> None:
    assert shorten(source, shared([source, OTHERS])) == (source if expected is None else expected)


@pytest.mark.slow
def test_each_module_of_the_upload_means_what_it_did() -> None:
    sources = {name: path.read_text() for name, path in closure(ROOT / "src" / "main.py").items()}
    uploaded = slimmed(ROOT / "src" / "main.py")
    assert uploaded.keys() <= sources.keys()
    for name, text in uploaded.items():
        assert code(text) == code(sources[name]), name
        assert len(text.split("\n")) == len(sources[name].split("\n")), name
        first = {where: (text or "").partition("\n")[0] for where, text in docstrings(sources[name]).items()}
        kept = {where: text for where, text in docstrings(text).items() if text != "."}
        assert kept.items() <= first.items(), name
    assert packed(uploaded) < 0.75 * packed(sources)


class Bare(ast.NodeTransformer):
    """Leaves of a module what it does: no types of arguments, results and variables, no imports, no bare strings."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        self.generic_visit(node)
        node.returns = None
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        self.generic_visit(node)
        node.returns = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        self.generic_visit(node)
        if "Protocol" in map(ast.unparse, node.bases):
            node.body = [one for one in node.body if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        return ast.copy_location(ast.Assign([node.target], node.value), node) if node.value else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        return ast.copy_location(ast.Pass(), node)

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return ast.copy_location(ast.Pass(), node) if is_text else node


def code(source: str) -> dict[str, list[str]]:
    """Return what each function of a module does, with the lines: whatever variables and constants are called."""
    tree = ast.fix_missing_locations(Bare().visit(ast.parse(source)))
    constants = {
        target.id: f"the constant of line {one.lineno}"
        for one in tree.body
        if isinstance(one, ast.Assign)
        for target in one.targets
        if isinstance(target, ast.Name)
    }
    return dict(_functions(compile(tree, "module", "exec", optimize=2), constants))


def _functions(one: CodeType, constants: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    if one.co_flags & inspect.CO_OPTIMIZED:
        yield f"{one.co_qualname}:{one.co_firstlineno}", [*_instructions(one, constants)]
    for inner in one.co_consts:
        if isinstance(inner, CodeType):
            yield from _functions(inner, constants)


def _instructions(one: CodeType, constants: Mapping[str, str]) -> Iterator[str]:
    known = one.co_varnames[: one.co_argcount + one.co_kwonlyargcount]
    numbers = {name: str(number) for number, name in enumerate(known)}
    for step in dis.get_instructions(one):
        told = step.argval
        if isinstance(told, CodeType):
            told = told.co_qualname
        elif {"GLOBAL", "NAME"} & {*step.opname.split("_")}:
            told = constants.get(told, told)
        elif {"FAST", "DEREF", "CELL", "CLOSURE"} & {*step.opname.split("_")}:
            names = told if isinstance(told, tuple) else (told,)
            told = [numbers.setdefault(name, f"v{len(numbers)}") for name in names]
            if one.co_cellvars or one.co_freevars:
                told = None  # the order of cells is that of their names, which are others
        yield f"{step.positions.lineno if step.positions else None} {step.opname} {told!r}"


def docstrings(source: str) -> dict[str, str | None]:
    """Return the docstrings that are left, by the name of what they are of."""
    named = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, named)]
    return {f"{node.name}:{node.lineno}": text for node in nodes if (text := ast.get_docstring(node))}


def packed(modules: dict[str, str]) -> int:
    return len(gzip.compress("".join(modules.values()).encode()))


def test_a_traceback_points_at_the_line_of_the_source(tmp_path: Path) -> None:
    source = '"""One\ntwo."""\n\ndef f(x):  # five\n    """Six\n    seven."""\n    # eight\n    return x / 0\n'
    (tmp_path / "main.py").write_text(source)
    copy(tmp_path / "main.py", tmp_path / "out")
    left = (tmp_path / "out" / "main.py").read_text()
    names: dict[str, object] = {}
    exec(compile(left, "main.py", "exec"), names)
    with pytest.raises(ZeroDivisionError) as raised:
        names["f"](1)  # type: ignore[operator]
    assert traceback.extract_tb(raised.tb)[-1].lineno == source.split("\n").index("    return x / 0") + 1
    assert "seven" not in left
    assert "eight" not in left


def test_a_copy_is_written_in_utf_8_whatever_the_source_is_in(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_bytes("# coding: latin-1\nx = 'ü'\n".encode("latin-1"))
    copy(tmp_path / "main.py", tmp_path / "out")
    assert (tmp_path / "out" / "main.py").read_bytes() == "\nx='ü'\n".encode()


def test_what_is_made_already_is_made_again_where_a_source_or_the_copy_has_changed(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("x = 1  # one")
    out = tmp_path / "out"
    copy(tmp_path / "main.py", out)
    before = (out / "main.py").stat().st_mtime_ns
    copy(tmp_path / "main.py", out)
    assert (out / "main.py").stat().st_mtime_ns == before
    (out / "main.py").write_text("x = 3")
    (out / "more.py").write_text("")
    copy(tmp_path / "main.py", out)
    assert {path.name: path.read_text() for path in out.iterdir()} == {"main.py": "x=1"}
    (tmp_path / "main.py").write_text("x = 2  # two")
    copy(tmp_path / "main.py", out)
    assert (out / "main.py").read_text() == "x=2"


def test_an_entry_in_a_package_goes_to_the_top_and_its_package_below_it(tmp_path: Path) -> None:
    package = tmp_path / "src" / "bot"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('NAME = "bot"\n')
    (package / "app.py").write_text("from bot import NAME\nfrom other.thing import x\ny = x, NAME\n")
    (package / "worker.py").write_text("from bot.app import NAME\nDefault = NAME\n")
    (package / "spare.py").write_text("")
    (tmp_path / "src" / "other").mkdir()
    (tmp_path / "src" / "other" / "thing.py").write_text("x = 1\n")
    copy(package / "worker.py", tmp_path / "out")
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.py"))
    assert found == ["bot/__init__.py", "bot/app.py", "other/thing.py", "worker.py"]


@pytest.mark.slow
def test_what_is_said_at_run_time_is_the_same(tmp_path: Path) -> None:
    copy(ROOT / "src" / "main.py", tmp_path)
    before, after = (spoken(folder) for folder in (ROOT / "src", tmp_path))
    assert len(before.splitlines()) > 100
    assert after == before


def spoken(folder: Path) -> str:
    command = [sys.executable, "-c", SPOKEN]
    return subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, check=True).stdout
