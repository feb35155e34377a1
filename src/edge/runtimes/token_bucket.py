"""Token buckets in SQLite, the same in every runtime; a level below zero counts calls that have to wait."""

from edge.ports import Pace

SCHEMA = "CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, level REAL NOT NULL, filled_at REAL NOT NULL)"
RESERVE = """
INSERT INTO buckets VALUES (?1, ?2 - 1, ?3)
ON CONFLICT (name) DO UPDATE
SET level = min(?2, level + max(0, ?3 - filled_at) * ?4) - 1, filled_at = max(filled_at, ?3)
RETURNING level
"""
"""Takes one call out of a bucket. Parameters: name, burst, Unix time, rate. A clock that is set back adds nothing."""


def wait(level: float, pace: Pace) -> float:
    """Return the seconds until a bucket of this level has room for the call that was taken out."""
    return max(0.0, -level / pace.rate)
