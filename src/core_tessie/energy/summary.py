"""News of a stored energy report: its live event, and its summary if a model is bound."""

from collections.abc import Iterator, Mapping
from typing import Any

from core_tessie.energy.document import EnergyReport
from core_tessie.energy.words import GROUPS, period_of, quantity
from core_tessie.live_events import ReportCreated
from core_tessie.settings import TessieSettings
from edge import Background, Log
from edge.data import ScopedDatabase
from edge.live.publisher import Publisher
from edge.ports.model import Model, ModelError, Prompt

TIMEOUT = 20.0
"""Seconds for the model: after a response, a Worker may go on for 30."""
SUMMARY_TOKENS = 220
SUMMARY_LIMIT = 2_000
"""Characters of a summary that are kept."""

_TASK = """Sum up this energy report of an electric car for its owner in two to four plain sentences, without a list,
a heading or markup. Use the numbers below and no others, as they are written; do not guess at causes."""


class ReportNews:
    """Publishes stored reports and has a model summarize them; without a model there is no summary."""

    def __init__(self, settings: TessieSettings, publisher: Publisher, background: Background, log: Log) -> None:
        self._model: Model | None = settings.workers_ai
        self._model_name = settings.ai_model
        self._publisher = publisher
        self._background = background
        self._log = log

    def tell(self, stored: Mapping[str, Any], report: EnergyReport, db: ScopedDatabase) -> None:
        """Publish that a report was stored in a database, and begin its summary in the background."""
        data = {name: stored[name] for name in ReportCreated.__annotations__}
        self._publisher.publish("report.created", data, stored["vin"])
        if self._model is not None and stored["rows_used"]:
            self._background.add(self._sum_up(self._model, stored["id"], report, db))

    async def _sum_up(self, model: Model, report_id: str, report: EnergyReport, db: ScopedDatabase) -> None:
        messages = [{"role": "system", "content": _TASK}, {"role": "user", "content": "\n".join(_numbers(report))}]
        prompt = Prompt(self._model_name, messages, options={"max_tokens": SUMMARY_TOKENS, "temperature": 0.2})
        try:
            answer = await model.answer(prompt, timeout=TIMEOUT)
        except ModelError as fault:
            self._log("warning", "report without a summary", report=report_id, error=str(fault))
            return
        summary = answer.text.strip()[:SUMMARY_LIMIT]
        if summary:
            await db.update("energy_reports", {"summary": summary}, "id = ?", report_id)


def _numbers(report: EnergyReport) -> Iterator[str]:
    """Yield the lines of the prompt: the period and the report's known numbers; no car, no place."""
    yield f"Period: {period_of(report.inputs)}"
    for group, names in GROUPS.items():
        figures = [report.numbers[name] for name in names if report.numbers[name].value is not None]
        yield from (f"{group}: {figure.label}: {quantity(figure)}" for figure in figures)
