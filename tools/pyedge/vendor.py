"""Fills python_modules/ with a Worker's packages: `python tools/pyedge/vendor.py [REQUIREMENTS [FOLDER]]`.

The wheels are those of the Workers' Python, locked by hashes; nothing is built.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLATFORM = "pyemscripten_2026_0_wasm32"
PYTHON = "314"


def vendor(requirements: Path, folder: Path) -> list[str]:
    """Make the folder hold exactly the locked packages; return the installed wheels, none if nothing changed."""
    stamp = f"{PLATFORM} {PYTHON} {hashlib.sha256(requirements.read_bytes()).hexdigest()}\n"
    build = folder.parent / "build"
    build.mkdir(exist_ok=True)
    mark = build / f"{folder.name}.stamp"
    if folder.is_dir() and mark.is_file() and mark.read_text(encoding="ascii") == stamp:
        return []
    with tempfile.TemporaryDirectory(dir=build) as work:
        wheels = download(requirements, Path(work))
        fresh = Path(work) / "fresh"
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(fresh)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    mark.write_text(stamp, encoding="ascii")
    return [wheel.name for wheel in wheels]


def download(requirements: Path, place: Path) -> list[Path]:
    """Download the wheels for the Workers' Python, each checked against its hash."""
    target = ["--platform", PLATFORM, "--python-version", PYTHON, "--implementation", "cp"]
    abis = [option for abi in ("cp314", "abi3", "none") for option in ("--abi", abi)]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    locked = ["--require-hashes", "--only-binary", ":all:", "--dest", str(place), "--requirement", str(requirements)]
    subprocess.run([*pip, *target, *abis, *locked], check=True)
    return sorted(place.glob("*.whl"))


def main(arguments: list[str]) -> int:
    """Vendor, and print the wheels."""
    requirements = Path(arguments[0]) if arguments else ROOT / "tools" / "requirements" / "worker.txt"
    folder = Path(arguments[1]) if len(arguments) > 1 else ROOT / "python_modules"
    for name in vendor(requirements, folder):
        sys.stdout.write(f"{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
