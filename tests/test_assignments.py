"""One assignment binds related values only: a swap, a pair of one form, the parts of one thing."""

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
FOLDERS = ("src", "tools", "tests", "benchmarks")
BUILTINS = {*dir(builtins)}


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements below a node without their expressions, which are most of a tree and hold no statement."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        inner = getattr(node, name, None)
        for child in inner if isinstance(inner, list) else []:
            yield child
            yield from statements(child)


def packed(tree: ast.Module) -> Iterator[ast.Assign]:
    """Yield the assignments of two or more unrelated values."""
    for node in statements(tree):
        match node:
            case ast.Assign(targets=[ast.Tuple() as target], value=ast.Tuple() as value):
                if not (is_exchange(target, value) or is_family(target, value) or is_pair(value)):
                    yield node
            case _:
                pass


def is_exchange(target: ast.Tuple, value: ast.Tuple) -> bool:
    """Whether a name is set by one part and read by another, as in a swap."""
    stars = (ast.Starred, ast.Tuple)
    if len(target.elts) != len(value.elts) or any(isinstance(part, stars) for part in target.elts):
        return False
    bound = [ast.unparse(part) for part in target.elts]
    reads = [{ast.unparse(part) for part in ast.walk(part) if isinstance(part, ast.expr)} for part in value.elts]
    return any(name in read for at, name in enumerate(bound) for read in reads[:at] + reads[at + 1 :])


def is_family(target: ast.Tuple, value: ast.Tuple) -> bool:
    """Whether constants of one type get names of constants, such as the numbers of a protocol."""
    names = [part.id for part in target.elts if isinstance(part, ast.Name) and part.id.isupper()]
    types = {type_of(part) for part in value.elts}
    return len(names) == len(target.elts) and len(types) == 1 and None not in types


def type_of(value: ast.expr) -> str | None:
    """Return the kind of a constant, or of a small sum of constants."""
    constants = [node.value for node in ast.walk(value) if isinstance(node, ast.Constant)]
    if not constants or any(isinstance(node, ast.Name | ast.Call) for node in ast.walk(value)):
        return None
    return "text" if any(isinstance(constant, str) for constant in constants) else "number"


def is_pair(value: ast.Tuple) -> bool:
    """Whether each value is a call of the same function of ours, or is made of the same names."""
    forms = [part.value if isinstance(part, ast.Await) else part for part in value.elts]
    functions = {ast.unparse(form.func) if isinstance(form, ast.Call) else "" for form in forms}
    if len(functions) == 1 and not functions & {"", *BUILTINS}:
        return True
    names = {frozenset(names_of(form)) for form in forms}
    return len(names) == 1 and frozenset() not in names and not all(isinstance(form, ast.Name) for form in forms)


def names_of(value: ast.expr) -> set[str]:
    """Return the names of which a value is made, without functions of Python and `self`."""
    return {node.id for node in ast.walk(value) if isinstance(node, ast.Name)} - BUILTINS - {"self"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_assignment_packs_unrelated_values(folder: str) -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in packed(ast.parse(path.read_text()))
    ]
    assert faults == []


@pytest.mark.parametrize(
    "around",
    [
        "def f():\n    {}",
        "class A:\n    async def f(self):\n        {}",
        "if x:\n    pass\nelif y:\n    {}\nelse:\n    pass",
        "for x in y:\n    pass\nelse:\n    {}",
        "while x:\n    with y:\n        {}",
        "try:\n    pass\nexcept A:\n    {}",
        "try:\n    pass\nfinally:\n    {}",
        "match x:\n    case 1:\n        {}",
    ],
)
def test_the_rule_looks_into_each_kind_of_block(around: str) -> None:
    assert len([*packed(ast.parse(around.format("a, b = x, y")))]) == 1


@pytest.mark.parametrize(
    "source",
    [
        "a, b = x, y",
        "self.settings, self.db = settings, db",
        "text, count = '', 0",
        "rows, page = [], await pages()",
        "page, limit = 300, 1000",
        "ada, start = await member('ada'), tomorrow()",
        "model, texts = str(first), list(second)",
        "now, (calls, length) = clock(), limit",
        "city, chance = self.city, self.chance",
        "NAME, LIMIT = 'name', 5",
    ],
)
def test_the_rule_catches_unrelated_values(source: str) -> None:
    assert [ast.unparse(node) for node in packed(ast.parse(source))] == [ast.unparse(ast.parse(source))]


@pytest.mark.parametrize(
    "source",
    [
        "a, b = b, a",
        "before, self.state = self.state, state",
        "left, right = call()",
        "PING, COMMAND = 1, 2",
        "PAGE, PAGE_BYTES = 50, 128 * 1024",
        "low, high = min(values), max(values)",
        "latitude, longitude = math.radians(a), math.radians(b)",
        "ada, bob = await member('ada'), await member('bob')",
        "body, headers = response.body, response.headers",
        "a = b = 0",
    ],
)
def test_the_rule_accepts_related_values(source: str) -> None:
    assert list(packed(ast.parse(source))) == []
