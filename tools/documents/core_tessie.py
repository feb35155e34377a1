"""A path for each table beside the general one, and the data of live events."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, get_args

from core_tessie.actions.routes import ActionRequest
from core_tessie.actions.routes import Status as ActionStatus
from core_tessie.d1.filters import INSERT, PAGE
from core_tessie.d1.overrides import TABLE as OVERRIDES
from core_tessie.live_events import EVENTS
from core_tessie.sync.runs import Cause, SyncRun
from core_tessie.tables import SERVED
from edge import ADMIN
from edge.data import Kind, Rows
from edge.openapi.events import add_event_data
from edge.openapi.rows import row_schema
from edge.openapi.schemas import REF, Schema
from edge.settings import LOG_LEVELS

type Document = dict[str, Any]

LIST, ROW = "/d1/{table}", "/d1/{table}/{row_id}"
ENUMS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "agent_actions": {
        "status": get_args(ActionStatus),
        "kind": get_args(ActionRequest.model_fields["kind"].annotation),
    },
    "sync_runs": {"status": get_args(SyncRun.__annotations__["status"]), "cause": get_args(Cause.__value__)},
    "logs": {"level": LOG_LEVELS},
}
"""The values of columns that this app itself writes, by table."""

_FILTERED = ("listRows", "updateRows", "deleteRows")
_NO_FILTERS = {*PAGE, *INSERT}
_OPERATORS = "`operator.value` with eq, neq, gt, gte, lt, lte, in.(a,b), is.null or like, each also behind `not.`"


def extend(document: Document) -> None:
    """Add a path for each table beside the general one, and the events' data."""
    components = document["components"]
    components |= {"parameters": {}, "responses": {}}
    for path in (LIST, ROW):
        for operation in document["paths"][path].values():
            _share_refusals(operation, components["responses"])
    for table in SERVED.values():
        components["schemas"][_row_name(table)] = row_schema(table, ENUMS.get(table.name, {}))
        for path in (LIST, ROW):
            described = dict(_typed(document["paths"][path], table, components))
            document["paths"][path.replace("{table}", table.name)] = described
    document["paths"] = dict(sorted(document["paths"].items()))
    add_event_data(document, {name: event.data for name, event in EVENTS.items()})


def _typed(item: Document, table: Rows, components: Document) -> Iterator[tuple[str, Document]]:
    """Yield the operations of a path for one table; `overrides` are written by changes of the records alone."""
    for method, general in item.items():
        if table.name == OVERRIDES and method in {"post", "put", "patch"}:
            continue
        operation = deepcopy(general)
        operation["operationId"] = general["operationId"].replace("Row", f"{_pascal(table.name)}Row")
        operation["summary"] = f"{general['summary'].replace(' of a table', '')}: {table.name}"
        operation["description"] = (
            f"As `{general['operationId']}` for this table. Needs the role {_role(method, table)}."
        )
        operation["parameters"] = list(_parameters(general, table, components["parameters"]))
        for described in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media in described.get("content", {}).values():
                _type_rows(media, table)
        yield method, {key: value for key, value in operation.items() if value}


def _parameters(general: Document, table: Rows, shared: Document) -> Iterator[Schema]:
    filters = general["operationId"] in _FILTERED
    yield from (one for one in general["parameters"] if one["name"] not in {"table", "filters"})
    for column in table.columns.values() if filters else ():
        if column.name not in _NO_FILTERS and not (column.name == "body" and "requestBody" in general):
            name = f"{_pascal(column.name)}{'' if column.kind is Kind.TEXT else _pascal(column.kind)}Filter"
            shared[name] = _filter(column.name, column.kind)
            yield {"$ref": f"#/components/parameters/{name}"}


def _filter(name: str, kind: Kind) -> Schema:
    operators = "`is.null` or `is.not_null`" if kind is Kind.JSON else _OPERATORS
    return {
        "name": name,
        "in": "query",
        "required": False,
        "style": "form",
        "explode": True,
        "schema": {"type": "array", "items": {"type": "string"}},
        "description": f"Filters on this column ({kind}), all of which are to hold: {operators}",
    }


def _type_rows(media: Document, table: Rows) -> None:
    row = {"$ref": REF + _row_name(table)}
    if "schema" in media:
        is_list = media["schema"].get("$ref") == f"{REF}TableRows"
        media["schema"] = {"type": "array", "items": row} if is_list else row


def _share_refusals(operation: Document, shared: Document) -> None:
    """Move an operation's refusals to the components, as each table has them."""
    for status, response in operation["responses"].items():
        if status >= "400":
            name = f"{_pascal(operation['operationId'])}{status}"
            shared[name] = response
            operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}


def _row_name(table: Rows) -> str:
    return f"{_pascal(table.name)}Row"


def _role(method: str, table: Rows) -> str:
    return (table.declared.read if method == "get" else ADMIN).name.lower()


def _pascal(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
