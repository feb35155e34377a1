# ruff: noqa: E501 - programs in one line
"""One table of programs for every executor, with equal results on each."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from tests.bundles import needs_bundles
from tests.edge.sandbox.executors import Here, Remote, needs_sandbox

from edge.clients.execution.compose import has_stripper, transforms
from edge.ports.executor import SOURCE_BYTES, Call, Execution, Language, Limits, Program, Status

pytestmark = [needs_sandbox, pytest.mark.slow]
LIMITS = Limits(time_ms=3_000, memory_mb=128, output_bytes=64 * 1024)


@pytest.fixture(scope="module", params=["sandbox", "piston", "judge0"])
def executor(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "sandbox":
        here = Here()
        yield here
        here.box.close()
        return
    with Remote(request.param) as remote:
        yield remote


class Case(NamedTuple):
    name: str
    language: Language
    source: str
    status: Status
    stdout: str | None = None
    limits: Limits = LIMITS
    stdin: str = ""


CASES = [
    Case("prints", "python", "print('a')\nprint('é', 2)", "ok", "a\né 2\n"),
    Case("reads", "python", "import sys\nprint(sys.stdin.read().upper(), end='')", "ok", "ONE\nTWO", stdin="one\ntwo"),
    Case("raises", "python", "print(1)\nraise ValueError('no')", "exception", "1\n"),
    Case("does not compile", "python", "def f(:", "exception", ""),
    Case("ends with a code", "python", "import sys\nprint(3)\nsys.exit(3)", "exception", "3\n"),
    Case("crashes", "python", "import os\nprint(1, flush=True)\nos.abort()", "crashed", "1\n"),
    Case("loops", "python", "print('before')\nwhile True: pass", "time", "before\n", Limits(400, 128, 1000)),
    Case("needs memory", "python", "bytearray(1 << 30)", "memory", ""),
    Case("prints in JavaScript", "javascript", "console.log('a', [1]); process.stdout.write('b');", "ok", "a [ 1 ]\nb"),
    Case(
        "reads in JavaScript",
        "javascript",
        "console.log(require('fs').readFileSync(0, 'utf8'))",
        "ok",
        "x\n",
        stdin="x",
    ),
    Case(
        "module in JavaScript",
        "javascript",
        "import { sep } from 'path';\nexport const a = 1;\nconsole.log(sep, a)",
        "ok",
        "/ 1\n",
    ),
    Case("throws in JavaScript", "javascript", "console.log(1); throw new TypeError('no')", "exception", "1\n"),
    Case("does not compile in JavaScript", "javascript", "const = 1", "exception", ""),
    Case("loops in JavaScript", "javascript", "console.log(1); while (true);", "time", "1\n", Limits(600, 128, 1000)),
    Case(
        "types",
        "typescript",
        "enum Colour { Red = 3 }\nconst c: Colour = Colour.Red;\nconsole.log(c as number);",
        "ok",
        "3\n",
    ),
    Case(
        "property of a parameter",
        "typescript",
        "class P { constructor(public x: number) {} }\nconsole.log(new P(4).x)",
        "ok",
        "4\n",
    ),
    Case("throws in TypeScript", "typescript", "const x: number = 1; throw new Error('no ' + x)", "exception", ""),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_executor_says_the_same_of_a_program(executor: Any, case: Case) -> None:
    program = Program(case.language, case.source, case.stdin, case.limits)
    if transforms(program) is not None and not has_stripper():
        pytest.skip("build/bundles is made by `make test`")
    ended = executor.run(program)
    assert (ended.status, ended.stdout) == (case.status, case.stdout), ended
    assert ended.executor == executor.kind
    assert ended.value is None
    assert bool(ended.message) == (case.status != "ok")
    assert ended.cpu_ms is not None
    assert ended.memory_kb is not None
    assert ended.memory_kb > 1000


def test_exceeded_limit_is_named(executor: Any) -> None:
    ended = executor.run(Program("python", "while True: pass", limits=Limits(300, 128, 1000)))
    assert ended.message == "ran longer than its limit of 300 ms"
    ended = executor.run(Program("python", "bytearray(1 << 30)", limits=Limits(3000, 100, 1000)))
    assert ended.message == "needed more than its limit of 100 MB of memory"
    ended = executor.run(Program("python", "print('x' * 700)", limits=Limits(3000, 100, 500)))
    assert (ended.status, ended.message) == ("output", "wrote more than its limit of 500 bytes")
    assert (len(ended.stdout), ended.stdout_truncated, ended.stderr_truncated) == (500, True, False)


CHAINED = "try: {}[1]\nexcept KeyError: raise ValueError('x')"
MESSAGES: list[tuple[Language, str, str]] = [
    ("python", CHAINED, "ValueError: x"),
    ("python", "import sys\nprint('Error: mine', file=sys.stderr)\nraise StopIteration", "StopIteration"),
    ("python", "raise ValueError('a\\nb')", "ValueError: a"),
    ("python", "class Boom(Exception): pass\nraise Boom('x')", "Boom: x"),
    ("python", "raise ExceptionGroup('g', [ValueError(1)])", "ExceptionGroup: g (1 sub-exception)"),
    ("python", "import sys\nsys.exit('bye')", "bye"),
    ("python", "import sys\nprint('said', file=sys.stderr)\nsys.exit(3)", "ended with exit code 3"),
    ("javascript", "throw 'boom'", "Uncaught boom"),
    ("javascript", "throw null", "Uncaught null"),
    ("javascript", "console.error('Error: mine'); throw new TypeError('real')", "TypeError: real"),
    ("javascript", "throw new Error('outer', { cause: new Error('inner') })", "Error: outer"),
    ("javascript", "throw new AggregateError([new Error('a')], 'all')", "AggregateError: all"),
    ("javascript", "console.error('said'); process.exit(2)", "ended with exit code 2"),
]


@pytest.mark.parametrize(("language", "source", "message"), MESSAGES)
def test_exception_that_ended_a_program_is_named(executor: Any, language: Language, source: str, message: str) -> None:
    ended = executor.run(Program(language, source, limits=LIMITS))
    if executor.kind == "piston" and ended.status == "output":
        pytest.skip("Piston kills at 1,024 bytes of output, and says so by itself")
    assert (ended.status, ended.message) == ("exception", message), ended.stderr


PYTHON_VALUES = {
    "None": ["n"],
    "True": ["b", True],
    "-3": ["i", "-3"],
    "2 ** 100": ["i", str(2**100)],
    "0.5": ["f", "0.5"],
    "-0.0": ["f", "-0.0"],
    "float('nan')": ["f", "nan"],
    "float('-inf')": ["f", "-inf"],
    "'é\\ud800'": ["s", "é\ud800"],
    "b'\\x00\\xff'": ["y", "AP8="],
    "[1, [2]]": ["l", [["i", "1"], ["l", [["i", "2"]]]]],
    "(1,)": ["t", [["i", "1"]]],
    "{1}": ["e", [["i", "1"]]],
    "{1: 'a'}": ["d", [[["i", "1"], ["s", "a"]]]],
    "10 ** 5000": ["o", "int of more than 1,000 digits", ""],
    "object": ["o", "type", ""],
    "type('N', (int,), {'__str__': lambda n: '7'})(5)": ["i", "5"],
    "type('F', (float,), {})(0.5)": ["f", "0.5"],
    "type('T', (str,), {'__str__': lambda t: 'y'})('x')": ["s", "x"],
    "type('B', (bytes,), {})(b'x')": ["y", "eA=="],
}
JAVASCRIPT_VALUES = {
    "null": ["n"],
    "undefined": ["u"],
    "false": ["b", False],
    "7": ["i", "7"],
    "2 ** 53": ["f", "9007199254740992"],
    "10n ** 30n": ["i", str(10**30)],
    "1e21": ["f", "1e+21"],
    "-0": ["f", "-0.0"],
    "NaN": ["f", "nan"],
    "-Infinity": ["f", "-inf"],
    "'é\\ud800'": ["s", "é\ud800"],
    "[1, , 2]": ["l", [["i", "1"], ["u"], ["i", "2"]]],
    "new Set([1])": ["e", [["i", "1"]]],
    "new Map([[1, 'a']])": ["d", [[["i", "1"], ["s", "a"]]]],
    "({ a: 1 })": ["d", [[["s", "a"], ["i", "1"]]]],
    "Promise.resolve(1)": ["i", "1"],
    "(() => 1)": ["o", "function", ""],
    "new Date(0)": ["o", "Date", ""],
}


def call(executor: Any, language: Language, source: str, arguments: list[Any], name: str = "f") -> Execution:
    ended = executor.run(Program(language, source, limits=LIMITS, call=Call(name, json.dumps(arguments))))
    assert isinstance(ended, Execution)
    return ended


def test_values_of_python_come_with_their_types(executor: Any) -> None:
    source = f"def f():\n    print('said')\n    return [{', '.join(PYTHON_VALUES)}]"
    ended = call(executor, "python", source, [])
    assert (ended.status, ended.stdout) == ("ok", "said\n"), ended
    assert json.loads(ended.value or "") == ["l", list(PYTHON_VALUES.values())]


def test_values_of_javascript_come_with_their_types(executor: Any) -> None:
    items = [item for item in JAVASCRIPT_VALUES if "Promise" not in item]
    ended = call(executor, "javascript", f"function f() {{ console.log('said'); return [{', '.join(items)}]; }}", [])
    assert (ended.status, ended.stdout) == ("ok", "said\n"), ended
    assert json.loads(ended.value or "") == ["l", [JAVASCRIPT_VALUES[item] for item in items]]
    ended = call(executor, "javascript", "async function f() { return 1; }", [])
    assert json.loads(ended.value or "") == JAVASCRIPT_VALUES["Promise.resolve(1)"]


@needs_bundles
def test_promise_of_typescript_is_awaited(executor: Any) -> None:
    ended = call(executor, "typescript", "export async function f(): Promise<number> { return 1; }", [])
    assert json.loads(ended.value or "") == JAVASCRIPT_VALUES["Promise.resolve(1)"]


@pytest.mark.parametrize(
    "source",
    [
        "def f(*given): return list(given)",
        pytest.param("export const f = (...given: unknown[]) => given;", marks=needs_bundles),
    ],
)
def test_arguments_arrive_as_they_were_sent(executor: Any, source: str) -> None:
    language: Language = "python" if "def" in source else "typescript"
    arguments = [
        ["n"],
        ["b", True],
        ["i", "5"],
        ["i", str(2**70)],
        ["f", "nan"],
        ["s", "x"],
        ["l", [["i", "1"]]],
        ["d", [[["s", "a"], ["i", "1"]]]],
        ["e", [["i", "1"]]],
        ["y", "AP8="],
    ]
    ended = call(executor, language, source, arguments)
    assert json.loads(ended.value or "null") == ["l", arguments], ended


@pytest.mark.parametrize(
    ("language", "source", "status", "words"),
    [
        ("python", "x = 1", "exception", "NameError: the program defines no function f"),
        ("python", "def f(): return 1 / 0", "exception", "ZeroDivisionError: division by zero"),
        (
            "python",
            "def f():\n    try: {}[1]\n    except KeyError: raise ValueError('x')",
            "exception",
            "ValueError: x",
        ),
        ("javascript", "function f() { console.error('Error: x'); throw 3; }", "exception", "Uncaught 3"),
        ("javascript", "function f() { console.error('Error: x'); throw Error('y'); }", "exception", "Error: y"),
        ("python", "import os\ndef f(): os._exit(0)", "crashed", "ended before it returned a value"),
        ("python", "import sys\ndef f(): sys.exit(0)", "exception", "SystemExit"),
        ("python", "def f():\n    x = []\n    x.append(x)\n    return x", "exception", "nested more than 64 deep"),
        ("python", "def f(): return 'x' * 70_000", "output", "the returned value has more than 65536 bytes"),
        ("javascript", "const x = 1", "exception", "ReferenceError: the program defines no function f"),
        ("javascript", "function f() { return null.x; }", "exception", "TypeError: Cannot read properties of null"),
        ("javascript", "function f() { process.exit(0); }", "exception", "ended before it returned a value"),
        (
            "javascript",
            "function f() { return new Promise(() => {}); }",
            "exception",
            "ended before it returned a value",
        ),
    ],
)
def test_function_that_returns_nothing_ends_in_words(
    executor: Any, language: Language, source: str, status: Status, words: str
) -> None:
    ended = call(executor, language, source, [])
    if executor.kind == "piston" and status == "output":
        pytest.skip("Piston kills at 1,024 bytes of output, and says so by itself")
    assert ended.status == status, ended
    assert words in ended.message
    assert ended.value is None
    assert "call_" not in ended.stderr
    assert "main." not in ended.stderr


def test_forged_value_is_a_value_and_nothing_more(executor: Any) -> None:
    source = "import sys\ndef f():\n    frame = sys._getframe(1)\n    print('\\x1e' + 'x' * 16, '[\"i\", \"1\"]')\n    return 2"
    ended = call(executor, "python", source, [])
    assert json.loads(ended.value or "") == ["i", "2"]


def test_program_that_is_too_large_or_wrongly_named_is_refused(executor: Any) -> None:
    assert executor.run(Program("python", "#" * (SOURCE_BYTES + 1))).status == "refused"
    assert executor.run(Program("python", "\ud800")).status == "refused"
    assert call(executor, "python", "def f(): pass", [], "f; import os").status == "refused"


def test_executor_tells_its_languages_and_its_way(executor: Any) -> None:
    languages = executor.use(lambda port: port.languages())
    assert languages.keys() == {"python", "javascript", "typescript"}
    assert executor.use(lambda port: port.probe())


def test_value_does_not_count_as_output(executor: Any) -> None:
    if executor.kind == "piston":
        pytest.skip("Piston counts 1,024 bytes of all that is written")
    limits = Limits(3000, 128, 1000)
    for printed, status in ((900, "ok"), (1100, "output")):
        source = f"def f():\n    print('x' * {printed}, end='')\n    return 'y' * 5000"
        ended = executor.run(Program("python", source, limits=limits, call=Call("f", "[]")))
        assert (ended.status, len(ended.stdout), ended.stdout_truncated) == (status, min(printed, 1000), printed > 1000)
