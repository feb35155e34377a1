"""How tools/pyedge starts and stops: a Worker's limits at import, and reports of mistakes."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

import pytest
from tests.ports import free_port

from pyedge import ConfigError, ControlError, StartError, Worker
from pyedge.client import ROOT

pytestmark = pytest.mark.slow

CONFIG = """
name = "small"
main = "src/small.py"
compatibility_date = "2026-11-17"
compatibility_flags = ["python_workers"]
kv_namespaces = [{ binding = "KV", id = "kv" }]
[env.other]
vars = { WHO = "other" }
build = { command = "mkdir -p built && cp src/small.py built/small.py && echo 'WHAT = 2' >> built/small.py" }
main = "built/small.py"
"""
SMALL = """
from workers import Response, WorkerEntrypoint
WHAT = 1
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"{WHAT} {getattr(self.env, 'WHO', 'nobody')} {hasattr(self.env, 'KV')}")
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    write_small(tmp_path)
    return tmp_path


def write_small(folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "wrangler.toml").write_text(CONFIG)
    (folder / "src" / "small.py").write_text(SMALL)
    (folder / "python_modules").symlink_to(ROOT / "python_modules")


REFUSED = [
    ("import os; os.urandom(4)", "randomness is not allowed while a Worker is starting"),
    ("import uuid; uuid.uuid4()", "randomness is not allowed"),
    ("import secrets; secrets.token_hex()", "randomness is not allowed"),
    ("import random; random.random()", "randomness is not allowed"),
    ("import random; random.SystemRandom().random()", "randomness is not allowed"),
    ("import js; js.crypto.randomUUID()", "Disallowed operation called within global scope: crypto.randomUUID()"),
    ("import js; js.fetch('http://127.0.0.1:1/')", "Disallowed operation called within global scope: fetch()"),
    ("import js; js.setTimeout(print, 1)", "Disallowed operation called within global scope: setTimeout()"),
    ("from workers import env; env.KV.get('x')", "Disallowed operation called within global scope: env.KV.get()"),
    ("from js import Object; THING = Object.new()", "Can't serialize top-level variable small.THING: no snapshot"),
    ("import js; KNOWN = {'a': [js.JSON.parse('{}')]}", "top-level variable small.KNOWN['a'][0]: no snapshot"),
    (
        "import js\nclass A:\n    def __init__(self): self.x = js.Date.new()\nA_ = A()",
        "variable small.A_.x: no snap",
    ),
    ("import js\ndef f(x=js.Array.new()): ...", "variable small.f(): no snapshot can keep a JavaScript object"),
    ("import js\ndef made(x):\n    return lambda: x\nf = made(js.Map.new())", "small.f(): no snapshot"),
    ("import js, collections; Q = collections.deque([js.Date.new()])", "variable small.Q(): no snapshot"),
    ("import js, types; N = types.SimpleNamespace(x=js.Date.new())", "variable small.N()['x']: no snapshot"),
    ("import js, types; M = types.MappingProxyType({1: js.Date.new()})", "variable small.M()[1]: no snapshot"),
    (
        "import js\nclass B:\n    def __init__(self): self.x = js.Date.new()\n    def m(self): ...\nM = B().m",
        "variable small.M().x: no snapshot",
    ),
    ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
    ("x = = 1", "SyntaxError: invalid syntax"),
]
"""Statements that no Worker may import, and parts of their error messages."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Worker]]:
    """Return the folder of a small Worker, and the running Worker."""
    folder = tmp_path_factory.mktemp("running")
    write_small(folder)
    with Worker(folder) as worker:
        yield folder, worker


@pytest.mark.parametrize(("statement", "message"), REFUSED)
def test_the_rules_of_import(running: tuple[Path, Worker], statement: str, message: str) -> None:
    """A reload imports the main module by the same code as a start."""
    folder, worker = running
    source = folder / "src" / "small.py"
    source.write_text(f"{statement}\n{SMALL}")
    with pytest.raises(ControlError) as refused:
        worker.reload()
    assert message in str(refused.value)
    source.write_text(SMALL)
    worker.reload()
    assert worker.get("/")[2] == b"1 nobody True"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        REFUSED[0],
        ("import random; random.Random()", "Disallowed operation called within global scope: crypto.getRandomValues()"),
        ("import asyncio; asyncio.run(asyncio.sleep(1))", ""),
        ("from js import Object; THING = Object.new()", "Can't serialize top-level variable small.THING: no snapshot"),
    ],
)
def test_worker_that_breaks_a_rule_of_import_does_not_start(small: Path, statement: str, message: str) -> None:
    (small / "src" / "small.py").write_text(f"{statement}\n{SMALL}")
    with pytest.raises(StartError) as refused:
        Worker(small).start()
    assert message in str(refused.value)


GLOBALS = """
import json, sys
import js
from js import JSON, Object, crypto, fetch
from pyodide.ffi import to_js
SUBTLE, PARSE, HERE = crypto.subtle, JSON.parse, [js, Object.fromEntries]
import types, small_more
import _cloudflare_compat_flags as flags
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        own = [place for place in sys.path if place.startswith("/session/metadata")]
        implied = ("process_pth_files", "check_rng_state", "workflows", "no_global_handlers", "dedicated_snapshot",
                   "request_headers_preserve_commas", "workers_314")
        return Response(json.dumps({
            "path": own == sys.path[-2:][-len(own):] or own, "last": sys.path[-1], "types": types.__name__,
            "stdlib": hasattr(types, "ModuleType"), "flags": [getattr(flags, f"python_{name}") for name in implied],
            "version": sys.version_info[:2], "pth": "_workers_sdk_patch_loader" in sys.modules,
        }))
    async def one(self, a): return a
