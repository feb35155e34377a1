"""An energy report as Markdown."""

import re
from collections.abc import Iterator

from core_tessie.energy.document import EnergyReport, ReportTable
from core_tessie.energy.words import GROUPS, cell, counted, has_counts, heading, period_of, quantity, signs, tables_of

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&])")


def markdown(title: str, summary: str | None, report: EnergyReport) -> str:
    """Return a report as a document of GitHub's Markdown; texts from the data are escaped."""
    return "\n".join(_lines(title, summary, report)) + "\n"


def _lines(title: str, summary: str | None, report: EnergyReport) -> Iterator[str]:
    yield f"# {_plain(title)}"
    yield f"\n{_plain(period_of(report.inputs))}. {_rows_read(report)}"
    if summary:
        yield f"\n{_plain(summary)}"
    for group, names in GROUPS.items():
        yield f"\n## {group}\n"
        yield from _numbers(report, names)
    for table in tables_of(report):
        yield f"\n## {_plain(table.title)}\n"
        yield from _table(table)
    yield "\n## Left out\n"
    yield from (f"- {name.replace('_', ' ')}: {count:,}" for name, count in report.left_out.items())


def _rows_read(report: EnergyReport) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in report.rows.items()) + "."


def _numbers(report: EnergyReport, names: tuple[str, ...]) -> Iterator[str]:
    yield "| | Value | Rows | How |\n|---|--:|--:|---|"
    for number in (report.numbers[name] for name in names):
        yield f"| {number.label} | {quantity(number)} | {number.rows:,} | {_plain(signs(number.how))} |"


def _table(table: ReportTable) -> Iterator[str]:
    headings = [heading(column) for column in table.columns.values()] + ["Rows"] * has_counts(table)
    yield f"| {' | '.join(map(_plain, headings))} |"
    yield "|" + "|".join("---" for _ in headings) + "|"
    for row in table.rows:
        cells = [cell(row.get(name), column) for name, column in table.columns.items()]
        yield f"| {' | '.join(map(_plain, cells + [counted(table, row)] * has_counts(table)))} |"
    yield ""
    yield from (f"- {_plain(heading(column))}: {_plain(signs(column.how))}" for column in table.columns.values())


def _plain(text: str) -> str:
    """Escape the characters that Markdown or HTML would take for markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
