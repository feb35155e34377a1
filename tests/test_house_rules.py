"""The house rules that a test can hold; each is also shown to catch a bad example."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src"
OUTER = {"runtimes", "testing", "openapi"}
"""The rooms around the kernel: they run apps on a machine and in tests, and describe them when the project is built."""
KERNEL = sorted(path for path in (SRC / "edge").rglob("*.py") if not OUTER & set(path.parts))
RUNTIMES = sorted(path for room in OUTER for path in (SRC / "edge" / room).rglob("*.py"))
APPS = sorted(path.parent.name for path in SRC.glob("*/app.py") if path.parent.name != "edge")
APP_FILES = sorted(path for app in APPS for path in (SRC / app).rglob("*.py"))
EVERY = sorted(path for folder in (SRC, ROOT / "tools", ROOT / "benchmarks") for path in folder.rglob("*.py"))

DEPENDENCIES = {
    re.split(r"[><=~ ;\[]", dependency)[0].lower()
    for dependency in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
}
BELOW = {
    "sqlite3",
    "dbm",
    "socket",
    "socketserver",
    "ssl",
    "subprocess",
    "multiprocessing",
    "threading",
    "concurrent",
    "http.client",
    "http.server",
    "ctypes",
    "signal",
    "selectors",
    "shelve",
}
"""Python's modules that need the machine below."""


@cache
def pure() -> set[str]:
    """Return the modules of the project's dependencies and Python's modules that need no machine below."""
    provided = {name for name, owners in packages_distributions().items() if DEPENDENCIES & {*map(str.lower, owners)}}
    return {
        *sys.stdlib_module_names,
        "edge",
        "pydantic_core",
        *provided,
    } - BELOW


FORBIDDEN = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "base",
    "services",
    "service",
    "manager",
    "managers",
    "misc",
}


type Paths = list[Path]


def by_package(paths: Sequence[Path]) -> pytest.MarkDecorator:
    """Return the mark of a test that runs once for each package or folder, not for each file."""
    groups: dict[str, Paths] = {}
    for path in paths:
        parts = path.relative_to(ROOT).parts
        groups.setdefault(parts[1] if parts[0] == "src" else parts[0], []).append(path)
    return pytest.mark.parametrize("paths", [pytest.param(group, id=name) for name, group in groups.items()])


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(SRC).with_suffix("").parts)
    return name.removesuffix(".__init__")


@cache
def imports(source: str) -> tuple[str, ...]:
    """Return the modules that a source imports, also inside functions, but not those for a type checker alone."""
    nodes = [*ast.walk(ast.parse(source))]
    unloaded = {
        inner
        for node in nodes
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in node.body
        for inner in ast.walk(child)
    }
    names: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import) and node not in unloaded:
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node not in unloaded:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)


def forbidden_imports(source: str, module: str) -> list[str]:
    """Return the forbidden imports of a module of the kernel or of an app; an app's entries choose its runtime."""
    is_entry = module.partition(".")[0] in APPS and module.endswith((".worker", ".__main__"))
    rooms = OUTER - {"runtimes"} if is_entry else OUTER
    own = {module.partition(".")[0]} - {"edge"}
    allowed = pure() | own
    return [
        name
        for name in imports(source)
        if name.partition(".")[0] not in allowed
        or name.startswith((*(f"edge.{room}" for room in rooms), "http.client", "http.server"))
    ]


