"""Costs and tags that are set at Tessie through the mirror, stored here at once, before the next sync."""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from pydantic_core import from_json, to_json

from core_tessie.overrides import set_at_tessie
from core_tessie.tessie.client import TessieRequest
from core_tessie.tessie.records import read_id, read_instant
from edge import Log, Statement, SystemDatabase
from edge.ports import Fetched, PortError

_SET_COST = re.compile(r"charges/([0-9]{1,19})/set_cost")
_SET_TAG = "drives/set_tag"


class Corrections(NamedTuple):
    """Stores the corrections that Tessie accepted, until the next sync reads them from Tessie."""

    db: SystemDatabase | None
    log: Log

    async def take(self, request: TessieRequest, fetched: Fetched) -> None:
        """Store a request's corrections if Tessie confirms them; never fail because of it."""
        statements = _statements(request) if _is_done(fetched) else []
        if not statements or self.db is None:
            return
        try:
            await self.db.batch(statements)
        except PortError as fault:
            self.log("warning", "correction stored at Tessie but not here; the next sync copies it", error=str(fault))


def _statements(request: TessieRequest) -> list[Statement]:
    """Return the statements that store a request's corrections, none if no stored column is corrected."""
    path = request.path.removeprefix(f"/{request.vin}/")
    parameters = _parameters(request)
    if (match := _SET_COST.fullmatch(path)) and "cost" in parameters:
        cost = _number(parameters["cost"])
        params = (request.vin, int(match[1]))
        return [] if cost is _UNKNOWN else set_at_tessie("charges", "cost", cost, "vin = ? AND tessie_id = ?", params)
    if path == _SET_TAG and "tag" in parameters:
        tag = parameters["tag"] or None
        return _tagging(request, parameters, tag) if tag is None or isinstance(tag, str) else []
    return []


def _tagging(request: TessieRequest, parameters: Mapping[str, Any], tag: str | None) -> list[Statement]:
    if parameters.get("drives"):
        listed = parameters["drives"]
        texts = listed.split(",") if isinstance(listed, str) else listed if isinstance(listed, list) else [listed]
        ids = [read_id(text.strip() if isinstance(text, str) else text) for text in texts]
        params = (request.vin, to_json(ids).decode())
        return [] if None in ids else set_at_tessie("drives", "tag", tag, _LISTED_DRIVES, params)
    ends = [read_instant(_number(parameters.get(name))) for name in ("from", "to")]
    return (
        set_at_tessie("drives", "tag", tag, "vin = ? AND started_at BETWEEN ? AND ?", (request.vin, *ends))
        if all(ends)
        else []
    )


def _parameters(request: TessieRequest) -> dict[str, Any]:
    """Return the parameters of a request, from its query and its JSON body."""
    parameters: dict[str, Any] = dict(parse_qsl(request.query, keep_blank_values=True))
    try:
        body = from_json(request.body) if request.body.strip() else {}
    except ValueError:
        body = {}
    return parameters | body if isinstance(body, dict) else parameters


_UNKNOWN = math.inf


def _number(value: object) -> float | None:
    """Return a number, None for one that is cleared, and infinity for a value that is no number."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.inf
    except (ValueError, OverflowError):
        return _UNKNOWN
    return number if math.isfinite(number) else _UNKNOWN


def _is_done(fetched: Fetched) -> bool:
    try:
        answer = from_json(fetched.body)
    except ValueError:
        return False
    return 200 <= fetched.status < 300 and isinstance(answer, dict) and answer.get("result") is True


_LISTED_DRIVES = "vin = ? AND tessie_id IN (SELECT value FROM json_each(?))"
