"""Makes the Workers' uploads without sending them: `python tools/upload.py [ENV…]` prints and bounds their sizes."""

import gzip
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from apps import ROOT

sys.path.insert(0, str(ROOT / "src"))

from wrangler_command import OFFLINE, wrangler

LIMIT = 2040 * 1024
"""Most bytes of a whole upload, gzip, by wrangler's count and by ours."""
BINARY = "_pydantic_core."
"""The start of the name of Pydantic's compiled core, by far the largest module."""

TITLES = ("modules", "raw", "wrangler's gzip", "gzip", "ours", "packages", "_pydantic_core.so")
WIDTHS = (8, 10, 17, 10, 8, 10, 19)

ENVIRONMENTS = tuple(tomllib.loads((ROOT / "wrangler.toml").read_text(encoding="utf-8"))["env"])


@dataclass(frozen=True)
class Upload:
    """The modules by name, those of packages below `python_modules/`; `counted` is wrangler's gzip size of all."""

    modules: dict[str, bytes]
    counted: int

    @cached_property
    def size(self) -> int:
        """The bytes of the whole upload, gzip, by the larger count: compressors and the order of files differ."""
        return max(self.counted, packed(self.modules))

    @property
    def own(self) -> dict[str, bytes]:
        """The modules of our own code."""
        return {name: data for name, data in self.modules.items() if not name.startswith("python_modules/")}

    @property
    def binary(self) -> dict[str, bytes]:
        """Pydantic's compiled core."""
        return {name: data for name, data in self.modules.items() if name.rpartition("/")[2].startswith(BINARY)}

    @property
    def packages(self) -> dict[str, bytes]:
        """The vendored packages without that core."""
        return {name: data for name, data in self.modules.items() if name not in self.own | self.binary}


def dry_run(environment: str) -> Upload:
    """Return the files that wrangler would upload; fail if wrangler would."""
    with tempfile.TemporaryDirectory() as place:
        command = wrangler("deploy", "--dry-run", "--outdir", place, "--env", environment)
        done = subprocess.run(command, cwd=ROOT, env=os.environ | OFFLINE, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"wrangler deploy --dry-run --env {environment} failed:\n{done.stdout}{done.stderr}")
        counted = re.search(r"gzip: ([\d.]+) KiB", done.stdout)
        if counted is None:
            raise SystemExit(f"wrangler did not print the size of the upload:\n{done.stdout}{done.stderr}")
        files = {path.relative_to(place).as_posix(): path for path in sorted(Path(place).rglob("*")) if path.is_file()}
        modules = {name: path.read_bytes() for name, path in files.items() if name != "README.md"}
        return Upload(modules, round(float(counted[1]) * 1024))


def packed(modules: dict[str, bytes]) -> int:
    """Return the bytes of modules compressed together."""
    return _packed(b"".join(modules.values()))


@cache
def _packed(data: bytes) -> int:
    """Return the bytes of data compressed, once for the packages that several Workers carry."""
    return len(gzip.compress(data, mtime=0))


def row(environment: str, upload: Upload) -> str:
    """Return the line of the table that describes an upload."""
    raw = sum(map(len, upload.modules.values()))
    parts = (upload.modules, upload.own, upload.packages, upload.binary)
    sizes = (raw, upload.counted, *map(packed, parts))
    return line(environment, [f"{len(upload.modules):,}", *(f"{size / 1024:,.1f}" for size in sizes)])


def line(title: str, cells: Sequence[str]) -> str:
    """Return a line of the table."""
    return f"{title:<14}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))


def main(environments: list[str], limit: int = LIMIT, make: Callable[[str], Upload] = dry_run) -> int:
    """Print the sizes of the uploads that `make` makes; fail if one is beyond the limit."""
    too_large = []
    print(line("KiB", TITLES))
    for environment in environments or ENVIRONMENTS:
        upload = make(environment)
        print(row(environment, upload), flush=True)
        if upload.size > limit:
            too_large.append(environment)
    for environment in too_large:
        print(f"error: the upload of {environment} is larger than {limit // 1024:,} KiB gzip", file=sys.stderr)
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
