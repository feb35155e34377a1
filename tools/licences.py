"""`make licences`: every package that is installed to run or carried by a Worker, with its licence."""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "tools" / "requirements"
ALLOWED = re.compile(r"MIT|BSD|Apache|PSF|Python Software Foundation|MPL|ISC|Unlicense|0BSD|Zlib", re.IGNORECASE)
"""Licences of packages that may be used without terms for one's own code."""


def locked(lock: str) -> list[str]:
    """Return the names of a lock's packages."""
    return re.findall(r"^([A-Za-z0-9._-]+)==", (LOCKS / f"{lock}.txt").read_text(encoding="utf-8"), re.MULTILINE)


def licence(package: Distribution) -> str:
    """Return the licence in a package's metadata, in a few words."""
    metadata = package.metadata
    classifiers = [
        classifier.rpartition(" :: ")[2]
        for classifier in metadata.get_all("Classifier") or []
        if classifier.startswith("License")
    ]
    text = metadata.get("License-Expression") or (metadata.get("License") or "").partition("\n")[0][:60]
    return text or ", ".join(classifiers) or "unknown"


def carried() -> Iterator[tuple[str, str, str, str]]:
    """Yield the lock, name, version and licence of each package."""
    vendored = {
        package.metadata["Name"].lower().replace("_", "-"): package
        for package in distributions(path=[str(ROOT / "python_modules")])
    }
    for lock in ("worker", "local"):
        for name in locked(lock):
            package = vendored.get(name.lower().replace("_", "-")) if lock == "worker" else None
            try:
                package = package or distribution(name)
            except PackageNotFoundError:  # for another system
                continue
            yield lock, name, package.version, licence(package)


def main() -> int:
    """Print the table; fail if a licence is not in the list."""
    rows = list(carried())
    for where, name, version, text in rows:
        print(f"{where:7} {name:26} {version:12} {text}")
    strange = [name for _, name, _, text in rows if not ALLOWED.search(text)]
    if strange:
        print(f"error: licences to review: {', '.join(strange)}", file=sys.stderr)
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main())
