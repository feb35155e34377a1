"""Builds the upload of an environment, and checks it against the code."""

import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import build_assets
from apps import DEFAULT, ROOT, folder, packages
from deploying import packages as vendored
from deploying.refusal import Refusal
from pyedge import config
from pyedge.sources import closure
from upload import LIMIT, Upload, dry_run

FILE = ROOT / "wrangler.toml"


class Target(NamedTuple):
    """An environment of wrangler.toml, its merged configuration, and the app that it runs."""

    environment: str
    config: config.Config
    package: str

    @classmethod
    def of(cls, environment: str, file: Path = FILE) -> "Target":
        """Return the target of a name; refuse a name that is not an environment's."""
        names = environments(file)
        if environment not in names:
            raise Refusal(
                f"ENV={environment or '…'} is no environment of wrangler.toml: give one of {', '.join(names)}"
            )
        return cls(environment, config.read(file, environment), package_of(environment))

    @property
    def entry(self) -> Path:
        """The entry of the sources, which the build step names."""
        return ROOT / str(self.config["build"]["command"].split()[-2])

    @property
    def name(self) -> str:
        """The Worker's name."""
        return str(self.config["name"])

    @property
    def secrets(self) -> list[str]:
        """The secrets that have to be set."""
        return list(self.config.get("secrets", {}).get("required", []))

    @property
    def databases(self) -> list[str]:
        """The names of the databases that have migrations."""
        return [
            database["database_name"]
            for database in self.config.get("d1_databases", [])
            if database.get("migrations_dir")
        ]


def package_of(environment: str) -> str:
    """Return the app that an environment runs: `klear-karma-staging` is one of klear_karma's."""
    words = environment.split("-")
    names = ("_".join(words[:count]) for count in range(len(words), 0, -1))
    return next((name for name in names if name in packages()), DEFAULT)


def environments(file: Path = FILE) -> list[str]:
    """Return the names of all environments."""
    return list(config.read_all(file).get("env", {}))


def check_sources(target: Target) -> None:
    """Refuse a document, a schema or a migration that differs from the code, or that D1 would refuse."""
    where = f"openapi/{folder(target.package)}".rstrip("/")
    _check("openapi.py", target.package, f"{where} is not what the code says: run `make openapi` and commit it")
    _check("schema.py", target.package, "schema.py is not what the migrations leave: run `make golden` and commit it")
    _check("migration_check.py", None, "a migration would be refused by D1: write it as the line above says")


def _check(tool: str, package: str | None, message: str) -> None:
    arguments = ["--check", package] if package else []
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / tool), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "Traceback (most recent call last)" in done.stderr:
        output = "\n".join(done.stderr.splitlines()[-6:])
        raise Refusal(f"{output}\n{tool} cannot import the app: mend what the last line says")
    if done.returncode:
        output = "\n".join((done.stdout + done.stderr).splitlines()[:20])
        raise Refusal(f"{output}\n{message}")


def make_assets(target: Target) -> int:
    """Build the static files afresh and return the number of changed ones."""
    return build_assets.build(build_assets.target(target.package), build_assets.sources(target.package))


def check_upload(target: Target, limit: int = LIMIT) -> Upload:
    """Return the upload; refuse it if it is too large or differs from the sources with the packages."""
    upload = dry_run(target.environment)
    sources = {name: path.read_bytes() for name, path in closure(target.entry).items()}
    if upload.own != sources:
        names = {*upload.own.items()} ^ {*sources.items()}
        raise Refusal(f"{min(name for name, _ in names)}: the upload differs from the imports of {target.entry.name}")
    carried = {name.split("/")[1] for name in upload.modules if name.startswith("python_modules/")}
    patterns = [glob.removeprefix("**/") for glob in target.config["python_modules"]["exclude"]]
    lacking = vendored.top_names() - carried
    if missing := sorted(name for name in lacking if not any(fnmatch(name, pattern) for pattern in patterns)):
        raise Refusal(f"the upload lacks the packages {', '.join(missing)}: see [python_modules] in wrangler.toml")
    if upload.size > limit:
        raise Refusal(f"the upload has {upload.size // 1024:,} KiB gzip, at most {limit // 1024:,} are allowed")
    return upload
