"""The simulated Tessie over real HTTP: its reads, and the effects of writes and commands."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest

from sims.tessie import Fleet, Simulator
from sims.tessie.cars import ANCHOR, DAY_S, distance_m

pytestmark = pytest.mark.slow  # a stand-in's own tests

NOW = ANCHOR + 300 * DAY_S + 20 * 3_600
EMPTY: dict[str, str] = {}
STATES_COLUMNS = {
    "id",
    "timestamp",
    "state",
    "charging_state",
    "shift_state",
    "version",
    "battery_level",
    "usable_battery_level",
    "battery_range",
    "est_battery_range",
    "ideal_battery_range",
    "latitude",
    "longitude",
    "elevation",
    "heading",
    "speed",
    "power",
    "odometer",
    "charge_rate",
    "charger_actual_current",
    "charger_power",
    "charger_phases",
    "charger_voltage",
    "charge_miles_added_rated",
    "charge_miles_added_ideal",
    "is_climate_on",
    "is_preconditioning",
    "battery_heater_on",
    "inside_temp",
    "outside_temp",
    "left_temp_direction",
    "right_temp_direction",
    "df",
    "dr",
    "ft",
    "pf",
    "pr",
    "rt",
    "locked",
    "fd_window",
    "fp_window",
    "rd_window",
    "rp_window",
    "sentry_mode",
    "valet_mode",
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    with Simulator(Fleet(seed=7, until=NOW)) as sim:
        yield sim


@pytest.fixture
def own() -> Iterator[Simulator]:
    """A simulator that a test may change."""
    with Simulator(Fleet(seed=7, until=NOW)) as sim:
        yield sim


def ask(
    sim: Simulator, path: str, method: str = "GET", body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Send one request on its own connection, by default with the token."""
    connection = HTTPConnection(urlsplit(sim.url).netloc, timeout=20)
    sent = None if body is None else json.dumps(body)
    own_headers = {"Authorization": f"Bearer {sim.token}"} if headers is None else headers
    try:
        connection.request(method, path, sent, own_headers)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def get(sim: Simulator, path: str, method: str = "GET", body: object = None) -> Any:
    """The JSON of a 200."""
    status, _, answer = ask(sim, path, method, body)
    assert status == 200, answer
    return json.loads(answer)


def refusal(sim: Simulator, path: str, method: str = "GET", body: object = None) -> tuple[int, str]:
    """Status and error text of a failure."""
    status, headers, answer = ask(sim, path, method, body)
    assert headers["content-type"] == "application/json"
    return status, json.loads(answer)["error"]


@pytest.mark.parametrize(
    ("query", "headers", "text"),
    [
        ("", EMPTY, "Access token is required"),
        ("", {"Authorization": "Bearer nonsense"}, "Invalid access token"),
        ("?access_token=nonsense", EMPTY, "Invalid access token"),
    ],
)
def test_a_request_needs_the_token(shared: Simulator, query: str, headers: dict[str, str], text: str) -> None:
    status, _, body = ask(shared, f"/vehicles{query}", headers=headers)
    assert (status, json.loads(body)) == (401, {"error": text})


def test_the_token_may_stand_in_the_query(shared: Simulator) -> None:
    assert ask(shared, f"/vehicles?access_token={shared.token}", headers={})[0] == 200


def test_unknown_things_are_404(shared: Simulator) -> None:
    vin = shared.vins[0]
    for path in (
        "/5YJXCAE43LF123456/state",
        f"/{vin}/driving_path",
        f"/{vin}/historical_states",
        f"/{vin}/command/fly",
    ):
        assert refusal(shared, path)[0] == 404
    assert refusal(shared, f"/{vin}/drives", "DELETE")[0] == 405


def test_vehicles_lists_every_car_with_its_state(shared: Simulator) -> None:
    cars = get(shared, "/vehicles")["results"]
    assert [car["vin"] for car in cars] == shared.vins
    for car in cars:
        newest = shared.fleet.drives(car["vin"])[0]
        assert car["last_drive_created_at"] == newest["created_at"]
        assert car["last_state"]["vin"] == car["vin"]
        assert car["is_active"] is True


