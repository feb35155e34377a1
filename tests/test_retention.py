"""Each table has a rule of retention or is kept on purpose; a rule's statements read no table from end to end."""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from apps import ROOT, load
from edge.data.retention import Rule
from edge.ports import Statement
from edge.runtimes.local.migrations import migrate

KEPT = {
    "core_tessie": {
        "vehicles",
        "vehicle_settings",
        "charges",
        "drives",
        "idles",
        "climates",
        "software_updates",
        "battery_health",
        "energy_reports",
        "overrides",
        "tariffs",
        "sync_parts",
    },
    "platform_api": {"passages"},
    "discord_bot": {"subscriptions"},
    "devcapsules": {
        "users",
        "user_passwords",
        "api_keys",
        "capsules",
        "capsule_versions",
        "capsule_answers",
        "teams",
        "team_members",
        "team_capsules",
    },
    "vinyl_vault": {
        "collections",
        "daily_values",
        "details_due",
        "sync_heads",
        "sync_conflicts",
        "shares",
        "users",
        "user_passwords",
        "own_covers",
    },
    "klear_karma": {
        "users",
        "user_passwords",
        "practitioners",
        "practitioner_places",
        "practitioner_texts",
        "services",
        "working_hours",
        "time_off",
        "appointments",
        "conversations",
        "messages",
        "reviews",
        "blocks",
        "uploads",
        "feed_links",
    },
}
"""Tables with rows that stay until somebody removes them."""
SMALL = {"vehicles"}
"""Tables that may be read whole: an owner has a handful of cars."""


def rules_of(package: str, **env: str) -> Sequence[Rule]:
    if package == "platform_api":
        app_rules: Sequence[Rule] = import_module("platform_api.retention").rules(load(package).settings(env))
        return app_rules
    rules: Sequence[Rule] = import_module(f"{package}.retention").RULES
    return rules


EACH = [
    *(("core_tessie", rule) for rule in rules_of("core_tessie")),
    *(("devcapsules", rule) for rule in rules_of("devcapsules")),
    *(("discord_bot", rule) for rule in rules_of("discord_bot")),
    *(("platform_api", rule) for rule in rules_of("platform_api")),
    *(("vinyl_vault", rule) for rule in rules_of("vinyl_vault")),
    *(("klear_karma", rule) for rule in rules_of("klear_karma")),
    *(("platform_api", rule) for rule in rules_of("platform_api", SANITY_API_WRITE_TOKEN="x")[:1]),
]
each = pytest.mark.parametrize(
    ("package", "rule"), EACH, ids=[f"{package}-{rule.table}-{n}" for n, (package, rule) in enumerate(EACH)]
)


def migrated(package: str, folder: Path) -> sqlite3.Connection:
    migrate(folder / "DB.sqlite", ROOT / "migrations" / load(package).migrations)
    return sqlite3.connect(folder / "DB.sqlite")


def plan(connection: sqlite3.Connection, statement: Statement) -> list[str]:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.params).fetchall()
    return [str(row[3]) for row in rows]


def scans(steps: Sequence[str]) -> list[str]:
    """Return the steps that read a table from end to end, with an index or without."""
    read = [step for step in steps if re.match(r"SCAN (?!CONSTANT|\(|sub)", step)]
    return [step for step in read if step.split()[1] not in SMALL]


@each
def test_a_removal_finds_its_rows_by_an_index(package: str, rule: Rule, tmp_path: Path) -> None:
    before: Any = 1.0 if rule.is_epoch else "2026-01-01 00:00:00"
    with closing(migrated(package, tmp_path)) as connection:
        for statement in (rule.removal(before), rule.counting(before), rule.counting(before, needed=True)):
            steps = plan(connection, statement)
            assert scans(steps) == [], statement.sql
            assert any(f"SEARCH {rule.table} USING" in step for step in steps), steps
            assert not any("TEMP B-TREE FOR ORDER BY" in step for step in steps), steps


@each
def test_a_bound_is_found_in_an_index_alone(package: str, rule: Rule, tmp_path: Path) -> None:
    with closing(migrated(package, tmp_path)) as connection:
        if rule.max_rows:
            assert plan(connection, rule.oldest(10))[0].startswith(f"SCAN {rule.table} USING COVERING INDEX")
            assert scans(plan(connection, rule.span())) == []
        if rule.max_mb:
            steps = plan(connection, rule.oldest_within(10))
            assert any(f"SCAN {rule.table} USING COVERING INDEX" in step for step in steps), steps
            assert not any("TEMP B-TREE" in step for step in steps), steps


def test_a_scan_would_be_seen(tmp_path: Path) -> None:
    careless = Rule("logs", "updated_at", "logs_keep_days")
    with closing(migrated("core_tessie", tmp_path)) as connection:
        assert scans(plan(connection, careless.removal("2026-01-01 00:00:00"))) != []
        unindexed = Rule(
            "logs", "created_at", "x", unless="EXISTS (SELECT 1 FROM agent_messages AS it WHERE it.error = 'x')"
        )
        assert scans(plan(connection, unindexed.removal("2026-01-01 00:00:00"))) != []


@pytest.mark.parametrize("package", KEPT)
def test_every_table_has_a_rule_or_is_kept_on_purpose(package: str, tmp_path: Path) -> None:
    with closing(migrated(package, tmp_path)) as connection:
        names = connection.execute("SELECT name FROM pragma_table_list WHERE type IN ('table', 'virtual')").fetchall()
    tables = {name for (name,) in names if not name.startswith(("d1_", "sqlite_"))}
    ruled = {rule.table for rule in rules_of(package)}
    assert tables == ruled | KEPT[package]
    assert not ruled & KEPT[package]


@each
def test_references_to_a_row_are_known_to_its_rule(package: str, rule: Rule, tmp_path: Path) -> None:
    with closing(migrated(package, tmp_path)) as connection:
        references = connection.execute(
            "SELECT it.name FROM sqlite_schema AS it, pragma_foreign_key_list(it.name) AS key "
            "WHERE it.type = 'table' AND key.\"table\" = ?",
            (rule.table,),
        ).fetchall()
    assert [child for (child,) in references if f"FROM {child}" not in rule.unless] == []


@each
def test_settings_of_a_rule_are_settings_of_its_app(package: str, rule: Rule) -> None:
    attributes = {field.attribute for field in load(package).settings.fields if field.takes_empty}
    named = {name for name in (rule.keep, rule.max_rows, rule.max_mb) if isinstance(name, str) and name}
    assert named <= attributes
    assert bool(rule.max_mb) == bool(rule.size)
