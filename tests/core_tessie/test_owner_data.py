"""The owner's data can be exported and removed from a running service."""

import json
import zipfile
from pathlib import Path

import pytest
from tests.served import ADMIN, Served

from licences import main as licences
from owner_data import Service, erase, export

pytestmark = pytest.mark.slow

VIN = "5YJ3E1EA1KF000001"


def test_everything_is_exported_and_then_erased(served: Served, tmp_path: Path) -> None:
    assert served.ask("POST", "/d1/vehicles", {"vin": VIN, "display_name": "Grüße 🚗"})[0] == 201
    rows = [{"vin": VIN, "tessie_id": number, "started_at": "2026-01-01T00:00:00Z"} for number in range(1, 1203)]
    for at in range(0, len(rows), 300):
        assert served.ask("POST", "/d1/drives", rows[at : at + 300])[0] == 201
    number = served.publish("custom.secret", VIN)
    _, key = served.ask("POST", "/auth/keys", {"name": "phone"})
    service = Service(served.url, ADMIN)
    file = tmp_path / "export.zip"

    counted = export(service, file)
    assert (counted["vehicles"], counted["drives"]) == (1, 1202)
    with zipfile.ZipFile(file) as archive:
        drives = [json.loads(line) for line in archive.read("drives.jsonl").splitlines()]
        assert {drive["tessie_id"] for drive in drives} == {*range(1, 1203)}
        assert json.loads(archive.read("vehicles.jsonl"))["display_name"] == "Grüße 🚗"
        assert key["key"] not in str([archive.read(name) for name in archive.namelist()])
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        export(service, file)

    erase(service)
    for table in service.tables():
        left = served.ask("GET", f"/d1/{table}")[1]
        assert VIN not in json.dumps(left)
        assert left == [] or table == "logs", table
    assert served.ask("GET", "/auth/me", authorization=f"Bearer {key['key']}")[0] == 401
    assert served.publish("custom.after") > number


def test_refusing_service_is_reported_in_one_line(served: Served) -> None:
    with pytest.raises(SystemExit, match="error: GET /d1: 401"):
        Service(served.url, "wrong").tables()


def test_licences_of_dependencies_are_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert licences() == 0, capsys.readouterr().err
