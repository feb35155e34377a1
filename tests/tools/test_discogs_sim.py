"""The simulated Discogs over real HTTP: its keys, the moving window, dead hits, images and prices."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection, RemoteDisconnected
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from sims.discogs import KEY, SECRET, DiscogsSim, Fault
from sims.discogs.images import grey_jpeg
from sims.discogs.rates import Window

pytestmark = pytest.mark.slow  # a stand-in's own tests

AGENT = {"User-Agent": "VinylVault/1.0 +https://example.org"}
KEYED = AGENT | {"Authorization": f"Discogs key={KEY}, secret={SECRET}"}


@pytest.fixture(scope="module")
def shared() -> Iterator[DiscogsSim]:
    with DiscogsSim() as sim:
        yield sim


@pytest.fixture
def sim(shared: DiscogsSim) -> DiscogsSim:
    shared.reset()
    return shared


def get(sim: DiscogsSim, path: str, headers: dict[str, str] = KEYED, **query: str) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection(urlsplit(sim.url).netloc, timeout=10)
    try:
        connection.putrequest("GET", path + (f"?{urlencode(query)}" if query else ""), skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()


def ask(sim: DiscogsSim, path: str, **query: str) -> Any:
    status, _, body = get(sim, path, KEYED, **query)
    assert status == 200, body
    return json.loads(body)


def test_generic_agents_and_wrong_keys_are_refused(sim: DiscogsSim) -> None:
    for agent in ("", "python-requests/2.0", "Mozilla/5.0", "curl/8.0", "nothing"):
        assert get(sim, "/releases/1001", {"User-Agent": agent} if agent else {})[0] == 403, agent
    assert get(sim, "/database/search", AGENT, artist="x")[0] == 401
    assert get(sim, "/releases/1001", AGENT)[0] == 200
    assert get(sim, "/releases/1001", AGENT | {"Authorization": "Discogs key=a, secret=b"})[0] == 401


def test_window_refuses_the_sixty_first_call_and_says_so_in_headers(sim: DiscogsSim) -> None:
    sim.window.fill(59)
    status, headers, _ = get(sim, "/releases/1001")
    assert (status, headers["X-Discogs-Ratelimit"], headers["X-Discogs-Ratelimit-Remaining"]) == (200, "60", "0")
    status, headers, body = get(sim, "/releases/1001")
    assert (status, headers["X-Discogs-Ratelimit-Used"]) == (429, "60")
    assert json.loads(body) == {"message": "You are making requests too quickly."}
    assert "Retry-After" not in headers


def test_window_moves() -> None:
    now = [0.0]
    window = Window(lambda: now[0], 60.0)
    assert all(window.take(60) for _ in range(60))
    now[0] = 59.9
    assert not window.take(60)
    now[0] = 60.0
    assert window.take(60)


def test_search_lists_dead_hits_that_cannot_be_fetched(sim: DiscogsSim) -> None:
    items = ask(sim, "/database/search", artist="gone band", release_title="lost tapes", type="release")["results"]
    assert [item["id"] for item in items] == [1030, 1031]
    assert get(sim, "/releases/1030")[0] == 404
    assert ask(sim, "/releases/1031")["title"] == "Lost Tapes"


def test_release_and_master_ids_overlap(sim: DiscogsSim) -> None:
    masters = ask(sim, "/database/search", artist="glass harbour", type="master")["results"]
    assert [(item["id"], item["type"]) for item in masters] == [(2001, "master")]
    assert ask(sim, "/masters/2001")["title"] == "Night Ferry"
    assert ask(sim, "/releases/2001")["title"] == "Salt Works"


def test_names_keep_their_numbers_and_variations(sim: DiscogsSim) -> None:
    items = ask(sim, "/database/search", q="split decision", type="release")["results"]
    assert items[0]["title"] == "Eat (2), Die Warzau - Split Decision"
    assert ask(sim, "/database/search", artist="los ríos")["results"][0]["title"] == "Los Ríos* - Canción Nueva"


def test_prices_follow_the_currency_and_can_be_null(sim: DiscogsSim) -> None:
    assert ask(sim, "/releases/1001")["lowest_price"] == 18.07
    assert ask(sim, "/releases/1001", curr_abbr="EUR")["lowest_price"] == 16.26
    stats = ask(sim, "/marketplace/stats/1003", curr_abbr="EUR")
    assert stats == {"num_for_sale": None, "lowest_price": None, "blocked_from_sale": False}
    assert get(sim, "/releases/1001", curr_abbr="XXX")[0] == 422


def test_images_are_signed_expire_and_count(sim: DiscogsSim) -> None:
    uri = urlsplit(ask(sim, "/releases/1001")["images"][0]["uri"]).path
    before = sim.window.used()
    status, _, body = get(sim, uri)
    assert (status, body[:3]) == (200, b"\xff\xd8\xff")
    assert sim.window.used() == before + 1
    assert get(sim, uri, AGENT)[0] == 401
    assert get(sim, uri.replace("R-1001", "R-1002"))[0] == 403
    sim.image_seconds = -1
    assert get(sim, urlsplit(ask(sim, "/releases/1001")["images"][0]["uri"]).path)[0] == 403


def test_faults_hit_the_paths_that_they_name(sim: DiscogsSim) -> None:
    sim.fail(Fault(503, retry_after=2, path="/releases"))
    sim.fail(Fault(reset=True, path="/marketplace"))
    ask(sim, "/database/search", artist="eat")
    status, headers, _ = get(sim, "/releases/1001")
    assert (status, headers["Retry-After"]) == (503, "2")
    with pytest.raises((RemoteDisconnected, ConnectionError)):
        get(sim, "/marketplace/stats/1001")
    assert get(sim, "/releases/1001")[0] == 200


def test_jpeg_ends_and_has_its_size() -> None:
    body = grey_jpeg(600, 400, 200)
    assert body[:4] == b"\xff\xd8\xff\xe0"
    assert body[-2:] == b"\xff\xd9"
    place = body.index(b"\xff\xc0")
    assert (body[place + 5 : place + 9]) == (400).to_bytes(2) + (600).to_bytes(2)
