"""A client that sends an interaction's head and no body is refused by the head, or waits without a place at work."""

import time
from collections.abc import Iterator

import pytest
from tests.discord_bot.conftest import KEY, Sims
from tests.served import Served, served_locally
from tests.slow_bodies import answer_of, head, refusal, url_of, waiting

from discord_bot.app import app

pytestmark = pytest.mark.slow

CODE = "ab" * 64


def signed(seconds: float = 0, code: str = CODE) -> list[str]:
    """Return well-formed headers with an invalid signature, of an instant so far from now."""
    return [f"x-signature-ed25519: {code}", f"x-signature-timestamp: {int(time.time() + seconds)}"]


@pytest.fixture(params=["local", "workers"])
def url(request: pytest.FixtureRequest, sims: Sims) -> str:
    """Return the app's address on each runtime."""
    return url_of(request, app, sims.env())


@pytest.fixture(scope="module")
def served(all_sims: Sims, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a local server, one for all tests."""
    with served_locally(tmp_path_factory.mktemp("slow"), all_sims.env(), "discord_bot") as running:
        yield running


HEADERS = {
    "none": [],
    "no stamp": signed()[:1],
    "no signature": signed()[1:],
    "too short": signed(code="ab" * 63),
    "no hex": signed(code="zz" * 64),
    "too old": signed(-86_400),
    "of a time to come": signed(86_400),
}


@pytest.mark.parametrize("what", HEADERS)
def test_interaction_is_refused_by_its_headers(url: str, what: str) -> None:
    assert refusal(url, "/interactions", HEADERS[what]) == 401


def test_other_routes_are_refused_by_their_headers(url: str) -> None:
    assert refusal(url, "/notifications/event") == 401
    assert refusal(url, "/notifications/event", ["x-api-key: a-guess"]) == 401


@pytest.mark.parametrize("path", ["/interactions", "/notifications/event"])
def test_heads_without_bodies_hold_up_nobody(served: Served, path: str) -> None:
    """Nor do those of one key, which has its share of the bodies."""
    with waiting(served.url, head(served.url, path, [*signed(), f"x-api-key: {KEY[0][1]}"])):
        status, health, took = answer_of(served.url, b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (status, health["status"], took < 3) == (200, "ok", True)
        assert answer_of(served.url, head(served.url, "/interactions", signed(), 2) + b"{}")[0] == 401
    assert answer_of(served.url, b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n", "127.0.0.1")[0] == 200
