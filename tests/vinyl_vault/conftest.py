"""The Worker, each case on a fresh app, through clients of members."""

from copy import copy
from pathlib import Path

import pytest

from edge import ADMIN, READER, Actor, Request, Unauthorized
from edge.testing import Client
from edge.testing.runner import Runner
from vinyl_vault.app import compose

ENV = {"LOG_LEVEL": "error", "RATE_LIMITER": "off", "DISCOGS_KEY": "k" * 20, "DISCOGS_SECRET": "s" * 20}


async def by_header(request: Request) -> Actor:
    """Take the member's id from a header: accounts have tests of their own."""
    member = request.headers.get("x-member")
    if member is None:
        raise Unauthorized("say x-member")
    return Actor("admin", ADMIN) if member == "admin" else Actor(member, READER, is_member=True)


app = compose(by_header)


def as_member(client: Client, name: str) -> Client:
    """Return a client of another member."""
    other = copy(client)
    other.headers = [("x-member", name)]
    return other


@pytest.fixture
def run(tmp_path: Path) -> Runner[Client]:
    """Return a runner whose client is the member ada."""
    return Runner(app, tmp_path / "state", ENV, [("x-member", "ada")])
