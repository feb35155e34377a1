"""Lenient reading: an odd part of a foreign record costs as little of it as possible."""

from typing import Any

import pytest
from pydantic import AwareDatetime, BaseModel, Field

from edge.clients.lenient import read, read_all


class Picture(BaseModel):
    url: str
    width: int | None = None


class Item(BaseModel):
    id: str = Field(validation_alias="_id")
    tags: list[str] | None = None
    at: AwareDatetime | None = Field(None, validation_alias="startsAt")
    count: int | str = 0
    picture: Picture | None = None
    pictures: list[Picture] = []


@pytest.mark.parametrize(
    ("fields", "value", "unreadable"),
    [
        ({}, {}, []),
        ({"tags": ["a", {"_ref": "t"}, "b", 5]}, {"tags": ["a", "b"]}, ["tags.1", "tags.3"]),
        ({"tags": {"_ref": "t"}}, {}, ["tags"]),
        ({"startsAt": "2026-12-01"}, {}, ["startsAt"]),
        ({"startsAt": 5e300, "tags": 5}, {}, ["startsAt", "tags"]),
        ({"count": []}, {}, ["count"]),
        ({"picture": {"url": "u", "width": "wide"}}, {"picture": {"url": "u"}}, ["picture.width"]),
        ({"picture": {"width": 5}}, {}, ["picture"]),
        ({"picture": {"url": 5}}, {}, ["picture.url", "picture"]),
        (
            {"pictures": [{"url": 1}, {"url": "a"}, 5, {"url": "b", "width": "x"}]},
            {"pictures": [{"url": "a"}, {"url": "b"}]},
            ["pictures.0.url", "pictures.2", "pictures.3.width", "pictures.0"],
        ),
    ],
)
def test_odd_field_costs_that_field(fields: dict[str, Any], value: dict[str, Any], unreadable: list[str]) -> None:
    before = repr(fields)
    record = read(Item, {"_id": "x"} | fields)
    assert record.value is not None
    assert record.value.model_dump(mode="json", exclude_unset=True) == {"id": "x"} | value
    assert record.unreadable == unreadable
    assert repr(fields) == before


@pytest.mark.parametrize("answer", [None, 5, [], "x", {}, {"_id": 5}, {"_id": None, "tags": 5}])
def test_record_without_what_it_needs_is_left_out(answer: Any) -> None:
    assert read(Item, answer).value is None
    records, count = read_all(Item, [{"_id": "a"}, answer, {"_id": "b", "tags": 5}])
    assert [record.id for record in records] == ["a", "b"]
    assert count >= 2


def test_many_odd_items_are_removed_in_one_pass() -> None:
    record = read(Item, {"_id": "x", "tags": [5] * 5000 + ["a"]})
    assert record.value is not None
    assert record.value.tags == ["a"]
