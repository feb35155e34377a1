"""Instants are text that sorts as time does, in every year of the calendar."""

import pytest

from edge.instants import from_epoch, from_text, to_epoch, to_text

EPOCHS = (-62_135_596_800, -50_000_000_000, -30_610_224_001, -1, 0, 1_800_000_000, 253_402_300_799)


def test_every_instant_is_read_as_it_was_written() -> None:
    texts = [from_epoch(seconds) for seconds in EPOCHS]
    assert texts == sorted(texts)
    assert [to_epoch(text) for text in texts] == list(EPOCHS)
    assert [to_text(from_text(text)) for text in texts] == texts
    assert from_epoch(1_800_000_000.75) == "2027-01-15 08:00:00"


@pytest.mark.parametrize("seconds", [-62_135_596_801, 253_402_300_800, 1e300])
def test_instant_out_of_the_calendar_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"year|instant"):
        from_epoch(seconds)
