"""Sanity's own webhook, from the stand-in to a platform behind a real address: published changes are seen at once."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from pydantic_core import from_json
from tests.platform_api.conftest import Sims
from tests.served import served_locally

from edge.testing.host import Host
from platform_api.app import app

pytestmark = pytest.mark.slow


@pytest.fixture(params=["local", "workers"])
def url(request: pytest.FixtureRequest, sims: Sims, tmp_path: Path) -> Iterator[str]:
    if request.param == "local":
        with served_locally(tmp_path, sims.env(), "platform_api") as served:
            yield served.url
        return
    host: Host = request.getfixturevalue("workers_host")
    asyncio.run(host.client(app, sims.env(), []))
    yield host.worker.url.rstrip("/")


def titles(url: str) -> dict[str, str]:
    with urlopen(f"{url}/api/v1/content/posts?limit=100") as answer:
        return {document["slug"]: document["title"] for document in from_json(answer.read())["documents"]}


def test_editors_changes_are_seen_at_once(sims: Sims, url: str) -> None:
    before = titles(url)
    sims.sanity.hook(f"{url}/api/v1/content/purge")
    try:
        slug = {"_type": "slug", "current": "hot-off-the-press"}
        document = {"_id": "post-hot", "_type": "post", "title": "Hot off the press", "slug": slug}
        seen = []
        for title in ("Hot off the press", "Hotter still"):
            sims.sanity.put(document | {"title": title})
            sims.sanity.settle()
            seen.append(titles(url))
        sims.sanity.delete("post-hot")
        sims.sanity.settle()
        seen.append(titles(url))
    finally:
        sims.sanity.unhook()
    assert [listed.get("hot-off-the-press") for listed in seen] == ["Hot off the press", "Hotter still", None]
    assert seen[-1] == before
    assert [status for status, _ in sims.sanity.deliveries] == [200, 200, 200]


def test_a_hook_with_another_secret_changes_nothing(sims: Sims, url: str) -> None:
    before = titles(url)
    sims.sanity.hook(f"{url}/api/v1/content/purge", "another-secret")
    try:
        own = next(
            document
            for document in sims.sanity.documents.values()
            if document["_type"] == "post" and "slug" in document
        )
        sims.sanity.put(own | {"title": "Forged"})
        sims.sanity.settle()
    finally:
        sims.sanity.unhook()
    time.sleep(0.1)
    assert [status for status, _ in sims.sanity.deliveries] == [401]
    assert titles(url) == before
