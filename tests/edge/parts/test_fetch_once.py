"""A broken connection is reported to the caller: no layer below repeats a call by itself."""

import asyncio

import pytest

from edge.ports import FetchError

from .conftest import Origin, Reply, fetching


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"])
def test_a_call_with_a_broken_connection_is_made_once(origin: Origin, method: str) -> None:
    origin.give(Reply(0), Reply(0))

    async def call() -> None:
        async with fetching() as fetch:
            with pytest.raises(FetchError):
                await fetch(method, origin.url)

    asyncio.run(call())
    assert len(origin.came) == 1
