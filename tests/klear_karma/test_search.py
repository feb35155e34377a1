"""The public search: nearest first, pages without repetition, filters, and places rounded to a kilometre."""

import json
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.klear_karma.conftest import Run, as_admin
from tests.klear_karma.people import PROFILE, as_healer, insert, verify
from tests.klear_karma.practices import practice

from edge.testing import Answer, Client
from klear_karma.search.geography import Place, distance_km
from klear_karma.search.query import Search
from klear_karma.search.routes import MOST_CHECKED, key_of

pytestmark = pytest.mark.slow

SEARCH = "/api/practitioners/search"


async def search_page(client: Client, **query: Any) -> dict[str, Any]:
    """Return a page of a search."""
    answer = await client.get(f"{SEARCH}?{urlencode(query)}")
    assert answer.status == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def ids(page: dict[str, Any]) -> list[str]:
    return [row["id"] for row in page["practitioners"]]


async def all_pages(client: Client, **query: Any) -> list[dict[str, Any]]:
    """Return the practitioners of all pages, one after another."""
    rows = list[dict[str, Any]]()
    page = await search_page(client, **query)
    rows += page["practitioners"]
    while page["next"]:
        page = await search_page(client, **query, after=page["next"])
        rows += page["practitioners"]
    return rows


def test_nearest_come_first_on_both_sides_of_the_date_line(run: Run) -> None:
    people = [
        {"id": "west", "lat": -16.8, "lng": 179.95},
        {"id": "east", "lat": -16.8, "lng": -179.9},
        {"id": "far", "lat": -16.8, "lng": 178.0},
        {"id": "pole", "lat": 89.95, "lng": 100.0},
    ]

    async def case(client: Client) -> list[dict[str, Any]]:
        await insert(client, people)
        return [
            await search_page(client, lat=-16.8, lng=180, radius=30),
            await search_page(client, lat=-16.8, lng=-180, radius=30),
            await search_page(client, lat=89.95, lng=-80.0, radius=20),
            await search_page(client, lat=90, lng=0, radius=10),
        ]

    west, same, over, pole = run(case)
    assert ids(west) == ids(same) == ["west", "east"]
    assert ids(over) == ids(pole) == ["pole"]
    for page in (west, over, pole):
        for row in page["practitioners"]:
            here = Place(page["place"]["lat"], page["place"]["lng"])
            assert row["distance_km"] == pytest.approx(distance_km(here, Place(**row["place"])), abs=0.001)


def test_pages_repeat_nobody_and_leave_nobody_out(run: Run) -> None:
    chance = random.Random(3)
    people = [
        {"id": f"p{number}", "lat": 48.1 + chance.choice((0, 0.05, 0.1)), "lng": 11.5, "headline": "reiki"}
        for number in range(60)
    ]
    people += [{"id": f"q{number}", "lat": 0, "lng": 0, "headline": "reiki", "rating_count": 1} for number in range(9)]

    async def case(client: Client) -> list[list[dict[str, Any]]]:
        await insert(client, people)
        return [
            await all_pages(client, lat=48.1, lng=11.5, limit=7),
            await all_pages(client, lat=48.1, lng=11.5, q="Reiki", limit=7),
            await all_pages(client, q="reik", limit=7),
            await all_pages(client, limit=7),
        ]

    near, words, everywhere, rated = run(case)
    for rows, count in ((near, 60), (words, 60), (everywhere, 69), (rated, 69)):
        assert len({row["id"] for row in rows}) == len(rows) == count
    assert [row["distance_km"] for row in near] == sorted(row["distance_km"] for row in near)
    assert near == words