"""


def test_import_has_production_order_and_flags_and_may_keep_globals(small: Path) -> None:
    (small / "src" / "small.py").write_text(GLOBALS)
    (small / "src" / "small_more.py").write_text("")
    (small / "src" / "types.py").write_text("raise ImportError('own code comes last')")
    with Worker(small) as worker:
        report = json.loads(worker.get("/")[2])
    assert report["last"] == "/session/metadata"
    assert report["stdlib"]
    assert report["pth"]
    assert report["flags"] == [True] * 7
    assert report["version"] == [3, 14]


@pytest.mark.soak
def test_package_without_its_pth_file_ends_the_start(small: Path) -> None:
    (small / "src" / "small.py").write_text("import random; random.Random(1)\nimport pydantic\n" + SMALL)
    without = {"python_modules": {"exclude": ["**/*.pyc", "*.pth"]}}
    with pytest.raises(StartError):
        Worker(small, overrides=without).start()


def test_date_of_another_pyodide_is_refused(small: Path) -> None:
    with pytest.raises(StartError, match='compatibility_date = "2026-09-07" selects another Pyodide than 314'):
        Worker(small, overrides={"compatibility_date": "2026-09-07"}).start()


COUNTED = """
import json
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        rows = await self.env.DB.prepare("SELECT count(*) AS n FROM big").all()
        return Response(str(rows["results"][0]["n"]))
"""
TABLE = """CREATE TABLE big (n);
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 2000000) INSERT INTO big SELECT n FROM t;
"""


def test_request_waits_until_migrations_are_applied(small: Path) -> None:
    (small / "src" / "small.py").write_text(COUNTED)
    (small / "migrations").mkdir()
    (small / "migrations" / "0001_big.sql").write_text(TABLE)
    port = free_port()
    answers: list[str | None] = []

    def ask() -> None:
        while not answers or answers[-1] is None:
            answers.append(answer(f"http://127.0.0.1:{port}/", 60))
            time.sleep(0.02)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    with Worker(small, port=port, overrides={"d1_databases": [{"binding": "DB"}]}):
        asking.join(60)
    assert answers[-1] == "2000000", "no answer before is an error of the Worker's"


@pytest.mark.soak
def test_connection_waits_while_the_interpreter_is_prepared(small: Path) -> None:
    (small / "python_modules").unlink()
    copytree(ROOT / "python_modules", small / "python_modules")
    (small / "python_modules" / f"fresh_{time.time_ns()}.py").write_text("")  # no prepared state is there for it
    port = free_port()
    answers: list[str | None] = []
    worker = Worker(small, port=port)

    def ask() -> None:
        while not any("preparing" in line for line in worker.logs):
            time.sleep(0.05)
        time.sleep(1)
        answers.append(answer(f"http://127.0.0.1:{port}/", 120))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    with worker:
        asking.join(120)
    assert answers == ["1 nobody True"]


STRICT = """
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request, env=None, ctx=None, more=None):
        return Response("ok")
    async def scheduled(self, controller): ...
    async def queue(self, batch): ...
