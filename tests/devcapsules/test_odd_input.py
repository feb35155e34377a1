"""A storm of seeded random requests to every endpoint causes no server error."""

import json
import re
from typing import Any

import pytest
from tests import odd

from edge.testing import Client

from .conftest import ROOT, Run, as_member
from .test_capsules import add

pytestmark = pytest.mark.slow

JSON = [("content-type", "application/json")]
LEFT_OUT = frozenset(
    {
        ("post", "/jobs/{name}"),
        ("delete", "/api/v1/auth/me"),
        ("delete", "/api/v1/auth/sessions"),
        ("post", "/api/v1/auth/register"),
        ("post", "/api/v1/auth/login"),
        ("post", "/api/v1/auth/password"),
        ("post", "/api/v1/auth/logout"),
        ("post", "/api/v1/execute"),
        ("post", "/api/v1/execute/tests"),
        ("post", "/api/v1/execute/tests/results.json"),
        ("post", "/api/v1/capsules/{capsule_id}/attempts"),
        ("get", "/api/v1/generate/{job_id}/status"),
    }
)
"""Accounts and execution have their own storms; the other routes would delete the member."""


async def storm(client: Client, seed: int, count: int) -> list[str]:
    ada = await as_member(client, "ada")
    capsule_id = await add(ada, visibility="public")
    existing: dict[str, Any] = {"/capsule_id": capsule_id, "capsule_id": capsule_id, "language": "python"}
    existing |= {"/version": 1, "function_name": "double", "tag": "numbers", "email": "ada@example.org"}
    document = odd.Document("devcapsules/openapi.json", existing, LEFT_OUT)
    return await odd.weather(ada, odd.Storm(document, seed), count)


def test_odd_requests_cause_no_server_error(run: Run) -> None:
    count = 500 if run.runtime == "local" else 40
    assert run(lambda client: storm(client, 1, count)) == []


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_long_storm_of_odd_requests_causes_no_server_error(run: Run, seed: int) -> None:
    count = 5_000 if run.runtime == "local" else 1_000
    assert run(lambda client: storm(client, 100 + seed, count)) == []


def test_longest_prompt_is_accepted_however_it_is_escaped(local: Run) -> None:
    local.env["GENERATION_MODEL_URL"] = "http://127.0.0.1:9/v1"
    body = json.dumps({"prompt": "\U0001f4bf" * 2_000, "language": "python"}).encode()
    assert len(body) > 24_000, "each character is two escapes of six bytes"

    async def case(client: Client) -> int:
        ada = await as_member(client, "ada")
        return (await ada.request("POST", "/api/v1/generate", body=body, headers=JSON)).status

    assert local(case) == 202


@pytest.mark.parametrize("document", ["devcapsules", "vinyl_vault"])
def test_document_says_that_texts_have_no_nul(document: str) -> None:
    schemas = json.loads((ROOT / "openapi" / document / "openapi.json").read_text())["components"]["schemas"]
    name = schemas["NewTeam" if document == "devcapsules" else "NewShare"]["properties"]["name"]
    assert re.search(name["pattern"], "a name\n")
    assert not re.search(name["pattern"], "a\0name")
