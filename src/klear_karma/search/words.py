"""Words of a full-text index: folded, split into pairs in scripts without spaces, and quoted for MATCH.

The index uses the tokenizer `ascii`, which takes every other character for a letter. All splitting is done here, in
the same way for the index and for queries, so that the Unicode version of SQLite does not matter.
"""

import re
from collections.abc import Iterable, Iterator
from unicodedata import category, normalize

LONGEST_QUERY = 200
"""Most characters of a query."""
MOST_WORDS = 16
"""Most words of a query; further ones are ignored."""
LONGEST_WORD = 64
"""Most characters of a word; further ones are cut off, both in the index and in queries."""

_LETTERS = str.maketrans(
    {
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ħ": "h",
        "ŧ": "t",
        "ŋ": "n",
        "ĸ": "k",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "\u0131": "i",
        "ə": "e",
        "ƒ": "f",
    }
)
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670]")
"""Accents of Latin, Greek and Cyrillic, points of Hebrew, vowels and tatweel of Arabic."""
_UNSPACED = re.compile(
    "[\u0e01-\u0e5b\u0e81-\u0edf\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
"""Runs of scripts without spaces: Chinese, Japanese, Thai, Lao, Burmese, Khmer."""


_ASCII_WORD = re.compile("[a-z0-9]+")


def fold(text: str) -> str:
    """Return a text without case, accents and presentation forms: `Łódź` is `lodz`, `Straße` is `strasse`."""
    if text.isascii():
        return text.lower()
    plain = normalize("NFKD", normalize("NFKD", text).casefold()).translate(_LETTERS)
    return normalize("NFC", _MARKS.sub("", plain))


def words_of(text: str) -> list[str]:
    """Return the folded words of a text: runs of letters, digits and combining marks."""
    folded = fold(text)
    if folded.isascii():
        return _ASCII_WORD.findall(folded)
    return "".join(letter if _is_of_word(letter) else " " for letter in folded).split()


def indexed(texts: Iterable[str]) -> str:
    """Return the index entry of texts: their words, separated by spaces."""
    return " ".join(part for text in texts for word in words_of(text) for part in _indexed_parts(word))


def one_word(text: str) -> str:
    """Return a text as one folded word, without separators."""
    return "".join(words_of(text))


def match(text: str) -> str:
    """Return the MATCH expression of a user's query, with the last word as a prefix; empty without words."""
    words = words_of(text[:LONGEST_QUERY])[:MOST_WORDS]
    phrases = [
        phrase for number, word in enumerate(words, 1) for phrase in _phrases(word, is_last=number == len(words))
    ]
    return " AND ".join(phrases)


def quote(word: str) -> str:
    """Return a word as a quoted string of MATCH, without syntax."""
    return '"' + word.replace('"', '""') + '"'


def _is_of_word(letter: str) -> bool:
    kind = category(letter)
    return kind[0] in "LN" or kind in {"Mn", "Mc"}


def _runs(word: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a word, and whether each is in a script without spaces."""
    place = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > place:
            yield word[place : run.start()], False
        yield run[0], True
        place = run.end()
    if place < len(word):
        yield word[place:], False


def _indexed_parts(word: str) -> Iterator[str]:
    for part, is_unspaced in _runs(word):
        if is_unspaced:
            yield from (part[start : start + 2] for start in range(len(part)))
        else:
            yield part[:LONGEST_WORD]


def _phrases(word: str, *, is_last: bool) -> Iterator[str]:
    """Yield the MATCH phrases of a query's word: pairs of characters in scripts without spaces."""
    for part, is_unspaced in _runs(word):
        if not is_unspaced:
            yield quote(part[:LONGEST_WORD]) + ("*" if is_last and word.endswith(part) else "")
        elif len(part) == 1:
            yield f"{quote(part)}*"
        else:
            pairs = [part[start : start + 2] for start in range(min(len(part), LONGEST_WORD) - 1)]
            yield quote(" ".join(pairs))
