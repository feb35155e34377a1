"""Tessie's answers as the sync reads them: objects, results, the list of vehicles, and refusals."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from pydantic_core import from_json

from core_tessie.tessie.client import Tessie, TessieFailed, TessieRequest
from core_tessie.tessie.records import RECORDS, read_instant
from core_tessie.tessie.vin import VIN
from edge.ports import Fetched

REFUSALS = frozenset({400, 401, 402, 403, 404})
"""Statuses that the same question would meet again."""
KEY_REFUSED = "Tessie refuses TESSIE_API_KEY"
"""Begins the error of a run that ended because the key is revoked or wrong."""
LISTED = {kind: f"last_{kind.removesuffix('s')}_updated_at" for kind in RECORDS}
"""The member of a listed vehicle that holds the last change of a kind of history."""


class VehicleRefused(Exception):
    """Tessie refuses to answer for this vehicle; retrying does not help."""

    def __init__(self, path: str, status: int) -> None:
        super().__init__(f"{path}: Tessie answered {status}")
        self.status = status


class KeyRefused(Exception):
    """Tessie refuses the account's key: no vehicle can be synced."""

    def __init__(self) -> None:
        super().__init__(f"{KEY_REFUSED}: it answered 401 to the list of vehicles; set a valid key")


class TessieMalformed(TessieFailed):
    """Tessie's answer does not match its documentation."""

    title = "Tessie's answer does not match its documentation"


class ListedCar(NamedTuple):
    """A vehicle of the list; `changed_at` holds the last change of each kind of history that Tessie gives one for."""

    is_active: bool
    changed_at: Mapping[str, str]
    last_state: Mapping[str, Any] | None


class Listing(NamedTuple):
    """The vehicles of the account by VIN, and the number of entries without a VIN."""

    cars: Mapping[str, ListedCar]
    unreadable: int


class Reader:
    """Reads for one step of a sync. It tells a refused vehicle from a refused key."""

    def __init__(self, tessie: Tessie, run_id: str) -> None:
        self._tessie = tessie
        self._run_id = run_id
        self._is_key_valid = False

    async def object(self, vin: str, path: str, query: Mapping[str, object]) -> dict[str, Any]:
        """Return the object at a vehicle's path.

        Errors: `VehicleRefused` and `KeyRefused` are final; `TessieFailed` or `TessieTimeout` are worth another try.
        """
        request = TessieRequest("GET", f"/{vin}/{path}", urlencode(query), vin=vin, request_id=self._run_id)
        fetched = await self._tessie.send(request)
        if fetched.status == 401 and not self._is_key_valid:
            await list_vehicles(self._tessie, self._run_id)
            self._is_key_valid = True
        if fetched.status in REFUSALS:
            raise VehicleRefused(path, fetched.status)
        return read_object(path, fetched)


async def list_vehicles(tessie: Tessie, request_id: str, *, patient: bool = True) -> Listing:
    """Return the account's vehicles, in one attempt unless `patient`. Errors: as `Reader.object`."""
    fetched = await tessie.send(TessieRequest("GET", "/vehicles", request_id=request_id, is_patient=patient))
    if fetched.status == 401:
        raise KeyRefused
    if fetched.status in REFUSALS:
        raise VehicleRefused("vehicles", fetched.status)
    entries = results("vehicles", read_object("vehicles", fetched))
    cars = {entry["vin"]: _listed(entry) for entry in entries if _names_vehicle(entry)}
    return Listing(cars, sum(not _names_vehicle(entry) for entry in entries))


def results(path: str, value: Mapping[str, Any]) -> list[Any]:
    """Return the list of results of a path's answer."""
    entries = value.get("results")
    if not isinstance(entries, list):
        raise TessieMalformed(f"{path}: no list of results", upstream="Tessie")
    return entries


def _names_vehicle(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("vin"), str) and VIN.matches(entry["vin"])


def _listed(entry: Mapping[str, Any]) -> ListedCar:
    changes = {kind: read_instant(entry.get(member)) for kind, member in LISTED.items()}
    state = entry.get("last_state")
    return ListedCar(
        is_active=entry.get("is_active") is not False,
        changed_at={kind: at for kind, at in changes.items() if at},
        last_state=state if isinstance(state, dict) else None,
    )


def read_object(path: str, fetched: Fetched) -> dict[str, Any]:
    """Return the object of an answer; `TessieFailed` for another status, `TessieMalformed` for another body."""
    if fetched.status != 200:
        raise TessieFailed(f"{path}: Tessie answered {fetched.status}", upstream="Tessie")
    value = _parsed(fetched.body)
    if not isinstance(value, dict):
        raise TessieMalformed(f"{path}: not a JSON object", upstream="Tessie")
    return value


def _parsed(body: bytes) -> Any:
    """Return the JSON value of a body, None if it has none; half a surrogate pair in a text costs that text alone."""
    try:
        return from_json(body)
    except ValueError:
        pass
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
