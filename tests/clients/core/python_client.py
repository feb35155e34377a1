"""Calls the app by the client that openapi-python-client writes, as its user would."""

import json
import sys

from client import AuthenticatedClient
from client.api.agent import chat
from client.api.colbycommands import make_report
from client.api.d1 import get_drives_row, insert_drives_rows, list_drives_rows
from client.api.tessieapi import list_tessie_vehicles
from client.models import Chat, DrivesRow, Problem, ReportRequest, TurnDone


def main(url: str, key: str) -> None:
    """Print the results of the calls as JSON."""
    api = AuthenticatedClient(base_url=url, token=key)
    facts: dict[str, object] = {}

    listed = list_drives_rows.sync_detailed(
        client=api, distance_mi=["gte.1", "lt.10000"], order="started_at.desc", limit=2, prefer="count=exact"
    )
    assert isinstance(listed.parsed, list)
    rows: list[DrivesRow] = listed.parsed
    span = listed.headers["content-range"].startswith("0-1/")
    facts["list"] = [len(rows), "number" if isinstance(rows[0].distance_mi, float) else "", span]

    vin = str(rows[0].vin)
    new = DrivesRow.from_dict({"vin": vin, "tessie_id": 77004, "started_at": "2025-01-01T00:00:00Z"})
    inserted = insert_drives_rows.sync_detailed(client=api, body=[new])
    assert isinstance(inserted.parsed, list)
    facts["create"] = [inserted.status_code.value, inserted.parsed[0].id == f"{vin}-77004"]

    none = get_drives_row.sync_detailed("none", client=api)
    assert isinstance(none.parsed, Problem)
    facts["absent"] = [none.status_code.value, none.parsed.status]

    request = ReportRequest.from_dict({"from": "2025-02-01", "to": "2025-01-01"})
    facts["refused"] = make_report.sync_detailed(client=api, body=request).status_code.value

    mirrored = list_tessie_vehicles.sync_detailed(client=api)
    facts["mirror"] = [mirrored.status_code.value, isinstance(json.loads(mirrored.content)["results"], list)]

    chatted = chat.sync_detailed(client=api, body=Chat(message="How far?", stream=False))
    assert isinstance(chatted.parsed, TurnDone)
    facts["chat"] = [chatted.status_code.value, chatted.parsed.text]
    print(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:3])
