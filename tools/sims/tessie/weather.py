"""Outside temperature at any instant, and the weather report derived from it."""

from math import acos, cos, pi, radians, tan
from random import Random

from sims.tessie.cars import ANCHOR, DAY_S, YEAR_S, Climate

_WARMEST_S = 15 * 3600  # local time of day
_COLDEST_DAY_S = 78 * DAY_S  # ANCHOR is 1 November; the coldest days come in mid-January


class Weather:
    """One car's weather: always the same for the same key, in any order of requests."""

    def __init__(self, climate: Climate, key: str, utc_offset_s: int) -> None:
        self._climate = climate
        self._key = key
        self._utc_offset_s = utc_offset_s
        self._spells: dict[int, float] = {}

    def outside_c(self, at: float) -> float:
        """Air temperature in C: season, hour of the day, and a spell that drifts from day to day."""
        climate = self._climate
        local = at + self._utc_offset_s
        season = -climate.yearly_c * cos(2 * pi * (at - ANCHOR - _COLDEST_DAY_S) / YEAR_S)
        hour = climate.daily_c * cos(2 * pi * (local % DAY_S - _WARMEST_S) / DAY_S)
        day, second = divmod(local, DAY_S)
        part = second / DAY_S
        spell = self._spell(int(day)) * (1 - part) + self._spell(int(day) + 1) * part
        return climate.mean_c + season + hour + spell

    def _spell(self, day: int) -> float:
        if day not in self._spells:
            self._spells[day] = Random(f"{self._key}:weather:{day}").gauss(0, self._climate.spread_c)
        return self._spells[day]

    def report(self, at: int, latitude: float) -> dict[str, object]:
        """Tessie's `/weather` numbers: C, %, metres, hPa, seconds, m/s, degrees."""
        local = at + self._utc_offset_s
        draw = Random(f"{self._key}:sky:{local // 10_800}")
        wind = round(draw.uniform(0.3, 9.0), 1)
        cloudiness = draw.randrange(101)
        outside = self.outside_c(at)
        midnight = at - local % DAY_S
        half_day = _half_day_s(at, latitude)
        return {
            "condition": "Clear" if cloudiness < 25 else "Clouds" if cloudiness < 85 else _wet(outside),
            "temperature": round(outside, 2),
            "feels_like": round(outside - 0.4 * wind, 2),
            "humidity": draw.randrange(25, 98),
            "visibility": 10_000 if cloudiness < 85 else 6_000,
            "pressure": draw.randrange(995, 1_032),
            "sunrise": midnight + DAY_S // 2 - half_day,
            "sunset": midnight + DAY_S // 2 + half_day,
            "cloudiness": cloudiness,
            "wind_speed": wind,
            "wind_direction": draw.randrange(360),
        }


def _wet(outside_c: float) -> str:
    return "Snow" if outside_c < 1 else "Rain"


def _half_day_s(at: int, latitude: float) -> int:
    """Half the length of daylight in seconds (sunrise equation)."""
    tilt = radians(-23.44) * cos(2 * pi * (at - ANCHOR - 51 * DAY_S) / YEAR_S)
    cosine = max(-1.0, min(1.0, -tan(radians(latitude)) * tan(tilt)))
    return int(acos(cosine) / (2 * pi) * DAY_S)
