"""Cloudflare's API as wrangler calls it: KV and D1, and for a deployment Workers, secrets, assets and queues."""

import asyncio
import json
import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from aiohttp import web

from sims.cloudflare.analytics import ACCOUNT
from sims.cloudflare.d1_api import ApiDatabase, Refusal
from sims.cloudflare.hosting import Hosting
from sims.cloudflare.kv_api import Namespace
from sims.cloudflare.queues_api import Queues
from sims.cloudflare.scripts_api import SUBDOMAIN, Script, Scripts
from sims.server import StandIn

TOKEN = "storage-sim-token"
API = "/client/v4"
LARGEST = 2**26
"""Bytes of a request's body."""

_KV = re.compile(r"/storage/kv/namespaces/([^/]+)/(keys|bulk|values/(.+))")
_D1 = re.compile(r"/d1/database/([^/]+)(?:/(query|import))?")
_SETTINGS = re.compile(r"/workers/scripts/([^/]+)/settings")
_SCRIPT = re.compile(r"/workers/scripts/([^/]+)(/.*)?")
_SERVICE = re.compile(r"/workers/services/([^/]+)")
_WORKER = re.compile(r"/workers/workers/([^/]+)")
_HOSTED = re.compile(r"/deployed/([^/]+)")
_QUEUES = re.compile(r"/queues(/.*)?")
_WORKFLOW = re.compile(r"/workflows/([^/]+)")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request, as it came."""

    method: str
    path: str
    authorization: str
    body: bytes
    kind: str = ""

    @property
    def query(self) -> dict[str, str]:
        """The query, the last value of each name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """One response; a result that is not bytes is sent inside Cloudflare's envelope."""

    status: int
    body: bytes
    etag: str = ""


