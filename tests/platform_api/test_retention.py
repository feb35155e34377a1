"""Rows that the platform removes in time: forms that all have got, and spam; a form that nobody has got stays."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.instants import to_text
from edge.testing import Client
from platform_api.content_index import CRON

from .conftest import KEY, Runner, Sims

JOB = "/jobs/remove_old_rows"


def ago(days: float) -> str:
    return to_text(datetime.now(UTC) - timedelta(days=days))


async def put(client: Client, table: str, *rows: Mapping[str, Any]) -> None:
    for row in rows:
        marks = ", ".join("?" * len(row))
        sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"
        await client.ports.settings.db.run(sql, *row.values())


def form(name: str, days: float, sanity: float | None, announced: float | None, **more: Any) -> dict[str, Any]:
    """Return a form of so many days ago, and when it came to Sanity and to Discord, in days ago."""
    return {
        "id": name,
        "form": "contact",
        "fingerprint": name,
        "fields": '{"email": "a@example.org"}',
        "sanity_at": None if sanity is None else ago(sanity),
        "created_at": ago(days),
        "announced_at": None if announced is None else ago(announced),
        **more,
    }


FORMS = (
    form("old", 370, 369, 368),
    form("carried late", 370, 369, 364),
    form("not in Sanity", 370, None, 369),
    form("not in Discord", 370, 369, None),
    form("nowhere", 3000, None, None),
    form("new", 364, 364, 364),
    form("spam", 31, None, None, status="spam"),
    form("new spam", 29, None, None, status="spam"),
)


async def fill(client: Client) -> None:
    await put(client, "submissions", *FORMS)
    for name, seconds in (("over", -7200), ("submission:new", 50)):
        await put(client, "leases", {"name": name, "until": datetime.now(UTC).timestamp() + seconds})


async def gone(client: Client) -> set[str]:
    rows = await client.ports.settings.db.all("SELECT id FROM submissions")
    return {form["id"] for form in FORMS} - {row["id"] for row in rows}


async def leases(client: Client) -> set[str]:
    rows = await client.ports.settings.db.all("SELECT name FROM leases")
    return {row["name"] for row in rows} & {"over", "submission:new"}


def test_the_cron_removes_forms_that_all_have_got_and_no_other(run: Runner) -> None:
    async def case(client: Client) -> tuple[set[str], set[str]]:
        await fill(client)
        await client.scheduled(CRON)
        return await gone(client), await leases(client)

    assert run(case) == ({"old", "spam"}, {"submission:new"})


def test_without_sanity_a_form_that_was_announced_is_carried_on(run: Runner) -> None:
    run.env.pop("SANITY_API_WRITE_TOKEN", None)

    async def case(client: Client) -> set[str]:
        await fill(client)
        await client.scheduled(CRON)
        return await gone(client)

    assert run(case) == {"old", "not in Sanity", "spam"}


def test_dry_run_lists_removable_and_needed_forms(run: Runner) -> None:
    async def case(client: Client) -> tuple[Any, set[str], Any]:
        await fill(client)
        report = (await client.post(f"{JOB}?dry_run=true", headers=KEY)).json()["report"]
        return report, await gone(client), (await client.post(JOB, headers=KEY)).json()["report"]

    report, removed, done = run(case)
    assert report["would_remove"] == {"submissions": 2, "leases": 1}
    assert report["needed"] == {"submissions": 4, "leases": 0}
    assert removed == set()
    assert done["removed"] == report["would_remove"]


@pytest.mark.parametrize("value", ["0", "", "-3", "soon"])
def test_absent_or_invalid_setting_removes_no_form(tmp_path: Path, sims: Sims, value: str) -> None:
    run = Runner(tmp_path / "state", sims)
    run.env |= {"SUBMISSIONS_KEEP_DAYS": value, "SPAM_KEEP_DAYS": value}

    async def case(client: Client) -> set[str]:
        await fill(client)
        assert (await client.post(JOB, headers=KEY)).status == 200
        return await gone(client)

    assert run(case) == set()
