"""The stand-in for Analytics Engine: it answers its dialect in Cloudflare's form, and refuses all else."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from edge.ports import Fetched
from edge.runtimes.analytics_api import totals_sql
from edge.runtimes.local.fetch import LocalFetch
from sims.cloudflare import ACCOUNT, TOKEN, AnalyticsSim

pytestmark = pytest.mark.slow  # a stand-in's own tests

PATH = f"/client/v4/accounts/{ACCOUNT}/analytics_engine/sql"
SUM = "SELECT SUM(_sample_interval) AS n FROM data"


@pytest.fixture
def sim() -> Iterator[AnalyticsSim]:
    with AnalyticsSim() as running:
        running.write("data", {"indexes": ["i"], "blobs": ["a", "x"], "doubles": [1.5]}, sample_interval=4)
        running.write("data", {"blobs": ["b"]}, at=1_000_000_000)
        yield running


def ask(sim: AnalyticsSim, sql: str, path: str = PATH, token: str = TOKEN) -> Fetched:
    async def send() -> Fetched:
        fetch = LocalFetch()
        try:
            return await fetch(
                "POST", sim.url + path, headers=[("authorization", f"Bearer {token}")], body=sql.encode()
            )
        finally:
            await fetch.close()

    return asyncio.run(send())


def test_an_answer_has_the_form_that_is_documented(sim: AnalyticsSim) -> None:
    answer = ask(
        sim,
        "SELECT blob1, SUM(_sample_interval) AS n, SUM(_sample_interval * double1) AS s FROM data "
        "GROUP BY blob1 ORDER BY n DESC FORMAT JSON",
    )
    assert (answer.status, json.loads(answer.body)) == (
        200,
        {
            "meta": [
                {"name": "blob1", "type": "String"},
                {"name": "n", "type": "UInt64"},
                {"name": "s", "type": "Float64"},
            ],
            "data": [{"blob1": "a", "n": "4", "s": 6.0}, {"blob1": "b", "n": "1", "s": 0.0}],
            "rows": 2,
        },
    )


def test_the_query_of_the_adapter_is_of_the_dialect(sim: AnalyticsSim) -> None:
    answer = ask(sim, totals_sql("data", (1, 20), (1, 20), datetime(2025, 1, 1, tzinfo=UTC)))
    assert json.loads(answer.body)["data"] == [{"blob1": "a", "blob20": "", "points": "4", "sum1": 6.0, "sum20": 0.0}]


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("", "SELECT"),
        ("DELETE FROM data", "begins with SELECT"),
        ("SELECT blob1", "FROM"),
        ("FROM data SELECT blob1", "not expected"),
        ("SELECT blob1 FROM data WHERE double1 = 1 WHERE double1 = 2", "not expected"),
        ("SELECT blob1 FROM data JOIN other", "FROM"),
        ("SELECT blob1 FROM (SELECT blob1 FROM data)", "not expected"),
        ("SELECT blob21 FROM data", "column blob21"),
        ("SELECT rowid FROM data", "column rowid"),
        ("SELECT blob1 FROM data GROUP blob1", "without BY"),
        ("SELECT json_extract(blob1) FROM data", "function json_extract"),
        ("SELECT datetime(timestamp) FROM data", "function datetime"),
        ("SELECT blob1 FROM nothing", "type of table: nothing"),
        ("SELECT blob1 FROM data; DROP TABLE data", "unexpected ';'"),
        ("SELECT blob1 FROM data -- more", "unexpected '-'"),
        ("SELECT blob1 FROM data WHERE blob1 = 'a'", 'unexpected "\'"'),
        ("SELECT blob1 FROM data FORMAT CSV", "FORMAT JSON"),
        ("SELECT SUM(double1 FROM data", "syntax error"),
    ],
)
def test_statements_outside_the_dialect_are_refused(sim: AnalyticsSim, sql: str, complaint: str) -> None:
    answer = ask(sim, sql)
    assert answer.status == 422
    assert complaint in answer.body.decode()


def test_only_the_account_with_its_token_is_answered(sim: AnalyticsSim) -> None:
    assert ask(sim, SUM).status == 200
    assert ask(sim, SUM, token="other").status == 403
    assert ask(sim, SUM, path=PATH.replace(ACCOUNT, "f" * 32)).status == 403
    assert ask(sim, SUM, path="/client/v4/accounts").status == 404


def test_it_can_fail_and_forget(sim: AnalyticsSim) -> None:
    sim.failure = (500, b"broken")
    assert (ask(sim, SUM).status, sim.queries) == (500, [SUM])
    sim.clear()
    assert ask(sim, SUM).status == 422
