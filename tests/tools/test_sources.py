"""An upload has the modules that its entry imports, byte for byte, and nothing else."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from apps import DEFAULT, packages
from pyedge.client import ROOT
from pyedge.sources import SourceError, closure, copy

pytestmark = pytest.mark.slow

BUILD = ROOT / "tools" / "pyedge" / "sources.py"
ENTRIES = ["main.py" if package == DEFAULT else f"{package}/worker.py" for package in packages()]


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files into a folder and return the first."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder / next(iter(files))


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("entry", ENTRIES)
def test_copy_is_byte_identical(entry: str, tmp_path: Path) -> None:
    copy(ROOT / "src" / entry, tmp_path / "out")
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    copied = {path.relative_to(tmp_path / "out").as_posix(): path for path in files}
    sources = closure(ROOT / "src" / entry)
    assert len(sources) > 50
    assert {name: path.read_bytes() for name, path in copied.items()} == {
        name: path.read_bytes() for name, path in sources.items()
    }


def test_bytes_stay_whatever_a_source_holds(tmp_path: Path) -> None:
    text = (
        '"""Doc\nstring."""\r\n\n# coding stays\nLONG_NAME: int = 1  # a comment\n\n\ndef f( a ) -> int:  \n\treturn a'
    )
    (tmp_path / "main.py").write_bytes(text.encode())
    (tmp_path / "latin.py").write_bytes("# coding: latin-1\nX = 'ü'\n".encode("latin-1"))
    (tmp_path / "main.py").write_bytes(text.encode() + b"\nimport latin\n")
    copy(tmp_path / "main.py", tmp_path / "out")
    for name in ("main.py", "latin.py"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / name).read_bytes()


IMPORTED = {
    "a module": "import a.b",
    "a member": "from a.b import x",
    "a module as a member": "from a import b",
    "every member": "from a.b import *",
    "an alias": "import a.b as c",
    "in a function": "def f():\n    def g():\n        from a import b",
    "in a class": "class C:\n    import a.b",
    "under a condition": "if f:\n    pass\nelse:\n    import a.b",
    "if absence is handled": "try:\n    import a.b\nexcept ImportError:\n    pass",
    "as the handler of absence": "try:\n    import nothing\nexcept (KeyError, ModuleNotFoundError):\n    import a.b",
    "at run time alone": "if TYPE_CHECKING:\n    import nothing\nelse:\n    import a.b",
    "by importlib": "import importlib\nimportlib.import_module('a.b')",
    "by import_module": "from importlib import import_module as load, import_module\nimport_module(name='a.b')",
    "by importlib, relative to a package": "import importlib\nimportlib.import_module('.b', 'a')",
    "by the built-in": "__import__('a.b')",
}


@pytest.mark.parametrize("statement", IMPORTED.values(), ids=IMPORTED)
def test_imported_module_is_copied_with_its_packages(statement: str, tmp_path: Path) -> None:
    main = write(tmp_path, {"main.py": statement, "a/__init__.py": "", "a/b.py": "x = 1", "a/c.py": "", "b.py": ""})
    assert [*closure(main)] == ["a/__init__.py", "a/b.py", "main.py"]


NOT_IMPORTED = {
    "for a type checker": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a.b",
    "for a type checker, qualified": "import typing\nif typing.TYPE_CHECKING:\n    import a.b",
    "in a text": "'import a.b'\nprint('a.b')",
    "in a comment": "# import a.b",
    "standard, vendored and the runtime's": "import json, pydantic.v1, annotated_types, workers, js, pyodide.ffi, a_",
}


@pytest.mark.parametrize("statement", NOT_IMPORTED.values(), ids=NOT_IMPORTED)
def test_other_modules_are_not_copied(statement: str, tmp_path: Path) -> None:
    main = write(tmp_path, {"main.py": statement, "a/__init__.py": "", "a/b.py": "", "a_.py": "", "json.py": ""})
    assert {*closure(main)} - {"a_.py"} == {"main.py"}


def test_imports_are_followed_and_may_be_relative(tmp_path: Path) -> None:
    files = {
        "main.py": "from a import b",
        "a/__init__.py": "from .d import NAME",
        "a/b.py": "from . import c, NAME\nfrom .e.f import x\nimport_module('.g', __package__)",
        "a/c.py": "import main",
        "a/d.py": "NAME = 1",
        "a/e/f.py": "from ..unheard import x\nfrom .. import d",
        "a/g.py": "",
        "a/h.py": "",
        "a/unheard.py": "x = 1",
    }
    assert [*closure(write(tmp_path, files))] == sorted(files.keys() - {"a/h.py"})


def test_entry_in_package_goes_to_the_top_and_its_package_below(tmp_path: Path) -> None:
    files = {
        "src/bot/worker.py": "from bot.app import NAME\nDefault = NAME\n",
        "src/bot/__init__.py": 'NAME = "bot"\n',
        "src/bot/app.py": "from bot import NAME\nfrom other.thing import x\ny = x, NAME\n",
        "src/bot/spare.py": "",
        "src/other/thing.py": "x = 1\n",
    }
    copy(write(tmp_path, files), tmp_path / "out")
    assert names(tmp_path / "out") == ["bot", "bot/__init__.py", "bot/app.py", "other", "other/thing.py", "worker.py"]
    run = [sys.executable, "-c", "import worker; print(worker.Default)"]
    assert subprocess.run(run, cwd=tmp_path / "out", capture_output=True, text=True, check=True).stdout == "bot\n"


def test_texts_and_scripts_beside_the_modules_of_a_package_are_copied(tmp_path: Path) -> None:
    main = write(tmp_path, {"main.py": "import a.b", "a/__init__.py": "", "a/b.py": "", "c.mjs": "", "d/e.mjs": ""})
    write(tmp_path / "a", {"f.mjs": "", "g.txt": "", "h.md": "", "i.js": "", "j/k.mjs": ""})
    assert [*closure(main)] == ["a/__init__.py", "a/b.py", "a/f.mjs", "a/g.txt", "main.py"]


def test_stale_files_are_removed_and_equal_ones_untouched(tmp_path: Path) -> None:
    main = write(tmp_path, {"main.py": "import a.b", "a/b.py": "x = 1"})
    out = tmp_path / "out"
    copy(main, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.py")}
    write(out, {"more.py": "", "old/deep/gone.py": "", "a/c.txt": "", "a/__pycache__/b.pyc": ""})
    (out / "link").symlink_to(tmp_path / "a")
    copy(main, out)
    assert names(out) == ["a", "a/b.py", "main.py"]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.py")} == before
    write(tmp_path, {"main.py": "x = 2"})
    write(out, {"main.py": "changed"})
    copy(main, out)
    assert (names(out), (out / "main.py").read_text()) == (["main.py"], "x = 2")
    assert names(tmp_path / "a") == ["b.py"]


MISSING = {
    "a module": ("import nothing", "main.py:1: nothing is not under"),
    "a module in a package": ("import a.nothing", "main.py:1: a.nothing is not under"),
    "a module in a module": ("\nimport a.b.x.y", "main.py:2: a.b.x is not under"),
    "a member": ("from a.b import x, nothing", "main.py:1: a.b.nothing is not under"),
    "a member of a package": ("from a import b, nothing", "main.py:1: a.nothing is not under"),
    "a member of a folder": ("from e import nothing", "main.py:1: e.nothing is not under"),
    "a module in a function": ("def f():\n  from nothing import x", "main.py:2: nothing is not under"),
    "a module of an imported module": ("import a.c", "c.py:1: nothing is not under"),
    "a module by importlib": ("import importlib\nimportlib.import_module('a.d')", "main.py:2: a.d is not under"),
    "a module whose name is not a literal": (
        "__import__(f'a.{x}')",
        "main.py:1: the name of an imported module must be",
    ),
    "a package above the top": ("import e.f", "f.py:1: attempted relative import beyond top-level package"),
    "a package of the entry": ("from . import a", "main.py:1: no package specified for '.'"),
    "a module where only a value error is handled": (
        "try:\n import nothing\nexcept ValueError:\n ...",
        "main.py:2: nothing is not under",
    ),
    "a bracket": ("import a.b\nx = (", "main.py:2: '(' was never closed"),
}


@pytest.mark.parametrize(("statement", "message"), MISSING.values(), ids=MISSING)
def test_entry_that_imports_something_missing_is_refused(statement: str, message: str, tmp_path: Path) -> None:
    files = {"main.py": statement, "a/__init__.py": "", "a/b.py": "x = 1", "a/c.py": "import nothing"}
    main = write(tmp_path, files | {"e/f.py": "from .. import x"})
    with pytest.raises(SourceError, match=re.escape(message)):
        copy(main, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_package_that_is_not_vendored_is_missing(tmp_path: Path) -> None:
    main = write(tmp_path, {"main.py": "import pydantic", "lib/pydantic/__init__.py": ""})
    assert [*closure(main, tmp_path / "lib")] == ["main.py"]
    with pytest.raises(SourceError, match="pydantic is not under"):
        closure(main, tmp_path / "gone")


@pytest.mark.parametrize("folder", [".", "..", "out/.."])
def test_folder_that_holds_the_sources_is_refused(folder: str, tmp_path: Path) -> None:
    main = write(tmp_path / "src", {"main.py": "", "other.py": ""})
    with pytest.raises(SourceError, match="holds the sources"):
        copy(main, tmp_path / "src" / folder)
    assert names(tmp_path / "src") == ["main.py", "other.py"]


def test_command_reports_its_fault(tmp_path: Path) -> None:
    main = write(tmp_path, {"main.py": "import nothing"})
    complaints = {}
    for arguments in ([str(main), str(tmp_path / "out")], [str(tmp_path / "gone.py"), str(tmp_path / "out")], []):
        run = [sys.executable, str(BUILD), *arguments]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        complaints[done.stderr.splitlines()[0]] = done.returncode
    first, second, third = complaints
    assert first.startswith(f"error: {main}:1: nothing is not under {tmp_path}")
    assert "gone.py" in second
    assert third == "usage: sources.py MAIN FOLDER"
    assert [*complaints.values()] == [1, 1, 2]
