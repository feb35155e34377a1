"""The targets of seeds: a state folder on this machine, or an environment at Cloudflare, through wrangler."""

import asyncio
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from edge.app import App
from edge.ports import Row, Statement
from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.key_value import LocalKeyValue
from edge.runtimes.local.migrations import migrate
from edge.runtimes.local.runtime import database_path, make_state
from pyedge.client import StartError
from pyedge.config import ConfigError
from pyedge.config import read as read_config
from seeding.files import Pair, SeedError
from seeding.rehearsal import Key, Rows
from wrangler_command import OFFLINE, wrangler

SQL_AT_ONCE = 60_000
"""Characters of a query on wrangler's command line: Linux takes 128 KB an argument."""


class Target(Protocol):
    """The storage of an app's bindings."""

    def present(self, binding: str, tables: Sequence[Rows]) -> list[set[Key]]:
        """Return for each table the keys of those rows that are there."""

    def insert(self, binding: str, script: Sequence[str]) -> None:
        """Run statements: all of them take effect, or none."""

    def names(self, binding: str, keys: Sequence[str]) -> set[str]:
        """Return those of the keys that are there."""

    def put(self, binding: str, pairs: Sequence[Pair]) -> None:
        """Store pairs."""


class Local:
    """The state folder of the local runtime; it may be served meanwhile. Its first database is migrated by `open`."""

    def __init__(self, state: Path) -> None:
        self._state = state

    @classmethod
    def open(cls, app: App, state: Path, migrations: Path) -> "Local":
        """Create the folder if it is missing, and apply its database's migrations."""
        try:
            make_state(state)
            if database := database_path(app, state):
                migrate(database, migrations)
        except OSError as fault:
            raise SeedError(f"the state folder {state} cannot be used: {fault.strerror or fault}") from None
        except sqlite3.Error as fault:
            raise SeedError(f"the state folder {state} cannot be used: {fault}") from None
        return cls(state)

    def present(self, binding: str, tables: Sequence[Rows]) -> list[set[Key]]:
        if not tables:
            return []
        with self._database(binding) as database:
            results = asyncio.run(database.batch([Statement(sql) for table in tables for sql in table.queries]))
        return _keys_per_table(tables, iter([result.rows for result in results]))

    def insert(self, binding: str, script: Sequence[str]) -> None:
        with self._database(binding) as database:
            asyncio.run(database.batch([Statement(sql) for sql in script]))

    def names(self, binding: str, keys: Sequence[str]) -> set[str]:
        async def look() -> set[str]:
            return {key for key in keys if await store.get(key) is not None}

        with self._store(binding) as store:
            return asyncio.run(look())

    def put(self, binding: str, pairs: Sequence[Pair]) -> None:
        async def store_all() -> None:
            for pair in pairs:
                await store.put(pair.key, pair.value, ttl=pair.expiration_ttl)

        with self._store(binding) as store:
            asyncio.run(store_all())

    @contextmanager
    def _database(self, binding: str) -> Iterator[LocalDatabase]:
        with closing(LocalDatabase(self._state / "d1" / f"{binding}.sqlite")) as database:
            yield database

    @contextmanager
    def _store(self, binding: str) -> Iterator[LocalKeyValue]:
        with closing(LocalKeyValue(self._state / "kv" / f"{binding}.sqlite")) as store:
            yield store


@contextmanager
def copied(state: Path) -> Iterator[Path]:
    """Yield a copy of a state folder's databases and namespaces, which ends with the block: for a dry run."""
    with tempfile.TemporaryDirectory() as place:
        for file in (*state.glob("d1/*.sqlite"), *state.glob("kv/*.sqlite")):
            copy = Path(place) / file.relative_to(state)
            copy.parent.mkdir(exist_ok=True)
            address = f"{file.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
        yield Path(place)


