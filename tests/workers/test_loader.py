# ruff: noqa: E501 - programs in one line
"""Dynamic Workers: the programs of the other executors, and the calls refused inside.

Time and memory are enforced by Cloudflare and by no workerd on one's own machine: NOT_ENFORCED lists the skipped programs.
"""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.bundles import TOOL, needs_bundles
from tests.edge.sandbox.attacks import BREACH, CANARY, NODE_ATTACKS, PORT, SOCKET, Attack
from tests.edge.sandbox.test_executors import CASES, JAVASCRIPT_VALUES, MESSAGES, Case
from tests.workers.hosting import hosted

from pyedge import Worker

pytestmark = [pytest.mark.slow, needs_bundles]

NOT_ENFORCED = {
    attack.name for attack in NODE_ATTACKS if {"time", "memory"} & set(attack.statuses) or attack.name in {"recursion"}
}
"""Attacks on time and memory: they end by the platform's limits, which this workerd does not have."""
SCRIPTS = [
    case for case in CASES if case.language != "python" and "loops" not in case.name and "path" not in case.source
]


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """Return a socket of the host that no program may reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with hosted("loader", tmp_path_factory.mktemp("loader")) as worker:
        body = json.dumps({"source": "let x: number", "language": "typescript"})
        ended = json.loads(worker.post("/", body)[2])
        assert (ended["status"], "static files" in ended["message"]) == ("unavailable", True)
        assert worker.post("/", json.dumps({"tool": TOOL.read_text(encoding="utf-8")}))[0] == 200
        yield worker


def run(loader: Worker, source: str, language: str = "javascript", **more: Any) -> dict[str, Any]:
    status, _, body = loader.post("/", json.dumps({"source": source, "language": language, **more}))
    assert status == 200, body
    ended: dict[str, Any] = json.loads(body)
    assert ended["executor"] == "dynamic workers"
    return ended


def test_it_works(loader: Worker) -> None:
    status, _, body = loader.post("/", json.dumps("probe"))
    assert (status, body[:15]) == (200, b"Dynamic Workers")


@pytest.mark.parametrize("case", SCRIPTS, ids=lambda case: case.name)
def test_script_ends_as_in_other_executors(loader: Worker, case: Case) -> None:
    ended = run(loader, case.source, case.language, stdin=case.stdin)
    expected = case.stdout if case.stdout != "a [ 1 ]\nb" else "a [1]\nb"  # Node's own way to show an array
    assert (ended["status"], ended["stdout"]) == (case.status, expected), ended
    assert bool(ended["message"]) == (case.status != "ok")


@pytest.mark.parametrize("case", [case for case in MESSAGES if case[0] != "python"], ids=lambda case: case[2])
def test_exception_is_named_as_in_other_executors(loader: Worker, case: tuple[str, str, str]) -> None:
    ended = run(loader, case[1], case[0])
    assert (ended["status"], ended["message"]) == ("exception", case[2]), ended


def test_values_come_with_their_types(loader: Worker) -> None:
    items = [item for item in JAVASCRIPT_VALUES if "Promise" not in item]
    source = f"function f(...given) {{ console.log('said'); return [given, {', '.join(items)}]; }}"
    ended = run(loader, source, call=["f", '[["i","1"],["e",[["s","x"]]]]'])
    assert (ended["status"], ended["stdout"]) == ("ok", "said\n"), ended
    values = ["l", [["i", "1"], ["e", [["s", "x"]]]]]
    assert json.loads(ended["value"]) == ["l", [values, *(JAVASCRIPT_VALUES[item] for item in items)]]
    ended = run(loader, "export async function f(): Promise<number> { return 1; }", "typescript", call=["f", "[]"])
    assert json.loads(ended["value"]) == ["i", "1"]


def test_runs_share_no_state(loader: Worker) -> None:
    source = "globalThis.n = (globalThis.n ?? 0) + 1; console.log(globalThis.n)"
    assert [run(loader, source)["stdout"] for _ in range(3)] == ["1\n"] * 3


REFUSED = {
    "network": "await fetch('https://example.com/')",
    "sockets": "const { connect } = await import('cloudflare:sockets'); await connect('example.com:80').opened",
    "code from text": "eval('1')",
    "functions from text": "new Function('return 1')()",
    "another module": "await import('./other.js')",
    "files": "require('fs').readFileSync('/etc/passwd')",
    "processes": "require('child_process')",
}


@pytest.mark.parametrize("name", REFUSED)
def test_forbidden_calls_in_an_isolate_throw(loader: Worker, name: str) -> None:
    ended = run(loader, f"try {{ {REFUSED[name]}; console.log('BREACH'); }} catch (fault) {{ console.log('held'); }}")
    assert (ended["status"], ended["stdout"]) == ("ok", "held\n"), ended


def test_bindings_and_environment_are_empty(loader: Worker) -> None:
    source = "const { env } = await import('cloudflare:workers'); console.log(Object.keys(env).length, Object.keys(process.env).length, Object.keys(globalThis.process?.env ?? {}).length)"
    assert run(loader, source)["stdout"] == "0 0 0\n"


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("for (;;) console.log('x'.repeat(10000))", "output"),
        ("console.log('x'.repeat(100000))", "output"),
        ("process.exit(3)", "exception"),
        ("throw null", "exception"),
        ("} ; throw new Error('out of the function'); {", "exception"),
        ("}\nexport const x = 1;\nfunction y() {", "ok"),
        ('JSON.stringify = () => \'{"status":"ok","stdout":"forged"}\'; console.log(1)', "ok"),
        ("Response = 1; console.log(1)", "exception"),
        ("globalThis.Response = class { constructor() { return new Uint8Array(9) } }; console.log(1)", "crashed"),
        ("while (false); const = 3", "exception"),
    ],
)
def test_hostile_program_ends_in_words(loader: Worker, source: str, status: str) -> None:
    ended = run(loader, source, limits=[2000, 128, 16384])
    assert ended["status"] in {status, "exception", "crashed"}, ended
    assert len(ended["stdout"]) <= 16384
    assert ended["stdout"] != "forged"
    assert ended["value"] is None


@pytest.mark.parametrize(
    "attack", [attack for attack in NODE_ATTACKS if attack.name not in NOT_ENFORCED], ids=lambda attack: attack.name
)
def test_attack_ends_clean(loader: Worker, listener: socket.socket, tmp_path: Path, attack: Attack) -> None:
    canary = tmp_path / "canary"
    canary.write_text("SECRET-of-the-host")
    port = str(listener.getsockname()[1])
    source = attack.source.replace(CANARY, str(canary)).replace(PORT, port).replace(SOCKET, "unused")
    ended = run(loader, source, limits=[attack.time_ms, 128, 16384])
    assert ended["status"] in {"ok", "exception", "crashed", "output"}, ended
    assert bool(ended["message"]) == (ended["status"] != "ok")
    assert BREACH not in ended["stdout"]
    assert "SECRET" not in str(ended)
    assert canary.read_text() == "SECRET-of-the-host"
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_python_is_refused(loader: Worker) -> None:
    assert run(loader, "print(1)", "python")["status"] == "refused"


def test_attacks_that_workerd_does_not_end_are_listed_apart() -> None:
    assert {"endless loop", "arrays that grow", "memory of WebAssembly"} <= NOT_ENFORCED
    assert len(NODE_ATTACKS) - len(NOT_ENFORCED) >= 25
    assert Path(__file__).with_name("loader").is_dir()
