"""`make new`: the new app passes all tests at once, on both runtimes; a bad name is refused in one line."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree, ignore_patterns
from urllib.request import urlopen

import pytest
from tests.ports import free_port

from apps import ROOT
from new import LONGEST, README, WRANGLER, Refused, check, main, move

APP = "made_in_a_copy"
"""No name that a person would give: the repository may have Workers that were made so."""
LINKED = (".venv", "node_modules", "python_modules", "build/pyedge")
LEFT_OUT = (
    ".git",
    ".venv",
    "node_modules",
    "python_modules",
    "build",
    ".state",
    ".dev.vars*",
    ".*_cache",
    ".hypothesis",
    ".schemathesis",
    ".wrangler",
)
OF_ALL = (
    "tests/test_house_rules.py",
    "tests/test_wrangler.py",
    "tests/test_readme.py",
    "tests/test_openapi_document.py",
    "tests/test_assets.py",
    "tests/tools/test_seed.py",
)
"""The tests that go through all apps."""
CHOSEN = f"{APP} or {APP.replace('_', '-')} or test_readme or environment or named_for_nothing"
PATIENCE = 30.0
TYPES = ROOT / ".mypy_cache"


class Copy:
    """A copy of the repository."""

    def __init__(self, root: Path) -> None:
        self.root = root
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "APP"))}
        own.pop("PYTHONDONTWRITEBYTECODE", None)
        self.env = own | {"PYTHONPATH": "src:tools"}

    def run(self, *command: str, expected: int = 0) -> str:
        """Run a Python command there and return its output."""
        done = subprocess.run(
            [sys.executable, *command], cwd=self.root, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == expected, done.stdout + done.stderr
        return done.stdout + done.stderr

    def files(self) -> dict[str, bytes]:
        """Return all files without byte code and the linked ones."""
        paths = [path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink()]
        paths = [path for path in paths if path.parent.name != "__pycache__"]
        return {str(path.relative_to(self.root)): path.read_bytes() for path in paths}


def copied(folder: Path) -> Copy:
    """Return a copy in a folder, with the byte code of the original."""
    root = folder / "repository"
    copytree(ROOT, root, ignore=ignore_patterns(*LEFT_OUT))
    (root / "build").mkdir()
    (ROOT / "build" / "pyedge").mkdir(parents=True, exist_ok=True)  # what workerd keeps of earlier starts
    for name in LINKED:
        (root / name).symlink_to(ROOT / name)
    return Copy(root)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """Return a copy of one's own."""
    return copied(tmp_path)


@pytest.fixture(scope="module")
def made_copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Return a copy in which the new Worker was made, which no test changes."""
    copy = copied(tmp_path_factory.mktemp("made"))
    before = copy.files()
    written = copy.run("tools/new.py", APP).partition("next:")[0]
    changed = {name for name, content in copy.files().items() if before.get(name) != content}
    assert changed == {line.split()[0] for line in written.splitlines()[1:]}
    return copy


@contextmanager
def served(copy: Copy, folder: Path) -> Iterator[str]:
    """Run `tools/dev.py` until its server answers, and yield its address."""
    port = free_port()
    env = copy.env | {"APP": APP, "PORT": str(port), "STATE": str(folder / "state")}
    with (folder / "told.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "tools/dev.py"], cwd=copy.root, env=env, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers(port) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


def answers(port: int) -> bool:
    """Tell whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


NEW = [f"src/{APP}", f"tests/{APP}"]


@pytest.mark.slow
def test_new_app_is_formatted_and_has_its_document(made_copy: Copy) -> None:
    made_copy.run("-m", "ruff", "check", "--no-cache", *NEW)
    made_copy.run("-m", "ruff", "format", "--no-cache", "--check", *NEW)
    made_copy.run("tools/openapi.py", "--check")


@pytest.mark.soak
def test_new_app_is_typed(made_copy: Copy) -> None:
    if TYPES.is_dir():  # what `make check` found out of the files that are the same here
        copytree(TYPES, made_copy.root.parent / "types")
    made_copy.run("-m", "mypy", "--cache-dir", str(made_copy.root.parent / "types"), *NEW)


@pytest.mark.slow
def test_its_own_tests_pass_on_both_runtimes(made_copy: Copy) -> None:
    output = made_copy.run("-m", "pytest", "-p", "no:cacheprovider", "-v", f"tests/{APP}")
    assert all(
        f"test_bound_key_sees_notes_of_its_owners_alone[{runtime}-reader] PASSED" in output
        for runtime in ("local", "workers")
    )
    assert not {"FAILED", "SKIPPED"} & set(output.split())


@pytest.mark.soak  # the checks of a new app, and its own tests on both runtimes, are in every run
def test_the_tests_of_all_apps_take_it_in_and_pass(made_copy: Copy) -> None:
    made_copy.run("tools/build_assets.py")
    output = made_copy.run("-m", "pytest", "-p", "no:cacheprovider", "-v", "-k", CHOSEN, *OF_ALL)
    assert all(re.search(rf"{file}::\S+made.in.a.copy\S* PASSED", output) for file in OF_ALL if "readme" not in file)


