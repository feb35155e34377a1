"""Formats of Discogs: the abbreviated text of its exports, the lists of its API, and both as parsed carriers."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

ABBREVIATIONS = {
    "Advance": "Adv",
    "Box Set": "Box",
    "Cassette": "Cass",
    "Club Edition": "Club",
    "Compilation": "Comp",
    "Deluxe Edition": "Dlx",
    "Enhanced": "Enh",
    "Etched": "Etch",
    "Gatefold": "Gat",
    "Limited Edition": "Ltd",
    "Maxi-Single": "Maxi",
    "Mini-Album": "MiniAlbum",
    "Misprint": "Mispress",
    "Mixed": "Mixed",
    "Numbered": "Num",
    "Partially Mixed": "P/Mixed",
    "Partially Unofficial": "P/Unofficial",
    "Picture Disc": "Pic",
    "Promo": "Promo",
    "Quadraphonic": "Quad",
    "Record Store Day": "RSD",
    "Reissue": "RE",
    "Remastered": "RM",
    "Repress": "RP",
    "Sampler": "Smplr",
    "Single Sided": "S/Sided",
    "Special Edition": "S/Edition",
    "Test Pressing": "TP",
    "Transcription": "Transcr",
    "Unofficial Release": "Unofficial",
    "White Label": "W/Lbl",
}
"""Words of the API and their abbreviations in exports, as far as known; an unknown word stays unchanged."""

SPELT_OUT = {short: word for word, short in ABBREVIATIONS.items()}

_VINYL = re.compile(r"(?:LP|Vinyl|EP|(?:5|6|7|8|9|10|11|12|16)\"|Flexi-disc|Flexi|Lathe Cut|Acetate|Shellac)")
_COUNT = re.compile(r"([1-9][0-9]{0,2})x(.+)", re.DOTALL)
_CARRIERS = " + "
MOST_CARRIERS = 30
MOST_WORDS = 30
LONGEST_WORD = 100


class Carrier(TypedDict):
    """A kind of carrier in a release: its name, its quantity, and its descriptions, spelt out."""

    name: str
    quantity: int
    descriptions: list[str]


def parse(text: str) -> list[Carrier]:
    """Parse the carriers of an export's text, such as `2xLP, Album, RE + CD`; an empty text has none."""
    return [_carrier(part) for part in text.split(_CARRIERS)[:MOST_CARRIERS] if part.replace(",", "").strip()]


def is_vinyl(carriers: Iterable[Carrier]) -> bool:
    """Tell whether one of the carriers is a vinyl record."""
    return any(_VINYL.fullmatch(word) for carrier in carriers for word in (carrier["name"], *carrier["descriptions"]))


def text_of(formats: Iterable[Mapping[str, Any]]) -> str:
    """Return the text that an export has for the API's list of formats."""
    return _CARRIERS.join(part for carrier in formats if (part := _text(carrier)))[:2_000]


def _carrier(text: str) -> Carrier:
    words = [word.strip() for word in text.split(",") if word.strip()]
    counted = _COUNT.fullmatch(words[0])
    name = counted[2].strip() if counted else words[0]
    return Carrier(
        name=SPELT_OUT.get(name, name)[:LONGEST_WORD],
        quantity=int(counted[1]) if counted else 1,
        descriptions=[SPELT_OUT.get(word, word)[:LONGEST_WORD] for word in words[1 : MOST_WORDS + 1]],
    )


def _text(carrier: Mapping[str, Any]) -> str:
    """Return the text of one carrier: a record by its size, any other by its name."""
    name = str(carrier.get("name") or "")
    listed = carrier.get("descriptions")
    words = [str(word) for word in listed] if isinstance(listed, list) else []
    size = next((word for word in words if name == "Vinyl" and _VINYL.fullmatch(word)), "")
    words = [word for word in words if word != size]
    quantity = str(carrier.get("qty") or "1")
    count = f"{quantity}x" if quantity.isdecimal() and int(quantity) > 1 else ""
    extra = str(carrier.get("text") or "").strip()
    parts = [count + ABBREVIATIONS.get(size or name, size or name), *(ABBREVIATIONS.get(word, word) for word in words)]
    return ", ".join(part for part in (*parts, extra) if part)
