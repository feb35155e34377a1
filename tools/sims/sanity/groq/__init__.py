"""An evaluator for the subset of GROQ that is used here; it refuses the rest."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sims.sanity.groq.functions import references
from sims.sanity.groq.nodes import Data, Scope
from sims.sanity.groq.parser import parse
from sims.sanity.groq.tokens import BadQuery
from sims.sanity.groq.values import Value, plain

__all__ = ["BadQuery", "Value", "references", "run"]


def run(query: str, documents: Sequence[dict[str, Value]], params: Mapping[str, Value], now: datetime) -> Value:
    """Return the result of a query, as JSON; raise `BadQuery` if it cannot be parsed."""
    return plain(parse(query, params).of(Scope(Data(documents, now))))
