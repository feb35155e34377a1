"""`GET /colbycommands`: the list of commands."""

import inspect
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from core_tessie.agent.tools import TOOLS
from core_tessie.console.commands import COMMANDS
from edge.testing import Answer, Client

from .conftest import Runner


def commands(run: Runner) -> dict[str, Any]:
    async def case(client: Client) -> Answer:
        return await client.get("/colbycommands")

    answer = run(case)
    assert answer.status == 200
    return {command["name"]: command for command in answer.json()}


def test_every_command_that_is_declared_is_listed(run: Runner) -> None:
    assert list(commands(run)) == [curated.name for curated in COMMANDS]


def test_a_command_says_how_to_call_it(run: Runner) -> None:
    command = commands(run)["energy-report"]
    assert (command["method"], command["path"]) == ("POST", "/colbycommands/energy-report")
    assert (command["status"], command["role"]) == (201, "reader")
    assert command["summary"] == "Make an energy report and store it"


def test_schema_of_a_body_accepts_the_routes_bodies(run: Runner) -> None:
    schema = commands(run)["energy-report"]["body"]
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid({"from": "2025-01-01", "timezone": "Europe/Berlin"})
    assert validator.is_valid({})
    assert not validator.is_valid({"from": "yesterday"})


def test_agent_commands_are_listed_and_only_read(run: Runner) -> None:
    tools = {command["tool"]: command for command in commands(run).values() if command["tool"]}
    assert {"energy_report", "get_energy_report", "list_table"} <= tools.keys() <= TOOLS.keys()
    assert {command["role"] for command in tools.values()} == {"reader"}
    assert [name for name, command in tools.items() if command["method"] != "GET"] == ["energy_report"]


def test_a_command_without_a_body_has_no_schema(run: Runner) -> None:
    assert commands(run)["sync"]["body"] is None


def test_summary_is_the_first_line_of_the_handlers_docstring() -> None:
    """The OpenAPI document takes its summary from docstrings, which a running app never reads."""
    first = {curated.name: (inspect.getdoc(curated.handler) or "").partition("\n")[0] for curated in COMMANDS}
    assert first == {curated.name: f"{curated.summary}." for curated in COMMANDS}
