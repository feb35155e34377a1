"""Expired objects are removed from the bucket, some every minute; others stay."""

from typing import Any

from tests.vinyl_vault.conftest import Run, as_admin
from tests.vinyl_vault.test_import import change

from edge.testing import Client
from vinyl_vault.discogs.expiry import PLACE, STEP

AGES = {
    "data/album-x.json": (60, 62),
    "data/price-1-usd.json": (60, 62),
    "faults/album-x.json": (0, 2),
    "imports/someone/one/rows-0.json": (30, 32),
}
"""Days after which an object still exists, and after which it is removed."""
FOR_GOOD = ("images/release-1.jpg", "images/own-1.jpg")


async def step(client: Client, times: int = 1) -> list[int]:
    answers = [await as_admin(client).post("/jobs/remove_expired") for _ in range(times)]
    return [answer.json()["report"]["objects"] for answer in answers]


def test_expired_objects_are_removed(local: Run) -> None:
    async def case(client: Client) -> set[str]:
        bucket = client.ports.settings.cache
        objects = next(local.state.rglob("objects.sqlite"))
        for key in (*AGES, *FOR_GOOD):
            for age, name in zip((*AGES.get(key, (0, 999)),), ("young", "old"), strict=True):
                await bucket.put(f"{key}-{name}", b"{}")
                change(
                    objects,
                    "UPDATE objects SET uploaded_at = uploaded_at - ? * 86400 WHERE key = ?",
                    (age, f"{key}-{name}"),
                )
        await step(client, 3)
        return {stored.key for stored in (await bucket.list()).objects} - {PLACE}

    assert local(case) == {f"{key}-young" for key in AGES} | {
        f"{key}-{name}" for key in FOR_GOOD for name in ("young", "old")
    }


def test_scan_resumes_and_restarts_after_its_end(local: Run) -> None:
    async def case(client: Client) -> list[Any]:
        bucket = client.ports.settings.cache
        objects = next(local.state.rglob("objects.sqlite"))
        for n in range(2 * STEP + 20):
            await bucket.put(f"data/{n:04}.json", b"{}")
        change(objects, "UPDATE objects SET uploaded_at = 1 WHERE key LIKE 'data/02%'")
        first = await step(client, 3)
        dry = (await as_admin(client).post("/jobs/remove_expired?dry_run=true")).json()["report"]
        await bucket.put(PLACE, b'{"prefix": "data/", "cursor": "no place"}')
        again = await step(client)
        await bucket.put(PLACE, b'{"prefix": "images/", "cursor": null}')
        return [first, dry, again, await step(client, 5), len((await bucket.list("data/")).objects)]

    assert local(case) == [[0, 0, 20], {}, [0], [0, 0, 0, 0, 0], 200]
