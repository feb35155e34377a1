"""Moving windows in SQLite, the same in every runtime: the times of the calls, including those that still wait."""

from collections.abc import Callable
from typing import Any

from edge.ports import Window

SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (name TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS calls_by_time ON calls (name, at);
CREATE TABLE IF NOT EXISTS pauses (name TEXT PRIMARY KEY, until REAL NOT NULL)
"""

MOST_WINDOWS_AHEAD = 10
"""Most windows that a call may be in the future; a later one was reserved by a clock that has been set back."""

_FORGET = "DELETE FROM calls WHERE name = ? AND (at <= ? OR at > ?)"
_EARLIEST = """
SELECT max(
    ?2,
    coalesce((SELECT at + ?4 FROM calls WHERE name = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?3), 0),
    coalesce((SELECT min(until, ?2 + ?5) FROM pauses WHERE name = ?1), 0)
) AS at
"""
_RESERVE = "INSERT INTO calls VALUES (?, ?)"
_PAUSE = "INSERT INTO pauses VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET until = max(until, excluded.until)"

type Execute = Callable[..., Any]
"""Runs a statement with its parameters and returns the first column of its first row, None without one."""


def admit(execute: Execute, name: str, window: Window, patience: float, now: float) -> float:
    """Reserve the earliest call that a window allows, within the patience, and return the seconds until then.

    The window holds at any time: at most `calls` others are within its length before the new call.
    """
    ahead = MOST_WINDOWS_AHEAD * window.seconds
    execute(_FORGET, name, now - window.seconds, now + ahead)
    at = float(execute(_EARLIEST, name, now, window.calls - 1, window.seconds, ahead))
    if at - now <= patience:
        execute(_RESERVE, name, at)
    return at - now


def pause(execute: Execute, name: str, until: float) -> None:
    """Admit no call of a name before a time; an earlier end changes nothing."""
    execute(_PAUSE, name, until)
