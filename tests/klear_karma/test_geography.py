"""Distances and grids: a grid's ranges contain every place within the circle by a naive haversine."""

import math
from itertools import pairwise
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from klear_karma.search.geography import (
    COARSE,
    EARTH_KM,
    FINE,
    WIDE,
    Grid,
    Place,
    circle_words,
    distance_km,
)

pytestmark = pytest.mark.slow

places = st.builds(Place, st.floats(-90, 90), st.floats(-180, 180))
radii = st.one_of(st.floats(0, 500), st.floats(0, 25_000))


def naive_km(a: Place, b: Place) -> float:
    """Return the distance by the haversine formula of the textbook."""
    lat_a, other = math.radians(a.lat), math.radians(b.lat)
    half = math.sin((other - lat_a) / 2) ** 2
    half += math.cos(lat_a) * math.cos(other) * math.sin(math.radians(b.lng - a.lng) / 2) ** 2
    return EARTH_KM * 2 * math.asin(min(1.0, half**0.5))


def beside(place: Place, km: float, bearing: float) -> Place:
    """Return the place at a distance from another, in a direction (radians)."""
    reach = km / EARTH_KM
    lat = math.radians(place.lat)
    north = math.sin(lat) * math.cos(reach) + math.cos(lat) * math.sin(reach) * math.cos(bearing)
    north = max(-1.0, min(1.0, north))
    east = math.atan2(math.sin(bearing) * math.sin(reach) * math.cos(lat), math.cos(reach) - math.sin(lat) * north)
    return Place(math.degrees(math.asin(north)), (place.lng + math.degrees(east) + 180) % 360 - 180)


def is_among(grid: Grid, centre: Place, radius: float, other: Place) -> bool:
    number = grid.number(other)
    return any(first <= number <= last for first, last in grid.ranges(centre, radius))


@pytest.mark.parametrize("grid", [FINE, WIDE])
@given(centre=places, radius=radii, share=st.floats(0, 1), bearing=st.floats(0, 2 * math.pi))
@example(Place(90.0, 0.0), 25.0, 1.0, 0.0)
@example(Place(-90.0, 180.0), 25.0, 1.0, 3.0)
@example(Place(89.9, -180.0), 25.0, 1.0, 0.0)
@example(Place(0.0, 180.0), 25.0, 1.0, math.pi / 2)
@example(Place(0.0, -180.0), 25.0, 1.0, 3 * math.pi / 2)
@example(Place(60.0, 179.99), 500.0, 1.0, math.pi / 4)
@example(Place(0.0, 0.0), 20_015.0, 1.0, 1.0)
def test_cells_hold_every_place_of_circle(
    grid: Grid, centre: Place, radius: float, share: float, bearing: float
) -> None:
    other = beside(centre, radius * share, bearing)
    if naive_km(centre, other) <= radius:
        assert is_among(grid, centre, radius, other)


@given(centre=places, radius=radii)
def test_ranges_are_disjoint_and_of_existing_cells(centre: Place, radius: float) -> None:
    ranges = sorted(FINE.ranges(centre, radius)) if radius <= 500 else sorted(WIDE.ranges(centre, radius))
    assert all(first <= last for first, last in ranges)
    assert all(before[1] < after[0] for before, after in pairwise(ranges))


@given(place=places)
def test_coarse_place_is_near_and_stays_where_it_is(place: Place) -> None:
    coarse = COARSE.centre(place)
    assert distance_km(place, coarse) < 1.2
    assert distance_km(coarse, COARSE.centre(coarse)) < 1e-6
    assert -90 < coarse.lat < 90
    assert -180 <= coarse.lng <= 180


def test_circle_is_covered_by_few_cells() -> None:
    random = Random(1)
    for radius, most in ((25, 16), (200, 330), (500, 1_600)):
        for _ in range(200):
            place = Place(random.uniform(-90, 90), random.uniform(-180, 180))
            assert len(FINE.cells(place, radius)) <= most
            assert len(circle_words(place, radius)) <= 340
