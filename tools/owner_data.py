"""`make export` and `make erase`: all data of a running service's owner, over its API, on either runtime.

URL (default http://127.0.0.1:8787) is its address, KEY an administrator's key, FILE the path of the export.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

PAGE = 1000
"""Rows of one request."""
BINDING = {"vehicles"}
"""Tables that others refer to: they go last."""
GOES_WITH_VEHICLES = "overrides"


class Service:
    """A running service."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._key = key

    def ask(self, method: str, path: str) -> Any:
        """Send a request and return the JSON of the answer; exit with one line if it is refused."""
        headers = {"authorization": f"Bearer {self._key}"}
        request = urllib.request.Request(self._url + path, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            with refused:
                raise SystemExit(f"error: {method} {path.partition('?')[0]}: {refused.code} {refused.reason}") from None
        except OSError as fault:
            raise SystemExit(f"error: {self._url} does not answer: {fault}") from None

    def tables(self) -> list[str]:
        """Return the names of all tables, those first that refer to others."""
        names = [table["name"] for table in self.ask("GET", "/d1")["tables"]]
        return sorted(names, key=BINDING.__contains__)

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a table in the order of their ids, a page at a time."""
        after = ""
        while True:
            since = f"&id=gt.{quote(after, safe='')}" if after else ""
            page = self.ask("GET", f"/d1/{table}?order=id.asc&limit={PAGE}{since}")
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1]["id"]


def export(service: Service, file: Path) -> dict[str, int]:
    """Write a ZIP file with a file of JSON lines for each table, and the keys; return how many rows each has."""
    counted = {}
    private = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(private, "wb") as opened, zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in service.tables():
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in service.rows(table)]
            archive.writestr(f"{table}.jsonl", "".join(lines))
            counted[table] = len(lines)
        keys = service.ask("GET", "/auth/keys?limit=200")
        archive.writestr("api_keys.jsonl", "".join(json.dumps(key, ensure_ascii=False) + "\n" for key in keys))
        archive.writestr("about.json", json.dumps({"at": datetime.now(UTC).isoformat(), "rows": counted}, indent=1))
    return counted


def erase(service: Service) -> list[str]:
    """Remove all rows of all tables and all live events, and revoke all keys; return a line for each."""
    done = []
    for table in service.tables():
        if table == GOES_WITH_VEHICLES:  # taking an override back would restore its record
            continue
        service.ask("DELETE", f"/d1/{table}?id=not.is.null")
        done.append(table)
    service.ask("DELETE", "/events")
    for key in service.ask("GET", "/auth/keys?limit=200"):
        service.ask("POST", f"/auth/keys/{quote(key['id'], safe='')}/revoke")
    return [*done, "events", "keys"]


def main(arguments: list[str]) -> int:
    """Export or erase, and print a summary."""
    parser = argparse.ArgumentParser(prog="owner_data.py", description=__doc__)
    parser.add_argument("what", choices=["export", "erase"])
    parser.add_argument("--yes", action="store_true", help="erase: without a confirmation")
    options = parser.parse_args(arguments)
    url = os.environ.get("URL") or "http://127.0.0.1:8787"
    key = os.environ.get("KEY")
    if not key:
        raise SystemExit("error: give KEY=, an administrator's key")
    service = Service(url, key)
    if options.what == "export":
        file = Path(os.environ.get("FILE") or f"owner-data-{datetime.now(UTC):%Y-%m-%d}.zip")
        counted = export(service, file)
        print(f"{file}: {sum(counted.values()):,} rows of {len(counted)} tables")
        return 0
    if not options.yes and input(f"Remove everything that {url} keeps? Type the address again: ").strip() != url:
        print("nothing was removed")
        return 1
    print(
        "removed: "
        + ", ".join(erase(service))
        + "\nA sync would bring the cars' data again: remove TESSIE_API_KEY first."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
