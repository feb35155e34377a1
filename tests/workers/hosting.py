"""Starts one of the Workers of this folder in workerd, with the kernel's sources beside its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

from pyedge import Worker, config
from sims.cloudflare import ACCOUNT, TOKEN, AnalyticsSim

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EDGE = ROOT / "src" / "edge"
PACKAGES = {"python_modules": config.read(ROOT / "wrangler.toml")["python_modules"]}
"""The packages without those that an upload leaves out, as an override of a Worker's configuration."""


@contextmanager
def hosted(  # noqa: PLR0913, PLR0917 - what a Worker may be given
    name: str,
    folder: Path,
    trees: Mapping[str, Path] | None = None,
    variables: Mapping[str, str] | None = None,
    analytics: AnalyticsSim | None = None,
    ai: str | None = None,
) -> Iterator[Worker]:
    """Run the Worker called `name` from a copy of it in `folder`; `trees` are more folders that it imports from."""
    bindings = dict(variables or {}) | (reading(analytics, name) if analytics else {})
    place = copytree(HERE / name, folder / name)
    (place / "python_modules").symlink_to(ROOT / "python_modules")
    address = analytics.url if analytics else None
    with Worker(
        place, variables=bindings, trees={"edge": EDGE, **(trees or {})}, overrides=PACKAGES, analytics=address, ai=ai
    ) as running:
        yield running


def reading(analytics: AnalyticsSim, dataset: str) -> dict[str, str]:
    """Return the variables by which a Worker reads its dataset from the stand-in."""
    return {
        "ANALYTICS_DATASET": dataset,
        "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
        "CLOUDFLARE_API_TOKEN": TOKEN,
        "CLOUDFLARE_API_URL": analytics.api_url,
    }
