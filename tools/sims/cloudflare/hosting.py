"""Runs deployed Workers in workerd, from the modules uploaded to the stand-in."""

import base64
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyedge import StartError, Worker
from sims.cloudflare.d1_api import ApiDatabase
from sims.cloudflare.scripts_api import Script, Version

CONFIG = """name = "{name}"
main = "src/{main}"
compatibility_date = "{date}"
compatibility_flags = {flags}
"""
SCHEMA = (
    "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
    "AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow') ORDER BY rowid"
)
"""Statements that make the tables; a virtual table makes its shadow tables itself."""


class Hosting:
    """Deployed Workers that have had a request, each in a workerd of its own."""

    def __init__(self) -> None:
        self._place = tempfile.TemporaryDirectory()
        self._running: dict[str, tuple[str, Worker]] = {}

    def get(self, name: str, path: str, script: Script, databases: Mapping[str, ApiDatabase]) -> tuple[int, bytes]:
        """Return a Worker's response; if it does not start, Cloudflare's error page with the reason."""
        version = script.deployed
        if version is None:
            return 404, b"There is nothing here yet"
        running = self._running.get(name)
        if running is None or running[0] != version.number:
            if running is not None:
                running[1].stop()
            try:
                self._running[name] = version.number, self._start(name, version, script, databases)
            except StartError as fault:
                return 500, f"error code: 1101\n{fault}".encode()
        status, _, body = self._running[name][1].get(path)
        return status, body

    def stop(self) -> None:
        """Stop all, and leave nothing."""
        for _, worker in self._running.values():
            worker.stop()
        self._place.cleanup()

    def _start(self, name: str, version: Version, script: Script, databases: Mapping[str, ApiDatabase]) -> Worker:
        folder = Path(self._place.name) / version.number
        for path, content in version.modules.items():
            _write(folder / path if path.startswith("python_modules/") else folder / "src" / path, content)
        for path, text in script.assets.items():
            _write(folder / "assets" / path.lstrip("/"), base64.b64decode(text))
        data = version.metadata
        flags = [f"{flag}" for flag in data["compatibility_flags"]]
        head = CONFIG.format(name=name, main=data["main_module"], date=data["compatibility_date"], flags=flags)
        _write(folder / "wrangler.toml", head.replace("'", '"').encode())
        variables = {**_texts(data["bindings"]), **script.secrets}
        rules = [{"type": "ESModule", "globs": version.scripts}]
        worker = Worker(folder, variables=variables, overrides={**_bindings(data["bindings"]), "rules": rules})
        worker.start()
        by_id = {database.uuid: database for database in databases.values()}
        for binding in data["bindings"]:
            if binding["type"] == "d1":
                _copy(by_id[binding.get("id") or binding["database_id"]], worker, binding["name"])
        return worker


def _texts(bindings: list[dict[str, Any]]) -> dict[str, str]:
    return {
        binding["name"]: binding["text"] for binding in bindings if binding["type"] in {"plain_text", "secret_text"}
    }


def _bindings(bindings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the bindings of an upload's metadata as wrangler.toml has them; the assets' is always the same."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for binding in bindings:
        by_kind.setdefault(binding["type"], []).append(binding)
    objects = by_kind.get("durable_object_namespace", [])
    classes = [binding["class_name"] for binding in objects]
    ids = {"namespace_id": "id", "queue_name": "queue", "workflow_name": "name"}

    def listed(kind: str, *fields: str, key: str = "binding") -> list[dict[str, Any]]:
        return [
            {key: binding["name"], **{ids.get(name, name): binding[name] for name in fields}}
            for binding in by_kind.get(kind, [])
        ]

    return {
        "d1_databases": [
            {"binding": binding["name"], "database_name": binding["name"]} for binding in by_kind.get("d1", [])
        ],
        "kv_namespaces": listed("kv_namespace", "namespace_id"),
        "r2_buckets": listed("r2_bucket", "bucket_name"),
        "send_email": listed("send_email", key="name"),
        "worker_loaders": listed("worker_loader"),
        "queues": {"producers": listed("queue", "queue_name")},
        "analytics_engine_datasets": listed("analytics_engine", "dataset"),
        "durable_objects": {"bindings": listed("durable_object_namespace", "class_name", key="name")},
        "migrations": [{"tag": "v1", "new_sqlite_classes": classes}] if classes else [],
        "workflows": listed("workflow", "workflow_name", "class_name"),
        "ratelimits": [
            {"name": binding["name"], "namespace_id": binding["namespace_id"], "simple": binding["simple"]}
            for binding in by_kind.get("ratelimit", [])
        ],
        "assets": {"directory": "assets", "binding": "ASSETS"},
        "python_modules": {"exclude": []},
    }


def _copy(database: ApiDatabase, worker: Worker, binding: str) -> None:
    """Give the Worker's own database the tables of the account's, with the list of applied migrations."""
    for row in database.query({"sql": SCHEMA})[0]["results"]:
        worker.d1(binding, row["sql"])
    names = [name for name in _tables(database) if name == "d1_migrations"]
    for row in database.query({"sql": "SELECT name FROM d1_migrations"})[0]["results"] if names else []:
        if row["name"] != database.forgets:
            worker.d1(binding, "INSERT INTO d1_migrations (name) VALUES (?)", row["name"])


def _tables(database: ApiDatabase) -> list[str]:
    rows = database.query({"sql": "SELECT name FROM sqlite_schema WHERE type = 'table'"})[0]["results"]
    return [row["name"] for row in rows]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
