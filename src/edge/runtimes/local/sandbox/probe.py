"""Finds the way in which this machine can confine a program: by attacks, not by configuration."""

import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from edge.clients.execution.compose import Script
from edge.ports.executor import Limits
from edge.runtimes.local.sandbox.command import Cage, Way
from edge.runtimes.local.sandbox.deno import DenoCage, deno_here
from edge.runtimes.local.sandbox.interpreters import Interpreter, node_here, python_at, python_here, tools
from edge.runtimes.local.sandbox.keepers import Report, SandboxFailed
from edge.runtimes.local.sandbox.seccomp import MACHINES

LIMITS = Limits(time_ms=15_000, memory_mb=128, output_bytes=16 * 1024)
_WAY_NAMES: Mapping[Way, str] = {"root": "as root, another user for each run", "user": "in a user namespace"}
_NEEDED: Mapping[Way, tuple[str, ...]] = {
    "root": ("bwrap", "setpriv", "prlimit", "sh"),
    "user": ("bwrap", "prlimit", "sh"),
}

type Confinement = Cage | DenoCage
type Try = Callable[[Confinement, Script, Limits], Report]


class ProbeResult(NamedTuple):
    """The cages by kind of interpreter, and the reason in words; no cages if none is safe."""

    cages: Mapping[str, Confinement]
    reason: str


def find(attempt: Try, only: Way | None = None, *, with_deno: bool = False) -> ProbeResult:
    """Try the ways of this machine, or one of them, and return the first safe one; Deno is the last, if allowed."""
    found = ProbeResult({}, "not tried") if only == "deno" else _find_bubblewrap(attempt, only)
    if found.cages or not (with_deno or only == "deno"):
        return found
    return _find_deno(attempt, found.reason)


def _find_deno(attempt: Try, without: str) -> ProbeResult:
    if platform.system() != "Linux" or platform.machine() not in MACHINES:
        return ProbeResult({}, without)
    deno = deno_here()
    if deno is None:
        return ProbeResult({}, f"{without}; Deno 2 not found (npm install deno)"[:600])
    cage = DenoCage(deno)
    if (fault := attack(attempt, cage)) is not None:
        return ProbeResult({}, f"{without}; Deno {deno.version}: {fault}"[:600])
    reason = f"Deno {deno.version} without permissions, JavaScript and TypeScript alone; bubblewrap: {without}"
    return ProbeResult({"node": cage}, reason[:600])


def _find_bubblewrap(attempt: Try, only: Way | None) -> ProbeResult:
    if (missing := _missing()) is not None:
        return ProbeResult({}, f"no sandbox here: {missing}")
    faults: list[str] = []
    for way in ways() if only is None else (only,):
        cages: dict[str, Confinement] = {}
        notes: list[str] = []
        for interpreter in candidates():
            if interpreter.kind in cages:
                continue
            cage = Cage(way, tools(), interpreter)
            if (fault := attack(attempt, cage)) is None:
                cages[interpreter.kind] = cage
            else:
                notes.append(f"{interpreter.kind} {interpreter.version}: {fault}")
        faults += [f"{way}: {note}" for note in notes]
        if cages:
            versions = ", ".join(f"{kind} {cage.interpreter.version}" for kind, cage in sorted(cages.items()))
            without = f" (not {'; '.join(notes)})" if len(cages) < 2 and notes else ""
            return ProbeResult(cages, f"bubblewrap {_WAY_NAMES[way]}; attacks held with {versions}{without}")
    return ProbeResult({}, f"no sandbox here, so only remote executors run programs: {'; '.join(faults)}"[:600])


def ways() -> tuple[Way, ...]:
    """Return the ways that this process can try."""
    order: tuple[Way, ...] = ("root", "user") if os.geteuid() == 0 else ("user",)
    available = tools()
    return tuple(way for way in order if all(name in available for name in _NEEDED[way]))


def candidates() -> Iterator[Interpreter]:
    """Yield the interpreters of this machine, the preferred first."""
    yield python_here()
    for name in ("/usr/bin/python3",):
        other = python_at(name)
        if other is not None:
            yield other
    for path in dict.fromkeys((shutil.which("node"), "/usr/bin/node", "/usr/local/bin/node")):
        if path and Path(path).exists() and (node := node_here(path)) is not None:
            yield node


