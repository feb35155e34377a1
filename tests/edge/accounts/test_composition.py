"""Choices that an app has for its accounts, and those that are refused at import."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.edge.accounts.site.app import TABLES, SiteSettings, app, live, make_limits
from tests.edge.accounts.site.schema import SCHEMA

import openapi
from apps import packages
from edge.access import READER
from edge.app import App
from edge.auth.accounts.routes import Accounts
from edge.auth.accounts.tables import PRIVATE, USERS
from edge.data import MEMBER, Table, Tables
from edge.endpoint import PlanError
from edge.injection import singleton
from edge.openapi.document import document
from edge.ports import Clock, Result, Statement
from edge.ports.crypto import ScryptCost
from edge.request import Request
from edge.testing import Client

from .conftest import ADA, ENV, Run, SiteRunner, as_member, mails, registered, token_of

ROOT = Path(__file__).parents[3]


def composed(accounts: Accounts, tables: Tables) -> App:
    return App(
        "t",
        version="1",
        settings=SiteSettings,
        authenticate=live.authenticate,
        providers=[singleton(make_limits)],
        tables=tables,
        migrations=app.migrations,
        limits=app.limits,
        resources=[accounts],
    )


def test_document_of_an_app_with_accounts_is_valid() -> None:
    described = document(app)
    openapi.check_document(described)
    paths = [path for path in described["paths"] if path.startswith("/api/auth")]
    assert len(paths) == 14
    responses = described["paths"]["/api/auth/login"]["post"]["responses"]
    assert {"200", "401", "403", "422", "429", "503"} <= {*responses}


def test_columns_of_the_app_are_given_at_registration_and_shown(run: Run) -> None:
    async def case(client: Client) -> None:
        healer, customer = await registered(client, kind="healer"), await registered(client, email="b@example.org")
        kinds = [
            (await as_member(client, "GET", "/api/auth/me", tokens)).json()["kind"] for tokens in (healer, customer)
        ]
        assert kinds == ["healer", "customer"]
        refused = {"email": "c@example.org", "password": "correct horse battery", "kind": "admin"}
        assert (await client.post("/api/auth/register", refused)).status == 422

    run(case)


def test_columns_of_the_app_wait_for_the_confirmation(local: Run) -> None:
    local.env["ACCOUNT_CONFIRMATION"] = "email"

    async def case(client: Client) -> Any:
        body = {"email": "c@example.org", "password": "correct horse battery", "kind": "healer"}
        assert (await client.post("/api/auth/register", body)).status == 202
        confirmation = {"token": token_of((await mails(local, 1))[0]), "password": body["password"]}
        tokens = (await client.post("/api/auth/register/confirm", confirmation)).json()
        return (await as_member(client, "GET", "/api/auth/me", tokens)).json()

    assert local(case)["kind"] == "healer"


def declared(*more: Table) -> Tables:
    own = {MEMBER: "owner_id = :caller"}
    rest = [Table(name) for name in ("reviews", "tickets") if name not in {table.name for table in more}]
    return Tables(SCHEMA, USERS, *PRIVATE, Table("notes", read=READER, own=own), *rest, *more)


def test_table_of_members_that_no_deletion_reaches_fails_at_import() -> None:
    tickets = Table("tickets", read=READER, own={MEMBER: "actor = :caller"})
    with pytest.raises(PlanError, match="tickets: a deleted user's rows stay"):
        composed(Accounts(), declared(tickets))
    composed(
        Accounts(erase=lambda user_id: [Statement("DELETE FROM tickets WHERE actor = ?", (user_id,))]),
        declared(tickets),
    )
    composed(Accounts(), TABLES)


def test_call_after_a_deletion_has_the_results_and_a_failed_one_none(tmp_path: Path) -> None:
    calls: list[Any] = []

    def erase(user_id: str) -> list[Statement]:
        return [Statement("DELETE FROM notes WHERE owner_id = ? RETURNING text", (user_id,))]

    def erased(request: Request, results: Sequence[Result], clock: Clock) -> None:
        calls.append((request.actor and request.actor.name, [result.rows for result in results], clock.now().year))

    accounts = Accounts(erase=erase, erased=erased, cost=ScryptCost(2**10, 8, 1))

    async def case(client: Client) -> None:
        settings: Any = client.ports.settings
        ada = await registered(client)
        await settings.db.run("INSERT INTO notes (owner_id, text) VALUES (?, 'mine')", ada["user_id"])
        await settings.db.run("CREATE TABLE debts (user_id TEXT REFERENCES users (id))")
        await settings.db.run("INSERT INTO debts VALUES (?)", ada["user_id"])
        for password in ("wrong horse battery", ADA["password"]):
            answer = await as_member(client, "DELETE", "/api/auth/me", ada, {"password": password})
            assert answer.status >= 400
        assert calls == []
        assert await settings.db.all("SELECT text FROM notes") == [{"text": "mine"}]
        await settings.db.run("DELETE FROM debts")
        for status in (204, 401):
            answer = await as_member(client, "DELETE", "/api/auth/me", ada, {"password": ADA["password"]})
            assert answer.status == status
        assert [call[:2] for call in calls] == [(ada["user_id"], [[{"text": "mine"}]])]

    SiteRunner(composed(accounts, TABLES), tmp_path / "state", ENV, [])(case)


def test_no_app_lowers_the_cost_of_its_hashes() -> None:
    sources = [path for package in packages() for path in (ROOT / "src" / package).rglob("*.py")]
    assert sources
    assert [path for path in sources if "ScryptCost" in path.read_text(encoding="utf-8")] == []
