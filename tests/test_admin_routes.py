"""No caller that is bound to subjects comes through a route or frame of administrators, in any app.

Where an app has an audit log, no change by an administrator is without an entry.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.members import with_key

from apps import load, packages
from edge.access import ADMIN, OPERATOR, Actor, require
from edge.endpoint import Endpoint
from edge.errors import Forbidden
from edge.testing import Client
from edge.testing.runner import Runner

BOUND = [Actor("both", ADMIN, frozenset({"A"})), Actor("both", ADMIN, frozenset())]
ENDPOINTS_OF = {package: load(package).endpoints for package in packages()}
ENDPOINTS = [
    pytest.param(endpoint, id=f"{package} {endpoint.method} {endpoint.path}")
    for package in packages()
    for endpoint in ENDPOINTS_OF[package]
    if endpoint.access is ADMIN
]


@pytest.mark.parametrize("actor", BOUND, ids=["some subjects", "no subjects"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_bound_administrator_is_refused_by_every_admin_route(endpoint: Endpoint, actor: Actor) -> None:
    with pytest.raises(Forbidden, match="without subjects"):
        require(actor, endpoint.access)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_administrator_comes_through_every_admin_route(endpoint: Endpoint) -> None:
    require(Actor("admin", ADMIN), endpoint.access)


def test_there_are_admin_routes_in_every_app() -> None:
    assert {str(endpoint.id).split()[0] for endpoint in ENDPOINTS} == {*packages()}


SITE = {"SITE_URL": "https://site.example", "MAIL_SENDER": "me@site.example", "RATE_LIMITER": "off"}
KEYS = {"JWT_SECRET": "a-signing-key-for-tests-of-32-bytes", "ADMIN_API_KEY": "test-admin-key-for-all-tests"}


@pytest.mark.parametrize("package", ["devcapsules", "klear_karma", "vinyl_vault"])
def test_each_change_by_an_administrator_has_an_entry_in_the_audit_log(package: str, tmp_path: Path) -> None:
    app = load(package)
    own: frozenset[str] = getattr(import_module(f"{package}.app"), "AUDITED", frozenset())
    changes = [
        endpoint
        for endpoint in app.endpoints
        if endpoint.access >= OPERATOR and endpoint.method != "GET" and f"{endpoint.method} {endpoint.path}" not in own
    ]
    assert f"{changes[-1].method} {changes[-1].path}" == "POST /jobs/{name}"

    async def case(client: Client) -> None:
        admin = with_key(client, KEYS["ADMIN_API_KEY"])
        settings: Any = client.ports.settings
        for endpoint in changes:
            path = endpoint.path.replace("{", "a-").replace("}", "")
            assert (await admin.request(endpoint.method, f"{path}?x=1", json={})).status < 500
            [entry] = await settings.db.all("DELETE FROM admin_audit RETURNING *")
            assert (entry["actor"], entry["action"]) == ("admin", f"{endpoint.method} {endpoint.path}")
            assert "x=1" in entry["details"]
            assert (entry["target_id"] != "") is ("{" in endpoint.path)
        for endpoint in ENDPOINTS_OF[package]:
            if endpoint.method == "GET" and endpoint.access is ADMIN:
                await admin.get(endpoint.path.replace("{", "a-").replace("}", ""))
        assert await settings.db.all("SELECT * FROM admin_audit") == []

    Runner(app, tmp_path / "state", SITE | KEYS | {"LOG_LEVEL": "error"}, [])(case)
