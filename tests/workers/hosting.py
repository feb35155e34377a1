"""Starts one of the Workers of this folder in workerd, with the kernel's sources beside its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

from pyedge import Worker

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EDGE = ROOT / "src" / "edge"


@contextmanager
def hosted(
    name: str, folder: Path, trees: Mapping[str, Path] | None = None, variables: Mapping[str, str] | None = None
) -> Iterator[Worker]:
    """Run the Worker called `name` from a copy of it in `folder`; `trees` are more folders that it imports from."""
    place = copytree(HERE / name, folder / name)
    (place / "python_modules").symlink_to(ROOT / "python_modules")
    with Worker(place, variables=variables or {}, trees={"edge": EDGE, **(trees or {})}) as running:
        yield running
