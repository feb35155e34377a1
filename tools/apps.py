"""The apps of this repo: each is a package in src/ with an app.py."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from edge.app import App  # noqa: E402 - the path to it is set above

DEFAULT = "core_tessie"
"""The default Worker's package: its migrations and documents have no folder of their own."""


def load(package: str) -> App:
    """Return the app of a package."""
    app: App = importlib.import_module(f"{package}.app").app
    return app


def packages() -> list[str]:
    """Return the package of every app, sorted."""
    return sorted(path.parent.name for path in ROOT.glob("src/*/app.py") if path.parent.name != "edge")


def folder(package: str) -> str:
    """Return the name of an app's folders: its package, or "" for the default Worker."""
    return "" if package == DEFAULT else package


def state_of(package: str) -> Path:
    """Return the folder of an app's state: STATE if it is set, else one for each app."""
    return Path(os.environ.get("STATE") or ROOT / ".state" / folder(package)).absolute()


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Parse a command's arguments, the last of them the apps: by default all."""
    parser.add_argument("apps", nargs="*", metavar="APP", help="a package in src/ (default: all)")
    options = parser.parse_args(arguments)
    unknown = set(options.apps) - set(packages())
    if unknown:
        parser.error(f"no app called {', '.join(sorted(unknown))}; there are {', '.join(packages())}")
    options.apps = options.apps or packages()
    return options