def attack(attempt: Try, cage: Confinement) -> str | None:
    """Return the attacks that a cage does not stop, or None if it stops all."""
    text = {"python": _PYTHON, "node": _NODE, "deno": _DENO}[cage.interpreter.kind]
    secret = {"path": str(Path(__file__).resolve()), "server": os.getpid()}
    script = Script("", text.replace("@SECRET@", json.dumps(secret)), "", "")
    try:
        report = attempt(cage, script, LIMITS)
        results: dict[str, Any] = json.loads(report.stdout)
    except SandboxFailed as fault:
        return str(fault)
    except ValueError:
        first = report.stderr.decode(errors="replace").strip().splitlines()
        return f"it does not start: {_reason(report.head) or (first[-1] if first else report.head['exit_code'])}"[:200]
    broken = [name for name, holds in results.items() if holds is not True]
    if broken or len(results) < _CHECKS[cage.interpreter.kind]:
        return f"it does not hold: {', '.join(broken) or 'not all attacks were tried'}"
    if cage.interpreter.kind == "deno" and b"breach" in attempt(cage, Script("", _DENO_MEMORY, "", ""), LIMITS).stdout:
        return "it does not hold: memory"
    return None


def _reason(head: Mapping[str, Any]) -> str | None:
    """Return the limit that ended a run, in words."""
    reason = head.get("reason")
    return None if reason is None else f"ended by the limit on {reason}"


def _missing() -> str | None:
    if platform.system() != "Linux":
        return f"bubblewrap needs Linux, this is {platform.system()}; remote executors run programs"
    if platform.machine() not in MACHINES:
        return f"no filter of system calls for {platform.machine()}; remote executors run programs"
    lacking = [name for name in _NEEDED["user"] if name not in tools()]
    return f"{', '.join(lacking)} not found (install bubblewrap and util-linux)" if lacking else None


