"""A search finds the same as a naive haversine, and its cost grows with the matches: SQLite steps, index rows."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.klear_karma.people import statements
from tests.klear_karma.test_geography import beside, naive_km

from edge.access import Role
from edge.data.conditions import ANONYMOUS
from edge.ports import Statement
from edge.runtimes.local.migrations import migrate
from klear_karma.search.geography import Place, distance_km
from klear_karma.search.query import Position, Search, page_of
from klear_karma.tables import TABLES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
VILLAGE = Place(10.5, 10.5)
NEIGHBOURS = 30
"""Practitioners in the village, a third of them with the rare word; the others live in large cities."""
KINDS = ["massage", "reiki", "yoga", "hypnosis"]


class Cost(NamedTuple):
    """The rows of a search, and the number of SQLite steps."""

    rows: list[str]
    steps: int


class Marketplace:
    """A database of many practitioners, read in the public scope."""

    def __init__(self, folder: Path, size: int) -> None:
        self.path = folder / f"{size}.sqlite"
        migrate(self.path, ROOT / "migrations" / "klear_karma")
        self.places = dict[str, Place]()
        chance = random.Random(size)
        with closing(sqlite3.connect(self.path)) as connection:
            for sql, values in self._statements(size, chance):
                connection.execute(sql, values)
            connection.execute("ANALYZE")
            connection.commit()

    def _statements(self, size: int, chance: random.Random) -> Iterator[Statement]:
        cities = [Place(chance.uniform(-60, 70), chance.uniform(20, 179)) for _ in range(max(20, size // 50))]
        for number in range(size):
            centre = VILLAGE if number < NEIGHBOURS else cities[number % len(cities)]
            place = Place(centre.lat + chance.gauss(0, 0.05), centre.lng + chance.gauss(0, 0.05))
            headline = f"{chance.choice(KINDS)} {'raindrop' if number < NEIGHBOURS and number % 3 == 0 else ''}"
            rating = {"rating_count": number % 7, "rating_sum": number % 7 * 4}
            self.places[f"p{number}"] = place
            yield from statements(
                [{"id": f"p{number}", "lat": place.lat, "lng": place.lng, "headline": headline, **rating}]
            )

    def search(self, query: Search, after: Position | None = None) -> Cost:
        """Run the query of a page in the public scope, and count its steps."""
        sql, values = page_of(query, after, query.limit + 1)
        plan = TABLES.scope(ANONYMOUS, Role.PUBLIC)[0].read(sql)
        steps = [0]

        def count() -> int:
            steps[0] += 1
            return 0

        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute(str(plan.sql), values).fetchall()  # warm up: read the schema and compile the statement
            connection.set_progress_handler(count, 1)
            rows = connection.execute(str(plan.sql), values).fetchall()
        return Cost([row[0] for row in rows], steps[0])

    def matched(self, query: Search) -> int:
        """Return the number of rows from the full-text index."""
        _, values = page_of(query, None, 1)
        expression = next(value for value in values if isinstance(value, str))
        with closing(sqlite3.connect(self.path)) as connection:
            sql = "SELECT count(*) FROM practitioner_texts WHERE practitioner_texts MATCH ?"
            return int(connection.execute(sql, (expression,)).fetchone()[0])


def search_for(**values: object) -> Search:
    """Return a search."""
    return Search.model_validate(values)


NEAR = {"lat": VILLAGE.lat, "lng": VILLAGE.lng, "limit": 50}
SEARCHES = {
    "place": search_for(**NEAR),
    "wide": search_for(**NEAR, radius=300),
    "text": search_for(q="raindr", limit=50),
    "both": search_for(**NEAR, q="massage"),
    "kind": search_for(**NEAR, specialization="none"),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Marketplace:
    return Marketplace(tmp_path_factory.mktemp("small"), 1_000)


@pytest.fixture(scope="module", params=[10_000, pytest.param(100_000, marks=pytest.mark.soak)])
def large(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Marketplace:
    return Marketplace(tmp_path_factory.mktemp("large"), request.param)


@pytest.mark.parametrize("name", SEARCHES)
def test_work_grows_with_matches_and_not_with_the_table(small: Marketplace, large: Marketplace, name: str) -> None:
    query = SEARCHES[name]
    before = small.search(query)
    after = large.search(query)
    print(f"{name}: {len(before.rows)} rows {before.steps} steps, then {len(after.rows)} rows {after.steps} steps")
    assert after.steps <= 1.3 * before.steps + 100 * max(0, len(after.rows) - len(before.rows)) + 2_000
    if query.q:
        assert large.matched(query) <= len(large.places) // 100


def test_pages_without_filters_read_a_page(large: Marketplace) -> None:
    page = large.search(search_for(limit=20))
    behind = large.search(search_for(limit=20), Position(4.0, "p5"))  # many practitioners have the same score
    assert len(page.rows) == len(behind.rows) == 21
    assert max(page.steps, behind.steps) < 2_000


def test_page_of_a_place_matches_naive_haversine(large: Marketplace) -> None:
    page = large.search(SEARCHES["place"])
    near = [name for name, place in large.places.items() if distance_km(VILLAGE, place) <= 23]
    assert set(near) <= set(page.rows)
    assert all(distance_km(VILLAGE, large.places[name]) <= 27 for name in page.rows)
    assert len(page.rows) >= NEIGHBOURS * 0.9


@pytest.mark.parametrize("queries", [1_000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_random_queries_find_what_naive_haversine_finds(tmp_path: Path, queries: int) -> None:
    chance = random.Random(16)
    clusters = [(90, 0), (-90, 12), (0, 180), (52.5, 13.4), (-41.3, 174.8), (65, -179.9), (0, 0)]
    around = [
        beside(Place(*clusters[number % len(clusters)]), abs(chance.gauss(0, 60)), chance.uniform(0, 7))
        for number in range(56)
    ]
    people = [{"id": f"p{number}", "lat": place.lat, "lng": place.lng} for number, place in enumerate(around)]
    migrate(tmp_path / "DB.sqlite", ROOT / "migrations" / "klear_karma")
    found_any = 0
    with closing(sqlite3.connect(tmp_path / "DB.sqlite")) as connection:
        for sql, values in statements(people):
            connection.execute(sql, values)
        rows = connection.execute("SELECT id, coarse_lat, coarse_lng FROM practitioners").fetchall()
        places = [(name, Place(lat, lng)) for name, lat, lng in rows]
        scope = TABLES.scope(ANONYMOUS, Role.PUBLIC)[0]
        for number in range(queries):
            centre = beside(Place(*clusters[number % len(clusters)]), abs(chance.gauss(0, 80)), chance.uniform(0, 7))
            query = search_for(lat=centre.lat, lng=centre.lng, radius=chance.choice((5, 25, 60, 200)))
            sql, values = page_of(query, None, 1_000)
            ids = [row[0] for row in connection.execute(str(scope.read(sql).sql), values)]
            assert query.place is not None
            naive = sorted((naive_km(query.place, place), name) for name, place in places)
            assert ids == [name for distance, name in naive if distance <= query.radius], query
            found_any += bool(ids)
    assert found_any > queries // 2