@by_package([*KERNEL, *APP_FILES])
def test_kernel_and_apps_import_nothing_but_pure_modules_and_no_other_app(paths: Paths) -> None:
    faults = {module_of(path): forbidden_imports(path.read_text(), module_of(path)) for path in paths}
    assert {module: names for module, names in faults.items() if names} == {}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("edge.app", "import core_tessie"),
        ("edge.app", "from core_tessie.app import app"),
        ("edge.app", "import aiohttp"),
        ("edge.app", "def f():\n    import js"),
        ("edge.app", "from pyodide.ffi import to_js"),
        ("edge.app", "from edge.runtimes.local import log"),
        ("edge.app", "from edge.testing import Client"),
        ("core_tessie.app", "import edge.testing.client"),
        ("edge.app", "from edge import runtimes"),
        ("edge.app", "from apispec import APISpec"),
        ("edge.app", "import sqlite3"),
        ("core_tessie.app", "from vinyl_vault import app"),
        ("core_tessie.app", "import edge.runtimes.workers"),
        ("core_tessie.app", "import workers"),
        ("platform_api.worker", "from edge.testing import Client"),
        ("edge.worker", "from edge.runtimes.workers.entry import worker"),
        ("core_tessie.app", "from edge.openapi.document import document"),
    ],
)
def test_the_import_rule_catches(module: str, source: str) -> None:
    assert len(forbidden_imports(source, module)) == 1


def loaded(source: str, files: dict[str, str]) -> set[str]:
    """Return every module of `files` that a source loads, with all that those load."""
    seen: set[str] = set()
    todo = [*imports(source)]
    while todo:
        name = todo.pop()
        parts = name.split(".")
        for module in {".".join(parts[:end]) for end in range(1, len(parts) + 1)} & files.keys() - seen:
            seen.add(module)
            todo += imports(files[module])
    return seen


FILES = {module_of(path): path.read_text() for path in SRC.rglob("*.py")}
ENTRIES = {"main": FILES.get("main", ""), **{f"{app}.worker": FILES.get(f"{app}.worker", "") for app in APPS}}
NOT_FOR_WORKERS = ("edge.runtimes.local", "edge.openapi", "edge.testing")


def local_modules(source: str, files: dict[str, str]) -> list[str]:
    return sorted(name for name in loaded(source, files) if name.startswith(NOT_FOR_WORKERS))


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_worker_loads_nothing_of_the_local_runtime_or_of_the_build(entry: str) -> None:
    assert local_modules(ENTRIES[entry], FILES) == []


def test_the_rule_of_a_workers_modules_catches() -> None:
    files = {"a": "import b.c", "b": "", "b.c": "from edge.runtimes import local", "edge.runtimes.local": ""}
    assert local_modules("from a import x", files) == ["edge.runtimes.local"]
    assert local_modules("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a", files) == []
    assert "core_tessie.app" in loaded(ENTRIES["main"], FILES) or not ENTRIES["main"]


@by_package(EVERY)
def test_module_has_at_most_400_lines(paths: Paths) -> None:
    sizes = {path: len(path.read_text().splitlines()) for path in paths}
    assert {path: lines for path, lines in sizes.items() if lines > 400} == {}


REASON = re.compile(r"# noqa: [A-Z0-9, ]*PLR0913[A-Z0-9, ]* - \w+")


def too_big(source: str) -> list[str]:
    """Return the functions of more than 40 lines, and those of more than five parameters without a reason given."""
    text = source.splitlines()
    functions = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            many = len([argument for argument in arguments if argument.arg not in {"self", "cls"}]) > 5
            if (node.end_lineno or 0) - node.lineno >= 40 or (many and not REASON.search(text[node.lineno - 1])):
                functions.append(node.name)
    return functions


@by_package(EVERY)
def test_a_function_is_short_and_takes_little(paths: Paths) -> None:
    faults = {path: too_big(path.read_text()) for path in paths}
    assert {path: names for path, names in faults.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n" + "    x = 1\n" * 40,
        "def f(a, b, c, d, e, f): ...",
        "async def f(self, a, b, *, c, d, e, f): ...",
        "def f(a, b, c, d, e, f): ...  # noqa: PLR0913",
    ],
)
def test_the_rule_of_functions_catches(source: str) -> None:
    assert too_big(source) == ["f"]
    assert too_big("def f(a, b, c, d, e, f): ...  # noqa: PLR0913, PLR0917 - the parts of a line") == []
    assert too_big("def f(self, a, b, c, d, e):\n" + "    x = 1\n" * 39) == []


