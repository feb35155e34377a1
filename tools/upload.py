"""What goes to Cloudflare and how large it is: `python tools/upload.py [ENV…]` makes the uploads, sending nothing."""

import gzip
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apps import ROOT

sys.path.insert(0, str(ROOT / "src"))

from pyedge.client import NODE_MODULES, node

LIMIT = 100 * 1024
"""Bytes, gzip, that our own code may take: all but Pydantic and the SDK."""

ENVIRONMENTS = tuple(tomllib.loads((ROOT / "wrangler.toml").read_text(encoding="utf-8"))["env"])
OFFLINE = {
    "CI": "1",
    "NO_COLOR": "1",
    "WRANGLER_HIDE_BANNER": "true",
    "WRANGLER_SEND_METRICS": "false",
    "WRANGLER_SEND_ERROR_REPORTS": "false",
    "WRANGLER_WRITE_LOGS": "false",
}
"""What keeps wrangler from asking and from calling home."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The modules of an upload by name; those of packages are below `python_modules/`."""

    modules: dict[str, bytes]

    @property
    def own(self) -> dict[str, bytes]:
        """The modules that are ours."""
        return {name: data for name, data in self.modules.items() if not name.startswith("python_modules/")}


def dry_run(environment: str) -> Upload:
    """Return what wrangler would upload; it fails where wrangler would."""
    with tempfile.TemporaryDirectory() as place:
        wrangler = [node(), str(NODE_MODULES / "wrangler" / "bin" / "wrangler.js")]
        command = [*wrangler, "deploy", "--dry-run", "--outdir", place, "--env", environment]
        done = subprocess.run(command, cwd=ROOT, env=os.environ | OFFLINE, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"wrangler deploy --dry-run --env {environment} failed:\n{done.stdout}{done.stderr}")
        files = {path.relative_to(place).as_posix(): path for path in sorted(Path(place).rglob("*")) if path.is_file()}
        return Upload({name: path.read_bytes() for name, path in files.items() if name != "README.md"})


def packed(modules: dict[str, bytes]) -> int:
    """Return the bytes of modules compressed together, as wrangler counts them."""
    return len(gzip.compress(b"".join(modules.values()), mtime=0))


def report(environment: str, upload: Upload) -> Iterator[str]:
    """Yield the lines that describe an upload."""
    for name, data in upload.own.items():
        yield f"{len(data):9,}  {name}"
    for title, modules in (("ours", upload.own), ("all", upload.modules)):
        raw = sum(map(len, modules.values()))
        yield f"{environment}, {title}: {len(modules)} modules, {_kib(raw)} raw, {_kib(packed(modules))} gzip"


def main(environments: list[str]) -> int:
    """Print the uploads; fail where our part of one is larger than the limit."""
    status = 0
    for environment in environments or ENVIRONMENTS:
        upload = dry_run(environment)
        print("\n".join(report(environment, upload)))
        if packed(upload.own) > LIMIT:
            print(f"error: {environment}: our own code is larger than {_kib(LIMIT)} gzip", file=sys.stderr)
            status = 1
    return status


def _kib(size: int) -> str:
    return f"{size / 1024:,.1f} KiB"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
