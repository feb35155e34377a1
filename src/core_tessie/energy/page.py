"""An energy report as a page: figures, charts and tables in one file, without a script or anything fetched."""

from collections.abc import Iterator, Mapping, Sequence

from core_tessie.energy.charts import Series, bars, horizontal_bars, legend, lines
from core_tessie.energy.document import Cell, EnergyReport, ReportTable
from core_tessie.energy.style import STYLE
from core_tessie.energy.words import (
    GROUPS,
    KIND_NAMES,
    cell,
    counted,
    figure,
    has_counts,
    heading,
    over_time,
    period_of,
    quantity,
    signs,
    tables_of,
    time_label,
    unit_of,
)
from edge.markup import Child, Markup, el

TILES = (
    ("distance_mi", {"distance_km": ""}),
    ("efficiency_wh_per_mi", {"efficiency_wh_per_km": ""}),
    ("energy_used_kwh", {"driving_kwh": "driving", "idle_kwh": "parked"}),
    ("energy_added_kwh", {"charging_efficiency_pct": "efficiency"}),
    ("cost", {"cost_per_kwh": "", "cost_per_100_mi": ""}),
    ("idle_kwh_per_day", {"idle_power_w": "", "idle_range_mi_per_day": ""}),
)
"""The figures at the top, each with the figures below it and their captions."""
PLACES_SHOWN = 8


