"""A storm of seeded nonsense over every endpoint: nothing of it is an error of ours."""

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
"""Accounts have a storm of their own, where a log-in is cheap; without the others the member would be gone."""


async def storm(client: Client, seed: int, count: int) -> list[str]:
    ada = await as_member(client, "ada")
    record = {"id": "known", "artist": "Can", "album": "Tago Mago"}
    assert (await ada.post("/api/collection", record)).status == 201
    known: dict[str, Any] = {
        "/record_id": "known",
        "artist": "Can",
        "album": "Tago Mago",
        "after": "known",
        "currency": "EUR",
    }
    known |= {"client_id": "phone", "schema": 1, "bought_on": "2026-11-29", "sold_on": None, "cover": None}
    document = odd.Document("vinyl_vault/openapi.json", known, LEFT_OUT)
    return await odd.weather(ada, odd.Storm(document, seed), count)


def test_no_odd_request_is_an_error_of_ours(run: Run) -> None:
    count = 500 if run.runtime == "local" else 120
    assert run(lambda client: storm(client, 1, count)) == []


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_no_odd_request_of_a_long_storm_is_an_error_of_ours(run: Run, seed: int) -> None:
    count = 5_000 if run.runtime == "local" else 1_000
    assert run(lambda client: storm(client, 100 + seed, count)) == []
