"""Costs of charging, a row for each currency: amounts of different currencies are never added up."""

from collections.abc import Sequence

from core_tessie.energy.document import Cell, ReportColumn, ReportTable
from core_tessie.energy.formulas import Sums, tidy
from core_tessie.energy.sql import ESTIMATES, Question
from edge.ports import Row

UNKNOWN = "unknown"
"""Stands for the currency of Tessie's costs if the request names none."""
_COLUMNS = {
    "currency": ReportColumn(label="Currency", how="of a tariff; of Tessie's costs as the report was told it"),
    "recorded_cost": ReportColumn(
        label="Recorded", unit="currency", how="sum of the charges' own cost", rows="recorded_charges"
    ),
    "estimated_cost": ReportColumn(
        label="Estimated",
        unit="currency",
        how="sum by tariffs over charges without a cost of their own",
        rows="estimated_charges",
    ),
    "total_cost": ReportColumn(label="Total", unit="currency", how="recorded and estimated, in this currency"),
}


def currency_table(question: Question, total: Sums, estimates: Sequence[Row]) -> ReportTable:
    """Return recorded and estimated costs by currency."""
    estimated = {str(row["key"]): Sums.of(row, ESTIMATES) for row in estimates}
    recorded = {question.currency or UNKNOWN: total} if total.rows("cost") else {}
    rows = [
        _row(currency, recorded.get(currency, Sums({}, {})), estimated.get(currency, Sums({}, {})))
        for currency in sorted({*recorded, *estimated})
    ]
    return ReportTable(title="Cost by currency", columns=_COLUMNS, rows=rows)


def _row(currency: str, recorded: Sums, estimated: Sums) -> dict[str, Cell]:
    amounts = [recorded.total("cost"), estimated.total("estimated_cost")]
    return {
        "currency": currency,
        "recorded_cost": tidy(amounts[0]),
        "recorded_charges": recorded.rows("cost"),
        "estimated_cost": tidy(amounts[1]),
        "estimated_charges": estimated.rows("estimated_cost"),
        "total_cost": tidy(sum(amount for amount in amounts if amount is not None)),
    }
