"""A client that sends a head and no body is refused by the head, or waits without a place at work."""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from tests.platform_api.conftest import Sims
from tests.served import Served, served_locally
from tests.slow_bodies import OTHER, answer_of, head, memory, refusal, url_of, waiting

from platform_api.app import app

pytestmark = pytest.mark.slow

PURGE = "/api/v1/content/purge"
CODE = "A" * 43


def signature(seconds: float = 0) -> str:
    """Return a well-formed header with an invalid signature, of an instant so far from now."""
    return f"sanity-webhook-signature: t={int((time.time() + seconds) * 1000)},v1={CODE}"


@pytest.fixture(scope="module")
def served(all_sims: Sims, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a local server, one for all tests."""
    with served_locally(tmp_path_factory.mktemp("slow"), all_sims.env(), "platform_api") as running:
        yield running


@pytest.fixture(params=["local", "workers"])
def url(request: pytest.FixtureRequest, sims: Sims) -> str:
    """Return the app's address on each runtime."""
    return url_of(request, app, sims.env())


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["sanity-webhook-signature: t=1,v1=short"],
        [f"sanity-webhook-signature: v1={CODE}"],
        [signature(-86_400)],
        [signature(86_400)],
    ],
    ids=["none", "another form", "no stamp", "too old", "of a time to come"],
)
def test_webhook_is_refused_by_its_headers(url: str, headers: list[str]) -> None:
    assert refusal(url, PURGE, headers) == 401


@pytest.mark.parametrize("headers", [[], ["x-api-key: a-guess"]], ids=["no key", "a wrong key"])
def test_form_is_refused_by_its_headers(url: str, headers: list[str]) -> None:
    assert refusal(url, "/api/v1/forms/contact", headers) == 401


@pytest.mark.parametrize("path", [PURGE, "/api/v1/chat", "/api/v1/forms/contact"])
def test_heads_without_bodies_hold_up_nobody(sims: Sims, served: Served, path: str) -> None:
    key = f"x-api-key: {sims.env()['API_KEY']}"
    with waiting(served.url, head(served.url, path, [signature(), key])):
        status, health, took = answer_of(served.url, b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (status, health["status"], took < 3) == (200, "ok", True)
        late = answer_of(served.url, head(served.url, PURGE, [signature()], 2) + b"{}")
        assert late[0] == 401
    assert answer_of(served.url, b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n", "127.0.0.1")[0] == 200


@pytest.mark.soak
def test_minutes_of_slow_bodies_hold_up_nobody_and_leave_no_memory(sims: Sims, tmp_path: Path) -> None:
    with served_locally(tmp_path, sims.env(), "platform_api") as served:
        begun = head(served.url, PURGE, [signature()], 900_000) + bytes(100_000)
        memories = [memory(served)]
        took = list[float]()
        for _ in range(6):
            with waiting(served.url, begun, 1000), waiting(served.url, begun, 300, "127.0.0.3"):
                for _ in range(20):
                    status, _, seconds = answer_of(served.url, b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n", OTHER)
                    assert status == 200
                    took.append(seconds)
                    time.sleep(0.2)
                memories.append(memory(served))
        assert median(took) < 1
        assert max(took) < 15, "not even while as many sockets are opened, on a busy machine"
        assert max(memories) - memories[0] < 150_000, memories
        assert memories[-1] - memories[1] < 40_000, f"it grows: {memories}"
