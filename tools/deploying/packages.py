"""Checks that python_modules/ holds the locked packages, file by file, against the hashes that each of them carries."""

import base64
import csv
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from apps import ROOT
from deploying.refusal import Refusal
from pyedge.vendor import vendor

FOLDER = ROOT / "python_modules"
LOCK = ROOT / "tools" / "requirements" / "worker.txt"
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)


def faults(folder: Path = FOLDER, lock: Path = LOCK) -> Iterator[str]:
    """Yield the missing, changed and extra files of the folder."""
    locked = {(_name(name), version) for name, version in _LOCKED.findall(lock.read_text(encoding="utf-8"))}
    present = {_identity(place): place for place in folder.glob("*.dist-info")}
    yield from (f"{name} {version} is missing" for name, version in sorted(locked - present.keys()))
    yield from (f"{name} {version} is not locked" for name, version in sorted(present.keys() - locked))
    seen: set[str] = set()
    for place in present.values():
        for path, digest, _ in csv.reader((place / "RECORD").read_text(encoding="utf-8").splitlines()):
            seen.add(path)
            if digest and not _is_equal(folder / path, digest):
                yield f"{path} is missing or changed"
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and name not in seen and "__pycache__" not in file.parts:
            yield f"{name} is of no package"


def build(folder: Path = FOLDER, lock: Path = LOCK) -> bool:
    """Bring the folder to hold exactly the locked packages; return whether it had to be built."""
    if not [*faults(folder, lock)]:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    try:
        vendor(lock, folder)
    except subprocess.CalledProcessError as fault:
        raise Refusal(
            f"{folder.name}/ is not what is locked, and pip could not download it (status {fault.returncode}): "
            "connect to PyPI and run it again"
        ) from None
    if left := [*faults(folder, lock)]:
        raise Refusal(f"{folder.name}/ is not what is locked: {left[0]}; run `make lock` and commit what it changes")
    return True


def top_names(folder: Path = FOLDER) -> set[str]:
    """Return the names at the top of the packages, without their metadata."""
    names = {path.name for path in folder.iterdir() if not path.name.endswith(".dist-info")}
    return names - {"__pycache__", "bin"}


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def _identity(place: Path) -> tuple[str, str]:
    name, _, version = place.name.removesuffix(".dist-info").rpartition("-")
    return _name(name), version


def _is_equal(file: Path, digest: str) -> bool:
    method, _, value = digest.partition("=")
    if not file.is_file():
        return False
    actual = hashlib.new(method, file.read_bytes()).digest()
    return base64.urlsafe_b64encode(actual).rstrip(b"=").decode() == value
