"""A storm of seeded random requests to every endpoint causes no server error."""

from typing import Any

import pytest
from tests import odd
from tests.vinyl_vault.conftest import Run, as_member

from edge.testing import Client

LEFT_OUT = frozenset(
    {
        ("post", "/jobs/{name}"),
        ("delete", "/api/auth/me"),
        ("delete", "/api/auth/sessions"),
        ("post", "/api/auth/register"),
        ("post", "/api/auth/login"),
        ("post", "/api/auth/password"),
        ("post", "/api/auth/logout"),
    }
)
"""Accounts have their own storm with cheap log-ins; the other routes would delete the member."""


async def storm(client: Client, seed: int, count: int) -> list[str]:
    ada = await as_member(client, "ada")
    record = {"id": "known", "artist": "Can", "album": "Tago Mago"}
    assert (await ada.post("/api/collection", record)).status == 201
    existing: dict[str, Any] = {
        "/record_id": "known",
        "artist": "Can",
        "album": "Tago Mago",
        "after": "known",
        "currency": "EUR",
    }
    existing |= {"client_id": "phone", "schema": 1, "bought_on": "2026-11-29", "sold_on": None, "cover": None}
    document = odd.Document("vinyl_vault/openapi.json", existing, LEFT_OUT)
    return await odd.weather(ada, odd.Storm(document, seed), count)


def test_odd_requests_cause_no_server_error(run: Run) -> None:
    count = 500 if run.runtime == "local" else 120
    assert run(lambda client: storm(client, 1, count)) == []


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_long_storm_of_odd_requests_causes_no_server_error(run: Run, seed: int) -> None:
    count = 5_000 if run.runtime == "local" else 1_000
    assert run(lambda client: storm(client, 100 + seed, count)) == []