@pytest.mark.parametrize("car", range(4))
def test_history_matches_the_ground_truth(shared: Simulator, car: int) -> None:
    vin = shared.vins[car]
    assert get(shared, f"/{vin}/drives")["results"] == shared.fleet.drives(vin)
    assert get(shared, f"/{vin}/charges")["results"] == shared.fleet.charges(vin)
    assert get(shared, f"/{vin}/idles")["results"] == shared.fleet.idles(vin)


def test_limit_and_to_page_through_the_whole_history(shared: Simulator) -> None:
    vin = shared.vins[0]
    seen = dict[int, Any]()
    to = NOW
    while True:
        page = get(shared, f"/{vin}/drives?limit=100&to={to}")["results"]
        fresh = {drive["id"]: drive for drive in page if drive["id"] not in seen}
        if not fresh:
            break
        seen |= fresh
        to = page[-1]["started_at"]
    assert list(seen.values()) == shared.fleet.drives(vin)
    second = get(shared, f"/{vin}/drives?limit=10&page=2")["results"]
    assert second == shared.fleet.drives(vin)[10:20]


def test_from_and_to_choose_by_start(shared: Simulator) -> None:
    vin = shared.vins[0]
    since, until = ANCHOR + 30 * DAY_S, ANCHOR + 60 * DAY_S
    for kind, records in (("drives", shared.fleet.drives(vin)), ("idles", shared.fleet.idles(vin))):
        expected = [record for record in records if since <= record["started_at"] <= until]
        assert get(shared, f"/{vin}/{kind}?from={since}&to={until}")["results"] == expected


def test_units_convert_distances_and_temperatures(shared: Simulator) -> None:
    vin = shared.vins[0]
    plain = shared.fleet.drives(vin)[0]
    other = get(shared, f"/{vin}/drives?limit=1&distance_format=km&temperature_format=f")["results"][0]
    assert other["odometer_distance"] == round(plain["odometer_distance"] * 1.609344, 2)
    assert other["max_speed"] == round(plain["max_speed"] * 1.609344)
    assert other["average_outside_temperature"] == round(plain["average_outside_temperature"] * 1.8 + 32, 1)
    assert other["energy_used"] == plain["energy_used"]
    charge = get(shared, f"/{vin}/charges?limit=1&distance_format=km")["results"][0]
    assert charge["miles_added"] == round(shared.fleet.charges(vin)[0]["miles_added"] * 1.609344, 2)


def test_drives_filter_by_places_tags_drivers_and_length(shared: Simulator) -> None:
    vin = shared.vins[0]
    car = shared.fleet[vin]
    every = shared.fleet.drives(vin)
    home = car.car.region.home
    circle = f"latitude={home.latitude}&{{0}}_longitude={home.longitude}&{{0}}_radius=150"
    for prefix, keys in (
        ("origin", ("starting_latitude", "starting_longitude")),
        ("destination", ("ending_latitude", "ending_longitude")),
    ):
        query = f"{prefix}_{circle.format(prefix)}"
        near = [
            drive for drive in every if distance_m(home.latitude, home.longitude, drive[keys[0]], drive[keys[1]]) <= 150
        ]
        assert 0 < len(near) < len(every)
        assert get(shared, f"/{vin}/drives?{query}")["results"] == near
        rest = get(shared, f"/{vin}/drives?{query}&exclude_{prefix}=true")["results"]
        assert len(rest) + len(near) == len(every)
    tagged = get(shared, f"/{vin}/drives?tag=Business")["results"]
    untagged = get(shared, f"/{vin}/drives?tag=Business&exclude_tag=true")["results"]
    assert {drive["tag"] for drive in tagged} == {"Business"}
    assert len(tagged) + len(untagged) == len(every)
    sams = get(shared, f"/{vin}/drives?driver_profile=Sam")["results"]
    assert len(sams) == sum(drive.driver == "Sam" for drive in car.drives)
    long = get(shared, f"/{vin}/drives?minimum_distance=40&distance_format=km")["results"]
    assert len(long) == sum(drive["odometer_distance"] >= 40 for drive in every)


