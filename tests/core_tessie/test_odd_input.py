"""Odd input that was an error of ours once, or could be: origins, ids, and a storm of seeded nonsense."""

import pytest

from .conftest import Runner

ORIGINS = [
    "http://[", "http://[::1", "http://]", "//", "null", "http://", "http://a b", "x" * 10_000, "http://%5b",
    "https://mine.example.evil", "https://mine.example:444", "https://mine.example/",
]  # fmt: skip


@pytest.mark.parametrize("origin", ORIGINS)
def test_page_of_odd_origin_opens_no_socket(run: Runner, origin: str) -> None:
    run.env |= {"CORS_ALLOWED_ORIGINS": "https://mine.example"}
    answer = run(lambda client: client.get("/ws", headers=[("origin", origin)]))
    assert (answer.status, answer.json()["type"]) == (403, "urn:problem:wrong-origin")


@pytest.mark.parametrize("host", [[], [("host", "")]])
@pytest.mark.local_only("HTTP/1.1 demands a Host, and workerd refuses what has none")
def test_page_without_origin_is_not_of_a_host_without_name(run: Runner, host: list[tuple[str, str]]) -> None:
    run.env |= {"CORS_ALLOWED_ORIGINS": "https://mine.example"}
    for origin in ("null", "http://"):
        assert run(lambda client, sent=origin: client.get("/ws", headers=[("origin", sent), *host])).status == 403


@pytest.mark.parametrize("length", [500, 501, 100_000])
def test_id_of_a_row_is_bounded(run: Runner, length: int) -> None:
    answer = run(lambda client: client.post("/d1/vehicles", {"vin": "x" * length}))
    assert answer.status == (201 if length <= 500 else 400)
    assert len(answer.header("location") or "") < 600
