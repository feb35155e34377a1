"""The mock market: reproducible, of any size, and its rows agree with each other; local and remote are the same."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from apps import ROOT, load
from edge.runtimes.local.migrations import migrate
from edge.runtimes.local.runtime import database_path
from market.load import Local, insertion, script
from market.load import load as load_market
from market.rows import COLUMNS, Plan, blocks
from mock_market import main
from pyedge.client import NODE_MODULES
from sims.cloudflare import StorageSim

PLAN = Plan(70, 5, date(2026, 11, 29))
APP = load("klear_karma")

NOTHING = {
    "bookings that overlap": (
        "SELECT count(*) FROM appointments AS a JOIN appointments AS b ON a.practitioner_id = b.practitioner_id "
        "AND a.id < b.id AND a.blocked_from < b.blocked_until AND b.blocked_from < a.blocked_until"
    ),
    "ratings that are not those of the reviews": (
        "SELECT count(*) FROM practitioners AS p WHERE rating_count <> (SELECT count(*) FROM reviews WHERE "
        "practitioner_id = p.id) OR rating_sum <> (SELECT coalesce(sum(rating), 0) FROM reviews "
        "WHERE practitioner_id = p.id)"
    ),
    "reviews of what did not take place": (
        "SELECT count(*) FROM reviews AS r JOIN appointments AS a ON a.id = r.appointment_id "
        "WHERE a.state <> 'completed' OR a.customer_id <> r.author_id OR a.practitioner_id <> r.practitioner_id"
    ),
    "prices that are not the service's": (
        "SELECT count(*) FROM appointments AS a JOIN services AS s ON s.id = a.service_id WHERE a.price <> s.price "
        "OR a.currency <> s.currency OR a.minutes <> s.minutes OR s.practitioner_id <> a.practitioner_id"
    ),
    "counters that are wrong": (
        "SELECT count(*) FROM practitioners AS p WHERE booking_count <> (SELECT count(*) FROM appointments "
        "WHERE practitioner_id = p.id) OR min_price <> (SELECT min(price) FROM services WHERE practitioner_id = p.id)"
    ),
    "states that do not fit the time": (
        "SELECT count(*) FROM appointments WHERE (ends_at > '2026-11-29 12:00:00') "
        "<> (state IN ('requested', 'confirmed')) AND state <> 'cancelled'"
    ),
    "bookings on days without work": (
        "SELECT count(*) FROM appointments AS a WHERE NOT EXISTS (SELECT 1 FROM working_hours AS h "
        "WHERE h.practitioner_id = a.practitioner_id AND is_break = 0 "
        "AND h.weekday = (strftime('%w', substr(a.wall_time, 1, 10)) + 6) % 7 "
        "AND substr(a.wall_time, 12, 2) * 60 + substr(a.wall_time, 15, 2) BETWEEN starts_minute "
        "AND ends_minute - a.minutes)"
    ),
    "names that are not found": (
        "SELECT count(*) FROM practitioners WHERE number NOT IN (SELECT rowid FROM practitioner_texts)"
    ),
}


def rows_of(connection: sqlite3.Connection) -> dict[str, list[Any]]:
    """Return all rows that a market has."""
    return {
        table: connection.execute(f"SELECT {', '.join(names.split())} FROM {table} ORDER BY 1").fetchall()
        for table, names in COLUMNS.items()
    }


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    state = tmp_path_factory.mktemp("market")
    counts = load_market(PLAN, Local(APP, state))
    path = database_path(APP, state)
    assert path is not None
    with closing(sqlite3.connect(path)) as connection:
        assert {table: len(rows) for table, rows in rows_of(connection).items()} == counts
        yield connection


@pytest.mark.parametrize("fault", NOTHING)
def test_rows_agree_with_each_other(market: sqlite3.Connection, fault: str) -> None:
    assert market.execute(NOTHING[fault]).fetchone() == (0,)


def test_market_is_not_empty(market: sqlite3.Connection) -> None:
    states = {state for (state,) in market.execute("SELECT DISTINCT state FROM appointments")}
    assert states == {"requested", "confirmed", "completed", "no_show", "cancelled"}
    assert market.execute(
        "SELECT count(DISTINCT city) > 15, count(DISTINCT time_zone) > 10 FROM practitioners"
    ).fetchone() == (1, 1)
    assert market.execute("PRAGMA foreign_key_check").fetchall() == []


def test_statements_for_a_remote_database_leave_the_same_rows(market: sqlite3.Connection, tmp_path: Path) -> None:
    migrate(tmp_path / "DB.sqlite", ROOT / "migrations" / APP.migrations)
    with closing(sqlite3.connect(tmp_path / "DB.sqlite", isolation_level=None)) as other:
        for _ in range(2):  # existing rows stay
            for _, rows in blocks(PLAN):
                for sql in script(rows):
                    assert len(sql.encode()) < 100_000
                    other.executescript(sql)
        assert rows_of(other) == rows_of(market)


def test_smaller_market_is_part_of_a_larger(market: sqlite3.Connection) -> None:
    small = {table: {row for _, rows in blocks(PLAN._replace(size=10)) for row in rows[table]} for table in COLUMNS}
    whole = {table: {*rows} for table, rows in rows_of(market).items()}
    assert {table for table in COLUMNS if not small[table] <= whole[table]} == set()
    other = {row for _, rows in blocks(PLAN._replace(size=10, seed=6)) for row in rows["appointments"]}
    assert not other & small["appointments"]


def test_second_load_adds_nothing(market: sqlite3.Connection) -> None:
    before = rows_of(market)
    for _, rows in blocks(PLAN):
        for table in COLUMNS:
            market.executemany(insertion(table), rows[table])
    assert rows_of(market) == before
    market.rollback()


@pytest.mark.slow
def test_market_goes_through_wrangler_into_a_database_of_the_account(
    market: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    if not NODE_MODULES.joinpath("wrangler").is_dir():
        pytest.skip("node_modules is not there: wrangler is run by `make test`")
    plan = {"SIZE": str(PLAN.size), "SEED": str(PLAN.seed), "DAY": PLAN.day.isoformat()}
    with StorageSim() as sim:
        database = sim.add_database("klear-karma-db-staging")
        migrate(database.path, ROOT / "migrations" / APP.migrations)
        assert main(os.environ | sim.environment | plan | {"REMOTE": "klear-karma-staging"}) == 0
        with closing(sqlite3.connect(database.path)) as there:
            assert rows_of(there) == rows_of(market)
            assert there.execute("PRAGMA foreign_key_check").fetchall() == []
            sql = "SELECT count(*) > 0 FROM practitioner_texts WHERE practitioner_texts MATCH ?"
            assert there.execute(sql, ('"session" OR "private"',)).fetchone() == (1,)
        imports = [request for request in sim.asked if request.endswith("/import")]
        assert imports, "in bulk, not by queries"
        assert not [request for request in sim.asked if request.endswith("/query")]
    assert f"{PLAN.size} of {PLAN.size} practitioners" in capsys.readouterr().err


@pytest.mark.parametrize(
    "variables", [{"SIZE": "0"}, {"SIZE": "many"}, {"DAY": "tomorrow"}, {"SEED": "x"}, {"REMOTE": "staging"}]
)
def test_invalid_options_are_one_line(variables: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(variables) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.startswith("error: "), captured.err.count("\n")) == ("", True, 1)
