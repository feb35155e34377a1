"""No caller that is bound to subjects comes through a route or frame of administrators, in any app."""

import asyncio

import pytest

from apps import load, packages
from edge.access import ADMIN, Actor
from edge.app import check
from edge.context import Ports
from edge.endpoint import Endpoint
from edge.errors import Forbidden, InternalError
from edge.ports import Log
from edge.request import Request
from edge.settings import Settings
from edge.testing import HeaderTable

BOUND = [Actor("both", ADMIN, frozenset({"A"})), Actor("both", ADMIN, frozenset())]
ENDPOINTS = [
    pytest.param(endpoint, id=f"{package} {endpoint.method} {endpoint.path}")
    for package in packages()
    for endpoint in load(package).endpoints
    if endpoint.access is ADMIN
]


def silent(level: str, message: str, **fields: object) -> None:
    """Log nothing."""


def request_of(endpoint: Endpoint) -> Request:
    async def read(_limit: int) -> bytes:
        raise InternalError("the body was read")

    return Request(endpoint.method, endpoint.path, "", HeaderTable([]), read, Ports(Settings({}), {Log: silent}))


@pytest.mark.parametrize("actor", BOUND, ids=["some subjects", "no subjects"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_bound_administrator_is_refused_by_every_admin_route(endpoint: Endpoint, actor: Actor) -> None:
    async def authenticate(_request: Request) -> Actor:
        return actor

    with pytest.raises(Forbidden, match="without subjects"):
        asyncio.run(check(request_of(endpoint), endpoint.access, authenticate))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_administrator_comes_through_every_admin_route(endpoint: Endpoint) -> None:
    async def authenticate(_request: Request) -> Actor:
        return Actor("admin", ADMIN)

    asyncio.run(check(request_of(endpoint), endpoint.access, authenticate))


def test_there_are_admin_routes_in_every_app() -> None:
    assert {str(endpoint.id).split()[0] for endpoint in ENDPOINTS} == {*packages()}
