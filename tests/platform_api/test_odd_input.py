"""A storm of seeded nonsense over every endpoint of the platform: nothing of it is an error of ours."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests import odd
from tests.platform_api.conftest import KEY, WEBHOOK_SECRET, Runner

from edge.testing import Client
from sims.sanity import sign

pytestmark = pytest.mark.slow

WITHOUT_JOBS = frozenset({("post", "/jobs/{name}")})
"""A job is run by its name alone, and some take long."""


def signed(sent: odd.Sent) -> list[tuple[str, str]]:
    """Return the key, or Sanity's signature for its webhook."""
    if not sent.target.startswith("/api/v1/content/purge"):
        return [*KEY]
    return [("sanity-webhook-signature", sign(WEBHOOK_SECRET, sent.body, int(time.time() * 1000)))]


async def storm(client: Client, seed: int, count: int) -> list[str]:
    ids = {
        "shown_at": (datetime.now(UTC) - timedelta(minutes=5)).isoformat(),
        "email": "ada@example.org",
        "website": "",
        "turnstile_token": None,
        "company_url": "https://ada.example",
        "tier": "gold",
        "type": "events",
        "_type": "event",
        "/slug": "wasm-evening",
        "accepts_code_of_conduct": True,
        "message": "When is the next meetup?",
        "question": "When is the next meetup?",
        "slug": {"current": "wasm-evening"},
        "interests": ["wasm"],
    }
    document = odd.Document("platform_api/openapi.json", ids, WITHOUT_JOBS)
    return await odd.weather(client, odd.Storm(document, seed), count, signed)


def test_no_odd_request_is_an_error_of_ours(run: Runner) -> None:
    count = 500 if run.runtime == "local" else 150
    assert run(lambda client: storm(client, 1, count)) == []


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_no_odd_request_of_a_long_storm_is_an_error_of_ours(run: Runner, seed: int) -> None:
    count = 5_000 if run.runtime == "local" else 1_000
    assert run(lambda client: storm(client, 100 + seed, count)) == []


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_event_at_the_end_of_the_calendar_hides_no_other(run: Runner, end: str) -> None:
    event = {"_id": "event-odd", "_type": "event", "title": "Odd", "slug": {"current": "odd"}, "startsAt": end}

    async def case(client: Client) -> list[Any]:
        run.sims.sanity.put(event)
        return [await client.get(f"/api/v1/content/events{query}") for query in ("?limit=100", "?upcoming=true")]

    listed, upcoming = run(case)
    assert (listed.status, upcoming.status) == (200, 200)
    [odd] = [document for document in listed.json()["documents"] if document["slug"] == "odd"]
    assert "starts_at" not in odd, "an odd field costs that field"
    assert "odd" not in [document["slug"] for document in upcoming.json()["documents"]]
    assert upcoming.json()["documents"]
