"""The representation of an answer, chosen by the Accept header."""

from time import process_time

import pytest

from edge.negotiation import LONGEST, best

JSON, HTML, MARKDOWN = "application/json", "text/html", "text/markdown"
REPORT = (JSON, HTML, MARKDOWN)
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"

CASES = [
    # by the weights
    (None, JSON, "no header takes everything, so the first"),
    ("", JSON, "an empty header is none"),
    ("*/*", JSON, "curl"),
    (CHROME, HTML, "a browser"),
    ("application/json, text/plain, */*", JSON, "axios"),
    ("text/html, */*; q=0.01", HTML, "jQuery asking for a page"),
    ("text/markdown", MARKDOWN, "one type"),
    ("text/*", HTML, "the first of a type's subtypes"),
    ("text/html;q=0.4, text/markdown;q=0.5", MARKDOWN, "the greater weight"),
    ("text/html;q=0.5, text/markdown;q=0.5", HTML, "of the same weight, the one offered first"),
    ("text/html, application/json", JSON, "the caller's order says nothing"),
    # the most specific range counts
    ("text/*;q=0.3, text/html;q=0.7, */*;q=0.5", HTML, "RFC 9110's example"),
    ("text/*, text/html;q=0", MARKDOWN, "refused by name though its type is taken"),
    ("*/*, application/json;q=0", HTML, "all but one"),
    ("*/*, text/markdown", MARKDOWN, "named beats taken along"),
    ("application/json;q=0.2, */*", HTML, "the exact range's weight holds, though lower"),
    # nothing fits
    ("image/png", None, "not offered"),
    ("*/*;q=0", None, "everything refused"),
    ("text/html;level=1", None, "a parameter that is not offered"),
    # parameters
    ("text/html; charset=utf-8", HTML, "a charset is not negotiated here"),
    ('text/markdown;variant="a,b;c"', None, "a quoted value holds its commas"),
    # malformed
    ("html", JSON, "no range at all"),
    (",,;,", JSON, "separators alone"),
    ("text/html;q=often, text/markdown", MARKDOWN, "a weight that is none"),
    ("text/html;q=nan, text/markdown;q=0.1", MARKDOWN, "nor is this a weight"),
    ("text/html, *; q=.2, */*; q=.2", HTML, "Java's default"),
    ('text/html;x="unclosed', None, "an unclosed quote ends with the header"),
    ("TEXT/HTML", HTML, "case does not matter"),
    ("text/html;q=1.5, application/json;q=0.9", HTML, "a weight over 1 is 1"),
]


@pytest.mark.parametrize(("accept", "expected"), [pytest.param(a, e, id=why) for a, e, why in CASES])
def test_the_best_fit_is_chosen(accept: str | None, expected: str | None) -> None:
    assert best(accept, REPORT) == expected


def test_a_parameter_on_offer_can_be_asked_for() -> None:
    offered = ("application/json", "application/json;profile=compact")
    assert best("application/json;profile=compact", offered) == "application/json;profile=compact"


def test_nothing_on_offer_fits_nobody() -> None:
    assert best("*/*", ()) is None


def test_a_long_hostile_header_is_read_once() -> None:
    assert best('a/b;x="' + "\\" * 100_000, REPORT) is None


def test_header_is_read_up_to_a_bound() -> None:
    assert best("text/html, " + "image/png, " * 30_000, REPORT) == HTML
    assert best("image/png, " * 30_000 + "text/html", REPORT) is None
    assert best("x" * LONGEST + ", text/html", REPORT) == JSON
    began = process_time()
    best("text/html;q=0.5," * 500_000, REPORT)
    assert process_time() - began < 1.0
