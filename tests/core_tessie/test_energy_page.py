"""The report as a page and as Markdown: whole, escaped, and with a picture for everything that has rows."""

from html.parser import HTMLParser

import pytest

from core_tessie.energy.charts import Series, bars, horizontal_bars, lines
from core_tessie.energy.words import figure, time_label, unit_of
from edge.markup import Markup, el
from edge.testing import Client

from .conftest import Runner
from .energy_rows import PATH, B, event, put, put_all, put_vehicle

EVIL = "<script>alert('x')</script> | \"Café\" & *b*"


class Reader(HTMLParser):
    """Parses a page and records unbalanced tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> Reader:
    """Return the page as read; it is balanced."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert (reader.faults, reader.open) == ([], [])
    return reader


def rendered_page(run: Runner, accept: str, *, rows: bool = True, name: str = EVIL) -> str:
    """Return a report on two cars, or on one without rows, with a name that would do harm."""

    async def case(client: Client) -> str:
        if rows:
            await put_all(client)
            places = {"saved_location": name, "location": name}
            await put(client, "charges", [event(50, "14 10:00:00", energy_added_kwh=9.0) | places])
        await put_vehicle(client, B, name)
        answer = await client.post(PATH, {"from": "2025-01-01", "to": "2025-02-01"} | ({} if rows else {"vin": B}))
        return (await client.get(answer.header("location") or "", headers=[("accept", accept)])).text

    return run(case)


def test_the_page_is_whole_and_needs_nothing_else(run: Runner) -> None:
    html = rendered_page(run, "text/html")
    page = read(html)
    assert html.startswith("<!doctype html>")
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not [value for name, value in page.attributes if name in {"src", "href"} or name.startswith("on")]
    assert "url(" not in html
    assert "@import" not in html
    assert ("name", "viewport") in page.attributes
    assert page.tags.count("svg") == 9


def test_what_a_name_holds_is_text_on_the_page(run: Runner) -> None:
    page = read(rendered_page(run, "text/html"))
    assert "script" not in page.tags
    assert EVIL in page.text


def test_the_page_shows_each_number_with_its_formula_and_rows(run: Runner) -> None:
    text = " ".join(read(rendered_page(run, "text/html")).text)
    for shown_text in (
        "220.0 Wh/mi",
        "Efficiency",
        "sum(energy used) \N{MULTIPLICATION SIGN} 1000",
        "charges at zero cost",
    ):
        assert shown_text in text


def test_a_page_on_nothing_is_whole_too(run: Runner) -> None:
    page = read(rendered_page(run, "text/html", rows=False))
    assert "svg" not in page.tags
    assert "\N{EN DASH}" in page.text


def test_markdown_has_every_number_and_table_and_no_markup_of_a_name(run: Runner) -> None:
    text = rendered_page(run, "text/markdown")
    assert text.startswith("# Energy report: ")
    assert "| Efficiency | 220.0 Wh/mi | 4 | sum(energy used) \N{MULTIPLICATION SIGN} 1000" in text
    assert "## By place" in text
    assert r"\<script\>alert('x')\</script\> \| " in text
    assert "<script" not in text.replace(r"\<", "")
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in tables} <= set(range(5, 20))


def test_markdown_of_nothing_has_dashes(run: Runner) -> None:
    assert "| Distance | \N{EN DASH} | 0 |" in rendered_page(run, "text/markdown", rows=False)


def test_text_becomes_markup_only_as_a_child() -> None:
    nested = el("p", "a < b & c", el("b", "x"), [Markup("<i></i>")], None, title='"q"', data_at=1.50, hidden=None)
    assert nested == '<p title="&quot;q&quot;" data-at="1.5">a &lt; b &amp; c<b>x</b><i></i></p>'
    assert el("meta", charset="utf-8") == '<meta charset="utf-8">'


@pytest.mark.parametrize(
    "values",
    [[1.0], [0.0], [-3.0, 5.0], [None, 2.0, None], [1e-9, 2e-9], [1e6, 5.0], [-1.0, -2.0], [7.0] * 130],
)
def test_a_chart_stays_inside_its_frame(values: list[float | None]) -> None:
    labels = [f"{at} Jan" for at in range(len(values))]
    series = [Series("one", values)]
    for chart in (bars("b", labels, series, "u"), lines("l", labels, series, "u")):
        assert chart is not None
        svg = read(chart)
        assert not {"nan", "inf", "-inf"} & {value for _, value in svg.attributes}
        heights = [float(value or 0) for name, value in svg.attributes if name in {"y", "y1", "cy"}]
        assert min(heights) >= 0
        assert max(heights) <= 176


def test_a_chart_of_nothing_is_none() -> None:
    nothing = [Series("one", [None, None])]
    assert (bars("b", ["1", "2"], nothing, "u"), lines("l", ["1", "2"], nothing, "u"), horizontal_bars("y", [])) == (
        None,
    ) * 3
    assert (bars("b", [], [Series("one", [])], "u"), lines("l", [], [], "u")) == (None, None)


def test_lying_bars_of_zero_are_drawn() -> None:
    chart = horizontal_bars("y", [("none", 0.0, "0 kWh"), ("a" * 100, -1.0, "-1 kWh")])
    assert chart is not None
    assert read(chart).text[2:3] == ["0 kWh"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "", "\N{EN DASH}"),
        (12345.6, "mi", "12,346"),
        (268.04, "Wh/mi", "268.0"),
        (2.414, "kWh/day", "2.41"),
        (0.1563, "", "0.156"),
        (1442.2, "currency", "1,442.20"),
        (0.21874, "kWh/mi", "0.2187"),
        (-0.5, "kWh", "-0.500"),
    ],
)
def test_figures_have_the_digits_that_say_something(value: float | None, unit: str, text: str) -> None:
    assert figure(value, unit) == text


def test_a_cost_has_no_currency_that_nobody_told_us() -> None:
    assert [unit_of(unit) for unit in ("currency", "currency/kWh", "currency/100 mi", "Wh/mi")] == [
        "",
        "per kWh",
        "per 100 mi",
        "Wh/mi",
    ]


def test_time_is_labelled_briefly() -> None:
    assert (time_label("2025-03-09"), time_label("2025-03")) == ("9 Mar", "Mar 25")
