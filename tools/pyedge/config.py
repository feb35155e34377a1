"""Reads wrangler.toml as wrangler does: an environment's own keys, inheritance, secrets, migrations."""

import os
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.runtimes.local.dev_vars import read_dev_vars
from edge.runtimes.local.migrations import statements

Config = dict[str, Any]

NOT_INHERITED = frozenset(
    {
        *("vars", "secrets", "define", "unsafe", "d1_databases", "kv_namespaces", "r2_buckets", "queues", "ai"),
        *("analytics_engine_datasets", "durable_objects", "workflows", "services", "ratelimits", "version_metadata"),
        *("send_email", "vectorize", "hyperdrive", "browser", "images", "dispatch_namespaces", "mtls_certificates"),
        *("tail_consumers", "pipelines", "secrets_store_secrets", "worker_loaders"),
    }
)
"""Keys that an environment has to repeat: bindings, variables and secrets."""


class ConfigError(Exception):
    """The configuration cannot be run."""


def read_all(path: Path) -> Config:
    """Return a configuration unchanged, with all environments below `env`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(f"{path}: {fault}") from None


def read(path: Path, environment: str | None = None) -> Config:
    """Return a configuration with its environment merged in."""
    raw = read_all(path)
    environments = raw.pop("env", {})
    if environment is None:
        return raw
    if environment not in environments:
        raise ConfigError(f"{path} has no [env.{environment}]; there are {', '.join(environments) or 'none'}")
    inherited = {key: value for key, value in raw.items() if key not in NOT_INHERITED}
    inherited["name"] = f"{raw.get('name')}-{environment}"
    merged: Config = inherited | environments[environment]
    return merged


def order(
    path: Path, environment: str | None, overrides: Config, *, variables: Mapping[str, str], trees: Mapping[str, Path]
) -> dict[str, Any]:
    """Return the Node side's description of one Worker; `variables` go before all others."""
    folder = path.parent
    config = read(path, environment) | overrides
    if build := _build(folder, config):
        run(build)
    main = folder / config["main"]
    root = folder / config["base_dir"] if "base_dir" in config else main.parent
    if not main.is_file():
        raise ConfigError(f"{path}: main = {config['main']!r} is not there")
    if config.get("assets"):
        config["assets"] = config["assets"] | {"directory": str(folder / config["assets"]["directory"])}
    places = [folder / database.get("migrations_dir", "migrations") for database in config.get("d1_databases", [])]
    read_once = (path, folder / "python_modules", *_secret_files(folder, environment), *places)
    variables = _variables(folder, environment, config) | dict(variables)
    return {
        "trees": [["", str(root)], *([f"{prefix}/" if prefix else "", str(tree)] for prefix, tree in trees.items())],
        "main": main.relative_to(root).as_posix(),
        "python_modules": str(folder / "python_modules"),
        "restart": [str(value) for value in read_once],
        "config": config,
        "build": build,
        "vars": variables,
        "missing": [name for name in config.get("secrets", {}).get("required", ()) if name not in variables],
        "migrations": _migrations(folder, config),
    }


def run(build: Config) -> None:
    """Run a build command, as wrangler does before it looks for the main module."""
    done = subprocess.run(build["command"], shell=True, cwd=build["cwd"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"{build['command']} failed:\n{done.stdout}{done.stderr}")


def _build(folder: Path, config: Config) -> Config | None:
    build = config.get("build", {})
    if "command" not in build:
        return None
    watched = build.get("watch_dir", "src")
    places = [str(folder / place) for place in ([watched] if isinstance(watched, str) else watched)]
    return {"command": build["command"], "cwd": str(folder / build.get("cwd", ".")), "watch": places}


def _secret_files(folder: Path, environment: str | None) -> list[Path]:
    own = [folder / f".dev.vars.{environment}"] if environment else []
    return [*own, folder / ".dev.vars"]


def _variables(folder: Path, environment: str | None, config: Config) -> Config:
    """Return variables and secrets: from the configuration, `.dev.vars`, and the environment."""
    file = next((file for file in _secret_files(folder, environment) if file.exists()), None)
    values: Config = config.get("vars", {}) | (read_dev_vars(file) if file else {})
    names = {*values, *config.get("secrets", {}).get("required", ())}
    return values | {name: os.environ[name] for name in names if name in os.environ}


def _migrations(folder: Path, config: Config) -> Config:
    """Return for each database its migrations, in order, as lists of statements."""
    by_place = {}
    for database in config.get("d1_databases", []):
        place = folder / database.get("migrations_dir", "migrations")
        files = [
            {"name": file.name, "statements": [text for text in statements(file.read_text("utf-8-sig")) if _runs(text)]}
            for file in sorted(place.glob("*.sql"))
        ]
        if files:
            by_place[database["binding"]] = {"table": database.get("migrations_table", "d1_migrations"), "files": files}
    return by_place


def _runs(statement: str) -> bool:
    lines = (line.strip() for line in statement.splitlines())
    return any(line.strip("; ") and not line.startswith("--") for line in lines)
