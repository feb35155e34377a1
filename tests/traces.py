"""The places in a local state where texts occur: rows of every table of every SQLite file, and all other files."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path


def traces(state: Path, words: Sequence[str]) -> list[str]:
    """Return the rows and files that hold one of the words, in any case. Mails that were sent are not looked at."""
    found = []
    for path in sorted(state.rglob("*")):
        if not path.is_file() or "mail" in path.relative_to(state).parts or path.name.endswith(("-wal", "-shm")):
            continue
        for place, text in _texts(path):
            if any(word.lower() in text.lower() for word in words):
                found.append(f"{path.relative_to(state)} {place}: {text[:300]}")
    return found


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the texts of a file, each with its place; free pages of a database do not count."""
    if not path.read_bytes().startswith(b"SQLite format 3\0"):
        yield "", path.name + path.read_bytes().decode("latin-1")
        return
    with closing(sqlite3.connect(path)) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            for row in db.execute(f'SELECT * FROM "{table}"'):
                yield table, repr(row)