class Remote:
    """An environment of a wrangler.toml, at Cloudflare. `wrangler d1 migrations apply` applies its migrations.

    The token belongs to wrangler: in its environment or its login, never in a command or a file here.
    KV's list may lag behind by a minute, so a key put just now may be put again, with the same value.
    """

    def __init__(self, app: App, environment: str, config: Path, variables: Mapping[str, str] = os.environ) -> None:
        try:
            merged = read_config(config, environment)
        except ConfigError as fault:
            raise SeedError(str(fault)) from None
        if merged["name"] != app.name and not merged["name"].startswith(f"{app.name}-"):
            raise SeedError(f"[env.{environment}] is {merged['name']}, which is no environment of {app.name}")
        self._variables = variables
        databases = merged.get("d1_databases", [])
        self._databases = {
            binding["binding"]: binding.get("database_name", binding["binding"]) for binding in databases
        }
        self._place = ["--remote", "--env", environment, "--config", str(config)]

    def present(self, binding: str, tables: Sequence[Rows]) -> list[set[Key]]:
        answers = [
            self._wrangler("d1", "execute", self._database(binding), "--json", "--command", sql)
            for sql in _together([sql for table in tables for sql in table.queries])
        ]
        return _keys_per_table(tables, (result["results"] for answer in answers for result in json.loads(answer)))

    def insert(self, binding: str, script: Sequence[str]) -> None:
        with _file("\n".join(script), ".sql") as file:
            self._wrangler("d1", "execute", self._database(binding), "--yes", "--file", file)

    def names(self, binding: str, keys: Sequence[str]) -> set[str]:
        prefix = os.path.commonprefix(list(keys))  # noqa: RUF071 - of keys, whose characters are what is meant
        answer = self._wrangler("kv", "key", "list", "--binding", binding, *([f"--prefix={prefix}"] if prefix else []))
        return {entry["name"] for entry in json.loads(answer)} & {*keys}

    def put(self, binding: str, pairs: Sequence[Pair]) -> None:
        with _file(json.dumps([pair.model_dump(exclude_none=True) for pair in pairs]), ".json") as file:
            self._wrangler("kv", "bulk", "put", file, "--binding", binding)

    def _database(self, binding: str) -> str:
        try:
            return str(self._databases[binding])
        except KeyError:
            raise SeedError(f"wrangler.toml gives this environment no D1 database {binding}") from None

    def _wrangler(self, *words: str) -> str:
        try:
            command = wrangler(*words, *self._place)
        except StartError as fault:
            raise SeedError(str(fault)) from None
        done = subprocess.run(command, env={**self._variables, **OFFLINE}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SeedError(f"wrangler {' '.join(words[:3])}: {_reason(done.stdout, done.stderr)}")
        return done.stdout


def _keys_per_table(tables: Sequence[Rows], answers: Iterator[Sequence[Row]]) -> list[set[Key]]:
    """Return for each table the keys that the answers to its queries hold."""
    return [{tuple(row.values()) for _ in table.queries for row in next(answers)} for table in tables]


def _reason(output: str, errors: str) -> str:
    """Return wrangler's error message on one line; with --json it prints it as JSON."""
    error: Any = None
    if output.lstrip().startswith("{"):
        error = json.loads(output).get("error")
    if isinstance(error, dict):
        text = " ".join([error["text"], *(note["text"] for note in error.get("notes", []))])
    else:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", errors or output)
        text = plain.rpartition("[ERROR]")[2] or plain
    hint = "; apply the migrations first: wrangler d1 migrations apply" if "no such table" in text else ""
    return (" ".join(text.split())[:400] or "it failed and did not say why") + hint


def _together(queries: Sequence[str]) -> Iterator[str]:
    """Join queries to as few as a command line takes, since each start of wrangler takes a second."""
    joined = ""
    for sql in queries:
        if joined and len(joined) + len(sql) > SQL_AT_ONCE:
            yield joined
            joined = ""
        joined += f"{sql}; "
    if joined:
        yield joined


@contextmanager
def _file(content: str, suffix: str) -> Iterator[str]:
    place = Path(tempfile.mkdtemp())
    try:
        file = place / f"seed{suffix}"
        file.write_text(content, encoding="utf-8")
        yield str(file)
    finally:
        shutil.rmtree(place)