class StorageSim(StandIn):
    """A context manager that serves Cloudflare's API for KV, D1 and Workers.

    A test creates the namespaces, databases and deployed Workers. `asked` lists the method and path of each request.
    If `failure` is set, it answers every request. The response shapes are those that wrangler 4 reads.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self._hosting = Hosting()
        self.namespaces: dict[str, Namespace] = {}
        self.databases: dict[str, ApiDatabase] = {}
        self.buckets: set[str] = set()
        self.scripts = Scripts()
        self.queues = Queues()
        self.asked: list[str] = []
        self.failure: ApiResponse | None = None
        self._files = tempfile.TemporaryDirectory()

    @property
    def workers(self) -> dict[str, Script]:
        """The Workers by name."""
        return self.scripts.all

    @property
    def environment(self) -> dict[str, str]:
        """The variables that send wrangler here."""
        place = {"CLOUDFLARE_API_BASE_URL": self.url + API, "CLOUDFLARE_ACCOUNT_ID": ACCOUNT}
        return place | {"CLOUDFLARE_API_TOKEN": TOKEN}

    def add_database(self, name: str) -> ApiDatabase:
        """Return a new database, empty."""
        uuid = f"00000000-0000-4000-8000-{len(self.databases):012d}"
        database = ApiDatabase(name, uuid, Path(self._files.name) / f"{uuid}.sqlite", f"{self.url}/upload/")
        self.databases[name] = database
        return database

    def add_namespace(self, worker: str, binding: str) -> Namespace:
        """Return a new namespace, bound to a deployed Worker."""
        number = f"{len(self.namespaces):032x}"
        self.workers.setdefault(worker, Script()).namespaces[binding] = number
        return self.namespaces.setdefault(number, Namespace())

    def add_secret(self, worker: str, name: str, value: str = "") -> None:
        """Set a secret of a Worker; without a value, a random one."""
        self.workers.setdefault(worker, Script()).secrets[name] = value or secrets.token_urlsafe(32)

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        application = web.Application(client_max_size=LARGEST)
        application.router.add_route("*", "/{path:.*}", self._answer)
        return application

    async def closing(self) -> None:
        """Leave nothing."""
        await asyncio.to_thread(self._hosting.stop)
        for database in self.databases.values():
            database.close()
        self._files.cleanup()

    def answer(self, request: ApiRequest) -> ApiResponse:
        """Return the response to a request."""
        path = urlsplit(request.path).path
        self.asked.append(f"{request.method} {path.removeprefix(f'{API}/accounts/{ACCOUNT}')}")
        if self.failure:
            return self.failure
        if path.startswith("/upload/"):
            return self._upload(path.removeprefix("/upload/"), request)
        try:
            return self._account(path, request)
        except Refusal as refusal:
            return envelope(refusal.status, errors=[{"code": refusal.code, "message": str(refusal)}])

    async def _answer(self, request: web.Request) -> web.Response:
        if match := _HOSTED.match(request.raw_path):
            return await self._hosted(match[1], request.raw_path[match.end() :])
        authorization, body = request.headers.get("authorization", ""), await request.read()
        answer = self.answer(
            ApiRequest(request.method, request.raw_path, authorization, body, request.headers.get("content-type", ""))
        )
        kind = "application/json" if answer.body[:1] == b"{" else "text/plain"
        headers = {"content-type": kind} | ({"etag": f'"{answer.etag}"'} if answer.etag else {})
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    async def _hosted(self, name: str, path: str) -> web.Response:
        """Answer for a deployed Worker, as its address at workers.dev does."""
        script = self.workers.get(name, Script())
        status, body = await asyncio.to_thread(self._hosting.get, name, path or "/", script, self.databases)
        return web.Response(status=status, body=body)

    def _upload(self, name: str, request: ApiRequest) -> ApiResponse:
        """Take a file, at an address that carries its own right, as R2's presigned ones do."""
        database = next((database for database in self.databases.values() if name.startswith(database.uuid)), None)
        if database is None or request.method != "PUT" or request.authorization:
            return ApiResponse(403, b"")
        return ApiResponse(200, b"", database.upload(name, request.body))

    def _account(self, path: str, request: ApiRequest) -> ApiResponse:
        owner = f"{API}/accounts/{ACCOUNT}"
        if path == f"{owner}/workers/assets/upload":
            return envelope(
                201, self.scripts.asset(request.authorization.removeprefix("Bearer "), request.body, request.kind)
            )
        if not path.startswith(owner + "/") or request.authorization != f"Bearer {TOKEN}":
            raise Refusal(403, 10000, "Authentication error")
        rest = path.removeprefix(owner)
        if rest == "/storage/kv/namespaces":
            return self._namespaces(request)
        if match := _KV.fullmatch(rest):
            return self._kv(unquote(match[1]), match[2], request)
        if rest == "/d1/database" and request.method == "GET":
            listed = [{"uuid": database.uuid, "name": database.name} for database in self.databases.values()]
            return envelope(200, [entry for entry in listed if entry["name"].startswith(request.query.get("name", ""))])
        if rest.startswith("/r2/buckets") and request.method == "GET":
            return self._buckets(unquote(rest.removeprefix("/r2/buckets").removeprefix("/")))
        if match := _D1.fullmatch(rest):
            return self._d1(unquote(match[1]), match[2] or "", request)
        if (match := _SETTINGS.fullmatch(rest)) and request.method == "GET":
            return self._settings(unquote(match[1]))
        return self._deployment(rest, request)

    def _deployment(self, rest: str, request: ApiRequest) -> ApiResponse:
        """Answer wrangler's requests of a deployment."""
        if match := _SERVICE.fullmatch(rest):
            return envelope(200, self.scripts.service(unquote(match[1])))
        if match := _WORKER.fullmatch(rest):
            return envelope(200, self.scripts.worker(unquote(match[1])))
        if match := _SCRIPT.fullmatch(rest):
            name = unquote(match[1])
            below = match[2] or ""
            return envelope(200, self.scripts.answer(name, below, request.method, request.body, request.kind))
        if match := _QUEUES.fullmatch(rest):
            found_queues = self.queues.answer(match[1] or "", request.query, request.method, request.body)
            return envelope(200, found_queues, result_info={"total_pages": 1, "page": 1})
        if match := _WORKFLOW.fullmatch(rest):
            return envelope(200, self.queues.workflow(unquote(match[1]), request.method, request.body))
        if rest == "/workers/subdomain" and request.method == "GET":
            return envelope(200, {"subdomain": SUBDOMAIN})
        raise Refusal(404, 7003, "Could not route to the path")

    def _namespaces(self, request: ApiRequest) -> ApiResponse:
        """List the account's namespaces, or make one."""
        if request.method == "POST":
            title = json.loads(request.body)["title"]
            number = f"{len(self.namespaces):032x}"
            self.namespaces[number] = Namespace()
            return envelope(200, {"id": number, "title": title})
        listed = [{"id": number, "title": number} for number in self.namespaces]
        return envelope(200, listed, result_info={"page": 1, "total_pages": 1, "count": len(listed)})

    def _buckets(self, name: str) -> ApiResponse:
        """Return one bucket, or without a name the list."""
        if not name:
            return envelope(200, {"buckets": [{"name": name} for name in sorted(self.buckets)]})
        if name not in self.buckets:
            raise Refusal(404, 10006, "The specified bucket does not exist.")
        return envelope(200, {"name": name})

    def _kv(self, number: str, what: str, request: ApiRequest) -> ApiResponse:
        namespace = self.namespaces.get(number)
        if namespace is None:
            raise Refusal(404, 10013, "get namespace: 'namespace not found'")
        query = request.query
        match request.method, what.partition("/")[0]:
            case "GET", "keys":
                result, cursor = namespace.keys(query)
                return envelope(200, result, result_info={"count": len(result), "cursor": cursor})
            case "PUT", "bulk":
                return envelope(200, namespace.bulk(json.loads(request.body)))
            case "GET", "values":
                return ApiResponse(200, namespace.value(unquote(what.partition("/")[2])))
        raise Refusal(405, 10000, "Method not allowed")

    def _d1(self, named: str, action: str, request: ApiRequest) -> ApiResponse:
        database = next(
            (database for database in self.databases.values() if named in {database.name, database.uuid}), None
        )
        if database is None:
            raise Refusal(404, 7404, f"The database {named} could not be found")
        match request.method, action:
            case "GET", "":
                return envelope(200, {"uuid": database.uuid, "name": database.name})
            case "POST", "query":
                return envelope(200, database.query(json.loads(request.body)))
            case "POST", "import":
                return envelope(200, database.load(json.loads(request.body)))
        raise Refusal(405, 10000, "Method not allowed")

    def _settings(self, worker: str) -> ApiResponse:
        deployed = self.workers.get(worker)
        if deployed is None:
            raise Refusal(404, 10007, "This Worker does not exist on your account.")
        bindings = [
            {"type": "kv_namespace", "name": name, "namespace_id": number}
            for name, number in deployed.namespaces.items()
        ]
        return envelope(200, {"bindings": bindings, "compatibility_date": "2026-11-17"})


def envelope(status: int, result: Any = None, errors: list[Any] | None = None, **more: Any) -> ApiResponse:
    """Return a response in the form that all of Cloudflare's API has."""
    document = {"success": not errors, "errors": errors or [], "messages": [], "result": result, **more}
    return ApiResponse(status, json.dumps(document).encode())
