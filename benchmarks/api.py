"""The shared parts of every implementation of the small API: its rows, its model of a body, and its further routes."""

from typing import Any, TypedDict

from pydantic import BaseModel, Field

API_KEY = "a-key-that-only-this-kernel-checks"


class Drive(TypedDict):
    """One drive."""

    id: int
    vin: str
    started_at: str
    ended_at: str
    distance_mi: float
    energy_kwh: float
    autopilot: bool
    tag: str | None


class NewDrive(BaseModel):
    """A drive to be added."""

    vin: str = Field(min_length=17, max_length=17)
    started_at: str
    ended_at: str
    distance_mi: float = Field(ge=0)
    energy_kwh: float
    autopilot: bool = False
    tag: str | None = Field(default=None, max_length=40)


def _drive(number: int) -> Drive:
    return {
        "id": number,
        "vin": f"5YJ3E1EA7KF{number:06}",
        "started_at": f"2026-11-{number % 28 + 1:02}T08:00:00Z",
        "ended_at": f"2026-11-{number % 28 + 1:02}T08:{number:02}:00Z",
        "distance_mi": number * 1.25,
        "energy_kwh": number * 0.375,
        "autopilot": number % 2 == 0,
        "tag": None if number % 3 else "commute",
    }


DRIVES = [_drive(number) for number in range(1, 51)]
BY_ID = {drive["id"]: drive for drive in DRIVES}
SENT = {name: value for name, value in DRIVES[6].items() if name != "id"}
INVALID = {**SENT, "vin": "short", "distance_mi": -1}
MADE: dict[str, Any] = {"id": 51, **SENT}

AREAS = [f"area{number}" for number in range(30)]
"""Sixty more routes: `/area7` and `/area7/{item}`. Half of them are declared before the others, half after."""