def badly_named(paths: Iterable[Path]) -> list[str]:
    return [str(path) for path in paths if FORBIDDEN & set(path.with_suffix("").parts)]


def test_no_module_is_named_for_nothing() -> None:
    assert badly_named(path.relative_to(ROOT) for path in EVERY) == []
    assert badly_named([Path("src/edge/utils.py"), Path("src/common/app.py"), Path("src/edge/app.py")]) == [
        "src/edge/utils.py",
        "src/common/app.py",
    ]


def undocumented(source: str) -> list[str]:
    """Return the public functions, and public methods of public classes, without a docstring; and the module."""
    tree = ast.parse(source)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    nodes = [*tree.body, *(node for class_ in classes for node in class_.body)]
    public = [
        node
        for node in [*nodes, *classes]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    names = [node.name for node in public if not ast.get_docstring(node)]
    return names + (["module"] if tree.body and not ast.get_docstring(tree) else [])


def methods_of_protocols(source: str) -> set[str]:
    return {
        method.name
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases)
        for method in node.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_public_function_of_the_kernel_has_a_docstring_beyond_its_signature() -> None:
    """An adapter's method needs no docstring, as its port has one."""
    ports = {name for path in KERNEL for name in methods_of_protocols(path.read_text())}
    faults = {path: {*undocumented(path.read_text())} for path in KERNEL}
    faults |= {path: {*undocumented(path.read_text())} - ports for path in RUNTIMES}
    assert {path: names for path, names in faults.items() if names} == {}


def test_the_rule_of_docstrings_catches() -> None:
    bare = '"""m"""\nclass A:\n    def f(self): ...\n    def _g(self): ...\ndef h(): ...\ndef _i(): ...'
    assert sorted(set(undocumented(bare))) == ["A", "f", "h"]
    assert undocumented("x = 1") == ["module"]
    assert undocumented('"""m"""\ndef f():\n    """f"""\n    def g(): ...') == []


WATCH = """
import _random, datetime, importlib, sys
sys.path[:0] = sys.argv[3:]
for name in sys.argv[2].split():
    importlib.import_module(name)
if "pydantic" in sys.modules:
    sys.modules["pydantic"].create_model("First")  # with the first model, Pydantic looks for plugins on the disk
seen = []
CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "sleep"}

def called(frame, event, function):
    if event != "c_call":
        return
    owner = getattr(function, "__self__", None)
    where, name = getattr(owner, "__name__", ""), function.__name__
    if (where == "time" and name in CLOCKS) or name in {"urandom", "getrandom", "generate_time_safe"} or (
        isinstance(owner, _random.Random) or (isinstance(owner, type) and issubclass(owner, datetime.date)
        and name in {"now", "utcnow", "today"})
    ):
        seen.append(f"{name} in {frame.f_code.co_filename}:{frame.f_lineno}")

def audited(event, arguments):
    if event.startswith(("socket.", "sqlite3.", "subprocess.", "urllib.")) or (
        event == "open" and not str(arguments[0]).endswith((".py", ".pyc", ".so", ".zip"))
    ):
        seen.append(f"{event} {arguments}")

sys.addaudithook(audited)
for name in sys.argv[1].split():
    seen.clear()
    sys.setprofile(called)
    try:
        importlib.import_module(name)
    finally:
        sys.setprofile(None)
    print(name, *seen, sep="\\t")
"""
"""Imports foreign modules first, since their effects are not ours to change; then each of ours, watched."""


def done_at_import(modules: Sequence[str], others: Iterable[str], folder: Path) -> dict[str, list[str]]:
    """Return the effects of importing each module, in one process."""
    command = [sys.executable, "-B", "-c", WATCH, " ".join(modules), " ".join(others), str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    lines = [line.split("\t") for line in run.stdout.splitlines()]
    return {name: effects for name, *effects in lines}


def not_ours(module: str) -> list[str]:
    """Return the modules of others that an app loads (a name inside a module, such as a class, counts for it)."""
    sources = [FILES[module], *(FILES[name] for name in loaded(FILES[module], FILES))]
    roots = {name.partition(".")[0] for source in sources for name in imports(source)}
    return sorted(roots - {"edge", *APPS, "__future__"})


@pytest.mark.parametrize("app", APPS)
def test_nothing_is_read_drawn_or_timed_when_a_worker_is_imported(app: str) -> None:
    others = [*not_ours(f"{app}.app"), "asyncio", "pydantic.functional_validators", "pydantic.types", "zoneinfo"]
    assert done_at_import([f"{app}.app"], others, SRC) == {f"{app}.app": []}


EFFECTS = {
    f"bad_{number}": source
    for number, source in enumerate(
        [
            "import os; X = os.urandom(8)",
            "from secrets import token_hex; X = token_hex()",
            "import random; X = random.random()",
            "import random; X = random.randint(1, 6)",
            "import uuid; X = uuid.uuid4()",
            "from time import perf_counter; X = perf_counter()",
            "import time; X = time.time()",
            "import time; X = time.monotonic()",
            "from datetime import UTC, datetime; X = datetime.now(UTC)",
            "from datetime import date; X = date.today()",
            "import socket; X = socket.socket()",
            "import sqlite3; X = sqlite3.connect(':memory:')",
            "X = open(__file__ + 'c.txt', 'w')",
            "from pathlib import Path; X = Path('/etc/hosts').read_text()",
        ]
    )
}


@pytest.fixture(scope="module")
def effects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return what the import of each bad source and of a good one does."""
    folder = tmp_path_factory.mktemp("effects")
    good = "import time, os, random\ndef later():\n    return os.urandom(8), time.time()"
    sources = {"good_before": good, **EFFECTS, "good_after": good}
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    others = ["secrets", "random", "uuid", "time", "datetime", "socket", "sqlite3", "pathlib"]
    return done_at_import([*sources], others, folder)


@pytest.mark.parametrize("name", EFFECTS, ids=EFFECTS.values())
def test_the_rule_of_imports_without_effect_catches(effects: dict[str, list[str]], name: str) -> None:
    assert effects[name] != []
    assert (effects["good_before"], effects["good_after"]) == ([], [])


WHOLE_SETTINGS = {"edge.injection", "edge.settings", "edge.resources.health", "edge.resources.service_health"}
"""Modules that look at bindings by name: the injection itself, and the probes of health."""


def whole_databases(source: str) -> list[str]:
    """Return the expressions by which a source reaches a database without asking for it by type."""
    calls = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Attribute) or node.attr not in {"db", "settings", "_db", "_make"}:
            continue
        text = ast.unparse(node)
        if text.endswith("settings.db") or node.attr in {"_db", "_make"}:
            calls += [] if text in {"self._db", "self._make"} else [text]
        elif text.endswith("ports.settings"):
            calls += [text]
    return calls


@by_package([*KERNEL, *APP_FILES])
def test_databases_come_by_type_and_never_from_the_ports_of_an_event(paths: Paths) -> None:
    others = [path for path in paths if module_of(path) not in WHOLE_SETTINGS]
    faults = {path: whole_databases(path.read_text()) for path in others}
    assert {path: texts for path, texts in faults.items() if texts} == {}


@pytest.mark.parametrize(
    "source",
    [
        "request.ports.settings.db",
        "ports.settings.db.first('SELECT 1')",
        "settings.db",
        "getattr(ports.settings, 'db')",
        "db._db",
        "known = request.ports.settings",
    ],
)
def test_the_rule_of_databases_catches(source: str) -> None:
    assert whole_databases(source)