def page(title: str, summary: str | None, report: EnergyReport) -> str:
    """Return a report as an HTML document."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", Markup(STYLE)),
    )
    return (
        f"<!doctype html>\n{el('html', head, el('body', _header(title, summary, report), _main(report)), lang='en')}\n"
    )


def _header(title: str, summary: str | None, report: EnergyReport) -> Markup:
    kind, _, rest = title.partition(": ")
    read = " · ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in report.rows.items())
    return el(
        "header",
        el("p", kind if rest else "Energy report", class_="kind"),
        el("h1", rest or title),
        el("p", period_of(report.inputs), class_="note"),
        el("p", read, class_="note"),
        el("p", summary, class_="summary") if summary else None,
    )


def _main(report: EnergyReport) -> Markup:
    return el(
        "main",
        el("section", [_tile(report, name, below) for name, below in TILES], class_="tiles", aria_label="Key figures"),
        el("section", list(_charts(report)), class_="charts", aria_label="Charts"),
        [_table_card(table) for table in tables_of(report)],
        _all_numbers(report),
        _left_out(report),
    )


def _tile(report: EnergyReport, name: str, below: Mapping[str, str]) -> Markup:
    number = report.numbers[name]
    others = [el("p", f"{quantity(report.numbers[other])} {word}", class_="below") for other, word in below.items()]
    return el(
        "article",
        el("h2", number.label),
        el("p", el("b", figure(number.value, number.unit)), " ", el("span", unit_of(number.unit)), class_="figure"),
        others,
        el("details", el("summary", f"from {number.rows:,} rows"), el("p", signs(number.how))),
        class_="card tile",
    )


def _charts(report: EnergyReport) -> Iterator[Markup]:
    table, key = over_time(report)
    keys = [str(row[key]) for row in table.rows]
    labels = [time_label(each) for each in keys]
    by = f"by {'day' if key == 'date' else 'month'}"
    energy = [Series("Driving", _column(table, "driving_kwh")), Series("Parked", _column(table, "idle_kwh"))]
    yield from _card(
        f"Distance {by}", "mi", bars("Distance", labels, [Series("", _column(table, "distance_mi"))], "mi")
    )
    efficiency = [Series("Efficiency", _column(table, "efficiency_wh_per_mi"))]
    yield from _card(f"Efficiency {by}", "Wh/mi", lines("Efficiency", labels, efficiency, "Wh/mi"))
    yield from _card(
        f"Energy used {by}", "kWh", bars("Energy used", labels, energy, "kWh"), legend(["Driving", "Parked"])
    )
    yield from _temperature(report)
    yield from _card(
        "Charging by kind", "kWh added", horizontal_bars("Charging by kind", list(_shares(report.by_kind, "kind", 4)))
    )
    places = list(_shares(report.by_place, "place", PLACES_SHOWN))
    yield from _card("Charging by place", "kWh added", horizontal_bars("Charging by place", places))
    drain = [Series("", _column(table, "idle_kwh_per_day"))]
    yield from _card(f"Idle drain {by}", "kWh/day", bars("Idle drain", labels, drain, "kWh/day"))
    yield from _card("What parked energy went to", "kWh", horizontal_bars("Parked energy", list(_attribution(report))))
    yield from _battery(report)


def _card(title: str, unit: str, chart: Markup | None, below: Markup | None = None) -> Iterator[Markup]:
    if chart is not None:
        yield el("figure", el("figcaption", title, " ", el("small", unit)), chart, below, class_="card")


def _temperature(report: EnergyReport) -> Iterator[Markup]:
    bands = report.by_temperature
    labels = [f"{row['from_c']} to {row['to_c']}" for row in bands.rows]
    series = [Series("", _column(bands, "efficiency_wh_per_mi"))]
    yield from _card("Efficiency by outside °C", "Wh/mi", bars("Efficiency by °C", labels, series, "Wh/mi"))


def _shares(table: ReportTable, key: str, limit: int) -> Iterator[tuple[str, float, str]]:
    """Yield the rows with the most energy added, as name, kWh, and kWh with their share as text."""
    added = [(str(row[key]), value) for row in table.rows if isinstance(value := row["energy_added_kwh"], float)]
    total = sum(value for _, value in added) or 1.0
    for name, value in added[:limit]:
        yield KIND_NAMES.get(name, name) if key == "kind" else name, value, f"{figure(value)} kWh · {value / total:.0%}"


def _attribution(report: EnergyReport) -> Iterator[tuple[str, float, str]]:
    for name, label in (("idle_sentry_kwh", "Sentry"), ("idle_climate_kwh", "Climate"), ("idle_rest_kwh", "Neither")):
        number = report.numbers[name]
        if number.value is not None:
            yield label, number.value, quantity(number)


def _battery(report: EnergyReport) -> Iterator[Markup]:
    months = sorted({str(row["month"]) for row in report.battery_by_month.rows})
    names = {str(row["vin"]): str(row["name"] or row["vin"]) for row in report.by_vehicle.rows}
    has_capacity = any(row["capacity_kwh"] is not None for row in report.battery_by_month.rows)
    column, title, unit = (
        ("capacity_kwh", "Battery capacity", "kWh") if has_capacity else ("max_range_mi", "Range", "mi")
    )
    means = {(str(row["vin"]), row["month"]): row[column] for row in report.battery_by_month.rows}
    series = [
        Series(names.get(vin, vin), [_float(means.get((vin, month))) for month in months])
        for vin in sorted({vin for vin, _ in means})
    ]
    chart = lines(title, [time_label(month) for month in months], series, unit)
    yield from _card(f"{title} by month", unit, chart, legend([line.name for line in series]))


def _column(table: ReportTable, name: str) -> list[float | None]:
    return [_float(row[name]) for row in table.rows]


def _float(value: Cell) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _table_card(table: ReportTable) -> Markup:
    headings = [
        el("th", heading(column), title=signs(column.how), scope="col", class_=_kind(table.rows[0].get(name)))
        for name, column in table.columns.items()
    ]
    counts = [el("th", "Rows", scope="col", class_="number")] if has_counts(table) else []
    words = [el("div", el("dt", heading(column)), el("dd", signs(column.how))) for column in table.columns.values()]
    return el(
        "section",
        el("h2", table.title),
        _scrolled(el("thead", el("tr", headings, counts)), el("tbody", list(_rows(table)))),
        el("details", el("summary", "How it is computed"), el("dl", words)),
        class_="card",
    )


def _rows(table: ReportTable) -> Iterator[Markup]:
    for row in table.rows:
        cells = [
            el("td", cell(row.get(name), column), class_=_kind(row.get(name))) for name, column in table.columns.items()
        ]
        counts = [el("td", counted(table, row), class_="number rows")] if has_counts(table) else []
        yield el("tr", cells, counts)


def _kind(value: Cell) -> str | None:
    if isinstance(value, str):
        return "long" if len(value) > 32 else None
    return "number"


def _all_numbers(report: EnergyReport) -> Markup:
    rows = [row for group, names in GROUPS.items() for row in _group(report, group, names)]
    headings = [el("th", text, scope="col") for text in ("Number", "Value", "Rows", "How it is computed")]
    table = _scrolled(el("thead", el("tr", headings)), el("tbody", rows))
    return el("section", el("h2", "All numbers"), table, class_="card all")


def _group(report: EnergyReport, group: str, names: Sequence[str]) -> Iterator[Markup]:
    yield el("tr", el("th", group, colspan="4", scope="rowgroup"))
    for number in (report.numbers[name] for name in names):
        yield el(
            "tr",
            el("td", number.label),
            el("td", quantity(number), class_="number"),
            el("td", f"{number.rows:,}", class_="number rows"),
            el("td", signs(number.how), class_="how"),
        )


def _left_out(report: EnergyReport) -> Markup:
    items = [el("li", f"{name.replace('_', ' ')}: ", el("b", f"{count:,}")) for name, count in report.left_out.items()]
    return el("section", el("h2", "Left out of the sums that need it"), el("ul", items, class_="left"), class_="card")


def _scrolled(*parts: Child) -> Markup:
    # The keyboard reaches it, and so what is beside the screen.
    return el("div", el("table", *parts), class_="scroll", tabindex="0", role="group", aria_label="Table")
