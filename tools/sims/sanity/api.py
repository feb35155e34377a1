"""Sanity's HTTP API: queries, mutations, documents by id."""

import json
import re
import secrets
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from sims.sanity.content import PROJECT_ID
from sims.sanity.faults import RequestEntry
from sims.sanity.groq import BadQuery, run
from sims.sanity.refusals import Refused, api_error, forbidden, query_error
from sims.sanity.store import Change, Store

LONGEST_GET = 11_264
"""Most characters of a query string; a longer one must be posted."""
_VERSION = re.compile(r"v(1|X|\d{4}-\d{2}-\d{2})")
_PUBLISHED_SINCE = "2025-02-19"
"""The first API version with a default perspective of published documents alone."""


class Api:
    """The endpoints over a store; `report` is called with every committed change."""

    def __init__(
        self, store: Store, dataset: str, now: Callable[[], datetime], report: Callable[[list[Change]], None]
    ) -> None:
        self.store = store
        self.dataset = dataset
        self.now = now
        self.report = report
        self.project_id = PROJECT_ID
        self.read_token = "sk-sim-read-" + "r" * 24
        self.write_token = "sk-sim-write-" + "w" * 24

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/{version}/data/query/{dataset}", self.query, allow_head=False),
            web.post("/{version}/data/query/{dataset}", self.query),
            web.post("/{version}/data/mutate/{dataset}", self.mutate),
            web.get("/{version}/data/doc/{dataset}/{ids}", self.documents, allow_head=False),
        ]

    async def query(self, request: web.Request) -> web.Response:
        """Answer a query."""
        version = self._admit(request)
        if request.method == "GET" and len(request.rel_url.raw_query_string) > LONGEST_GET:
            raise api_error(414, f"The query string is longer than {LONGEST_GET} characters; use POST")
        query, params = await question(request)
        documents = self.store.seen(request.query.get("perspective") or _perspective(version))
        started = time.perf_counter()
        try:
            result = run(query, documents, params, self.now())
        except BadQuery as bad:
            raise query_error(bad.description, query, bad.start, bad.end) from None
        answer = {"query": query} if request.query.get("returnQuery") != "false" else {}
        return json_response({**answer, "result": result, "ms": int((time.perf_counter() - started) * 1_000)})

    async def mutate(self, request: web.Request) -> web.Response:
        """Commit a transaction."""
        self._admit(request)
        if _token(request) != self.write_token:
            raise forbidden("update")
        if request.query.get("visibility", "sync") not in {"sync", "async", "deferred"}:
            raise api_error(400, "visibility must be sync, async or deferred")
        document = _json(await request.text())
        mutations = document.get("mutations") if isinstance(document, dict) else None
        if not isinstance(mutations, list) or not all(isinstance(mutation, dict) for mutation in mutations):
            raise api_error(400, "the body must have mutations, an array of objects")
        transaction = str(document.get("transactionId") or secrets.token_hex(11))
        dry = request.query.get("dryRun") == "true"
        changes = self.store.transact(mutations, transaction, dry=dry)
        if not dry:
            self.report(changes)
        return json_response(
            {"transactionId": transaction, "results": [_result(change, request) for change in changes]}
        )

    async def documents(self, request: web.Request) -> web.Response:
        """Answer with documents, including drafts, and with the ids that do not exist."""
        self._admit(request)
        there = {doc["_id"]: doc for doc in self.store.seen(request.query.get("perspective") or "raw")}
        ids = request.match_info["ids"].split(",")
        missing = [{"id": id_, "reason": "existence"} for id_ in ids if id_ not in there]
        return json_response({"documents": [there[id_] for id_ in ids if id_ in there], "omitted": missing})

    def _admit(self, request: web.Request) -> str:
        """Return the requested version after checking path and token."""
        version = request.match_info["version"]
        token = _token(request)
        if not _VERSION.fullmatch(version):
            raise api_error(400, f'Invalid API version "{version}"')
        if token is not None and token not in {self.read_token, self.write_token}:
            raise api_error(401, "Session not found")
        if (dataset := request.match_info["dataset"]) != self.dataset:
            raise api_error(404, f'Dataset "{dataset}" not found for project ID "{self.project_id}"')
        if token is None:
            raise api_error(401, "Unauthorized: the dataset is private")
        return version


async def question(request: web.Request) -> tuple[str, dict[str, Any]]:
    """Return the query and the parameters of a request."""
    if request.method == "POST":
        document = _json(await request.text())
        query, params = (
            (document.get("query"), document.get("params") or {}) if isinstance(document, dict) else (None, {})
        )
    else:
        query = request.query.get("query")
        named = [(name[1:], text) for name, text in request.query.items() if name.startswith("$")]
        params = {name: _json(text, f"parameter ${name} is no JSON") for name, text in named}
    if not isinstance(query, str) or not query.strip() or not isinstance(params, dict):
        raise api_error(400, "query is required, and params must be an object")
    return query, params


async def journal_entry(request: web.Request) -> RequestEntry:
    """Return a request's entry for the journal."""
    options = {name: text for name, text in request.query.items() if name != "query" and not name.startswith("$")}
    query: str | None = None
    params: dict[str, Any] = {}
    if "/data/query/" in request.path:
        try:
            query, params = await question(request)
        except Refused:
            query = request.query.get("query")
    return RequestEntry(request.method, request.path, query, params, options, _token(request) is not None)


def json_response(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return a response with JSON, and the trace that Sanity's clients show."""
    trace = {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"}
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(text=text, status=status, content_type="application/json", headers=trace | (headers or {}))


def _result(change: Change, request: web.Request) -> dict[str, Any]:
    wants = {name for name in ("returnIds", "returnDocuments") if request.query.get(name) == "true"}
    result: dict[str, Any] = {"id": change.id} if wants else {}
    result["operation"] = change.operation
    if "returnDocuments" in wants and change.operation != "delete":
        result["document"] = change.document
    return result


def _perspective(version: str) -> str:
    return "raw" if version == "v1" or version < f"v{_PUBLISHED_SINCE}" else "published"


def _token(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _json(text: str, description: str = "the body is no JSON") -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise api_error(400, description) from None
