"""Docstrings are for readers alone: an app gives the same answers after `python -OO` has removed them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from apps import packages
from pyedge.client import ROOT

pytestmark = pytest.mark.slow

ASKED = """
import asyncio, importlib, re, sys
from pathlib import Path
from edge.errors import Problem
from edge.request import Request
from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import HeaderTable

app = importlib.import_module(f"{sys.argv[1]}.app").app
KEY = [("authorization", "Bearer admin-key-of-24-letters-")]

def below(kind):
    for one in kind.__subclasses__():
        yield from [one, *below(one)]

async def ask(headers, method, path, body=b"", media_type="application/json"):
    async def read(limit):
        return body

    sent = HeaderTable([*headers, ("content-type", media_type)] if body else headers)
    response = await app.fetch(Request(method, path, "", sent, read, runtime.ports(), "127.0.0.1"))
    text = response.body.decode() if isinstance(response.body, bytes) else "a stream"
    fixed = re.sub(r"[\\w-]{28,}|[0-9]+(\\.[0-9]+)?(e-[0-9]+)?", "0", text)  # without tickets, ids, times
    print(method, path, response.status, fixed)

async def main():
    global runtime
    settings = dict.fromkeys(("ADMIN_API_KEY", "API_KEY"), "admin-key-of-24-letters-")
    settings |= {"JWT_SECRET_KEY": "a-secret-of-at-least-32-letters-long", "LOG_LEVEL": "error"}
    migrations = Path(sys.argv[3]) / "migrations" / app.migrations
    runtime = LocalRuntime.open(app, Path(sys.argv[2]), settings, migrations=migrations)
    for headers in (KEY, []):
        await ask(headers, "GET", "/nothing-there")
        for one in app.endpoints:
            path = re.sub(r"{[^}]*}", "0", one.path)
            if one.method == "GET":
                await ask(headers, "GET", path)
                await ask(headers, "TRACE", path)
            elif one.method in {"POST", "PUT", "PATCH"}:
                await ask(headers, one.method, path, b'{"nothing": []}')
                await ask(headers, one.method, path, b"{")
                await ask(headers, one.method, path, b"words", "text/plain")
    await runtime.stop()

asyncio.run(main())
print(*sorted({f"{one.__qualname__} {one.type} {one.title} {one.status}" for one in below(Problem)}), sep="\\n")
if tools := sys.modules.get("core_tessie.agent.tools"):
    print(tools.tool_schemas())
print("with docstrings" if Problem.__doc__ else "without docstrings")
"""
"""Requests all routes of an app that cost nothing, and prints the answers, problem titles and the agent's tools."""


def answers(package: str, folder: Path, *options: str) -> list[str]:
    command = [sys.executable, *options, "-c", ASKED, package, str(folder), str(ROOT)]
    path = {"PYTHONPATH": str(ROOT / "src"), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=folder, env=path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


OFTEN = ("core_tessie", "vinyl_vault")
"""Apps that `make test` tries; `make soak` tries all."""


@pytest.mark.parametrize(
    "package", [pytest.param(name, marks=() if name in OFTEN else pytest.mark.soak) for name in packages()]
)
def test_answers_are_the_same_without_docstrings(package: str, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("with", "without")]
    for folder in folders:
        folder.mkdir()
    with_them = answers(package, folders[0])
    without = answers(package, folders[1], "-OO")
    assert (with_them.pop(), without.pop()) == ("with docstrings", "without docstrings")
    assert len(with_them) > 50
    assert without == with_them
