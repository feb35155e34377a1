"""The interpreters of this machine: their versions, the files that they need, and their memory limits."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from edge.ports.executor import Limits

PYTHON_OVERHEAD_MB = 64
"""Address space of an idle Python: its code, the C library, and locale tables."""
NODE_OVERHEAD_MB = {20: 96, 22: 640, 24: 704}
"""Private memory that an idle Node reserves, by its major version; it uses far less."""
LATER_NODE_MB = 1024
_LIBRARIES = ("/usr/lib/{machine}-linux-gnu", "/usr/lib64", "/lib/{machine}-linux-gnu", "/lib64")
_HIDDEN = ("site-packages", "dist-packages", "test", "ensurepip", "idlelib")
_VERSION = re.compile(r"v(\d+)\.\d+\.\d+")


class Interpreter(NamedTuple):
    """An interpreter: its command before the script, and the folders and files that it reads, at their own paths.

    `hidden` are folders inside of those that a program may not see.
    """

    kind: Literal["python", "node", "deno"]
    version: str
    command: tuple[str, ...]
    binds: tuple[str, ...]
    hidden: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        """The path of the program inside the sandbox."""
        return "/main.py" if self.kind == "python" else "/main.cjs"

    def memory_options(self, limits: Limits) -> tuple[str, ...]:
        """Return the options of `prlimit` that bound one process; the sum over all is watched from outside."""
        if self.kind == "python":
            return (f"--as={_bytes(limits.memory_mb + PYTHON_OVERHEAD_MB)}",)
        major = int(self.version.split(".")[0])
        overhead = NODE_OVERHEAD_MB.get(major, NODE_OVERHEAD_MB[20] if major < 20 else LATER_NODE_MB)
        return (f"--data={_bytes(limits.memory_mb + overhead)}",)

    def start(self, limits: Limits) -> tuple[str, ...]:
        """Return the command of a program, as it is inside the sandbox."""
        if self.kind == "python":
            return (*self.command, self.script)
        return (*self.command, f"--max-old-space-size={limits.memory_mb}", self.script)


def python_here() -> Interpreter:
    """Return the Python that this process runs on, without the packages that are installed beside it."""
    binary = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    return _python(binary, sys.base_prefix, platform.python_version())


def python_at(path: str) -> Interpreter | None:
    """Return the Python at a path; None if there is none, or an old one."""
    question = "import sys; print(sys.base_prefix, sys.version.split()[0])"
    try:
        done = subprocess.run([path, "-I", "-S", "-c", question], capture_output=True, timeout=10, check=True, env={})
        prefix, version = done.stdout.decode().split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    is_old = tuple(int(part) for part in version.split(".")[:2]) < (3, 9)
    return None if is_old else _python(os.path.realpath(path), prefix, version)


def _python(binary: str, prefix: str, version: str) -> Interpreter:
    library = Path(prefix) / "lib" / f"python{'.'.join(version.split('.')[:2])}"
    shared = sorted(str(path) for path in (Path(prefix) / "lib").glob("libpython*.so*")) if prefix != "/usr" else []
    return Interpreter(
        kind="python",
        version=version,
        command=(binary, "-I", "-S", "-B", "-u", "-X", "utf8"),
        binds=(binary, str(library), *shared),
        hidden=tuple(str(library / folder) for folder in _HIDDEN if (library / folder).is_dir()),
    )


def node_here(path: str | None = None) -> Interpreter | None:
    """Return the Node at a path, or the first one on PATH; None if none starts."""
    location = path or shutil.which("node")
    if location is None:
        return None
    binary = os.path.realpath(location)
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False, env={})
    except (OSError, subprocess.SubprocessError):
        return None
    version = _VERSION.fullmatch(done.stdout.strip())
    if version is None:
        return None
    command = (binary, "--v8-pool-size=1", "--disable-warning=ExperimentalWarning", "--stack-trace-limit=10")
    return Interpreter("node", done.stdout.strip().removeprefix("v"), command, (binary,))


class Layout(NamedTuple):
    """The file tree of a sandbox: folders to make, paths to bind read-only, and symbolic links."""

    folders: tuple[str, ...]
    binds: tuple[str, ...]
    links: tuple[tuple[str, str], ...]


def layout(paths: Sequence[str]) -> Layout:
    """Return the tree with the machine's C libraries and some paths, each at its place outside."""
    links = tuple((os.readlink(name), name) for name in ("/lib", "/lib64") if Path(name).is_symlink())
    linked = {name for _, name in links}
    libraries = [folder for folder in _library_folders() if f"/{Path(folder).parts[1]}" not in linked]
    binds = tuple(dict.fromkeys((*libraries, *paths)))
    return Layout(tuple(dict.fromkeys(_parents(binds))), binds, links)


def tools() -> Mapping[str, str]:
    """Return the paths of the programs that prepare a run, by name; those that are missing are left out."""
    names = ("bwrap", "setpriv", "prlimit", "sh")
    paths = {name: shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin") for name in names}
    return {name: os.path.realpath(path) for name, path in paths.items() if path}


def _library_folders() -> Iterator[str]:
    for pattern in _LIBRARIES:
        folder = pattern.format(machine=platform.machine())
        if Path(folder).is_dir():
            yield folder


def _parents(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        yield from reversed([str(parent) for parent in Path(path).parents if str(parent) != "/"])


def _bytes(megabytes: int) -> int:
    return megabytes * 1024 * 1024
