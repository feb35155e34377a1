"""Hints, solutions, forks, and exercises as ZIP files."""

import io
import unittest
import warnings
import zipfile
from collections.abc import Callable
from secrets import token_hex
from time import process_time
from typing import Any

import pytest

from devcapsules.capsules.exercism_code import LARGEST_TEST_CODE, read_python_tests
from edge.testing import Client
from edge.testing.client import Answer

from .conftest import Member, Run, as_member
from .test_capsules import CAPSULE, PATH, add

pytestmark = pytest.mark.slow


async def tried(member: Member, capsule_id: str, attempts: int) -> None:
    """Store a number of attempts of a user at a capsule."""
    db: Any = member.ports.settings.db
    row = (member.user_id, capsule_id, member.user_id, attempts)
    await db.run(
        "INSERT INTO progress (learner, capsule_id, user_id, attempts, updated_at) VALUES (?, ?, ?, ?, '2026-01-01')",
        *row,
    )


def test_hints_are_shown_one_by_one(run: Run) -> None:
    async def case(client: Client) -> list[tuple[int, Any]]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        path = f"{PATH}/{await add(ada, visibility='public')}/hints"
        bodies: list[dict[str, int]] = [{"number": 2}, {}, {"number": 1}, {}, {}, {"number": 2}]
        answers = [await bob.post(path, body) for body in bodies]
        return [(answer.status, answer.json().get("text")) for answer in answers]

    assert run(case) == [
        (404, None),
        (200, "Multiply."),
        (200, "Multiply."),
        (200, "By two."),
        (404, None),
        (200, "By two."),
    ]


