"""A storm of seeded random requests to every endpoint causes no server error."""

from typing import Any

import pytest
from tests import odd

from edge.testing import Client

from .conftest import Run, as_member
from .test_capsules import add

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
