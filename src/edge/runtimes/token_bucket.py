"""Token buckets in SQLite, the same in every runtime; a level below zero is calls that have to wait."""

from edge.ports import Pace

SCHEMA = "CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, level REAL NOT NULL, filled_at REAL NOT NULL)"
RESERVE = """
INSERT INTO buckets VALUES (?1, ?2 - 1, ?3)
ON CONFLICT (name) DO UPDATE
SET level = min(?2, level + max(0, ?3 - filled_at) * ?4) - 1, filled_at = max(filled_at, ?3)
RETURNING level
"""
"""Take one call out of a bucket: its name, the burst, the Unix time, and the rate. A clock that goes back adds none."""


def wait(level: float, pace: Pace) -> float:
    """Return the seconds until a bucket of this level is full enough for the call that was taken out."""
    return max(0.0, -level / pace.rate)