def test_solution_is_shown_after_the_tries(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada, bob, eve = [await as_member(client, name) for name in ("ada", "bob", "eve")]
        capsule_id = await add(ada, visibility="public", solution_after=2)
        path = f"{PATH}/{capsule_id}/solution"
        locked = await bob.get(path)
        await tried(bob, capsule_id, 2)
        await tried(eve, capsule_id, 1)
        own, after, others = [await caller.get(path) for caller in (ada, bob, eve)]
        return [locked.json(), own.json(), after.json(), others.json()["tries_left"], (await client.get(path)).status]

    locked, own, after, left, nobody = run(case)
    assert (locked["status"], locked["tries_left"]) == (403, 2)
    assert own == after == {"solution": CAPSULE["solution"], "version": 1}
    assert (left, nobody) == (1, 401)


def test_answers_of_private_capsule_are_only_its_owners(run: Run) -> None:
    async def case(client: Client) -> list[int]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        path = f"{PATH}/{await add(ada)}"
        return [
            (await bob.post(f"{path}/hints", {})).status,
            (await bob.get(f"{path}/solution")).status,
            (await bob.post(f"{path}/fork")).status,
            (await bob.get(f"{path}/export")).status,
        ]

    assert run(case) == [404] * 4


def test_fork_has_only_parts_visible_to_its_maker(run: Run) -> None:
    async def case(client: Client) -> tuple[Any, ...]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        capsule_id = await add(ada, visibility="public", solution_after=1)
        path = f"{PATH}/{capsule_id}"
        early = (await bob.post(f"{path}/fork")).json()
        await tried(bob, capsule_id, 1)
        late = (await bob.post(f"{path}/fork")).json()
        await ada.request("DELETE", path)
        contents = [(await bob.get(f"{PATH}/{fork['id']}/versions/1")).json() for fork in (early, late)]
        return capsule_id, early, (await bob.get(f"{PATH}/{late['id']}")).json(), contents

    capsule_id, early, late, (poor, rich) = run(case)
    assert early["visibility"] == "private"
    assert early["forked_from"] == late["forked_from"] == {"capsule_id": capsule_id, "author": "ada"}
    assert (poor["solution"], poor["hints"], len(poor["tests"])) == ("", [], 1)
    assert (rich["solution"], rich["hints"], len(rich["tests"])) == (CAPSULE["solution"], CAPSULE["hints"], 2)


def test_fork_names_no_author_whose_account_is_deleted(run: Run) -> None:
    async def case(client: Client) -> tuple[Any, ...]:
        account = {"email": f"eve{token_hex(4)}@example.org", "password": "correct horse battery", "name": "Eve"}
        eve = client.anonymous()
        tokens = (await eve.post("/api/v1/auth/register", account)).json()
        eve.headers = [("authorization", f"Bearer {tokens['access_token']}")]
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        forks = [
            (await bob.post(f"{PATH}/{await add(owner, visibility='public')}/fork")).json() for owner in (eve, ada)
        ]
        gone = await eve.request("DELETE", "/api/v1/auth/me", json={"password": account["password"]})
        authors = [(await bob.get(f"{PATH}/{fork['id']}")).json()["forked_from"]["author"] for fork in forks]
        return gone.status, [fork["forked_from"]["author"] for fork in forks], authors

    run.env["ACCOUNT_CONFIRMATION"] = "none"
    assert run(case) == (204, ["Eve", "ada"], ["anonymous", "ada"])


async def sent(client: Client, body: bytes) -> Answer:
    return await client.request("POST", f"{PATH}/import", headers=[("content-type", "application/zip")], body=body)


@pytest.mark.parametrize("language", ["python", "javascript", "typescript"])
def test_exported_capsule_is_read_back_as_it_was(run: Run, language: str) -> None:
    async def case(client: Client) -> tuple[Answer, Answer, Any, Any]:
        ada = await as_member(client, "ada")
        tests = [*CAPSULE["tests"], {"arguments": [None], "expected": {"a": None}}]
        title = "Ünï / ../ code"
        hints = ["one\ntwo", "three"]
        capsule_id = await add(ada, language=language, title=title, hints=hints, tests=tests)
        exported = await ada.get(f"{PATH}/{capsule_id}/export")
        imported = await sent(ada, exported.body)
        assert imported.status == 201, imported.text
        contents = [
            (await ada.get(f"{PATH}/{capsule_ref}/versions/1")).json()
            for capsule_ref in (capsule_id, imported.json()["id"])
        ]
        return exported, imported, *contents

    exported, imported, before, after = run(case)
    assert imported.json()["language"] == language
    names = ("title", "statement", "starter", "solution", "function_name", "tests", "hints")
    assert {name: before[name] for name in names} == {name: after[name] for name in names}
    paths = zipfile.ZipFile(io.BytesIO(exported.body)).namelist()
    assert not [path for path in paths if ".." in path or path.startswith("/")]
    assert {path.partition("/")[0] for path in paths} == {"n-code"}


def archive(**files: str | bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zip_file:
        for path, text in files.items():
            zip_file.writestr(path, text)
    return buffer.getvalue()


PLAIN = {
    "leap/.meta/config.json": '{"title": "Leap", "files": {"solution": ["leap.py"], "test": ["leap_test.py"], '
    '"example": [".meta/example.py"]}, "blurb": "Leap years."}',
    "leap/.docs/instructions.md": "# Instructions\n\nTell whether a year is a leap year.\n",
    "leap/leap.py": "def leap_year(year):\n    pass\n",
    "leap/.meta/example.py": "def leap_year(year):\n    return year % 4 == 0 and year % 100 != 0 or year % 400 == 0\n",
    "leap/leap_test.py": "import unittest\nfrom leap import leap_year\n\nclass LeapTest(unittest.TestCase):\n"
    "    def test_year_not_divisible_by_4(self):\n        self.assertEqual(leap_year(2015), False)\n"
    "    def test_other(self):\n        self.assertEqual(leap_year(1996), True)\n        self.assertEqual(f(x), 1)\n",
}


def test_exercise_of_exercism_is_read(run: Run) -> None:
    async def case(client: Client) -> Any:
        ada = await as_member(client, "ada")
        answer = await sent(ada, archive(**PLAIN))
        return (await ada.get(f"{PATH}/{answer.json()['id']}/versions/1")).json()

    content = run(case)
    assert (content["title"], content["function_name"]) == ("Leap", "leap_year")
    assert content["statement"] == "Tell whether a year is a leap year."
    assert [(test["name"], test["arguments"], test["expected"]) for test in content["tests"]] == [
        ("year not divisible by 4", [2015], False),
        ("other", [1996], True),
    ]


TYPED: dict[str, Any] = {
    "tests": [
        {"name": "pair", "arguments": [{"$tuple": [1, 2]}, {"$int": "3"}], "expected": {"$set": [1, 2, 3]}},
        {"name": "keys", "arguments": [{"$tuple": []}, 0.1], "expected": {"$dict": [[0.1, {"$bytes": "AP8="}]]}},
        {"name": "float", "arguments": ["sum", 0.2], "expected": 0.3},
        {"name": "near", "arguments": ["sum", 4], "expected": 4, "tolerance": 0.5},
    ],
    "function_name": "build",
}
BUILD = """
def build(first, second):
    if first == "sum":
        return 0.1 + second
    return {*first, second} if first else {second: b"\\x00\\xff"}
"""


def test_exported_tests_of_python_pass_with_the_solution(run: Run) -> None:
    async def case(client: Client) -> bytes:
        ada = await as_member(client, "ada")
        path = f"{PATH}/{await add(ada, **TYPED, solution=BUILD, title='Build')}"
        return (await ada.get(f"{path}/export")).body

    files = zipfile.ZipFile(io.BytesIO(run(case)))
    code = files.read("build/build_test.py").decode()
    names: dict[str, Any] = {}
    exec(files.read("build/.meta/example.py").decode() + code.replace("from build import build", ""), names)
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(names["ExerciseTest"]).run(result)
    assert (result.testsRun, result.failures, result.errors) == (4, [], [])


def test_exported_tests_of_javascript_import_what_the_solution_exports(run: Run) -> None:
    async def case(client: Client) -> bytes:
        ada = await as_member(client, "ada")
        solution = "function build(first, second) { return 1; }"
        capsule_id = await add(ada, **TYPED, solution=solution, starter=f"export {solution}", language="javascript")
        return (await ada.get(f"{PATH}/{capsule_id}/export")).body

    files = zipfile.ZipFile(io.BytesIO(run(case)))
    texts = {name.rpartition("/")[2]: files.read(name).decode() for name in files.namelist()}
    assert texts["proof.ci.js"].endswith("}\nexport { build };\n")
    assert texts["double-it.js"].count("export") == 1
    tests = texts["double-it.spec.js"]
    assert "expect(build([1, 2], 3)).toEqual(new Set([1, 2, 3]))" in tests
    assert 'expect(Math.abs(build("sum", 4) - 4)).toBeLessThanOrEqual(2.0)' in tests


def test_literals_of_python_become_values() -> None:
    code = """
class Tests(unittest.TestCase):
    def test_all(self):
        self.assertIs(f((1,), {2}, {3: "x"}, b"y"), {"a": None})
        self.assertAlmostEqual(f(1e999), 0.5)
        self.assertEqual(f(x), 1)
        self.assertEqual(f(1j), 1)
"""
    arguments = [{"$tuple": [1]}, {"$set": [2]}, {"$dict": [[3, "x"]]}, {"$bytes": "eQ=="}]
    assert read_python_tests(code) == (
        "f",
        [
            {"name": "all", "arguments": arguments, "expected": {"a": None}},
            {"name": "all", "arguments": [{"$float": "inf"}], "expected": 0.5},
        ],
    )


def test_nested_test_functions_cost_no_time() -> None:
    nested = "".join(f"{' ' * depth}def test_{depth}():\n" for depth in range(90))
    code = nested + "".join(f"{' ' * 90}{'f(1);' * 400}\n" for _ in range(28))
    assert len(code) <= LARGEST_TEST_CODE
    began = process_time()
    assert read_python_tests(code) == ("", [])
    assert process_time() - began < 1


def zipped(*members: tuple[zipfile.ZipInfo, bytes], **options: Any) -> bytes:
    """Return the archive of an exercise with further members."""
    buffer = io.BytesIO(archive(**PLAIN))
    with zipfile.ZipFile(buffer, "a", **options) as zip_file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for info, data in members:
            zip_file.writestr(info, data)
    return buffer.getvalue()


def linked() -> bytes:
    link = zipfile.ZipInfo("leap/.meta/link.py")
    link.external_attr = 0o120777 << 16
    return zipped((link, b"/etc/passwd"))


def with_large_dictionary() -> bytes:
    """Return an archive with a member whose unpacking takes 4 GB: the size of LZMA's dictionary is the archive's."""
    info = zipfile.ZipInfo("leap/.docs/notes.md")
    info.compress_type = zipfile.ZIP_LZMA
    body = bytearray(zipped((info, b"x" * 50)))
    place = body.rindex(b"leap/.docs/notes.md", 0, body.rindex(b"PK\x01\x02")) + len(info.filename)
    properties = body.index(b"\x05\x00", place) + 2
    body[properties + 1 : properties + 5] = b"\xff\xff\xff\xff"
    return bytes(body)


def with_data(data: str) -> bytes:
    return archive(**{**PLAIN, "leap/.meta/canonical-data.json": data})


def in_latin() -> bytes:
    files: dict[str, str | bytes] = {**PLAIN, "leap/leap.py": "é = 1".encode("latin-1")}
    return archive(**files)


def damaged() -> bytes:
    body = bytearray(archive(**PLAIN))
    body[60] ^= 0xFF
    return bytes(body)


@pytest.mark.parametrize("scenarios", ["5", '"hidden"', "{}", "null"])
def test_odd_scenarios_hide_nothing(local: Run, scenarios: str) -> None:
    data = f'{{"cases": [{{"expected": 1, "property": "f", "scenarios": {scenarios}}}]}}'

    async def case(client: Client) -> Answer:
        files: dict[str, str | bytes] = {**PLAIN, "leap/.meta/canonical-data.json": data}
        return await sent(await as_member(client, "ada"), archive(**files))

    answer = local(case)
    assert (answer.status, answer.json().get("hidden_tests")) == (201, 0), answer.text


def test_mark_of_byte_order_is_no_text(local: Run) -> None:
    async def case(client: Client) -> Answer:
        files = {path: b"\xef\xbb\xbf" + text.encode() for path, text in PLAIN.items()}
        return await sent(await as_member(client, "ada"), archive(**files))

    answer = local(case)
    assert (answer.status, answer.json()["statement"]) == (201, "Tell whether a year is a leap year.")


@pytest.mark.parametrize(
    "body",
    [
        lambda: b"",
        lambda: b"PK\x03\x04 no zip",
        lambda: b"\x00" * 10_000,
        lambda: archive(**PLAIN)[:-30],
        lambda: archive(a="b"),
        lambda: archive(**{".meta/config.json": "[]"}),
        lambda: archive(**{".meta/config.json": "{"}),
        lambda: archive(**{".meta/config.json": '{"files": {"solution": "leap.py"}}'}),
        lambda: archive(**{".meta/config.json": '{"files": {"solution": [1, {}]}}'}),
        lambda: archive(**{**PLAIN, "leap/bomb": "0" * 2_000_000}),
        lambda: archive(**{**PLAIN, "leap/large": "0" * 300_000}),
        lambda: archive(**{**PLAIN, **{f"leap/{number}": "" for number in range(300)}}),
        lambda: archive(
            **{**PLAIN, "leap/.meta/canonical-data.json": '{"cases": [{"expected": 1, "property": "a b"}]}'}
        ),
        lambda: with_data('{"cases": [{"property": "f", "expected": NaN}]}'),
        lambda: with_data('{"cases": [{"property": "f", "expected": -1e999}]}'),
        with_large_dictionary,
        linked,
        lambda: zipped((zipfile.ZipInfo("leap/leap.py"), b"two files of one path")),
        lambda: zipped((zipfile.ZipInfo("leap/../../leap.py"), b"")),
        lambda: zipped((zipfile.ZipInfo("/etc/leap.py"), b"")),
        in_latin,
        lambda: archive(**{**PLAIN, "leap/leap_test.py": "a = 1\n" * 11_000}),
    ],
)
def test_bad_archive_is_refused(local: Run, body: Callable[[], bytes]) -> None:
    async def case(client: Client) -> Answer:
        return await sent(await as_member(client, "ada"), body())

    answer = local(case)
    assert answer.status in {400, 422}, answer.text
    assert answer.header("content-type") == "application/problem+json"


def test_damaged_archive_causes_no_server_error(local: Run) -> None:
    whole = archive(**PLAIN)

    async def case(client: Client) -> set[int]:
        ada = await as_member(client, "ada")
        statuses = set[int]()
        for place in range(0, len(whole), 7):
            body = bytearray(whole)
            body[place] ^= 0xFF
            statuses.add((await sent(ada, bytes(body))).status)
        return statuses

    assert local(case) <= {201, 400, 422}
