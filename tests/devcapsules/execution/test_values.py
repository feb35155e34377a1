"""Values: comparison of an author's JSON with the values returned by programs."""

import json
from typing import Any

import pytest

from devcapsules.execution.values import BadValue, difference, encode, matches, read, show

NAN = {"$float": "nan"}
INFINITE = {"$float": "inf"}


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 1.0),
        (1.0, 1),
        (0.1, 0.1 + 1e-12),
        (0.3, 0.1 + 0.2),
        (1e300, 1e300 * (1 + 1e-12)),
        (0.0, -0.0),
        (0, {"$float": "-0"}),
        (NAN, NAN),
        (INFINITE, INFINITE),
        ([1, 2], {"$tuple": [1, 2]}),
        ({"$tuple": [1, 2]}, [1, 2]),
        ({"$set": [1, 2, [3]]}, {"$set": [[3], 2.0, 1]}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"$dict": [[1, "x"]]}, {"$dict": [[1.0, "x"]]}),
        (None, None),
        ("", ""),
        (2**70, {"$int": str(2**70)}),
        ({"$bytes": "AAE="}, {"$bytes": "AAE="}),
        ([[], {}], [[], {}]),
        ({"$dict": [[1e20, 1]]}, {"$dict": [[10**20, 1]]}),
    ],
)
def test_equal_values_match(expected: Any, actual: Any) -> None:
    assert matches(encode(expected), read(json.dumps(encode(actual))))


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 2),
        (1, True),
        (0, False),
        (1, "1"),
        (2**60, 2**60 + 1),
        (0.1, 0.1001),
        (NAN, 0.0),
        (INFINITE, {"$float": "-inf"}),
        (INFINITE, 1e308),
        ([1, 2], [2, 1]),
        ([1, 2], [1]),
        ([1], {"$set": [1]}),
        ({"$set": [1, 2]}, {"$set": [1]}),
        ({"a": 1}, {"a": 1, "b": 1}),
        ({"1": "x"}, {"$dict": [[1, "x"]]}),
        ("e\u0301", "\u00e9"),
        ("a", {"$bytes": "YQ=="}),
        (None, 0),
        (None, ""),
        ([], {}),
    ],
)
def test_different_values_do_not_match(expected: Any, actual: Any) -> None:
    assert not matches(encode(expected), encode(actual))
    assert difference(encode(expected), encode(actual))


def test_tolerance_widens_and_narrows_the_comparison() -> None:
    assert matches(encode(100.0), encode(101.0), 0.01)
    assert not matches(encode(100.0), encode(101.1), 0.01)
    assert matches(encode([10]), encode([10.05]), 0.01)
    assert not matches(encode(0.3), encode(0.1 + 0.2), 0.0)
    assert matches(encode(2**60), encode(2**60 + 1), 0.1)
    assert not matches(encode(2**53 + 1), encode(float(2**53)), 0.0)
    assert matches(encode(NAN), encode(NAN), 0.0)


def test_floats_of_each_language_are_equal_items() -> None:
    """JavaScript writes `1e-7` and `100000000000000000000`, Python `1e-07` and `1e+20`."""
    returned = read('["e", [["f", "1e-7"], ["f", "100000000000000000000"], ["f", "-0"]]]')
    assert matches(encode({"$set": [1e-7, 1e20, 0]}), returned)


def test_object_of_another_type_equals_nothing() -> None:
    other = read('["o", "Always", "<Always>"]')
    assert not matches(other, other)
    assert difference(encode(1), other) == "a number was expected, an object of the type Always was returned"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "null",
        "[]",
        "{}",
        '["x"]',
        '["i", 1]',
        '["i", "1.5"]',
        '["i", ""]',
        '["i", "' + "9" * 1001 + '"]',
        '["f", "1_0"]',
        '["f", NaN]',
        '["b", 1]',
        '["s", null]',
        '["l", "ab"]',
        '["l", 3]',
        '["d", [["s"]]]',
        '["l"]',
        "[" * 200_000 + "]" * 200_000,
        '["l", [' * 150 + "]]" * 150,
        "9" * 5_000,
        '["s", "unended',
    ],
)
def test_invalid_encoded_value_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        read(text)


def test_brackets_in_texts_do_not_count_as_nesting() -> None:
    assert read(json.dumps(["s", "[{" * 5_000])) == ["s", "[{" * 5_000]


@pytest.mark.parametrize(
    "value",
    [
        {"$tuple": 1},
        {"$float": "x"},
        {"$int": "1.5"},
        {"$int": "9" * 1001},
        {"$bytes": "!"},
        {"$dict": [1]},
        {"$dict": ["ab"]},
        {"$dict": {"ab": 1}},
        {"$set": {}},
    ],
)
def test_invalid_author_value_is_reported(value: Any) -> None:
    with pytest.raises(BadValue, match=r"^\$"):
        encode(value)


def test_values_are_displayed_readably() -> None:
    value = [1, 2.5, True, None, "a\n\ud800", {"$tuple": [1]}, {"$set": [1]}, {"k": NAN}]
    assert show(encode(value)) == '[1, 2.5, true, null, "a\\n?", (1), set(1), {"k": nan}]'
    assert len(show(encode("x" * 5_000))) < 2_010
