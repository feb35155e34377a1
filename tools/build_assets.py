"""Builds the static files of all apps, or of those named, into build/assets/: `python tools/build_assets.py [APP…]`."""

import argparse
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from apps import ROOT, folder, parse
from edge.http import Response
from edge.runtimes.local.assets import compressed_folder, media_type
from edge.runtimes.local.compression import LEAST, is_compressible

SHARED = ROOT / "tools" / "assets"
SWAGGER = ("LICENSE", "favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui.css")
"""The files of Swagger UI for the reference page, from the package swagger-ui-py."""


BUNDLES = ROOT / "build" / "bundles"
"""Packages from npm as files for pages, by app: `make bundles`. Without npm, pages do without them."""


def target(package: str) -> Path:
    """Return the folder that an app's files are built into."""
    return ROOT / "build" / "assets" / (folder(package) or "default")


def sources(package: str) -> dict[str, Path]:
    """Return each file's path below the target with the file that it is a copy of; an app's own files win."""
    document = ROOT / "openapi" / folder(package)
    files = {name: document / name for name in ("openapi.json", "openapi.yaml")}
    files |= dict(_below(BUNDLES / package))
    files |= {f"docs/{name}": swagger() / name for name in SWAGGER}
    return files | dict(_below(SHARED)) | dict(_below(ROOT / "src" / package / "assets"))


def swagger() -> Path:
    """Return the folder of Swagger UI's files, without importing the package that carries them."""
    spec = find_spec("swagger_ui")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("swagger-ui-py is not installed: it is in the dependency group `local`")
    return Path(spec.submodule_search_locations[0]) / "static"


def build(place: Path, files: Mapping[str, Path]) -> int:
    """Bring the folder `place` to hold these files and no others; leaving equal ones alone; return how many changed."""
    changed = 0
    for name, source in files.items():
        copy = place / name
        content = source.read_bytes()
        if not copy.is_file() or copy.read_bytes() != content:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
            changed += 1
    for name, copy in dict(_below(place)).items():
        if name not in files:
            copy.unlink()
            changed += 1
    return changed


def compress(place: Path) -> int:
    """Compress the files of a folder in advance, for the local server; return how many forms changed."""
    forms = {f"{name}.gz": path for name, path in _below(place) if path.stat().st_size >= LEAST and is_text(path)}
    packed = compressed_folder(place)
    changed = 0
    for name, path in forms.items():
        form = packed / name
        content = zlib.compress(path.read_bytes(), 9, wbits=31)
        if not form.is_file() or form.read_bytes() != content:
            form.parent.mkdir(parents=True, exist_ok=True)
            form.write_bytes(content)
            changed += 1
    for name, path in dict(_below(packed)).items():
        if name not in forms:
            path.unlink()
            changed += 1
    return changed


def is_text(path: Path) -> bool:
    """Tell whether compressing a file makes it smaller by much: others are compressed already."""
    return is_compressible(Response(headers=[("content-type", media_type(path))]), LEAST)


def _below(place: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(place.rglob("*")):
        if path.is_file():
            yield path.relative_to(place).as_posix(), path


def main(arguments: Sequence[str]) -> int:
    """Build, and print the result."""
    for package in parse(argparse.ArgumentParser(description=__doc__), arguments).apps:
        changed = build(target(package), sources(package))
        compress(target(package))
        sys.stdout.write(f"{target(package).relative_to(ROOT)}: {changed} of {len(sources(package))} files changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