def test_charges_filter_by_kind_and_energy(shared: Simulator) -> None:
    vin = shared.vins[0]
    every = shared.fleet.charges(vin)
    fast = get(shared, f"/{vin}/charges?superchargers_only=true")["results"]
    assert fast == [charge for charge in every if charge["is_supercharger"]]
    big = get(shared, f"/{vin}/charges?minimum_energy_added=30")["results"]
    assert big == [charge for charge in every if charge["energy_added"] >= 30]


def test_csv_has_a_column_for_each_key_and_local_times(shared: Simulator) -> None:
    vin = shared.vins[0]
    status, headers, body = ask(shared, f"/{vin}/drives?limit=2&format=csv")
    assert status == 200
    assert headers["content-type"].startswith("text/csv")
    head, *rows = body.decode().splitlines()
    assert head.split(",") == list(shared.fleet.drives(vin)[0])
    assert len(rows) == 2
    assert ask(shared, f"/{vin}/states?format=csv&from={NOW - 3_600}")[1]["content-type"].startswith("text/csv")


@pytest.mark.parametrize(
    "query",
    [
        "drives?limit=none",
        "drives?limit=1.5",
        "drives?distance_format=miles",
        "drives?temperature_format=k",
        "drives?format=xml",
        "drives?exclude_tag=yes&tag=x",
        "drives?origin_latitude=4",
        "drives?timezone=Nowhere/City",
        "charges?superchargers_only=1",
        "states?interval=0",
        "tire_pressure?pressure_format=atm",
        "map?style=red",
        "map?width=90000",
    ],
)
def test_bad_parameters_are_400(shared: Simulator, query: str) -> None:
    assert refusal(shared, f"/{shared.vins[0]}/{query}")[0] == 400


def test_state_has_its_units_and_two_kinds_of_time(shared: Simulator) -> None:
    vin = shared.vins[0]
    state = get(shared, f"/{vin}/state")
    seen = shared.fleet[vin].reported()
    assert state["id_s"] == str(state["id"])
    assert len(state["tokens"]) == 2
    for name in (
        "charge_state",
        "climate_state",
        "drive_state",
        "gui_settings",
        "vehicle_config",
        "vehicle_state",
    ):
        assert state[name]["timestamp"] == seen.at * 1_000
    assert state["drive_state"]["gps_as_of"] == seen.at - 1
    assert state["vehicle_state"]["odometer"] == pytest.approx(seen.odometer_mi, abs=1e-5)
    assert state["charge_state"]["battery_level"] == round(seen.percent)
    assert len(state["charge_state"]) >= 52
    assert len(state["vehicle_state"]) >= 60
    assert len(state["vehicle_config"]) >= 45


def test_the_sparse_state_lacks_objects_and_has_an_id_no_double_holds(shared: Simulator) -> None:
    state = get(shared, f"/{shared.vins[3]}/state")
    assert "climate_state" not in state
    assert state["vehicle_config"] is None
    assert state["id"] > 2**53
    assert int(float(state["id"])) != state["id"]


def test_a_sleeping_car_answers_a_live_read_with_one_key(shared: Simulator) -> None:
    vin = shared.vins[1]
    asleep = get(shared, f"/{vin}/state")
    assert asleep["state"] == "asleep"
    assert asleep["drive_state"]["timestamp"] < NOW * 1_000
    assert get(shared, f"/{vin}/state?use_cache=false") == {"state": "asleep"}
    assert get(shared, f"/{vin}/status") == {"status": "asleep"}
    assert ask(shared, f"/api/1/vehicles/{vin}/vehicle_data")[0] == 408


def test_waking_a_car_lasts_until_it_tires(own: Simulator) -> None:
    vin = own.vins[1]
    assert get(own, f"/{vin}/wake", "POST") == {"result": True}
    assert get(own, f"/{vin}/status") == {"status": "awake"}
    assert get(own, f"/{vin}/state?use_cache=false")["state"] == "online"
    assert get(own, f"/api/1/vehicles/{vin}/vehicle_data")["response"]["vin"] == vin
    own.fleet.pin(NOW + 3_600)
    assert get(own, f"/{vin}/status") == {"status": "asleep"}