"""


def test_handlers_are_called_with_a_strict_number_of_arguments(small: Path) -> None:
    (small / "src" / "small.py").write_text(STRICT)
    overrides = {"queues": {"consumers": [{"queue": "jobs"}]}}
    with Worker(small, overrides=overrides) as worker:
        assert worker.get("/")[2] == b"ok"
        assert worker.scheduled("* * * * *")["outcome"] == "exception"
        assert worker.queue("jobs", [1])["outcome"] == "exception"
        assert "takes 2 positional arguments but 4 were given" in "\n".join(worker.logs)


def test_a_loop_at_import_is_reported(small: Path) -> None:
    (small / "src" / "small.py").write_text(f"while True: pass\n{SMALL}")
    with pytest.raises(StartError, match="the import of the main module has been computing for 1 s"):
        Worker(small, watchdog=1).start()


def test_an_environment_has_its_own_bindings_and_build(small: Path) -> None:
    with Worker(small, "other") as worker:
        assert worker.get("/")[2] == b"2 other False"


PREPARED = """
import os, pyedge_boot, sys, workers
NUMBER = 1
LOADED = "fractions" in sys.modules
class Default(workers.WorkerEntrypoint):
    async def fetch(self, request):
        code = len(pyedge_boot.code) > 0
        return workers.Response(f"{NUMBER} {LOADED} {os.path.exists(workers.__cached__)} {code}")
"""
"""Prints whether the interpreter came from a snapshot, the packages with byte code, and the sources with theirs."""


def test_prepared_start_has_a_snapshot_and_byte_code_and_runs_edits(small: Path) -> None:
    source = small / "src" / "small.py"
    fresh = f"# {time.time_ns()} {'x' * 100_000}\n"
    source.write_text(f"{PREPARED}{fresh}")
    with Worker(small) as worker:
        assert worker.get("/")[2] == b"1 True True False"
        worker.restart()
        assert worker.get("/")[2] == b"1 True True True"
        source.write_text(f"{PREPARED.replace('= 1', '= 2')}{fresh}")
        worker.reload()
        assert worker.get("/")[2].startswith(b"2 ")


HOLDS = f"""
import js, workers
THING = js.Object.new() if __name__ == "other" else None
class Default(workers.WorkerEntrypoint): ...
# {"x" * 100_000}
"""


def test_a_start_is_checked_again_after_each_refusal_and_edit(small: Path) -> None:
    """A start from stored code is not: the start that stored it was."""
    source = small / "src" / "small.py"
    refused = HOLDS.replace("== ", "!= ") + f"# {time.time_ns()}"
    for _ in range(2):
        source.write_text(refused)
        with pytest.raises(StartError, match=r"top-level variable small\.THING"):
            Worker(small).start()
    fine = HOLDS + f"# {time.time_ns()}"
    source.write_text(fine)
    for _ in range(2):
        with Worker(small) as worker:
            source.write_text(refused)
            with pytest.raises(ControlError, match=r"top-level variable small\.THING"):
                worker.reload()
            source.write_text(fine)
            worker.reload()


def test_a_start_with_another_entry_is_checked_by_itself(small: Path) -> None:
    for name in ("small", "other"):
        (small / "src" / f"{name}.py").write_text(f"{HOLDS}# {time.time_ns()}")
    with Worker(small):
        pass
    with pytest.raises(StartError, match=r"top-level variable other\.THING"):
        Worker(small, overrides={"main": "src/other.py"}).start()


SCRIPTED = """
from workers import Response, WorkerEntrypoint, import_from_javascript
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        try:
            return Response(import_from_javascript("parts/double.mjs").double("ab"))
        except ImportError as fault:
            return Response(str(fault))
