"""The compared Workers: their parts, setup and start."""

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from benchmarks.api import API_KEY
from pyedge import Worker, config
from pyedge.client import ROOT
from pyedge.sources import copy
from pyedge.vendor import vendor

MAINS = Path(__file__).parent / "mains"
LOCKS = ROOT / "tools" / "requirements"
BUILD = ROOT / "build" / "bench-workers"
CONFIG = """name = "{name}"
main = "src/main.py"
compatibility_date = "2026-11-17"
compatibility_flags = ["python_workers"]
rules = [{{ type = "ESModule", globs = ["**/*.mjs"] }}]
python_modules = {{ exclude = {excluded} }}
[vars]
API_KEY = "{key}"
CORS_ALLOWED_ORIGINS = "*"
LOG_LEVEL = "warning"
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """One Worker: its title in the table, its main module in mains/, and the lock of its packages."""

    title: str
    main: str
    lock: str
    answers_alike: bool = True


PEERS = [
    Peer("this kernel", "kernel", "worker"),
    Peer('bare `Response("ok")`', "bare", "bench-bare", answers_alike=False),
    Peer("bare, one Pydantic model", "bare_pydantic", "worker", answers_alike=False),
    Peer("Kinglet", "kinglet_api", "bench-kinglet"),
    Peer("FastAPI, `asgi.fetch`", "fastapi_api", "bench-fastapi"),
]


class SetUp(NamedTuple):
    """A peer and its project folder."""

    peer: Peer
    place: Path


def set_up(peer: Peer, build: Path = BUILD, packages: Path | None = None) -> SetUp:
    """Make a peer's project folder, with its packages or with the given folder of packages."""
    place = build / peer.main
    shutil.rmtree(place / "all", ignore_errors=True)
    for name, folder in (("edge", ROOT / "src" / "edge"), ("benchmarks", ROOT / "benchmarks")):
        shutil.copytree(folder, place / "all" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(MAINS / f"{peer.main}.py", place / "all" / "main.py")
    text = CONFIG.format(name=peer.main.replace("_", "-"), excluded=json.dumps(_excluded(peer)), key=API_KEY)
    (place / "wrangler.toml").write_text(text, encoding="utf-8")
    if packages is None:
        vendor(LOCKS / f"{peer.lock}.txt", place / "python_modules")
    else:
        (place / "python_modules").symlink_to(packages)
    copy(place / "all" / "main.py", place / "src", place / "python_modules")
    return SetUp(peer, place)


def start(place: Path) -> Worker:
    """Start a peer's Worker."""
    return Worker(place).start()


def upload_kib(place: Path) -> float:
    """Return the size of all that would be uploaded, compressed together."""
    return len(gzip.compress(b"".join(path.read_bytes() for path in _files(place)))) / 1024


def _excluded(peer: Peer) -> list[str]:
    """Return the patterns of packages left out of an upload: this kernel's own list, else wrangler's default."""
    ours = config.read(ROOT / "wrangler.toml")["python_modules"]["exclude"]
    return list(ours) if peer.lock == "worker" else ["**/*.pyc"]


def _files(place: Path) -> Iterator[Path]:
    excluded = [
        pattern.removeprefix("**/") for pattern in config.read(place / "wrangler.toml")["python_modules"]["exclude"]
    ]
    for folder, left_out in ((place / "src", ["*.pyc"]), (place / "python_modules", excluded)):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not any(fnmatch(str(path.relative_to(folder)), pattern) for pattern in left_out):
                yield path