@pytest.mark.slow
def test_it_is_served_by_make_dev(made_copy: Copy, tmp_path: Path) -> None:
    with served(made_copy, tmp_path) as url:
        for path in ("/health", "/published", "/docs"):
            with urlopen(url + path, timeout=10) as answer:
                assert answer.status == 200
    assert "API key:" in (tmp_path / "told.txt").read_text()


@pytest.mark.slow
def test_a_second_time_and_no_name_are_refused(made_copy: Copy) -> None:
    before = made_copy.files()
    assert made_copy.run("tools/new.py", APP, expected=2) == f"error: APP='{APP}': there is an app of this name\n"
    assert made_copy.run("tools/new.py", expected=2) == "error: say which app: make new APP=vinyl_vault\n"
    assert made_copy.files() == before


@pytest.mark.soak
def test_any_name_gives_code_in_form_and_limits_of_its_own(copy: Copy) -> None:
    for package in (f"a_{APP}", f"{APP}_".ljust(LONGEST, "z")):
        copy.run("tools/new.py", package)
        for check_ in (("check",), ("format", "--check")):
            copy.run("-m", "ruff", *check_, "--no-cache", f"src/{package}", f"tests/{package}")
        copy.run("tools/openapi.py", "--check", package)
    copy.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_wrangler.py", "-k", "share or every_environment"
    )


@pytest.mark.slow
def test_the_readme_has_a_line_in_its_list_or_at_its_end(copy: Copy, made_copy: Copy) -> None:
    line = f"- `{APP}`: notes; say here what it is for.\n"
    assert f"{line}<!-- /workers -->\n" in (made_copy.root / README).read_text(encoding="utf-8")
    (copy.root / README).write_text("No list\n", encoding="utf-8")
    assert "README.md    (a line at its end" in copy.run("tools/new.py", APP)
    assert (copy.root / README).read_text(encoding="utf-8") == f"No list\n\n{line}"


@pytest.mark.slow
def test_a_failure_leaves_nothing(copy: Copy) -> None:
    template = copy.root / "tools" / "new" / "src" / "PACKAGE" / "notes.py.template"
    sound = template.read_text(encoding="utf-8")
    template.write_text(sound.replace("from edge import ", "from edge import Watch, ", 1), encoding="utf-8")
    before = copy.files()
    assert "cannot import name 'Watch'" in copy.run("tools/new.py", APP, expected=1)
    assert copy.files() == before


def test_no_part_is_moved_if_one_cannot_be(tmp_path: Path) -> None:
    staged, root = tmp_path / "staged", tmp_path / "root"
    (staged / "src").mkdir(parents=True)
    (staged / "src" / "app.py").write_text("new")
    (staged / README).write_text("new")
    root.mkdir()
    (root / README).write_text("old")
    (root / WRANGLER).write_text("old")
    with pytest.raises(FileNotFoundError):
        move(staged, root, ["src", README, "missing", WRANGLER])
    assert {path.name: path.read_text() for path in root.iterdir()} == {README: "old", WRANGLER: "old"}


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ("", "say which app"),
        ("Vinyl", "lower case"),
        ("vinyl-vault", "lower case"),
        ("vinyl vault", "lower case"),
        ("vinyl__vault", "lower case"),
        ("vinyl_", "lower case"),
        ("_vinyl", "lower case"),
        ("2vinyl", "lower case"),
        ("../vinyl", "lower case"),
        ("vinyl\n", "lower case"),
        ("schätze", "lower case"),
        ("v" * 41, "40 characters"),
        ("class", "a word of Python's"),
        ("match", "a word of Python's"),
        ("edge", "the kernel"),
        ("edge_cases", "the kernel"),
        ("tests", "with test"),
        ("test_vinyl", "with test"),
        ("json", "Python has a module"),
        ("core_tessie", "an app of this name"),
        ("platform_api", "an app of this name"),
        ("main", "a module of this name"),
        ("pydantic", "a module of this name"),
        ("pytest", "a module of this name"),
        ("build_assets", "a module of this name"),
        ("sims", "a module of this name"),
        ("migrations", "is there already"),
        ("contracts", "tests/contracts is there already"),
        ("production", "wrangler.toml names production"),
        ("tessie", "wrangler.toml names tessie-db"),
        ("default", "reserved"),
        ("build", "reserved"),
        ("workers", "reserved"),
        ("utils", "reserved"),
    ],
)
def test_a_name_that_cannot_be_is_refused(package: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        check(package)


@pytest.mark.parametrize("package", [APP, f"{APP}2", f"{APP}_4_good"])
def test_other_names_can_be(package: str) -> None:
    check(package)


def test_a_refusal_is_one_line_and_the_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no such\nname"]) == 2
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    assert output.err.startswith("error: APP='no such\\nname': ")