"""


def test_a_script_is_imported_by_its_rule_and_taken_up_when_it_is_edited(small: Path) -> None:
    (small / "src" / "small.py").write_text(SCRIPTED)
    script = small / "src" / "parts" / "double.mjs"
    script.parent.mkdir()
    script.write_text("export const double = (text) => text + text;")
    with Worker(small) as worker:
        assert worker.get("/")[2].startswith(b"Failed to import 'parts/double.mjs'")
    rules = [{"type": "ESModule", "globs": ["**/*.mjs"]}]
    with Worker(small, overrides={"rules": rules}) as worker:
        assert worker.get("/")[2] == b"abab"
        script.write_text("export const double = (text) => `${text}-${text}`;")
        worker.reload()
        assert worker.get("/")[2] == b"ab-ab"


@pytest.mark.soak
def test_unprepared_start_has_no_snapshot_and_no_byte_code(small: Path) -> None:
    (small / "src" / "small.py").write_text(PREPARED)
    with Worker(small, prepared=False) as worker:
        assert worker.get("/")[2] == b"1 False False False"


def test_missing_configuration_is_reported(small: Path) -> None:
    with pytest.raises(ConfigError, match=r"no \[env.nowhere\]; there are other"):
        Worker(small, "nowhere").start()
    with pytest.raises(ConfigError, match=r"main = 'gone.py' is not there"):
        Worker(small, overrides={"main": "gone.py"}).start()


def test_refused_sources_say_why(small: Path) -> None:
    (small / "main.py").write_text("import nothing")
    command = f"{sys.executable} {ROOT / 'tools' / 'pyedge' / 'sources.py'} main.py built"
    with pytest.raises(ConfigError, match=r"error: main.py:1: nothing is not under \., not standard and not in"):
        Worker(small, overrides={"main": "built/main.py", "build": {"command": command}}).start()


@contextmanager
def served(small: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python -m pyedge serve`, and the address that it prints."""
    command = [sys.executable, "-m", "pyedge", "serve", "--config", str(small / "wrangler.toml"), "--port", "0"]
    path = os.pathsep.join(str(ROOT / name) for name in ("src", "tools"))
    environment = os.environ | {"PYTHONPATH": path}
    environment.pop("MINIFLARE_WORKERD_V8_FLAGS", None)  # of which workerd has something to say first
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            ready = re.fullmatch(r"ready in \d+\.\d s: (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
            assert ready is not None
            yield process, ready[1]
        finally:
            process.kill()


def answer(url: str, timeout: float = 5) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            body: bytes = response.read()
            return body.decode()
    except OSError:
        return None


def becomes(url: str, want: str | None) -> bool:
    end = time.monotonic() + 20
    while answer(url) != want and time.monotonic() < end:
        time.sleep(0.05)
    return answer(url) == want


def test_serve_stops_on_a_signal(small: Path) -> None:
    with served(small) as (process, url):
        ends(process, url, signal.SIGTERM)


def ends(process: subprocess.Popen[str], url: str, number: signal.Signals) -> None:
    process.send_signal(number)
    assert process.wait(20) == 0
    assert becomes(url, None)


def test_serve_is_gone_when_it_is_killed(small: Path) -> None:
    with served(small) as (process, url):
        process.kill()
        assert becomes(url, None)


@pytest.mark.parametrize("victim", ["node", "guard"])
def test_workerd_ends_with_its_parent(small: Path, victim: str) -> None:
    with Worker(small) as worker:
        assert worker._process is not None
        pids = worker.control("memory") | {"guard": worker._process.pid}
        os.kill(pids[victim], signal.SIGKILL)
        assert worker.wait(10) is not None
        if victim == "node":
            assert becomes(worker.url, None)
    end = time.monotonic() + 10
    while Path(f"/proc/{pids['workerd']}").exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not Path(f"/proc/{pids['workerd']}").exists()


def test_serve_takes_up_edits_of_sources_and_configuration_and_stops_on_control_c(small: Path) -> None:
    source = small / "src" / "small.py"
    config = small / "wrangler.toml"
    with served(small, "--state", str(small / "state")) as (process, url):
        assert answer(url) == "1 nobody True"
        source.write_text(SMALL.replace("WHAT = 1", "WHAT = 3"))
        assert becomes(url, "3 nobody True")
        (small / "src" / "more.py").write_text("NUMBER = 4\n")
        source.write_text("from more import NUMBER\n" + SMALL.replace("WHAT = 1", "WHAT = NUMBER"))
        assert becomes(url, "4 nobody True")
        config.write_text("vars = { WHO = 'you' }\n" + CONFIG)
        assert becomes(url, "4 you True")
        ends(process, url, signal.SIGINT)


VARIED = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        import pydantic.json_schema  # not before the first request
        return Response(str((getattr(self.env, 'WHO', None), getattr(self.env, 'KV', None) is not None)))
"""


def test_settings_are_varied_without_a_start_and_vendored_modules_stay(small: Path) -> None:
    (small / "src" / "small.py").write_text(VARIED)
    seen = []
    with Worker(small, varied={"WHO": "ada"}) as worker:
        for varied in ({"WHO": "bob"}, {"WHO": "cy", "KV": None}, {}):
            worker.vary(varied)
            seen.append(worker.get("/")[2].decode())
    assert seen[:2] == ["('bob', True)", "('cy', False)"]
    assert "True" in seen[2]
    assert "cy" not in seen[2]
