"""Distances on the globe, rounded coordinates, and grids of cells that cover a circle, also across poles and ±180°."""

import math
from collections.abc import Iterator
from typing import NamedTuple

EARTH_KM = 6371.0088
"""The Earth's mean radius (IUGG)."""
COARSE_DEGREES = 0.01
"""The height of the cells that places are rounded to in public: about 1.1 km, and about as wide everywhere."""
_MARGIN = 1e-9
"""Radians added to a circle's radius, so that rounding errors lose no place at its edge."""

DISTANCE_KM = (
    f"(2 * {EARTH_KM} * asin(min(1.0, sqrt("
    "pow(sin(radians({lat} - ?) / 2), 2) + cos(radians(?)) * cos(radians({lat})) * pow(sin(radians({lng} - ?) / 2), 2)"
    "))))"
)
"""The haversine formula in SQL, for columns `lat` and `lng`; it binds latitude, latitude and longitude."""


class Place(NamedTuple):
    """A place in degrees: latitude -90 to 90, longitude -180 to 180."""

    lat: float
    lng: float


def distance_km(a: Place, b: Place) -> float:
    """Return the length of the great circle between two places."""
    lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
    height = math.sin(math.radians(b.lat - a.lat) / 2) ** 2
    width = math.cos(lat_a) * math.cos(lat_b) * math.sin(math.radians(b.lng - a.lng) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(height + width)))


class Grid:
    """Cells of about equal area: rows of equal height in degrees of latitude, each split into columns about as wide.

    The number of a cell is row * `columns` (the number of columns at the equator) + column.
    """

    def __init__(self, degrees: float) -> None:
        self.rows = round(180 / degrees)
        self.columns = 2 * self.rows

    def number(self, place: Place) -> int:
        """Return the number of the cell that contains a place."""
        row = self._row(place.lat)
        return row * self.columns + self._column(place.lng, self._width(row))

    def centre(self, place: Place) -> Place:
        """Return the centre of the cell that contains a place."""
        row = self._row(place.lat)
        width = self._width(row)
        column = self._column(place.lng, width)
        return Place((row + 0.5) * 180 / self.rows - 90, (column + 0.5) * 360 / width - 180)

    def ranges(self, place: Place, radius_km: float) -> list[tuple[int, int]]:
        """Return the cells touched by a circle as ranges of numbers, both ends included."""
        return [cells for row in self._touched(place, radius_km) for cells in self._of_row(place, radius_km, row)]

    def cells(self, place: Place, radius_km: float) -> list[int]:
        """Return the numbers of the cells touched by a circle."""
        return [number for first, last in self.ranges(place, radius_km) for number in range(first, last + 1)]

    def _row(self, lat: float) -> int:
        return max(0, min(self.rows - 1, math.floor((lat + 90) * self.rows / 180)))

    def _width(self, row: int) -> int:
        """Return the number of columns of a row."""
        middle = math.radians((row + 0.5) * 180 / self.rows - 90)
        return max(1, round(self.columns * math.cos(middle)))

    def _column(self, lng: float, width: int) -> int:
        return math.floor((lng + 180) * width / 360) % width

    def _touched(self, place: Place, radius_km: float) -> range:
        reach = math.degrees(radius_km / EARTH_KM + _MARGIN)
        return range(self._row(place.lat - reach), self._row(place.lat + reach) + 1)

    def _of_row(self, place: Place, radius_km: float, row: int) -> Iterator[tuple[int, int]]:
        south = math.radians(row * 180 / self.rows - 90)
        north = math.radians((row + 1) * 180 / self.rows - 90)
        half = math.degrees(_half_width(place, radius_km, south, north)) + 1e-7
        width = self._width(row)
        start = row * self.columns
        if half >= 180:
            yield start, start + width - 1
            return
        first = math.floor((place.lng - half + 180) * width / 360)
        last = math.floor((place.lng + half + 180) * width / 360)
        if last - first + 1 >= width:
            yield start, start + width - 1
        elif first < 0 or last >= width:
            yield start + first % width, start + width - 1
            yield start, start + last % width
        else:
            yield start + first, start + last


def _half_width(place: Place, radius_km: float, south: float, north: float) -> float:
    """Return the largest difference in longitude from a circle's centre between two latitudes, in radians.

    The width has its extremes at the two latitudes, and at the point of contact of a meridian with the circle.
    """
    reach = min(math.pi, radius_km / EARTH_KM + _MARGIN)
    centre = math.radians(place.lat)
    lowest, highest = centre - reach, centre + reach
    tried = [min(max(edge, lowest), highest) for edge in (south, north)]
    if abs(math.cos(reach)) > abs(math.sin(centre)):
        touching = math.asin(math.sin(centre) / math.cos(reach))
        tried += [touching] if south <= touching <= north else []
    return max(_width_at(centre, reach, lat) for lat in tried)


def _width_at(centre: float, reach: float, lat: float) -> float:
    scale = math.cos(centre) * math.cos(lat)
    if scale < 1e-12:
        return math.pi
    ratio = (math.cos(reach) - math.sin(centre) * math.sin(lat)) / scale
    return math.acos(max(-1.0, min(1.0, ratio)))


COARSE = Grid(COARSE_DEGREES)
FINE = Grid(0.25)
"""The cells of the index `practitioners_by_cell`, and of terms in the full-text index."""
WIDE = Grid(2.0)
"""Larger cells in the full-text index, for large circles."""
MOST_CELLS = 320
"""Most fine cells in a full-text query; larger circles use wide cells."""


def cell_words(place: Place) -> list[str]:
    """Return the terms of a place in the full-text index."""
    return [f"f{FINE.number(place)}", f"w{WIDE.number(place)}"]


def circle_words(place: Place, radius_km: float) -> list[str]:
    """Return the terms of the cells touched by a circle."""
    ranges = FINE.ranges(place, radius_km)
    if sum(last - first + 1 for first, last in ranges) <= MOST_CELLS:
        return [f"f{number}" for first, last in ranges for number in range(first, last + 1)]
    return [f"w{number}" for number in WIDE.cells(place, radius_km)]
