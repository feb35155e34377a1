"""Cloudflare's API for one account, without wrangler: its resources, and the rows of a database."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from deploying.refusal import Refusal

API = "https://api.cloudflare.com/client/v4"
PAGE = 100


class NotThere(Exception):
    """The account has nothing of this name."""


class Account:
    """One account; the token comes from `CLOUDFLARE_API_TOKEN` and is never shown."""

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        missing = [name for name in ("CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN") if not variables.get(name)]
        if missing:
            raise Refusal(f"{' and '.join(missing)} is not set: docs/deploy.md lists the token's permissions")
        base = variables.get("CLOUDFLARE_API_BASE_URL") or API
        self._url = f"{base.rstrip('/')}/accounts/{variables['CLOUDFLARE_ACCOUNT_ID']}"
        self._token = variables["CLOUDFLARE_API_TOKEN"]

    def get(self, *words: str, **query: str) -> Any:
        """Return the result of a path; `NotThere` if there is none."""
        return self._ask("/".join(urllib.parse.quote(word, safe="") for word in words), query, None)

    def query(self, database: str, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Run one statement in a database and return its rows."""
        path = f"d1/database/{urllib.parse.quote(self.database(database), safe='')}/query"
        rows: list[dict[str, Any]] = self._ask(path, {}, {"sql": sql, "params": [*params]})[0]["results"]
        return rows

    def database(self, name: str) -> str:
        """Return the id of a database; `NotThere` if there is none of the name."""
        listed = self.get("d1", "database", name=name, per_page=str(PAGE))
        for entry in listed if isinstance(listed, list) else [listed]:
            if entry["name"] == name:
                return str(entry["uuid"])
        raise NotThere(name)

    def _ask(self, path: str, query: Mapping[str, str], body: object) -> Any:
        url = f"{self._url}/{path}{'?' + urllib.parse.urlencode(query) if query else ''}"
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())["result"]
        except urllib.error.HTTPError as fault:
            with fault:
                reason = fault.read().decode(errors="replace")
            if fault.code == 404:
                raise NotThere(path) from None
            raise Refusal(f"Cloudflare answers {fault.code} for {path}: {_message(reason)}") from None
        except (OSError, ValueError, KeyError) as fault:
            raise Refusal(f"Cloudflare cannot be reached for {path}: {fault}") from None


def _message(text: str) -> str:
    """Return Cloudflare's error messages on one line."""
    try:
        errors = json.loads(text)["errors"]
        return "; ".join(str(error["message"]) for error in errors)[:300]
    except (ValueError, KeyError, TypeError):
        return " ".join(text.split())[:300]
