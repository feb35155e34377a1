"""The `Executor` port by Cloudflare's Dynamic Workers: JavaScript and TypeScript in a fresh isolate for each run.

The isolate has no network (`globalOutbound: null`), no bindings, and the platform's limits. workerd on a developer's
machine enforces none of them: a loop there stops the whole process, so a development environment has no such binding.
"""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

from pydantic_core import from_json, to_json
from pyodide.ffi import JsException, jsnull

from edge.clients.execution.compose import VALUE_BYTES, ToolMissing, loader_main, part, refusal, stripper, transforms
from edge.clients.execution.verdicts import exception_line, limit_message
from edge.errors import PayloadTooLarge
from edge.ports.errors import PortError
from edge.ports.executor import Execution, Language, Limits, Program, Status
from edge.runtimes.workers.js_bridge import message_of, raw, read_all, to_object

COMPATIBILITY_DATE = "2026-11-17"
PARALLEL = 4
"""Dynamic Workers that one request may have in flight: the platform's limit."""
STRIP = Limits(2_000, 128, 256 * 1024)
GRACE_S = 2.0
"""Seconds beyond a program's own time limit for its answer to arrive."""
PROBED_S = 60.0
_WAY = "Dynamic Workers: a fresh isolate for each run, without network and bindings"

type Answer = Mapping[str, Any]


class LoaderFailed(PortError):
    """The platform ran no Dynamic Worker; the message is its own."""


class NotStripped(Exception):
    """The tool that strips types found no program; the message gives the position."""