_PYTHON = """
import ctypes, errno, json, os, socket, sys
secret = json.loads('''@SECRET@''')
libc = ctypes.CDLL(None, use_errno=True)
held = {}
def fails(name, action):
    try:
        action()
        held[name] = False
    except BaseException:
        held[name] = True
def system(name, function, *arguments):
    held[name] = getattr(libc, function)(*arguments) == -1
fails("files", lambda: open(secret["path"]).read())
fails("passwords", lambda: open("/etc/passwd").read())
fails("server", lambda: os.kill(secret["server"], 0) if secret["server"] > 40 else 1 / 0)
fails("network", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
fails("host socket", lambda: socket.socket(40, socket.SOCK_STREAM))
fails("root folder", lambda: open("/forbidden", "w"))
fails("devices", lambda: open("/dev/forbidden", "w"))
fails("interpreter", lambda: open(os.__file__, "a"))
fails("another user", lambda: os.setuid(0))
system("remount", "mount", None, b"/", None, 4096 | 32, None)
system("user namespace", "unshare", 0x10000000)
system("hidden memory", "memfd_create", b"x", 0)
system("shared memory", "shmget", 0, 1 << 20, 0o1600)
plain = {"LANG", "HOME", "PWD", "UV_THREADPOOL_SIZE", "LC_CTYPE", "OLDPWD", "SHLVL", "_"}
held["environment"] = set(os.environ) <= plain
held["user"] = os.getuid() != 0 and os.geteuid() != 0
held["processes"] = len([name for name in os.listdir("/proc") if name.isdigit()]) <= 3
held["descriptors"] = max(int(name) for name in os.listdir("/proc/self/fd")) <= 3
held["capabilities"] = all(
    int(line.split()[1], 16) == 0 for line in open("/proc/self/status") if line.startswith("Cap")
)
fails("memory", lambda: bytearray(300_000_000))
held["scratch"] = False
try:
    with open("/tmp/x", "wb") as file:
        file.write(b"x" * 40_000_000)
except OSError:
    held["scratch"] = True
children = 0
try:
    while children < 64:
        if os.fork() == 0:
            import time
            time.sleep(3)
            os._exit(0)
        children += 1
except OSError:
    pass
held["forks"] = 0 < children < 64
print(json.dumps(held))
sys.stdout.flush()
os._exit(0)
"""
_NODE = """
const fs = require("fs");
const net = require("net");
const secret = JSON.parse(`@SECRET@`);
const held = {};
const fails = (name, action) => {
  try {
    action();
    held[name] = false;
  } catch {
    held[name] = true;
  }
};
fails("files", () => fs.readFileSync(secret.path));
fails("passwords", () => fs.readFileSync("/etc/passwd"));
fails("server", () => {
  if (secret.server < 40) throw new Error("a number that is used inside, too");
  process.kill(secret.server, 0);
});
fails("root folder", () => fs.writeFileSync("/forbidden", ""));
fails("devices", () => fs.writeFileSync("/dev/forbidden", ""));
fails("interpreter", () => fs.appendFileSync(process.execPath, "x"));
fails("another user", () => process.setuid(0));
fails("scratch", () => fs.writeFileSync("/tmp/x", Buffer.alloc(20_000_000)));
fs.rmSync("/tmp/x", { force: true });
fails("memory", () => Buffer.alloc(2_000_000_000).fill(1));
const plain = ["LANG", "HOME", "PWD", "UV_THREADPOOL_SIZE", "OLDPWD", "SHLVL", "_"];
held.environment = Object.keys(process.env).every((name) => plain.includes(name));
held.user = process.getuid() !== 0 && process.geteuid() !== 0;
held.processes = fs.readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).length <= 3;
const lines = fs.readFileSync("/proc/self/status", "utf8").split("\\n");
held.capabilities = lines.filter((line) => line.startsWith("Cap")).every((line) => /\\t0+$/.test(line));
const server = net.createServer();
const end = (isHeld) => {
  held.network = isHeld;
  console.log(JSON.stringify(held));
  server.close();
};
server.on("error", () => end(true));
server.listen(0, "127.0.0.1", () => end(false));
"""
_DENO = """
const secret = JSON.parse(`@SECRET@`);
const address = `file://${secret.path}`;
const held = {};
const fails = async (name, action) => {
  try {
    await action();
    held[name] = false;
  } catch {
    held[name] = true;
  }
};
const { readFileSync, writeFileSync, writeSync } = require("fs");
(async () => {
  await fails("files", () => Deno.readTextFileSync(secret.path));
  await fails("files of Node", () => readFileSync(secret.path));
  await fails("passwords", () => readFileSync("/etc/passwd"));
  await fails("import", () => import(address, { with: { type: "text" } }));
  await fails("required file", () => require(secret.path));
  await fails("address of a file", () => fetch(address));
  await fails("descriptors", () => [3, 4, 5, 6, 7, 8, 9, 10, 11, 12].forEach((number) => writeSync(number, "x")));
  await fails("process information", () => readFileSync("/proc/self/environ"));
  await fails("root folder", () => writeFileSync("/forbidden", ""));
  await fails("scratch", () => writeFileSync("/tmp/x", ""));
  await fails("server", () => Deno.kill(secret.server, "SIGURG"));
  await fails("processes", () => new Deno.Command(Deno.execPath()).outputSync());
  await fails("shell", () => require("child_process").execSync("id"));
  await fails("network", () => Deno.connect({ port: 9 }));
  await fails("listener", () => Deno.listen({ port: 0 }));
  await fails("environment", () => Deno.env.toObject());
  await fails("libraries", () => Deno.dlopen("libc.so.6", {}));
  await fails("user", () => Deno.uid());
  await fails("storage", () => localStorage.setItem("a", "b"));
  const names = ["read", "write", "net", "env", "run", "ffi", "sys"];
  held.permissions = names.every((name) => Deno.permissions.querySync({ name }).state !== "granted");
  console.log(JSON.stringify(held));
  Deno.exit(0);
})();
"""
_DENO_MEMORY = """
new Uint8Array(2_000_000_000).fill(1);
console.log("breach");
"""
"""Deno aborts where Python and Node raise, so this attack is a program of its own."""
_CHECKS = {"python": 20, "node": 14, "deno": 20}
