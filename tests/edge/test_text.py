"""Strings of a given form: valid values, the message for others, and the document's schema."""

from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from edge.text import Matching

CODE = Matching(r"[a-z]{2}-[0-9]+", "a code is two letters, a hyphen and a number")
ADAPTER: TypeAdapter[str] = TypeAdapter(Annotated[str, CODE])


def test_a_string_of_the_form_passes() -> None:
    assert ADAPTER.validate_python("ab-12") == "ab-12"
    assert CODE.matches("ab-12")


@pytest.mark.parametrize("text", ["", "ab-", "ab-12\n", "xab-12", "ab-12x", "AB-12"])
def test_invalid_value_is_explained(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ADAPTER.validate_python(text)
    assert [fault["msg"] for fault in refused.value.errors()] == [CODE.words]
    assert not CODE.matches(text)


def test_the_document_shows_the_pattern() -> None:
    assert ADAPTER.json_schema() == {"type": "string", "pattern": "^[a-z]{2}-[0-9]+$"}