class DynamicWorkers:
    """Programs in isolates that are loaded for one request each."""

    name = "dynamic workers"
    parallel = PARALLEL

    def __init__(self, binding: Any) -> None:
        self._loader = raw(binding)
        self._stripped: tuple[str, str] | None = None
        self._well_until = 0.0

    async def languages(self) -> Mapping[Language, str]:
        """Return the languages that it runs; the engine is the platform's, of any version."""
        return {"javascript": "V8", "typescript": "V8"}

    async def run(self, program: Program) -> Execution:
        """Run a program to its end, which its limits bound."""
        reason = refusal(program)
        if reason is None and program.language == "python":
            reason = "Dynamic Workers run JavaScript and TypeScript here"
        if reason is not None:
            return Execution("refused", reason, executor=self.name)
        started = monotonic()
        try:
            modules = {"main.js": loader_main(), "solution.js": _module(program, await self._script(program))}
            most = program.limits.output_bytes
            stdin = program.stdin if program.call is None else program.call.arguments
            body = {"stdin": stdin, "named": program.call is not None, "most": most}
            answer = await self._ask(modules, body, program.limits)
        except NotStripped as fault:
            return Execution("exception", f"SyntaxError: {fault}", executor=self.name)
        except ToolMissing as fault:
            return Execution("unavailable", str(fault), executor=self.name)
        except TimeoutError:
            return self._limited("time", program.limits)
        except PayloadTooLarge:
            return self._limited("output", program.limits)
        except (JsException, PortError) as fault:
            return self._failed(message_of(fault), program.limits)
        return self._execution(answer, program, (monotonic() - started) * 1000)

    async def probe(self) -> str:
        """Return the way in which it runs programs; raise `PortError` if it runs none.

        A success is cached for a minute.
        """
        if monotonic() < self._well_until:
            return _WAY
        ended = await self.run(Program("javascript", "console.log(6 * 7)"))
        if ended.stdout != "42\n":
            raise LoaderFailed(ended.message or "a program did not answer")
        self._well_until = monotonic() + PROBED_S
        return _WAY

    async def _script(self, program: Program) -> str:
        """Return the program as a script: without types, and without imports and exports."""
        needed = transforms(program)
        if needed is None:
            return program.source
        if self._stripped is None or self._stripped[0] != program.source:
            modules = {"main.js": f"{stripper()}\n{part('strip_loader')}"}
            answer = await self._ask(modules, {"source": program.source, "transforms": needed}, STRIP)
            if "code" not in answer:
                raise NotStripped(str(answer.get("fault")))
            self._stripped = (program.source, str(answer["code"]))
        return self._stripped[1]

    async def _ask(self, modules: Mapping[str, str], body: object, limits: Limits) -> Answer:
        """Load a Worker, send it a request, and return its JSON, which is not trusted."""
        code = to_object(
            {
                "compatibilityDate": COMPATIBILITY_DATE,
                "mainModule": "main.js",
                "modules": dict(modules),
                "env": {},
                "limits": {"cpuMs": limits.time_ms, "subRequests": 0},
            }
        )
        code.globalOutbound = jsnull
        entrypoint = self._loader.load(code).getEntrypoint()
        request = to_object({"method": "POST", "body": to_json(body).decode()})
        async with asyncio.timeout(limits.time_ms / 1000 + GRACE_S):
            response = await entrypoint.fetch("http://program/", request)
            data = await read_all(response.body, 12 * limits.output_bytes + 2 * VALUE_BYTES)
        try:
            answer = from_json(data)
        except ValueError:
            raise LoaderFailed("the program answered no JSON") from None
        if not isinstance(answer, dict):
            raise LoaderFailed("the program answered no object")
        return answer

    def _execution(self, answer: Answer, program: Program, time_ms: float) -> Execution:
        outputs = [str(answer.get(name) or "")[: program.limits.output_bytes] for name in ("stdout", "stderr")]
        over = answer.get("over")
        marks = over if isinstance(over, dict) else {}
        status, message, value = _verdict(answer, outputs[1], program)
        return Execution(
            status=status,
            message=message,
            stdout=outputs[0],
            stderr=outputs[1],
            stdout_truncated=bool(marks.get("stdout")),
            stderr_truncated=bool(marks.get("stderr")),
            exit_code={"ok": 0, "exception": 1}.get(status),
            time_ms=round(time_ms, 1),
            value=value,
            executor=self.name,
        )

    def _limited(self, status: Status, limits: Limits) -> Execution:
        return Execution(status, limit_message(status, limits), executor=self.name)

    def _failed(self, message: str, limits: Limits) -> Execution:
        """Return the outcome for a message of the platform, which has no error codes."""
        text = message.lower()
        if "cpu time limit" in text or "exceeded cpu" in text:
            return self._limited("time", limits)
        if "memory limit" in text or "out of memory" in text:
            return self._limited("memory", limits)
        if "syntaxerror" in text or "failed to start worker" in text:
            return Execution("exception", message[:500], executor=self.name)
        if "too many" in text or "internal error" in text:
            return Execution("unavailable", message[:200], executor=self.name)
        return Execution("crashed", message[:200], executor=self.name)


def _module(program: Program, script: str) -> str:
    """Return a module that defines a program as a function, whose parameters replace Node's globals."""
    parameters = "exports, module, require, console, process"
    if program.call is None:
        return f"export default async function ({parameters}) {{\n{script}\n}}\n"
    name = program.call.function
    lookup = f"return typeof {name} !== 'undefined' ? {name} : module.exports.{name} ?? module.exports.default;"
    return f"export default function ({parameters}) {{\n{script}\n;{lookup}\n}}\n"


def _verdict(answer: Answer, stderr: str, program: Program) -> tuple[Status, str, str | None]:
    status = answer.get("status")
    value = answer.get("value")
    if status == "output":
        return "output", limit_message("output", program.limits), None
    if status == "exit":
        code = str(value)[:10]
        return (
            "exception",
            f"ended with exit code {code}" if program.call is None else "ended before it returned a value",
            None,
        )
    if status != "ok":
        return "exception", exception_line(stderr, "javascript") or "an exception", None
    if program.call is None:
        return "ok", "", None
    if not isinstance(value, str):
        return "crashed", "ended before it returned a value", None
    if len(value) > VALUE_BYTES:
        return "output", f"the returned value has more than {VALUE_BYTES} bytes when it is encoded", None
    return "ok", "", value