def test_the_state_follows_driving_charging_and_parking(own: Simulator) -> None:
    vin = own.vins[0]
    car = own.fleet[vin]
    drive, charge = car.drives[-9], car.charges[-3]
    own.fleet.pin((drive.start.at + drive.end.at) // 2)
    driving = get(own, f"/{vin}/state")
    assert driving["drive_state"]["shift_state"] == "D"
    assert driving["drive_state"]["speed"] > 0
    assert own.fleet.drives(vin)[0]["id"] == drive.id - 1
    own.fleet.pin((charge.start.at + charge.end.at) // 2)
    charging = get(own, f"/{vin}/state")["charge_state"]
    assert charging["charging_state"] == "Charging"
    assert charging["charger_power"] > 0
    assert charging["charge_energy_added"] > 0
    assert get(own, f"/{vin}/consumption_since_charge")["energy_used"] == 0
    own.fleet.pin(charge.end.at + 30)
    parked = get(own, f"/{vin}/state")
    assert parked["charge_state"]["charging_state"] in ("Complete", "Stopped")
    assert parked["drive_state"]["speed"] is None


def test_states_are_rows_or_one_object_of_arrays(shared: Simulator) -> None:
    vin = shared.vins[0]
    window = f"from={NOW - 2 * DAY_S}&to={NOW}&interval=600"
    rows = get(shared, f"/{vin}/states?{window}")["results"]
    assert set(rows[0]) == STATES_COLUMNS
    assert all(before["timestamp"] - after["timestamp"] >= 600 for before, after in pairwise(rows))
    assert all(row["locked"] in (0, 1) and not isinstance(row["locked"], bool) for row in rows)
    arrays = get(shared, f"/{vin}/states?{window}&condense=true")["results"]
    assert arrays["charger_phasess"] == [row["charger_phases"] for row in rows]
    assert arrays["ids"] == [row["id"] for row in rows]
    km = get(shared, f"/{vin}/states?{window}&distance_format=km")["results"]
    assert km[0]["odometer"] == round(rows[0]["odometer"] * 1.609344, 2)


def test_states_show_a_firmware_change(shared: Simulator) -> None:
    rows = get(shared, f"/{shared.vins[2]}/states?from={ANCHOR}&interval={DAY_S}")["results"]
    assert len({row["version"] for row in rows}) >= 8


def test_battery_agrees_with_the_state_and_with_health(shared: Simulator) -> None:
    for row in get(shared, "/battery_health")["results"]:
        vin = row["vin"]
        battery, level = get(shared, f"/{vin}/battery"), get(shared, f"/{vin}/state")["charge_state"]
        assert round(battery["battery_level"]) == level["battery_level"]
        assert battery["battery_range"] == level["battery_range"]
        k = shared.fleet[vin].car.battery.kwh_per_mi
        assert row["capacity"] == pytest.approx(row["max_range"] * k, abs=0.01)
        assert battery["energy_remaining"] == pytest.approx(battery["battery_range"] * k, abs=0.01)
        lost = round((1 - row["capacity"] / row["original_capacity"]) * 100, 1)
        assert (row["degradation_percent"], row["health_percent"]) == (lost, round(100 - lost, 1))
        assert set(get(shared, f"/{vin}/battery_health")["result"]) == {"max_range", "max_ideal_range", "capacity"}
        trend = get(shared, f"/{vin}/battery_health?from={ANCHOR}&to={NOW}")["results"]
        assert len(trend) == 301
        assert trend[0]["capacity"] < trend[-1]["capacity"]


def test_path_has_pairs_details_and_drives_apart(shared: Simulator) -> None:
    vin = shared.vins[0]
    since = NOW - 7 * DAY_S
    drives = [drive for drive in shared.fleet.drives(vin) if drive["started_at"] >= since]
    apart = get(shared, f"/{vin}/path?from={since}&separate=true&details=true")["results"]
    assert [way[0]["timestamp"] for way in apart] == [drive["started_at"] for drive in drives[::-1]]
    flat = get(shared, f"/{vin}/path?from={since}")["results"]
    assert flat == [f"{point['latitude']:.6f},{point['longitude']:.6f}" for way in apart for point in way]
    fine = get(shared, f"/{vin}/path?from={since}&simplify=false")["results"]
    assert len(fine) > 2 * len(flat)


def test_the_smaller_reads_have_their_keys(shared: Simulator) -> None:
    vin = shared.vins[0]
    assert set(get(shared, f"/{vin}/location")) == {"latitude", "longitude", "address", "saved_location"}
    assert get(shared, f"/{vin}/firmware_alerts")["results"][0]["recent_fleet_count"] > 0
    since = get(shared, f"/{vin}/consumption_since_charge")
    assert since["last_charge_at"] == shared.fleet.charges(vin)[0]["ended_at"]
    assert since["rated_range_used"] >= since["rated_range_used_by_driving"]
    weather = get(shared, f"/{vin}/weather")
    assert weather["sunrise"] < weather["sunset"]
    idle = get(shared, f"/{vin}/last_idle_state")["result"]
    assert idle["timestamp"] == max(drive["ended_at"] for drive in shared.fleet.drives(vin))
    bar = get(shared, f"/{vin}/tire_pressure")
    psi = get(shared, f"/{vin}/tire_pressure?pressure_format=psi")
    assert psi["front_left"] == pytest.approx(bar["front_left"] * 14.5038, abs=0.01)
    assert len(get(shared, f"/{vin}/tire_pressure?from={NOW - 5 * DAY_S}")["results"]) == 6
    assert get(shared, f"/{vin}/drivers")["results"][0]["driver_first_name"] == "Sam"


def test_the_map_is_a_png_of_the_requested_size(shared: Simulator) -> None:
    status, headers, body = ask(shared, f"/{shared.vins[0]}/map?width=40&height=30&marker_size=10")
    assert (status, headers["content-type"]) == (200, "image/png")
    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    assert (int.from_bytes(body[16:20]), int.from_bytes(body[20:24])) == (40, 30)


def test_fleet_accounts_see_invoices_and_roles(shared: Simulator) -> None:
    vin = shared.vins[0]
    assert refusal(shared, "/charging_invoices")[0] == 403
    assert refusal(shared, f"/{vin}/roles")[0] == 403
    with Simulator(Fleet(seed=7, until=NOW), fleet_account=True) as sim:
        invoices = get(sim, f"/charging_invoices?vin={vin}")["results"]
        fast = [charge for charge in sim.fleet.charges(vin) if charge["is_supercharger"]]
        assert [invoice["started_at"] for invoice in invoices] == [charge["started_at"] for charge in fast]
        assert get(sim, f"/{vin}/roles")["result"]["drivers"] == ["Sam"]


def test_the_fleet_api_has_its_envelope(shared: Simulator) -> None:
    listed = get(shared, "/api/1/vehicles")
    assert [car["vin"] for car in listed["response"]] == shared.vins
    assert "charge_state" not in listed["response"][0]
    assert get(shared, "/api/1/products")["count"] == len(shared.vins)
    assert "vehicle_cmds" in get(shared, "/auth/tesla_scopes")["scopes"]
    _, _, body = ask(shared, "/api/1/vehicles/5YJXCAE43LF123456/vehicle_data")
    assert set(json.loads(body)) == {"response", "error", "error_description"}


@pytest.mark.parametrize("as_list", [True, False])
def test_tagging_drives_changes_the_records(own: Simulator, as_list: bool) -> None:
    vin = own.vins[0]
    ids = [drive["id"] for drive in own.fleet.drives(vin)[4:6]]
    body = {"drives": ids if as_list else ",".join(map(str, ids)), "tag": "Holiday"}
    assert get(own, f"/{vin}/drives/set_tag", "POST", body) == {"result": True}
    tagged = get(own, f"/{vin}/drives?tag=Holiday")["results"]
    assert [drive["id"] for drive in tagged] == ids
    assert {drive["updated_at"] for drive in tagged} == {NOW}
    assert refusal(own, f"/{vin}/drives/set_tag", "POST", {"drives": "1", "tag": "x"})[0] == 400


def test_a_cost_is_set_by_query_or_body_and_cleared(own: Simulator) -> None:
    vin = own.vins[3]
    id_ = own.fleet.charges(vin)[1]["id"]
    for query, body, cost in (("?cost=12.5", None, 12.5), ("", {"cost": 7}, 7.0), ("", {"cost": None}, None)):
        assert get(own, f"/{vin}/charges/{id_}/set_cost{query}", "POST", body) == {"result": True}
        assert own.fleet.charges(vin)[1]["cost"] == cost
    assert refusal(own, f"/{vin}/charges/1/set_cost?cost=1", "POST")[0] == 404


def test_the_owners_things_can_be_changed(own: Simulator) -> None:
    vin = own.vins[0]
    get(own, f"/{vin}/plate", "POST", {"plate": "NEW-1"})
    assert get(own, f"/{vin}/plate") == {"result": "NEW-1"}
    driver = get(own, f"/{vin}/drivers")["results"][0]
    get(own, f"/{vin}/drivers/{driver['user_id']}/delete", "POST", {"user_id": driver["user_id"]})
    assert get(own, f"/{vin}/drivers") == {"results": []}
    invitation = get(own, f"/{vin}/invitations", "POST")
    get(own, f"/{vin}/invitations/{invitation['id']}/revoke", "POST")
    assert get(own, f"/{vin}/invitations")["results"][0]["state"] == "revoked"
    get(own, f"/{vin}/fleet_telemetry_config", "POST", {"config": {"port": 4443}})
    assert get(own, f"/{vin}/fleet_telemetry_config")["config"]["port"] == 4443
    get(own, f"/{vin}/fleet_telemetry_config", "DELETE")
    assert get(own, f"/{vin}/fleet_telemetry_config")["config"] is None


@pytest.mark.parametrize(
    ("command", "section", "key", "value"),
    [
        ("unlock", "vehicle_state", "locked", False),
        ("start_climate", "climate_state", "is_climate_on", True),
        ("set_temperatures?temperature=24.5", "climate_state", "driver_temp_setting", 24.5),
        ("set_seat_heat?seat=all&level=3", "climate_state", "seat_heater_rear_left", 3),
        ("set_charge_limit?percent=90", "charge_state", "charge_limit_soc", 90),
        ("set_charging_amps?amps=10", "charge_state", "charge_amps", 10),
        ("enable_sentry", "vehicle_state", "sentry_mode", True),
        ("vent_windows", "vehicle_state", "fd_window", 1),
        ("set_climate_keeper_mode?mode=2", "climate_state", "climate_keeper_mode", "dog"),
        ("set_scheduled_charging?enable=true&time=90", "charge_state", "scheduled_charging_mode", "StartAt"),
        ("enable_speed_limit?pin=1234", "vehicle_state", "speed_limit_mode", None),
    ],
)
def test_commands_show_in_the_state(own: Simulator, command: str, section: str, key: str, value: object) -> None:
    vin = own.vins[1]
    assert get(own, f"/{vin}/command/{command}", "POST") == {"result": True, "woke": True}
    shown_value = get(own, f"/{vin}/state")[section][key]
    assert shown_value == value if value is not None else shown_value["active"] is True


def test_some_commands_end_with_the_next_drive(own: Simulator) -> None:
    vin = own.vins[0]
    drive = own.fleet[vin].drives[-1]
    own.fleet.pin(drive.start.at - 60)
    get(own, f"/{vin}/command/enable_sentry", "POST")
    get(own, f"/{vin}/command/set_charge_limit?percent=55", "POST")
    assert get(own, f"/{vin}/state")["vehicle_state"]["sentry_mode"] is True
    own.fleet.pin(drive.start.at + 60)
    state = get(own, f"/{vin}/state")
    assert state["vehicle_state"]["sentry_mode"] is False
    assert state["charge_state"]["charge_limit_soc"] == 55


@pytest.mark.parametrize(
    "command",
    [
        "set_temperatures?temperature=40",
        "set_temperatures",
        "set_seat_heat?seat=roof&level=1",
        "set_charge_limit?percent=many",
        "set_bioweapon_mode?on=maybe",
        "lock?retry_duration=300",
    ],
)
def test_command_parameters_are_checked(shared: Simulator, command: str) -> None:
    assert refusal(shared, f"/{shared.vins[0]}/command/{command}", "POST")[0] == 400


def test_a_car_that_refuses_says_so_with_200(own: Simulator) -> None:
    vin = own.vins[0]
    own.fleet.pin(own.fleet[vin].drives[-1].end.at)
    refused = get(own, f"/{vin}/command/start_charging", "POST")
    assert refused == {"result": False, "reason": "disconnected"}
