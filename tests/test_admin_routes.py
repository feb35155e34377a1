"""No caller that is bound to subjects comes through a route or frame of administrators, in any app."""

import pytest

from apps import load, packages
from edge.access import ADMIN, Actor, require
from edge.endpoint import Endpoint
from edge.errors import Forbidden

BOUND = [Actor("both", ADMIN, frozenset({"A"})), Actor("both", ADMIN, frozenset())]
ENDPOINTS = [
    pytest.param(endpoint, id=f"{package} {endpoint.method} {endpoint.path}")
    for package in packages()
    for endpoint in load(package).endpoints
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
