"""Discogs behind this Worker: searches, prices and covers within the rate limit, across callers and isolates."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.vinyl_vault.conftest import ENV

from edge.testing import Answer, Client
from edge.testing.runner import Runner
from sims.discogs import DiscogsSim, Fault
from vinyl_vault.app import app

pytestmark = pytest.mark.slow

NIGHT = "/api/discogs/search?artist=the+glass+harbour&album=Night%20Ferry"

type Run = Runner[Client]


@pytest.fixture(scope="module")
def shared_sim() -> Iterator[DiscogsSim]:
    with DiscogsSim() as sim:
        yield sim


@pytest.fixture
def sim(shared_sim: DiscogsSim) -> DiscogsSim:
    shared_sim.reset()
    return shared_sim


def env_of(sim: DiscogsSim) -> dict[str, str]:
    return ENV | {
        "SEARCH_LIMITER": "off",
        "DISCOGS_CALLS_PER_MINUTE": "60",
        "DISCOGS_WAIT_S": "5",
        "DISCOGS_API_URL": sim.url,
        "DISCOGS_KEY": sim.key,
        "DISCOGS_SECRET": sim.secret,
        "DISCOGS_USER_AGENT": "VinylVaultTests/1.0 +https://vault.example",
    }


@pytest.fixture
def run(tmp_path: Path, sim: DiscogsSim) -> Run:
    return Runner(app, tmp_path / "state", env_of(sim), [])


def ask(run: Run, path: str) -> Answer:
    return run(lambda client: client.get(path))


def many(run: Run, paths: list[str]) -> list[Answer]:
    async def case(client: Client) -> list[Answer]:
        return await asyncio.gather(*(client.get(path) for path in paths))

    return run(case)


def test_search_finds_the_album_and_serves_its_cover(run: Run, sim: DiscogsSim) -> None:
    async def case(client: Client) -> tuple[Answer, Answer]:
        answer = await client.get(NIGHT)
        assert answer.status == 200, answer.body
        return answer, await client.get(answer.json()["cover"])

    answer, cover = run(case)
    release = answer.json()
    assert (release["id"], release["kind"], release["title"], release["year"]) == (1001, "release", "Night Ferry", 1979)
    assert (release["price"], release["price_minor"], release["currency"], release["for_sale"]) == (
        18.07,
        1807,
        "USD",
        4,
    )
    assert release["formats"] == [{"name": "LP", "quantity": 1, "descriptions": ["Album"]}]
    assert release["cached"] is False
    assert (cover.status, cover.header("content-type"), cover.body[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    assert all(call.query.get("curr_abbr") == "USD" for path in ("/releases", "/database") for call in sim.calls(path))
    assert not any("expires" in path.read_text(errors="ignore") for path in run.state.rglob("*.json"))


def test_second_search_is_cached(run: Run, sim: DiscogsSim) -> None:
    first = ask(run, NIGHT).json()
    calls = len(sim.requests)
    again = ask(run, "/api/discogs/search?artist=GLASS%20HARBOUR,%20The&album=night+ferry").json()
    assert again == first | {"cached": True, "age_s": again["age_s"]}
    assert len(sim.requests) == calls


def test_burst_for_one_album_is_one_call(run: Run, sim: DiscogsSim) -> None:
    sim.fail(Fault(delay=0.3, path="/database/search"))
    answers = many(run, [NIGHT] * 40)
    assert {answer.status for answer in answers} == {200}
    assert {answer.json()["id"] for answer in answers} == {1001}
    assert len(sim.calls("/database/search")) == len(sim.calls("/releases")) == len(sim.calls("/images")) == 1


def test_burst_over_processes_is_one_call(run: Run, sim: DiscogsSim) -> None:
    """Runners on one state folder share only its files, as isolates share only the bindings."""
    sim.fail(Fault(delay=0.4, path="/database/search"))

    async def together() -> list[Answer]:
        async def run_alone() -> Answer:
            return await run._run(lambda client: client.get(NIGHT), False)

        return await asyncio.gather(*(run_alone() for _ in range(6)))

    answers = asyncio.run(together())
    assert {answer.status for answer in answers} == {200}
    assert len(sim.calls("/database/search")) == 1


def test_failed_burst_does_not_repeat_the_call_per_waiter(run: Run, sim: DiscogsSim) -> None:
    sim.fail(Fault(500, delay=0.2, path="/database/search"), count=50)

    async def together() -> list[Answer]:
        async def run_alone() -> Answer:
            return await run._run(lambda client: client.get(NIGHT), False)

        return await asyncio.gather(*(run_alone() for _ in range(6)))

    answers = asyncio.run(together())
    assert {answer.status for answer in answers} <= {502, 503}
    assert len(sim.calls("/database/search")) <= 2
    sim.faults.clear()


def test_missing_hit_is_skipped_and_cached(run: Run, sim: DiscogsSim) -> None:
    document = ask(run, "/api/discogs/search?artist=Gone+Band&album=Lost+Tapes").json()
    assert document["id"] == 1031
    assert [call.path for call in sim.calls("/releases")] == ["/releases/1030", "/releases/1031"]
    assert ask(run, "/api/discogs/search?catno=NW1B").json()["id"] == 1031
    assert len(sim.calls("/releases")) == 2


def test_not_found_is_cached_for_one_day(run: Run, sim: DiscogsSim) -> None:
    path = "/api/discogs/search?artist=Vanished&album=Only+Copy"
    assert ask(run, path).status == 404
    calls = len(sim.requests)
    assert ask(run, path).status == 404
    assert len(sim.requests) == calls
    age(run, 86_401)
    assert ask(run, path).status == 404
    assert len(sim.requests) > calls


@pytest.mark.parametrize("status", [429, 500, 503])
def test_failure_is_never_cached_as_not_found(run: Run, sim: DiscogsSim, status: int) -> None:
    sim.fail(Fault(status, retry_after=1), count=9)
    refused = ask(run, NIGHT)
    assert refused.status == (429 if status == 429 else 502)
    assert not list(objects(run, "data/"))
    sim.faults.clear()

    async def later(client: Client) -> Answer:
        await asyncio.sleep(1.1 if status == 429 else 0.0)
        return await client.get(NIGHT)

    forget(run, "faults/")
    assert run(later).json()["id"] == 1001


def test_429_of_discogs_pauses_all_calls_with_retry_after(run: Run, sim: DiscogsSim) -> None:
    sim.window.fill(60)
    first = ask(run, NIGHT)
    assert (first.status, first.header("retry-after")) == (429, "10")
    calls = len(sim.requests)
    second = ask(run, "/api/discogs/price?release_id=1001")
    assert second.status == 429
    assert 1 <= int(second.header("retry-after") or "") <= 10
    assert len(sim.requests) == calls


def test_budget_holds_over_requests_and_processes(run: Run, sim: DiscogsSim) -> None:
    run.env |= {"DISCOGS_CALLS_PER_MINUTE": "7", "DISCOGS_WAIT_S": "0"}

    async def together() -> list[Answer]:
        async def run_alone(start: int) -> list[Answer]:
            async def case(client: Client) -> list[Answer]:
                paths = [f"/api/discogs/price?release_id={id_}" for id_ in range(start, start + 5)]
                return await asyncio.gather(*(client.get(path) for path in paths))

            return await run._run(case, False)

        return [
            answer for answers in await asyncio.gather(*(run_alone(n * 100) for n in range(1, 5))) for answer in answers
        ]

    answers = asyncio.run(together())
    assert len(sim.requests) == 7
    assert sorted(answer.status for answer in answers) == [404] * 7 + [429] * 13
    assert all(answer.header("retry-after") for answer in answers if answer.status == 429)


def test_release_id_is_never_taken_for_a_masters(run: Run) -> None:
    price = ask(run, "/api/discogs/price?release_id=2001").json()
    assert (price["lowest_price"], price["for_sale"]) == (None, None)
    assert ask(run, "/api/discogs/search?artist=Mono+Lake&album=Salt+Works").json()["kind"] == "release"


def test_namesake_numbers_are_stored_and_not_displayed(run: Run) -> None:
    document = ask(run, "/api/discogs/search?artist=Eat+(2)&album=Split+Decision").json()
    assert (document["id"], document["artist"], document["artist_shown"]) == (
        1010,
        "Eat (2), Die Warzau",
        "Eat, Die Warzau",
    )
    assert (document["label"], document["catalogue_number"], document["format"]) == (
        "Fiction (3)",
        "none",
        '7", Single, 45 RPM',
    )


@pytest.mark.parametrize(
    "code", ["5 012345 678900", "5012345678900", "501234567890", "5-012345-678900", " 5012345678900"]
)
def test_barcode_is_found_in_any_form(run: Run, code: str) -> None:
    assert run(lambda client: client.get("/api/discogs/search?barcode=" + code.replace(" ", "+"))).json()["id"] == 1001


@pytest.mark.parametrize("code", ["036000291452", "0036000291452", "03600029145", "0 36000 29145 2"])
def test_upc_and_ean_are_one_barcode(run: Run, sim: DiscogsSim, code: str) -> None:
    assert ask(run, "/api/discogs/search?barcode=" + code.replace(" ", "%20")).json()["id"] == 1040
    calls = len(sim.requests)
    assert ask(run, "/api/discogs/search?barcode=036000291452").json()["cached"] is True
    assert len(sim.requests) == calls


def test_price_is_in_the_requested_currency_with_its_age(run: Run, sim: DiscogsSim) -> None:
    price = ask(run, "/api/discogs/price?release_id=1001&currency=EUR").json()
    assert price == {
        "release_id": 1001,
        "currency": "EUR",
        "lowest_price": 16.26,
        "lowest_price_minor": 1626,
        "for_sale": 4,
        "blocked": False,
        "cached": False,
        "age_s": 0,
    }
    assert ask(run, "/api/discogs/price?release_id=1001&currency=JPY").json()["lowest_price_minor"] == 2710
    assert sim.requests[-1].query == {"curr_abbr": "JPY"}
    document = ask(run, NIGHT + "&currency=EUR").json()
    assert (document["price"], document["currency"]) == (16.26, "EUR")


def test_old_price_is_served_with_its_age_while_discogs_fails(run: Run, sim: DiscogsSim) -> None:
    ask(run, "/api/discogs/price?release_id=1001")
    age(run, 200_000)
    sim.fail(Fault(500), count=9)
    answer = ask(run, "/api/discogs/price?release_id=1001")
    assert answer.status == 200, answer.body
    price = answer.json()
    assert (price["lowest_price"], price["cached"]) == (18.07, True)
    assert 200_000 <= price["age_s"] < 200_100


@pytest.mark.parametrize(
    "path",
    [
        "/api/discogs/search",
        "/api/discogs/search?artist=x",
        "/api/discogs/search?artist=%20&album=y",
        "/api/discogs/search?artist=x&album=y&barcode=5012345678900",
        "/api/discogs/search?barcode=abc",
        "/api/discogs/search?barcode=123",
        "/api/discogs/search?barcode=%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5%D9%A6%D9%A7",
        "/api/discogs/search?catno=none",
        "/api/discogs/search?artist=x&album=y&currency=XYZ",
        "/api/discogs/price",
        "/api/discogs/price?release_id=0",
        "/api/discogs/price?release_id=99999999999999999999",
        "/api/discogs/price?release_id=1&currency=usd",
    ],
)
def test_bad_questions_are_refused_before_discogs_is_asked(run: Run, sim: DiscogsSim, path: str) -> None:
    assert ask(run, path).status == 400
    assert sim.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"GIF89a" + bytes(20),
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0\1\0\0\0\1\0\0\x08\6\0\0\0" + b"\0\0\0\0",
        b"\xff\xd8\xff" + bytes(6_000_000),
    ],
)
def test_cover_that_is_not_a_picture_is_not_stored(run: Run, sim: DiscogsSim, body: bytes) -> None:
    sim.covers[1001] = body
    document = ask(run, NIGHT).json()
    assert (document["id"], document["cover"]) == (1001, None)
    assert not list(objects(run, "images/"))


def test_cover_that_could_not_be_fetched_comes_later(run: Run, sim: DiscogsSim) -> None:
    sim.image_seconds = -1
    assert ask(run, NIGHT).json()["cover"] is None
    sim.image_seconds = 600
    age(run, 61)
    assert ask(run, NIGHT).json()["cover"] == "/cache/images/release-1001.jpg"


def test_key_goes_to_no_other_host(run: Run, sim: DiscogsSim) -> None:
    with DiscogsSim() as other:
        sim._image_url = lambda *_: f"{other.url}/steal.jpeg"  # type: ignore[method-assign]
        try:
            assert ask(run, NIGHT).json()["cover"] is None
        finally:
            del sim._image_url
        assert other.requests == []


def test_image_has_validators_and_ranges(run: Run) -> None:
    async def case(client: Client) -> None:
        path = (await client.get(NIGHT)).json()["cover"]
        whole = await client.get(path)
        etag = str(whole.header("etag"))
        assert whole.header("cache-control") == "public, max-age=31536000, immutable"
        for tags in (etag, f'W/{etag}, "x"', "*"):
            same = await client.get(path, headers=[("if-none-match", tags)])
            assert (same.status, same.body, same.header("etag")) == (304, b"", etag)
        assert (await client.get(path, headers=[("if-none-match", '"x"')])).status == 200
        size = len(whole.body)
        for text, start, end in (("0-9", 0, 10), ("5-", 5, size), ("-7", size - 7, size), (f"1-{size * 2}", 1, size)):
            part = await client.get(path, headers=[("range", f"bytes={text}")])
            assert (part.status, part.body) == (206, whole.body[start:end]), text
            assert part.header("content-range") == f"bytes {start}-{end - 1}/{size}"
        for text in (f"bytes={size}-", "bytes=-0"):
            refused = await client.get(path, headers=[("range", text)])
            assert (refused.status, refused.header("content-range")) == (416, f"bytes */{size}")
        for text in ("bytes=9-3", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "x" * 900):
            assert (await client.get(path, headers=[("range", text)])).body == whole.body
        other = [("range", "bytes=0-9"), ("if-range", '"other"')]
        assert (await client.get(path, headers=other)).body == whole.body
        head = await client.request("HEAD", path)
        assert (head.status, head.body, head.header("content-length")) == (200, b"", str(size))

    run(case)


@pytest.mark.parametrize(
    "name", ["none.jpg", "..%2Fdata%2Fx.json", "release-1001", "RELEASE-1.jpg", "a" * 300 + ".jpg", "%00.jpg"]
)
def test_missing_images_answer_404(run: Run, name: str) -> None:
    assert ask(run, f"/cache/images/{name}").status == 404


def test_addresses_have_a_limit_of_searches(run: Run) -> None:
    del run.env["SEARCH_LIMITER"]
    path = "/api/discogs/price?release_id=1001"
    answers = many(run, [path] * 61)
    assert {answer.status for answer in answers} == {200, 429}


def test_missing_key_is_reported_and_images_still_work(run: Run) -> None:
    del run.env["DISCOGS_KEY"]
    refused = ask(run, NIGHT)
    assert (refused.status, refused.json()["setting"]) == (503, "DISCOGS_KEY")
    assert ask(run, "/cache/images/none.jpg").status == 404


def objects(run: Run, prefix: str) -> Iterator[tuple[str, Path]]:
    """Yield the keys of objects under a prefix, each with its file."""
    for database in run.state.rglob("objects.sqlite"):
        connection = sqlite3.connect(database)
        for key, file in connection.execute("SELECT key, file FROM objects"):
            if key.startswith(prefix):
                yield key, database.parent / "files" / file
        connection.close()


def forget(run: Run, prefix: str) -> None:
    for database in run.state.rglob("objects.sqlite"):
        connection = sqlite3.connect(database)
        connection.execute("DELETE FROM objects WHERE substr(key, 1, ?) = ?", (len(prefix), prefix))
        connection.commit()
        connection.close()


def age(run: Run, seconds: int) -> None:
    """Make all stored objects older."""
    for prefix in ("data/", "faults/"):
        for _, path in objects(run, prefix):
            document: dict[str, Any] = json.loads(path.read_bytes())
            older = json.dumps(document | {"at": document["at"] - seconds}, separators=(",", ":"), ensure_ascii=False)
            assert len(older.encode()) == path.stat().st_size
            path.write_text(older)
