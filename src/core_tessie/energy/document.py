"""The shape of a report: numbers and tables, each with its formula and its number of rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from core_tessie.energy.formulas import Formula, Sums

Cell = str | int | float | None  # no `type`: a schema for a cell of any kind says nothing
type Key = tuple[Cell, ...]
"""The members that the rows of a group share: the first cells of its row in a table."""

LATER = ConfigDict(defer_build=True)
"""Builds a validator on first use: no start makes or reads a report."""


class Figure(BaseModel):
    """One number, null if unknown; `how` is its formula in words, `rows` the number of rows behind it."""

    model_config = LATER

    label: str
    value: float | None
    unit: str
    how: str
    rows: int


class ReportColumn(BaseModel):
    """A column of a table; `rows` names the column with the number of rows behind each of its numbers."""

    label: str
    unit: str = ""
    how: str
    rows: str | None = None


VIN = ReportColumn(label="VIN", how="the vehicle")


class ReportTable(BaseModel):
    """Rows of cells by column name; besides those of `columns`, a row has columns that count rows."""

    model_config = LATER

    title: str
    columns: dict[str, ReportColumn]
    rows: list[dict[str, Annotated[Cell, WithJsonSchema({})]]]


class ReportInputs(BaseModel):
    """The report's inputs: posted again, they give the same report while the rows are the same."""

    model_config = ConfigDict(validate_by_name=True, defer_build=True)

    vin: str | None
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    timezone: str
    home: str
    min_drive_mi: float
    currency: str | None = None


def _no_currencies() -> ReportTable:
    """Return the table for reports stored before there were tariffs."""
    return ReportTable(title="Cost by currency", columns={}, rows=[])


class EnergyReport(BaseModel):
    """A report on a period. An event belongs to the period, and to a local day, by its start."""

    model_config = LATER

    inputs: ReportInputs
    rows: dict[str, int] = Field(description="rows of the period by table")
    left_out: dict[str, int] = Field(description="rows that some sum lacks: still running, or without the value")
    numbers: dict[str, Figure]
    by_vehicle: ReportTable
    by_month: ReportTable
    by_day: ReportTable
    by_temperature: ReportTable
    by_kind: ReportTable
    by_place: ReportTable
    by_currency: ReportTable = Field(default_factory=_no_currencies)
    battery: ReportTable
    battery_by_month: ReportTable
    best_drives: ReportTable
    worst_drives: ReportTable


def number(formula: Formula, sums: Sums) -> Figure:
    """Return a formula's number on some sums."""
    return Figure(
        label=formula.label, value=formula.value(sums), unit=formula.unit, how=formula.how, rows=formula.rows(sums)
    )


def table(
    title: str, keys: Mapping[str, ReportColumn], formulas: Sequence[Formula], groups: Mapping[Key, Sums]
) -> ReportTable:
    """Return the formulas' numbers on each group, behind its key; `keys` are the key's columns."""
    columns = dict(keys) | {
        formula.name: ReportColumn(label=formula.label, unit=formula.unit, how=formula.how, rows=_counter(formula))
        for formula in formulas
    }
    rows = [dict(zip(keys, key, strict=True)) | _cells(formulas, sums) for key, sums in groups.items()]
    return ReportTable(title=title, columns=columns, rows=rows)


def _cells(formulas: Iterable[Formula], sums: Sums) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for formula in formulas:
        counter = _counter(formula)
        if counter is None:
            cells[formula.name] = formula.rows(sums)
        else:
            cells |= {formula.name: formula.value(sums), counter: formula.rows(sums)}
    return cells


def _counter(formula: Formula) -> str | None:
    """Return the column that counts the rows of a formula's numbers; a number that is a count has none."""
    return f"{formula.top[0].rsplit('_', 1)[0]}_rows" if formula.unit else None
