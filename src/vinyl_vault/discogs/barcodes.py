"""Barcodes of records: UPC and EAN, with and without check digit, spaces and leading zero."""

import re

_SEPARATORS = re.compile(r"[\s.\-\u2010-\u2015]+")
_DIGITS = re.compile(r"[0-9]{6,14}")
MOST_FORMS = 4


class NoBarcode(ValueError):
    """A text is not a barcode."""


def digits_of(text: str) -> str:
    """Return a barcode's digits; raises `NoBarcode` unless there are 6 to 14."""
    digits = _SEPARATORS.sub("", text)
    if not digits.isascii() or not _DIGITS.fullmatch(digits):
        raise NoBarcode("a barcode has 6 to 14 digits, with spaces or hyphens between them")
    return digits


def check_digit(digits: str) -> str:
    """Return the check digit of some digits (GS1: weights 3 and 1 from the right)."""
    total = sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def is_checked(digits: str) -> bool:
    """Tell whether a barcode ends with a correct check digit."""
    return check_digit(digits[:-1]) == digits[-1]


def canonical(text: str) -> str:
    """Return the canonical form of a barcode: EAN-13, or EAN-8, with check digit."""
    digits = digits_of(text)
    if len(digits) == 14 and digits[0] == "0":
        digits = digits[1:]
    if len(digits) == 12:
        return f"0{digits}" if is_checked(digits) else digits + check_digit(digits)
    if len(digits) == 11:
        return f"0{digits}{check_digit(digits)}"
    return digits + check_digit(digits) if len(digits) == 7 else digits


def forms(text: str) -> list[str]:
    """Return the forms in which Discogs may list a barcode, the likeliest first, at most `MOST_FORMS`."""
    digits = digits_of(text)
    whole = canonical(text)
    candidates = [digits, whole]
    if len(whole) == 13 and whole[0] == "0":
        candidates.append(whole[1:])
    if len(digits) == 12:
        candidates.append(digits + check_digit(digits))
    if is_checked(whole):
        candidates.append(whole[:-1])
    return list(dict.fromkeys(candidates))[:MOST_FORMS]
