"""The Cover Art Archive as a fallback: off by default, within its rate limit, and only from its own hosts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.vinyl_vault.conftest import ENV, Run

from edge.testing import Answer
from edge.testing.runner import Runner
from sims.cover_art import CoverArtSim
from sims.discogs import DiscogsSim
from vinyl_vault.app import app

BARE = "/api/discogs/search?barcode=036000291452"
"""A release without an image at Discogs."""


@pytest.fixture(scope="module")
def sims() -> Iterator[tuple[DiscogsSim, CoverArtSim]]:
    with DiscogsSim() as discogs, CoverArtSim() as art:
        yield discogs, art


@pytest.fixture
def art(sims: tuple[DiscogsSim, CoverArtSim]) -> CoverArtSim:
    for sim in sims:
        sim.reset()
    return sims[1]


@pytest.fixture
def run(tmp_path: Path, sims: tuple[DiscogsSim, CoverArtSim], art: CoverArtSim) -> Run:
    discogs = sims[0]
    env = ENV | {"SEARCH_LIMITER": "off", "DISCOGS_CALLS_PER_MINUTE": "60", "DISCOGS_API_URL": discogs.url}
    env |= {"DISCOGS_KEY": discogs.key, "DISCOGS_SECRET": discogs.secret}
    env |= {"DISCOGS_USER_AGENT": "VinylVaultTests/1.0 +https://vault.example", "COVER_ART_FALLBACK": "true"}
    return Runner(app, tmp_path / "state", env | {"MUSICBRAINZ_URL": art.url, "COVER_ART_URL": art.url}, [])


def ask(run: Run, path: str = BARE) -> Answer:
    return run(lambda client: client.get(path))


def test_cover_comes_from_the_archive_by_barcode_with_its_source(run: Run, art: CoverArtSim) -> None:
    document = ask(run).json()
    assert (document["id"], document["cover"], document["cover_source"]) == (
        1040,
        "/cache/images/release-1040.jpg",
        "coverartarchive",
    )
    assert run(lambda client: client.get(document["cover"])).body == next(iter(art.covers.values()))
    assert len(art.requests) == 3


def test_fallback_is_off_by_default(run: Run, art: CoverArtSim) -> None:
    del run.env["COVER_ART_FALLBACK"]
    assert ask(run).json()["cover"] is None
    assert art.requests == []


def test_cover_of_discogs_needs_no_other_source(run: Run, art: CoverArtSim) -> None:
    assert ask(run, "/api/discogs/search?barcode=5012345678900").json()["cover_source"] == "discogs"
    assert art.requests == []


def test_redirect_to_another_host_is_not_followed(run: Run, art: CoverArtSim) -> None:
    with DiscogsSim() as other:
        art.elsewhere = f"{other.url}/cover.jpg"
        assert ask(run).json()["cover"] is None
        assert other.requests == []


def test_refusal_by_the_archive_leaves_the_record_without_a_cover(run: Run, art: CoverArtSim) -> None:
    art.window.fill(1)
    assert ask(run).json()["cover"] is None
    assert len(art.requests) == 1


@pytest.mark.parametrize("body", [b"<svg/>", b""])
def test_invalid_picture_is_not_stored(run: Run, art: CoverArtSim, body: bytes) -> None:
    art.covers = dict.fromkeys(art.covers, body)
    assert ask(run).json()["cover"] is None
