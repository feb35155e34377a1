"""Workers over Cloudflare's API, as `wrangler deploy` and `wrangler secret` ask for them."""

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sims.cloudflare.d1_api import Refusal

SUBDOMAIN = "sim"
MISSING = 10007
"""Cloudflare's code for a Worker that is not there."""
INVALID_INHERIT = 10056
"""Its code for a binding that is inherited from a version without it; wrangler reads the note."""

ES_MODULE = "application/javascript+module"
"""The media type of a module that JavaScript can import."""

_FORM = re.compile(r'name="([^"]*)"')
_TYPE = re.compile(r"(?i)^content-type: *(\S+)", re.MULTILINE)


class Part(NamedTuple):
    """A part of a form: its name, content and media type."""

    name: str
    content: bytes
    media_type: str


@dataclass(slots=True)
class Version:
    """An upload: its metadata, its modules by name, and the names of those that JavaScript can import."""

    number: str
    metadata: dict[str, Any]
    modules: dict[str, bytes]
    scripts: list[str]


@dataclass(slots=True)
class Script:
    """A Worker: its secrets, uploads, deployed version, and its KV bindings with their namespaces' ids."""

    namespaces: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    deployed: Version | None = None
    assets: dict[str, str] = field(default_factory=dict)
    schedules: list[str] = field(default_factory=list)
    is_public: bool = False

    @property
    def tag(self) -> str | None:
        """The Durable Object migration that was applied last."""
        tags = [
            version.metadata["migrations"]["new_tag"] for version in self.versions if version.metadata.get("migrations")
        ]
        return tags[-1] if tags else None

    def upload(self, body: bytes, kind: str) -> Version:
        """Store an upload; refuse it if it needs a secret that is not set."""
        sent = form(body, kind)
        parts = {part.name: part.content for part in sent}
        metadata = json.loads(parts.pop("metadata"))
        inherited = [binding["name"] for binding in metadata["bindings"] if binding["type"] == "inherit"]
        if missing := [name for name in inherited if name not in self.secrets and not self._has(name)]:
            raise Refusal(400, INVALID_INHERIT, f"inherit binding '{missing[0]}' is invalid: it is not there")
        version = Version(_uuid(), metadata, parts, [part.name for part in sent if part.media_type == ES_MODULE])
        self.versions.append(version)
        return version

    def _has(self, name: str) -> bool:
        return self.deployed is not None and any(
            binding["name"] == name for binding in self.deployed.metadata["bindings"]
        )


