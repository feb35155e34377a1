"""Reads and checks the seeds of an app in `tools/seeds/<package>`: `d1.sql` and `kv.json`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from edge.app import App
from edge.ports import Database, KeyValue, PortError
from edge.runtimes.limits import check_put
from seeding.inserts import Insert, inserts


class SeedError(PortError):
    """A seed cannot be read, or cannot be written to its target; the message is one line."""


_SUFFIX = {"d1": ".sql", "kv": ".json"}


def _text(value: object) -> object:
    """Return a JSON object or list as the text that is stored."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if isinstance(value, dict | list) else value


class Pair(BaseModel):
    """A key with its value, in the form of `wrangler kv bulk put`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    key: str
    value: Annotated[str, BeforeValidator(_text)]
    expiration_ttl: int | None = None


@dataclass(frozen=True, slots=True)
class Bindings:
    """The names of an app's bindings of the two kinds, in the order of its settings."""

    databases: Sequence[str]
    namespaces: Sequence[str]

    @classmethod
    def of(cls, app: App) -> "Bindings":
        """Return an app's."""
        fields = app.settings.fields
        return cls(
            [field.name for field in fields if field.port is Database],
            [field.name for field in fields if field.port is KeyValue],
        )


@dataclass(frozen=True, slots=True)
class Seeds:
    """The seeds of each binding."""

    rows: Mapping[str, list[Insert]] = field(default_factory=dict)
    pairs: Mapping[str, list[Pair]] = field(default_factory=dict)


def read(folder: Path, bindings: Bindings) -> Seeds:
    """Return the seeds of a folder; `SeedError` if there are none, or invalid ones."""
    if not folder.is_dir():
        raise SeedError(f"there are no seeds for {folder.name}: {folder} is not there")
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    rows: dict[str, list[Insert]] = {}
    pairs: dict[str, list[Pair]] = {}
    for file in files:
        if file.suffix == ".sql":
            binding = _binding(file, "d1", bindings.databases, rows)
            rows[binding] = _inserts(file)
        else:
            binding = _binding(file, "kv", bindings.namespaces, pairs)
            pairs[binding] = _pairs(file)
    return Seeds(rows, pairs)


def _binding(file: Path, kind: str, names: Sequence[str], bound: Mapping[str, object]) -> str:
    """Return the binding of a file: the first of its kind, or the named one."""
    prefix, _, named = file.stem.partition(".")
    if prefix != kind or file.suffix != _SUFFIX[kind]:
        raise SeedError(f"{file}: a seed is d1.sql or kv.json, or d1.<BINDING>.sql or kv.<BINDING>.json")
    if not names:
        raise SeedError(f"{file}: the app has no {kind.upper()} binding")
    binding = named or names[0]
    if binding not in names:
        raise SeedError(f"{file}: the app has no {kind.upper()} binding {named}; there are {', '.join(names)}")
    if binding in bound:
        raise SeedError(f"{file}: there is another file for {binding}")
    return binding


def _inserts(file: Path) -> list[Insert]:
    try:
        return inserts(_content(file))
    except ValueError as fault:
        raise SeedError(f"{file}, {fault}") from None


def _pairs(file: Path) -> list[Pair]:
    try:
        pairs = TypeAdapter(list[Pair]).validate_python(json.loads(_content(file)))
        for pair in pairs:
            check_put(pair.key, pair.value, pair.expiration_ttl)
    except ValidationError as fault:
        first = fault.errors()[0]
        raise SeedError(f"{file}, {' '.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}") from None
    except (ValueError, PortError) as fault:
        raise SeedError(f"{file}: {fault}") from None
    keys = [pair.key for pair in pairs]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise SeedError(f"{file}: {twice[0]} is there twice")
    return pairs


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise SeedError(f"{file} cannot be read: {type(fault).__name__}") from None