def test_words_and_filters_narrow_a_search(run: Run) -> None:
    people = [
        {
            "id": "lodz",
            "lat": 51.77,
            "lng": 19.46,
            "name": "Łukasz Wójcik",
            "city": "Łódź",
            "specializations": ["Reiki"],
        },
        {"id": "kyoto", "lat": 35.0, "lng": 135.7, "headline": "針灸治療と整体", "min_price": 5000},
        {"id": "cheap", "lat": 51.78, "lng": 19.46, "specializations": ["Deep Tissue"], "min_price": 3000},
        {"id": "good", "lat": 51.79, "lng": 19.46, "rating_sum": 47, "rating_count": 10, "min_price": 9000},
    ]
    searches: list[tuple[dict[str, Any], set[str]]] = [
        ({"q": "lodz"}, {"lodz"}),
        ({"q": "ŁUKASZ woj"}, {"lodz"}),
        ({"q": "治療"}, {"kyoto"}),
        ({"q": "療治"}, set()),
        ({"specialization": "reiki"}, {"lodz"}),
        ({"specialization": "deep tissue"}, {"cheap"}),
        ({"specialization": "tissue"}, set()),
        ({"max_price": 3000}, {"cheap"}),
        ({"max_price": 8000, "currency": "USD"}, set()),
        ({"min_rating": 4.7}, {"good"}),
        ({"min_rating": 4.71}, set()),
        ({"lat": 51.77, "lng": 19.46, "max_price": 10000}, {"cheap", "good"}),
        ({"lat": 51.77, "lng": 19.46, "specialization": "REIKI", "q": "łódź"}, {"lodz"}),
        ({"lat": 0, "lng": 0, "specialization": "reiki"}, set()),
        ({"lat": 51.77, "lng": 19.46, "radius": 500, "q": "wojcik"}, {"lodz"}),
        ({"q": "🧘"}, {"lodz", "kyoto", "cheap", "good"}),
    ]

    async def case(client: Client) -> list[set[str]]:
        await insert(client, people)
        return [set(ids(await search_page(client, **query))) for query, _ in searches]

    for (query, expected), names in zip(searches, run(case), strict=True):
        assert names == expected, query


@pytest.mark.parametrize("path", ["?lat=1", "?lat=91&lng=0", "?lat=nan&lng=0", "?lat=0&lng=0&radius=0", "?limit=51"])
@pytest.mark.parametrize("more", [""])
def test_bad_queries_are_refused(local: Run, path: str, more: str) -> None:
    answer = local(lambda client: client.get(SEARCH + path + more))
    assert (answer.status, answer.header("content-type")) == (400, "application/problem+json")


def test_user_text_is_never_query_syntax(run: Run) -> None:
    texts = [
        '"',
        "*",
        "-a",
        "a:b",
        "C++",
        "d'or",
        "a OR",
        "NEAR(",
        "marks:f1",
        "a" * 200,
        "\0",
        "{words}:x",
        "^a",
        "'; --",
    ]

    async def case(client: Client) -> list[int]:
        await insert(client, [{"id": "one", "lat": 1, "lng": 1, "headline": "C++ and d'or"}])
        found_ids = [ids(await search_page(client, q=text)) for text in ("C++", "d'or")]
        assert found_ids == [["one"], ["one"]]
        return [(await client.get(f"{SEARCH}?{urlencode({'q': text})}")).status for text in texts]

    assert run(case) == [200] * len(texts)


def test_cursor_of_another_search_is_refused(local: Run) -> None:
    async def case(client: Client) -> list[int]:
        await insert(client, [{"id": f"p{number}", "lat": 1, "lng": 1} for number in range(3)])
        cursor = (await search_page(client, lat=1, lng=1, limit=1))["next"]
        cursors = [cursor, cursor[:-4], "AAAA", "e30", "bm90IGpzb24", "W10", "WzFlOTk5LDEsIiJd", "!"]
        same = [await client.get(f"{SEARCH}?lat=1&lng=1&after={text}") for text in cursors]
        other = await client.get(f"{SEARCH}?lat=1&lng=2&after={cursor}")
        return [answer.status for answer in (*same, other)]

    assert local(case) == [200] + [400] * 8


def test_geojson_by_media_type(run: Run) -> None:
    async def case(client: Client) -> list[Answer]:
        await insert(client, [{"id": "one", "lat": 10.0, "lng": 20.0}])
        types = ["application/geo+json", "text/html,*/*;q=0.5", "application/json", "text/html"]
        return [await client.get(f"{SEARCH}?lat=10&lng=20", headers=[("accept", name)]) for name in types]

    geojson, browser, plain, html = run(case)
    assert [answer.header("content-type") for answer in (geojson, browser, plain)] == [
        *("application/geo+json", "application/json", "application/json"),
    ]
    for answer in (geojson, browser, plain):
        varying = ",".join(value for key, value in answer.headers if key == "vary")
        assert "accept" in {name.strip() for name in varying.split(",")}
    [feature] = geojson.json()["features"]
    assert (geojson.json()["type"], feature["type"], feature["id"]) == ("FeatureCollection", "Feature", "one")
    lng, lat = feature["geometry"]["coordinates"]
    assert (lat, lng) == (pytest.approx(10, abs=0.01), pytest.approx(20, abs=0.01))
    assert html.status == 406


