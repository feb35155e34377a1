"""Barcodes, names and formats: equal ones compare equal, and texts are stored unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vinyl_vault.discogs.barcodes import MOST_FORMS, NoBarcode, canonical, check_digit, digits_of, forms, is_checked
from vinyl_vault.discogs.money import minor_units
from vinyl_vault.discogs.names import display_name, key_of, plain
from vinyl_vault.formats import is_vinyl, parse, text_of


@pytest.mark.parametrize("text", ["4006381333931", "400638133393", "4 006381 333931", "4\u2013006381\u2013333931"])
def test_forms_of_an_ean_are_one(text: str) -> None:
    assert canonical(text) == "4006381333931"
    assert "4006381333931" in forms(text)


def test_twelve_digits_are_searched_as_a_upc_and_as_an_ean_without_its_check_digit() -> None:
    assert canonical("501234567890") == "0501234567890"
    assert forms("501234567890")[:3] == ["501234567890", "0501234567890", "5012345678900"]


@pytest.mark.parametrize("text", ["036000291452", "0036000291452", "03600029145", "00036000291452"])
def test_forms_of_a_upc_are_one(text: str) -> None:
    assert canonical(text) == "0036000291452"
    assert "036000291452" in forms(text)


@given(st.text(alphabet="0123456789", min_size=6, max_size=14))
def test_every_form_has_the_same_canonical_form(digits: str) -> None:
    code = canonical(digits)
    assert canonical(" ".join(digits)) == code
    candidates = forms(digits)
    assert candidates[0] == digits
    assert 1 <= len(candidates) <= MOST_FORMS
    if len(code) == 13:
        assert is_checked(code) or code == digits[-13:]
        assert canonical(code) == code


@pytest.mark.parametrize("text", ["", "12345", "1" * 15, "12345a", "١٢٣٤٥٦٧", "1_234567", "-------"])
def test_other_texts_are_not_barcodes(text: str) -> None:
    with pytest.raises(NoBarcode):
        digits_of(text)


def test_check_digits_are_those_of_gs1() -> None:
    assert [check_digit(code) for code in ("400638133393", "03600029145", "9638507")] == ["1", "2", "4"]


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("The Beatles", "Beatles, The"),
        ("Björk", "bjork"),
        ("Eat (2)", "Eat"),
        ("Los Ríos*", "los rios"),
        ("Simon & Garfunkel", "simon and garfunkel"),
        ("AC/DC", "ac dc"),
        ("Eat (2), Die Warzau", "Eat, Die Warzau"),
    ],
)
def test_equal_names_compare_equal(name: str, same: str) -> None:
    assert plain(name) == plain(same)


@pytest.mark.parametrize(
    ("name", "text"), [("1984 (2)", "1984"), ("(500) Days", "(500) Days"), ("!!!", "!!!"), ("Q (2) & A (11)", "Q & A")]
)
def test_display_names_have_no_numbers(name: str, text: str) -> None:
    assert display_name(name) == text


def test_names_without_letters_have_keys_of_their_own() -> None:
    names = ["!!!", "???", "", " ", "東京", "The The", "The", "\ud800"]
    keys = {key_of("album", name, "x") for name in names}
    assert len(keys) == len(names) - 1  # an empty name and a blank share one key
    assert all(key.isascii() and len(key) <= 100 for key in keys)
    assert key_of("album", "a b", "c") != key_of("album", "a", "b c")


@pytest.mark.parametrize(
    ("text", "carriers"),
    [
        ("LP, Album", [(1, "LP", ["Album"])]),
        ('7", Single, Pap', [(1, '7"', ["Single", "Pap"])]),
        ("2xCD, Comp", [(2, "CD", ["Compilation"])]),
        (
            "Box, Comp, Mono, Ltd, RE, RM, 180 + 14xLP, Album, Mono",
            [
                (1, "Box Set", ["Compilation", "Mono", "Limited Edition", "Reissue", "Remastered", "180"]),
                (14, "LP", ["Album", "Mono"]),
            ],
        ),
        ("", []),
        (" , ", []),
        ("0xLP", [(1, "0xLP", [])]),
        ("LP +  + CD", [(1, "LP", []), (1, "CD", [])]),
    ],
)
def test_formats_are_parsed(text: str, carriers: list[tuple[int, str, list[str]]]) -> None:
    assert [(carrier["quantity"], carrier["name"], carrier["descriptions"]) for carrier in parse(text)] == carriers


@given(st.text(max_size=80))
def test_any_format_can_be_parsed(text: str) -> None:
    assert all(carrier["quantity"] >= 1 and carrier["name"] for carrier in parse(text))


def test_format_of_the_api_is_written_as_in_an_export() -> None:
    box = {"name": "Box Set", "qty": "1", "descriptions": ["Compilation", "Mono", "Limited Edition"]}
    records = {"name": "Vinyl", "qty": "14", "descriptions": ["LP", "Album", "Mono"], "text": "180 Gram"}
    assert text_of([box, records]) == "Box, Comp, Mono, Ltd + 14xLP, Album, Mono, 180 Gram"
    assert text_of([{"name": "Vinyl", "qty": "x", "descriptions": None}, {}]) == "Vinyl"
    assert is_vinyl(parse(text_of([records])))
    assert not is_vinyl(parse("2xCD, Comp"))


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [(18.07, "USD", 1807), ("18.075", "EUR", 1808), (2710.0, "JPY", 2710), (0, "USD", 0), (1.1 + 2.2, "USD", 330)],
)
def test_amounts_are_exact(amount: object, currency: str, minor: int) -> None:
    assert minor_units(amount, currency) == minor


@pytest.mark.parametrize("amount", [None, True, "", "x", float("nan"), float("inf"), -1, 1e300, [], "1e999999"])
def test_other_values_are_not_amounts(amount: object) -> None:
    assert minor_units(amount, "USD") is None