class Scripts:
    """All Workers of the account, by name."""

    def __init__(self) -> None:
        self.all: dict[str, Script] = {}
        self._sessions: dict[str, dict[str, str]] = {}

    def service(self, name: str) -> dict[str, Any]:
        """Return the service document that wrangler requests before a deployment."""
        script = self._script(name, code=10090)
        details: dict[str, Any] = {
            "id": name,
            "tag": name,
            "tags": [],
            "last_deployed_from": "wrangler",
            "migration_tag": script.tag,
        }
        return {"id": name, "default_environment": {"environment": "production", "script": details}}

    def worker(self, name: str) -> dict[str, Any]:
        """Return the document with a Worker's addresses that wrangler requests."""
        script = self._script(name)
        host = f"https://{name}.{SUBDOMAIN}.workers.dev"
        subdomain = {"enabled": script.is_public, "previews_enabled": False}
        return {"id": name, "name": name, "subdomain": subdomain | ({"url": host} if script.is_public else {})}

    def answer(self, name: str, rest: str, method: str, body: bytes, kind: str) -> Any:
        """Return the result of a request for a Worker, or for a part of it."""
        if method == "GET" and rest.startswith("/versions/"):
            return self._version(name, rest.removeprefix("/versions/"))
        handlers: dict[tuple[str, str], Callable[[], Any]] = {
            ("PUT", ""): lambda: self._put(name, body, kind),
            ("POST", "/versions"): lambda: self._add_version(name, body, kind),
            ("GET", "/deployments"): lambda: {"deployments": self._deployments(name)},
            ("POST", "/deployments"): lambda: self._deploy(name, json.loads(body)),
            ("GET", "/secrets"): lambda: self._secrets(name),
            ("PUT", "/secrets"): lambda: self._put_secret(name, json.loads(body)),
            ("POST", "/assets-upload-session"): lambda: self._session(name, json.loads(body)["manifest"]),
            ("GET", "/subdomain"): lambda: self._subdomain(name),
            ("POST", "/subdomain"): lambda: self._publish(name),
            ("PUT", "/schedules"): lambda: self._schedule(name, json.loads(body)),
            ("PATCH", "/script-settings"): dict,
        }
        if (method, rest) not in handlers:
            raise Refusal(405, 10000, "Method not allowed")
        return handlers[method, rest]()

    def _script(self, name: str, code: int = MISSING) -> Script:
        if name not in self.all:
            raise Refusal(404, code, "This Worker does not exist on your account.")
        return self.all[name]

    def _put(self, name: str, body: bytes, kind: str) -> dict[str, Any]:
        """Upload and deploy at once, as wrangler does to create Durable Objects."""
        script = self.all.setdefault(name, Script())
        version = script.upload(body, kind)
        script.deployed = version
        return {"id": name, "etag": version.number, "deployment_id": version.number, "startup_time_ms": 1}

    def _deployments(self, name: str) -> list[dict[str, Any]]:
        script = self._script(name)
        if script.deployed is None:
            return []
        deployment = {
            "id": script.deployed.number,
            "source": "wrangler",
            "strategy": "percentage",
            "author_email": "sim",
        }
        versions = [{"version_id": script.deployed.number, "percentage": 100}]
        return [{**deployment, "versions": versions, "created_on": "2026-11-17T00:00:00Z", "annotations": {}}]

    def _deploy(self, name: str, order: dict[str, Any]) -> dict[str, Any]:
        script = self._script(name)
        number = order["versions"][0]["version_id"]
        script.deployed = next(version for version in script.versions if version.number == number)
        return {"id": number}

    def _version(self, name: str, number: str) -> dict[str, Any]:
        version = next((version for version in self._script(name).versions if version.number == number), None)
        if version is None:
            raise Refusal(404, 10008, "no such version")
        metadata = {"author_email": "sim", "source": "wrangler", "created_on": "2026-11-17T00:00:00Z"}
        return {"id": number, "number": 1, "metadata": metadata, "annotations": {}, "resources": {"bindings": []}}

    def _add_version(self, name: str, body: bytes, kind: str) -> dict[str, Any]:
        version = self._script(name).upload(body, kind)
        return {"id": version.number, "startup_time_ms": 1, "resources": {"script": {"etag": version.number}}}

    def _secrets(self, name: str) -> list[dict[str, Any]]:
        return [{"name": name_, "type": "secret_text"} for name_ in self._script(name).secrets]

    def _put_secret(self, name: str, secret: dict[str, Any]) -> dict[str, Any]:
        self._script(name).secrets[secret["name"]] = secret["text"]
        return {"name": secret["name"], "type": "secret_text"}

    def _schedule(self, name: str, schedules: list[dict[str, str]]) -> dict[str, Any]:
        self._script(name).schedules = [schedule["cron"] for schedule in schedules]
        return {"schedules": schedules}

    def _session(self, name: str, manifest: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Ask for all files, in one bucket."""
        token = f"sim.{secrets.token_hex(8)}.sim"
        self.all.setdefault(name, Script()).assets = {}
        self._sessions[token] = {entry["hash"]: path for path, entry in manifest.items()} | {"": name}
        return {"jwt": token, "buckets": [[entry["hash"] for entry in manifest.values()]]}

    def asset(self, token: str, body: bytes, kind: str) -> dict[str, Any]:
        """Take files, each as Base64 under its hash."""
        if token not in self._sessions:
            raise Refusal(403, 10000, "Authentication error")
        session = self._sessions[token]
        script = self.all[session[""]]
        for name, content, _ in form(body, kind):
            script.assets[session[name]] = content.decode()
        return {"jwt": token}

    def _subdomain(self, name: str) -> dict[str, Any]:
        return {"enabled": self._script(name).is_public, "previews_enabled": False}

    def _publish(self, name: str) -> dict[str, Any]:
        self._script(name).is_public = True
        return self._subdomain(name)


def form(body: bytes, kind: str) -> list[Part]:
    """Return the parts of a multipart form."""
    boundary = kind.partition("boundary=")[2].strip('"').encode()
    parts = []
    for text in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = text.partition(b"\r\n\r\n")
        named = _FORM.search(head.decode())
        if named is None:
            raise Refusal(400, 10021, "a part of the form has no name")
        typed = _TYPE.search(head.decode())
        parts.append(Part(named[1], content, typed[1] if typed else ""))
    return parts


def _uuid() -> str:
    text = secrets.token_hex(16)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
