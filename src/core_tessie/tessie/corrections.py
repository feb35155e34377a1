"""Costs and tags that are set at Tessie through the mirror: they are in the database at the next read."""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from pydantic_core import from_json, to_json

from core_tessie.overrides import set_at_tessie
from core_tessie.tessie.client import Ask
from core_tessie.tessie.records import read_id, read_instant
from edge import Log, Statement, SystemDatabase
from edge.ports import Fetched, PortError

_SET_COST = re.compile(r"charges/([0-9]{1,19})/set_cost")
_SET_TAG = "drives/set_tag"


class Corrections(NamedTuple):
    """Writes what Tessie took; the next sync has the last word."""

    db: SystemDatabase | None
    log: Log

    async def take(self, ask: Ask, fetched: Fetched) -> None:
        """Write what a request has set, where Tessie says that it did; never fail because of it."""
        statements = _statements(ask) if _is_done(fetched) else []
        if not statements or self.db is None:
            return
        try:
            await self.db.batch(statements)
        except PortError as fault:
            self.log("warning", "a correction is at Tessie and not here yet; a sync brings it", error=str(fault))


def _statements(ask: Ask) -> list[Statement]:
    """Return the statements that write what a request sets, none where it sets nothing that is kept here."""
    path = ask.path.removeprefix(f"/{ask.vin}/")
    given = _given(ask)
    if (match := _SET_COST.fullmatch(path)) and "cost" in given:
        cost = _number(given["cost"])
        params = (ask.vin, int(match[1]))
        return [] if cost is _UNKNOWN else set_at_tessie("charges", "cost", cost, "vin = ? AND tessie_id = ?", params)
    if path == _SET_TAG and "tag" in given:
        tag = given["tag"] or None
        return _tagging(ask, given, tag) if tag is None or isinstance(tag, str) else []
    return []


def _tagging(ask: Ask, given: Mapping[str, Any], tag: str | None) -> list[Statement]:
    if given.get("drives"):
        listed = given["drives"]
        texts = listed.split(",") if isinstance(listed, str) else listed if isinstance(listed, list) else [listed]
        ids = [read_id(text.strip() if isinstance(text, str) else text) for text in texts]
        params = (ask.vin, to_json(ids).decode())
        return [] if None in ids else set_at_tessie("drives", "tag", tag, _SOME, params)
    ends = [read_instant(_number(given.get(name))) for name in ("from", "to")]
    return (
        set_at_tessie("drives", "tag", tag, "vin = ? AND started_at BETWEEN ? AND ?", (ask.vin, *ends))
        if all(ends)
        else []
    )


def _given(ask: Ask) -> dict[str, Any]:
    """Return the parameters of a request, from its query and its JSON body."""
    given: dict[str, Any] = dict(parse_qsl(ask.query, keep_blank_values=True))
    try:
        body = from_json(ask.body) if ask.body.strip() else {}
    except ValueError:
        body = {}
    return given | body if isinstance(body, dict) else given


_UNKNOWN = math.inf


def _number(value: object) -> float | None:
    """Return a number, None for one that is cleared, and infinity for what is none."""
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


_SOME = "vin = ? AND tessie_id IN (SELECT value FROM json_each(?))"
