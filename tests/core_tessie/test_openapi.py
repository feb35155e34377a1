"""The tables, events and chats in the OpenAPI document, as a generated client finds them."""

import json
from typing import Any

import pytest
from tests.served import ROOT

from core_tessie.d1.overrides import TABLE as OVERRIDES
from core_tessie.live_events import EVENTS
from core_tessie.tables import SERVED

DOCUMENT: dict[str, Any] = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]
PARAMETERS = DOCUMENT["components"]["parameters"]


def names(operation: dict[str, Any]) -> set[str]:
    """Return the names of an operation's parameters."""
    listed = operation["parameters"]
    return {
        (PARAMETERS[parameter["$ref"].rpartition("/")[2]] if "$ref" in parameter else parameter)["name"]
        for parameter in listed
    }


@pytest.mark.parametrize("table", SERVED)
def test_every_column_filters_a_typed_path_and_is_in_its_row(table: str) -> None:
    columns = set(SERVED[table].columns)
    item = DOCUMENT["paths"][f"/d1/{table}"]
    assert names(item["get"]) == columns | {"select", "order", "limit", "offset", "Prefer"}
    assert names(item["delete"]) == columns | {"select", "Prefer"}
    row = item["get"]["responses"]["200"]["content"]["application/json"]["schema"]["items"]["$ref"]
    assert set(SCHEMAS[row.rpartition("/")[2]]["properties"]) == columns


def test_overrides_are_not_written_directly() -> None:
    assert set(DOCUMENT["paths"][f"/d1/{OVERRIDES}"]) == {"get", "delete"}
    assert set(DOCUMENT["paths"][f"/d1/{OVERRIDES}/{{row_id}}"]) == {"get", "delete"}


def test_row_says_which_cells_may_be_null_and_which_are_instants() -> None:
    drive = SCHEMAS["DrivesRow"]["properties"]
    assert drive["vin"] == {"type": "string"}
    assert drive["started_at"] == {"type": "string", "format": "date-time"}
    assert drive["distance_mi"] == {"type": ["number", "null"]}
    assert drive["updated_at"]["readOnly"]


def test_row_refers_to_enum_of_its_column() -> None:
    assert SCHEMAS["SyncRunsRow"]["properties"]["status"] == {"$ref": "#/components/schemas/SyncRunStatus"}
    assert SCHEMAS["SyncRunStatus"]["enum"] == ["started", "succeeded", "partial", "failed"]


def test_role_is_one_enum() -> None:
    assert SCHEMAS["Role"]["enum"] == ["reader", "operator", "admin"]
    holders = [name for name, schema in SCHEMAS.items() if "Role" in str(schema.get("properties", {}).get("role"))]
    assert {"Key", "KeyRequest", "CreatedKey", "Token"} <= set(holders)


def test_every_type_of_event_has_its_data() -> None:
    (stream,) = DOCUMENT["paths"]["/events"]["get"]["responses"]["200"]["content"].values()
    assert stream == {"x-event-data": {"$ref": "#/components/schemas/CloudEvent"}}
    expected = {name for name, event in EVENTS.items() if event.data} | {"live.gap"}
    assert set(SCHEMAS["EventData"]["properties"]) == expected


def test_chat_completion_and_its_chunks_have_schemas() -> None:
    content = DOCUMENT["paths"]["/agent/v1/chat/completions"]["post"]["responses"]["200"]["content"]
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/ChatCompletion"}
    assert content["text/event-stream"] == {"x-event-data": {"$ref": "#/components/schemas/ChatCompletionChunk"}}


def test_answers_of_mirror_are_any_json() -> None:
    for path, item in DOCUMENT["paths"].items():
        for operation in item.values() if path.startswith("/tessieapi/") else ():
            assert operation["responses"]["200"]["content"] == {"application/json": {}}


def test_headers_are_described() -> None:
    events = DOCUMENT["paths"]["/events"]["get"]
    assert "Last-Event-ID" in names(events)
    assert "Content-Range" in DOCUMENT["paths"]["/d1/drives"]["get"]["responses"]["200"]["headers"]
    assert "Location" in DOCUMENT["paths"]["/d1/drives"]["post"]["responses"]["201"]["headers"]
    assert "Retry-After" in events["responses"]["429"]["headers"]
    assert "X-Request-Id" in DOCUMENT["paths"]["/d1/drives"]["get"]["responses"]["200"]["headers"]