def test_answers_are_cached_by_rounded_place(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        await as_healer(client, "mira")
        query = {"lat": 52.5123, "lng": 13.4123}
        first = await client.get(f"{SEARCH}?{urlencode(query)}")
        await verify(client, "mira", "rejected")
        near = await client.get(f"{SEARCH}?{urlencode(query | {'lat': 52.5141})}")
        other = await client.get(f"{SEARCH}?{urlencode(query | {'lat': 52.53})}")
        return [first, near, other]

    first, near, other = run(case)
    assert ids(first.json()) == ids(near.json()) == ["mira"]
    assert ids(other.json()) == []
    assert first.header("cache-control") == "public, max-age=60"
    assert 0 <= int(near.header("age")) < 60


@pytest.mark.parametrize(("age", "found"), [(58, ["old"]), (60, ["mira"]), (-5, ["mira"])])
def test_cached_page_is_a_minute_old_at_most(local: Run, age: int, found: list[str]) -> None:
    async def case(client: Client) -> list[str]:
        await as_healer(client, "mira")
        page = await search_page(client, q="reiki", limit=3)
        old = page | {"practitioners": [page["practitioners"][0] | {"id": "old"}]}
        settings: Any = client.ports.settings
        [key] = (await settings.kv.list("search:1:")).names
        assert key == key_of(Search.model_validate({"q": "reiki", "limit": 3}))
        made_at = int(datetime.now(UTC).timestamp()) - age
        await settings.kv.put(key, b"%d\n%s" % (made_at, json.dumps(old).encode()))
        return ids(await search_page(client, q="reiki", limit=3))

    assert local(case) == found


def test_search_shows_nothing_finer_than_a_kilometre(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        mira = await as_healer(client, "mira")
        page = await search_page(client, lat=52.51, lng=13.41)
        place = {"lat": 52.5139, "lng": 13.4151}
        moved = await mira.request("PUT", "/api/practitioners/me", json=PROFILE | {"place": place})
        again = await search_page(client, lat=52.51, lng=13.41, radius=26)
        return [page, moved.status, again]

    page, status, again = run(case)
    assert status == 200
    assert [(row["distance_km"], row["place"]) for row in page["practitioners"]] == [
        (row["distance_km"], row["place"]) for row in again["practitioners"]
    ]
    assert "exact" not in str(page)
    assert "52.5123" not in str(page)


def test_own_profile_that_is_hidden_is_not_found_by_its_owner(local: Run) -> None:
    async def case(client: Client) -> list[list[str]]:
        mira = await as_healer(client, "mira")
        await verify(client, "mira", "pending")
        return [ids(await search_page(who, lat=52.51, lng=13.41)) for who in (mira, as_admin(client), client)]

    assert local(case) == [[], [], []]


DAY = date.today() + timedelta(days=10)


def test_available_on_asks_for_real_slots(run: Run) -> None:
    async def case(client: Client) -> list[list[str]]:
        day = DAY.isoformat()
        mira = await as_healer(client, "mira")
        await as_healer(client, "ole")
        before = await search_page(client, lat=52.51, lng=13.41, available_on=day)
        await mira.post("/api/practitioners/me/time-off", {"first_day": day, "last_day": day})
        after = await search_page(client, lat=52.51, lng=13.41, available_on=day, limit=10)
        following = await search_page(client, lat=52.51, lng=13.41, available_on=(DAY + timedelta(days=1)).isoformat())
        cheap = await search_page(client, lat=52.51, lng=13.41, available_on=day, max_price=7999)
        beyond = await search_page(client, lat=52.51, lng=13.41, available_on=(DAY + timedelta(days=400)).isoformat())
        return [ids(page) for page in (before, after, following, cheap, beyond)]

    before, after, following, cheap, beyond = run(case)
    assert (before, after, following, cheap, beyond) == (["mira", "ole"], ["ole"], ["mira", "ole"], [], [])


def test_available_on_is_a_day_of_the_asker(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        db: Any = client.ports.settings.db
        await db.run("UPDATE working_hours SET ends_minute = 60")
        await db.run("DELETE FROM working_hours WHERE weekday <> ?", DAY.weekday())
        before = (DAY - timedelta(days=1)).isoformat()
        for day, zone, names in [
            (DAY.isoformat(), {}, ["mira"]),
            (before, {}, []),
            (DAY.isoformat(), {"zone": "America/Los_Angeles"}, []),
            (before, {"zone": "America/Los_Angeles"}, ["mira"]),
            (DAY.isoformat(), {"zone": "Pacific/Auckland"}, ["mira"]),
        ]:
            assert ids(await search_page(client, available_on=day, **zone)) == names, (day, zone)

    local(case)


def test_available_on_stops_at_its_limit_and_is_truncated(local: Run) -> None:
    people = [{"id": f"p{number}", "lat": 1, "lng": 1} for number in range(MOST_CHECKED + 60)]

    async def case(client: Client) -> list[dict[str, Any]]:
        await insert(client, people)
        query = {"lat": 1, "lng": 1, "available_on": DAY.isoformat()}
        page = await search_page(client, **query)
        return [page, await search_page(client, **query, after=page["next"])]

    first, second = local(case)
    assert (first["practitioners"], first["truncated"]) == ([], True)
    assert (second["practitioners"], second["truncated"], second["next"]) == ([], False, None)


def test_slots_of_a_day_are_on_the_askers_clocks(run: Run) -> None:
    async def case(client: Client) -> list[Answer]:
        await as_healer(client, "mira")
        path = "/api/practitioners/mira/availability"
        day = DAY.isoformat()
        answers = [
            await client.get(f"{path}?from={day}&to={day}"),
            await client.get(f"{path}?from={day}&to={day}&zone=Pacific/Auckland"),
            await client.get(f"{path}?from={day}&to={day}&zone=Mars/Olympus"),
            await client.get(f"{path}?from={day}&to={(DAY + timedelta(days=62)).isoformat()}"),
            await client.get(f"{path}?from=2027-02-30"),
            await client.get("/api/practitioners/nobody/availability"),
        ]
        await verify(client, "mira", "pending")
        return [*answers, await client.get(path)]

    own, abroad, *refused, hidden = run(case)
    assert [slot["starts_at"][11:16] for slot in own.json()["slots"]] == [
        f"{minutes // 60:02}:{minutes % 60:02}" for minutes in range(540, 961, 30)
    ]
    starts = [datetime.fromisoformat(slot["starts_at"]) for slot in abroad.json()["slots"]]
    assert {start.date() for start in starts} == {DAY}
    assert len({datetime.fromisoformat(slot["practitioner_starts_at"]).date() for slot in abroad.json()["slots"]}) == 2
    assert [answer.status for answer in refused] == [400, 400, 400, 404]
    assert hidden.status == 404
    assert own.json()["checked_at"] <= datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("first", "same"),
    [("q=REIKI", "q=reiki!"), ("specialization=Reiki", "specialization=REIKI"), ("lat=1.001&lng=1", "lat=1&lng=1.004")],
)
def test_next_page_of_a_cached_page_is_that_of_every_equal_search(local: Run, first: str, same: str) -> None:
    async def case(client: Client) -> None:
        reiki = {"lat": 1, "lng": 1, "headline": "Reiki", "specializations": ["Reiki"]}
        await insert(client, [reiki | {"id": name} for name in ("p1", "p2")])
        (await client.get(f"{SEARCH}?limit=1&{first}")).json()
        cached = (await client.get(f"{SEARCH}?limit=1&{same}")).json()
        following = await client.get(f"{SEARCH}?limit=1&{same}&after={cached['next']}")
        assert following.status == 200, following.text
        names = [page["practitioners"][0]["id"] for page in (cached, following.json())]
        assert sorted(names) == ["p1", "p2"]

    local(case)
