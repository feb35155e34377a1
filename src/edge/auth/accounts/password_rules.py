"""Rules for new passwords: long enough, not a common one, not made of the site's or the person's own words."""

import re
from collections.abc import Iterable

from edge.auth.accounts.common_passwords import common_passwords
from edge.errors import InvalidBody

SHORTEST = 8
"""Least characters of a password."""
LONGEST = 256
SHORTEST_WORD = 4
SHORTEST_NAME = 3
"""Least letters of a word that counts as the site's or the person's own: of a part of it, and of a whole name."""


def check_password(password: str, words: Iterable[str], pointer: str = "/password") -> None:
    """Raise `InvalidBody` for a password of the right length that is easy to guess.

    `words` are names and addresses, of the site and the person. A word may be part of a password that is long enough
    without it. No kinds of characters are required.
    """
    text = password.casefold()
    if text in common_passwords():
        refuse(pointer, "is one of the commonest passwords")
    rest = text
    for word in sorted({*parts_of(words)}, key=len, reverse=True):
        rest = rest.replace(word, "")
    if rest != text and len(re.sub(r"\W", "", rest)) < SHORTEST:
        refuse(pointer, "is little more than a name or address that others know")


def parts_of(words: Iterable[str]) -> Iterable[str]:
    """Yield the words that names and addresses consist of, in lower case."""
    for word in words:
        text = word.casefold()
        yield from (part for part in re.split(r"[^\w]+", text) if len(part) >= SHORTEST_WORD)
        joined = re.sub(r"\W+", "", text.partition("@")[0])
        if len(joined) >= SHORTEST_NAME:
            yield joined


def refuse(pointer: str, detail: str) -> None:
    """Raise the fault of a password, which is never shown."""
    raise InvalidBody([{"pointer": pointer, "detail": detail}])
