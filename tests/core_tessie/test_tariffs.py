"""Tariffs: estimated costs of charges that have none, by place, vehicle, time of day, weekday, season and date."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from tests.patience import pauses

from core_tessie.tariffs.pricing import distance_m, price
from core_tessie.tariffs.rates import TariffBody
from core_tessie.tariffs.routes import MOST_TARIFFS
from edge.errors import PROBLEM_JSON
from edge.testing import Answer, Client
from sims.tessie import Fleet, Simulator

from .conftest import Runner
from .energy_rows import PATH as REPORT
from .energy_rows import A, B, event, make, put, put_vehicle
from .test_sync import NOW, TWO_WEEKS, rows, synced

PATH = "/tariffs"
FLAT = {"name": "Everywhere", "currency": "USD", "rates": [{"per_kwh": 0.5}]}
NIGHT = {
    "name": "Home",
    "currency": "EUR",
    "timezone": "Europe/Berlin",
    "saved_location": "Home",
    "rates": [{"from": "22:00", "to": "06:00", "per_kwh": 0.2}, {"per_kwh": 0.4}],
}


def charged(start: str, end: str, kwh: float | None = 10.0, **columns: Any) -> dict[str, Any]:
    """Return a charge, as it is priced."""
    empty = dict.fromkeys(("saved_location", "latitude", "longitude", "is_supercharger", "is_fast_charger", "cost"))
    defaults = {"vin": A, "energy_added_kwh": kwh, "energy_used_kwh": None, "implausible": None, "utc_offset_s": None}
    return empty | defaults | {"started_at": start, "ended_at": end} | columns


def priced(rates: list[dict[str, Any]], charge: dict[str, Any], zone: str | None = "Europe/Berlin") -> float | None:
    """Return the price of a charge at some rates."""
    body = {"name": "t", "currency": "EUR", "timezone": zone, "rates": rates}
    return price(TariffBody.model_validate(body), charge)


NIGHTLY: list[dict[str, Any]] = [{"from": "22:00", "to": "06:00", "per_kwh": 1}, {"per_kwh": 3}]


@pytest.mark.parametrize(
    ("start", "end", "cost"),
    [
        ("2025-01-10 12:00:00", "2025-01-10 14:00:00", 30),
        ("2025-01-10 22:00:00", "2025-01-11 02:00:00", 10),  # 23:00 to 03:00 in Berlin
        ("2025-01-10 20:00:00", "2025-01-10 22:00:00", 20),  # 21:00 to 23:00: half by each rate
        ("2025-01-10 20:45:00", "2025-01-10 21:15:00", 20),
        ("2025-01-11 04:00:00", "2025-01-11 06:00:00", 20),  # 05:00 to 07:00
        ("2025-07-10 19:00:00", "2025-07-10 21:00:00", 20),  # 21:00 to 23:00 in summer
        ("2025-03-29 21:00:00", "2025-03-30 04:00:00", 10),  # 22:00 to 06:00, the night has seven hours
        ("2025-03-30 03:00:00", "2025-03-30 05:00:00", 20),  # 05:00 to 07:00 in summer time, which began at 01:00 UTC
        ("2025-10-25 20:00:00", "2025-10-26 05:00:00", 10),  # the night has nine hours
        ("2025-10-26 04:00:00", "2025-10-26 06:00:00", 20),
        ("2025-01-10 21:00:00", "2025-01-10 21:00:00", 10),  # in no time
        ("2025-01-10 21:00:00", "2025-01-12 21:00:00", 10 * (16 * 1 + 32 * 3) / 48),
    ],
)
def test_charge_across_rates_is_split_by_time_on_the_clocks_of_the_place(start: str, end: str, cost: float) -> None:
    assert priced(NIGHTLY, charged(start, end)) == pytest.approx(cost)


@pytest.mark.parametrize(
    ("zone", "start", "end", "window", "share"),
    [
        # The clocks go from 02:00 to 03:00: a window that begins in the missing hour begins with it.
        ("Europe/Berlin", "2025-03-30 00:00:00", "2025-03-30 02:00:00", ("02:30", "04:00"), 0.5),
        # They show 02:00 to 03:00 twice: both count.
        ("Europe/Berlin", "2025-10-25 23:00:00", "2025-10-26 03:00:00", ("02:00", "03:00"), 0.5),
        ("America/New_York", "2025-11-02 05:00:00", "2025-11-02 07:00:00", ("01:30", "02:00"), 0.5),
        ("Australia/Lord_Howe", "2025-04-05 14:00:00", "2025-04-05 16:00:00", ("01:30", "02:00"), 0.5),
        ("Asia/Kolkata", "2025-01-10 18:00:00", "2025-01-10 19:00:00", ("00:00", "24:00"), 1),
        ("Asia/Kathmandu", "2025-01-10 18:00:00", "2025-01-10 19:00:00", ("00:00", "06:00"), 0.75),
    ],
)
def test_hours_that_clocks_skip_or_repeat_are_priced_as_the_clocks_show_them(
    zone: str, start: str, end: str, window: tuple[str, str], share: float
) -> None:
    rates: list[dict[str, Any]] = [{"from": window[0], "to": window[1], "per_kwh": 1}, {"per_kwh": 0}]
    assert priced(rates, charged(start, end), zone) == pytest.approx(10 * share)


@pytest.mark.parametrize(
    ("rate", "start", "holds"),
    [
        ({"weekdays": ["sat", "sun"]}, "2025-01-11 12:00:00", True),
        ({"weekdays": ["sat", "sun"]}, "2025-01-10 12:00:00", False),
        ({"weekdays": ["sat"]}, "2025-01-10 23:00:00", True),  # Saturday in Berlin
        # Friday's night reaches into Saturday, Saturday's morning does not reach into Friday's night.
        ({"weekdays": ["fri"], "from": "22:00", "to": "06:00"}, "2025-01-11 02:00:00", True),
        ({"weekdays": ["sat"], "from": "22:00", "to": "06:00"}, "2025-01-11 02:00:00", False),
        ({"season": {"from": "10-01", "to": "03-31"}}, "2025-01-10 12:00:00", True),
        ({"season": {"from": "10-01", "to": "03-31"}}, "2025-03-31 12:00:00", True),
        ({"season": {"from": "10-01", "to": "03-31"}}, "2025-06-10 12:00:00", False),
        ({"season": {"from": "06-01", "to": "09-30"}}, "2025-06-10 12:00:00", True),
        ({"season": {"from": "06-01", "to": "09-30"}}, "2025-05-31 22:00:00", True),  # June in Berlin
        ({"valid_from": "2025-01-10", "valid_until": "2025-01-10"}, "2025-01-10 12:00:00", True),
        ({"valid_from": "2025-01-11"}, "2025-01-10 12:00:00", False),
        ({"valid_until": "2025-01-09"}, "2025-01-10 12:00:00", False),
    ],
)
def test_rate_holds_on_its_weekdays_in_its_season_and_on_its_dates(
    rate: dict[str, Any], start: str, *, holds: bool
) -> None:
    end = start[:14] + "30:00"
    assert priced([rate | {"per_kwh": 1}, {"per_kwh": 2}], charged(start, end)) == pytest.approx(10 if holds else 20)
    assert priced([rate | {"per_kwh": 1}], charged(start, end)) == (pytest.approx(10) if holds else None)


def test_price_rises_within_a_charge_on_the_day_that_it_rises() -> None:
    rates: list[dict[str, Any]] = [
        {"per_kwh": 1, "valid_until": "2025-12-31"},
        {"per_kwh": 2, "valid_from": "2026-01-01"},
    ]
    assert priced(rates, charged("2025-12-31 22:00:00", "2026-01-01 00:00:00")) == pytest.approx(15)


@pytest.mark.parametrize(
    ("rates", "charge", "cost"),
    [
        ([{"per_minute": 0.5}], charged("2025-01-10 12:00:00", "2025-01-10 12:30:00", None), 15),
        ([{"per_session": 2, "per_kwh": 1}], charged("2025-01-10 12:00:00", "2025-01-10 12:30:00"), 12),
        ([{"per_session": 2}], charged("2025-01-10 12:00:00", "2025-01-10 12:30:00", None), 2),
        ([{"per_kwh": 1}], charged("2025-01-10 12:00:00", "2025-01-10 12:30:00", None), None),
        ([{"per_kwh": 1}], charged("2025-01-10 12:00:00", "2025-01-10 12:30:00", energy_used_kwh=12), 12),
        ([{"per_kwh": -0.1}], charged("2025-01-10 12:00:00", "2025-01-10 12:30:00"), -1),
        ([{}], charged("2025-01-10 12:00:00", "2025-01-10 12:30:00"), 0),
        ([{"per_kwh": 1}], charged("2025-01-10 12:00:00", "2025-04-10 12:30:00"), None),  # three months
        # One fee, by the rate that the charge begins in; minutes by the rate that holds.
        (
            [{"from": "00:00", "to": "13:00", "per_session": 5, "per_minute": 1}, {"per_session": 9, "per_minute": 2}],
            charged("2025-01-10 11:30:00", "2025-01-10 12:30:00", None),
            5 + 30 + 60,
        ),
    ],
)
def test_price_is_by_energy_time_and_session(
    rates: list[dict[str, Any]], charge: dict[str, Any], cost: float | None
) -> None:
    assert priced(rates, charge) == (None if cost is None else pytest.approx(cost))


def test_tariff_without_a_timezone_uses_the_cars_clock() -> None:
    charge = charged("2025-01-11 06:00:00", "2025-01-11 08:00:00")
    assert priced(NIGHTLY, charge | {"utc_offset_s": -28_800}, None) == pytest.approx(10)  # 22:00 to 00:00
    assert priced(NIGHTLY, charge | {"utc_offset_s": 3_600}, None) == pytest.approx(30)
    assert priced(NIGHTLY, charge, None) is None  # the car never told it
    assert priced([{"per_kwh": 2}], charge, None) == pytest.approx(20)


def test_distance_is_along_the_ground() -> None:
    assert distance_m((52.52, 13.405), (48.137, 11.575)) == pytest.approx(504_400, rel=0.005)
    assert distance_m((0, 179.9999), (0, -179.9999)) == pytest.approx(22.2, rel=0.01)


async def add(client: Client, body: dict[str, Any]) -> str:
    answer = await client.post(PATH, body)
    assert answer.status == 201, answer.text
    return str(answer.json()["id"])


def as_key(client: Client, key: str) -> Client:
    """Return the client with another key."""
    other = client.anonymous()
    other.headers = [("authorization", f"Bearer {key}")]
    return other


async def costs(client: Client, vin: str = A) -> dict[int, tuple[Any, ...]]:
    """Return each charge's cost, and its estimated cost with currency and tariff."""
    rows = (await client.get(f"/d1/charges?vin=eq.{vin}&order=tessie_id")).json()
    names = ("cost", "estimated_cost", "estimated_currency", "estimated_tariff_id")
    return {row["tessie_id"]: tuple(row[name] for name in names) for row in rows}


def test_charge_without_a_cost_gets_one_and_keeps_it_apart(run: Runner) -> None:
    async def case(client: Client) -> None:
        await put_vehicle(client)
        await put(
            client,
            "charges",
            [
                event(1, "10 20:00:00", 120, energy_added_kwh=10, saved_location=" home "),
                event(2, "10 12:00:00", 60, energy_added_kwh=10, saved_location="Home", cost=7.5),
                event(3, "10 12:00:00", 60, energy_added_kwh=10, saved_location="Home", cost=0),
                event(4, "11 12:00:00", None, energy_added_kwh=10, saved_location="Home"),  # still running
                event(5, "11 14:00:00", 0, energy_added_kwh=60, saved_location="Home"),  # implausible
                event(6, "11 16:00:00", 60, energy_added_kwh=8, location="Elsewhere"),
            ],
        )
        home = await add(client, NIGHT)
        nothing = (None, None, None)
        only_home = {
            1: (None, 3.0, "EUR", home),
            2: (7.5, *nothing),
            3: (0, *nothing),
            4: (None, *nothing),
            5: (None, *nothing),
            6: (None, *nothing),
        }
        assert await costs(client) == only_home
        everywhere = await add(client, FLAT)
        assert await costs(client) == only_home | {6: (None, 4.0, "USD", everywhere)}
        assert (await client.post("/tariff-estimates")).json() == {"charges": 0, "has_more": False}

        changed = await client.request(
            "PUT", f"{PATH}/{home}", json=NIGHT | {"currency": "CHF", "rates": [{"per_kwh": 1}]}
        )
        assert (changed.status, changed.json()["currency"]) == (200, "CHF")
        assert (await costs(client))[1] == (None, 10.0, "CHF", home)

        path = f"/d1/charges/{A}-"
        await client.request("PATCH", f"{path}1", json={"cost": 2.5})
        await client.request("PATCH", f"{path}4", json={"ended_at": "2025-01-11T13:00:00Z"})
        await client.request("PATCH", f"{path}6", json={"saved_location": "HOME"})
        assert (await client.post("/tariff-estimates")).json()["charges"] == 3
        now = await costs(client)
        assert (now[1], now[4], now[6]) == ((2.5, *nothing), (None, 10.0, "CHF", home), (None, 8.0, "CHF", home))

        assert (await client.request("DELETE", f"{PATH}/{home}")).status == 204
        assert (await costs(client))[6] == (None, 4.0, "USD", everywhere)
        assert (await client.request("DELETE", f"{PATH}/{everywhere}")).status == 204
        assert {row[1:] for row in (await costs(client)).values()} == {nothing}

    run(case)


def test_most_specific_tariff_counts(run: Runner) -> None:
    here = {"latitude": 48.1, "longitude": 11.5}

    async def case(client: Client) -> None:
        for vin in (A, B):
            await put_vehicle(client, vin)
            await put(
                client,
                "charges",
                [
                    event(1, "10 08:00:00", 60, energy_added_kwh=10, **here),
                    event(2, "10 10:00:00", 60, energy_added_kwh=10, saved_location="Home", **here),
                    event(3, "10 12:00:00", 60, energy_added_kwh=10, is_supercharger=1, is_fast_charger=1),
                    event(4, "10 14:00:00", 60, energy_added_kwh=10, is_fast_charger=1, latitude=48.11, longitude=11.5),
                ],
                vin,
            )
        places: list[dict[str, Any]] = [
            {},
            {"charger": "supercharger"},
            {**here, "radius_m": 5_000},
            {**here, "radius_m": 100},
            {"saved_location": "home"},
            {"vin": B, "charger": "supercharger"},
            {},
        ]
        ids = [
            await add(client, {"name": str(number), "currency": "EUR", "rates": [{"per_kwh": number}]} | place)
            for number, place in enumerate(places)
        ]
        used = {number: row[3] for number, row in (await costs(client)).items()}
        assert used == {1: ids[3], 2: ids[4], 3: ids[1], 4: ids[2]}
        assert {number: row[3] for number, row in (await costs(client, B)).items()} == used | {3: ids[5]}

    run(case)


def test_report_does_not_add_different_currencies(run: Runner) -> None:
    async def case(client: Client) -> list[dict[str, Any]]:
        await put_vehicle(client)
        await put(
            client,
            "charges",
            [
                event(1, "10 08:00:00", 60, energy_added_kwh=10, saved_location="Home"),
                event(2, "10 10:00:00", 60, energy_added_kwh=4),
                event(3, "10 12:00:00", 60, energy_added_kwh=10, cost=5),
                event(4, "11 12:00:00", 60, saved_location="Home"),  # energy unknown
            ],
        )
        await add(client, NIGHT)
        await add(client, FLAT)
        answer = await client.post(REPORT, {"from": "2025-01-01", "to": "2025-02-01"})
        for media_type in ("text/html", "text/markdown"):
            page = await client.get(answer.header("location") or "", headers=[("accept", media_type)])
            assert "Cost by currency" in page.text
            assert "USD" in page.text
        return [answer.json()["report"], await make(client, currency="EUR")]

    report, in_euro = run(case)
    assert (report["numbers"]["cost"]["value"], report["numbers"]["cost"]["rows"]) == (5, 1)
    names = ("currency", "recorded_cost", "recorded_charges", "estimated_cost", "estimated_charges", "total_cost")
    assert [tuple(row[name] for name in names) for row in report["by_currency"]["rows"]] == [
        ("EUR", None, 0, 4, 1, 4),
        ("USD", None, 0, 2, 1, 2),
        ("unknown", 5, 1, None, 0, 5),
    ]
    assert [tuple(row[name] for name in names) for row in in_euro["by_currency"]["rows"]] == [
        ("EUR", 5, 1, 4, 1, 9),
        ("USD", None, 0, 2, 1, 2),
    ]
    left_out = report["left_out"]
    assert (left_out["charges_without_cost"], left_out["charges_with_estimated_cost"]) == (3, 2)


RATE = {"per_kwh": 1}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        (FLAT | {"currency": "euro"}, "/currency"),
        (FLAT | {"timezone": "Europe"}, "/timezone"),
        (FLAT | {"timezone": "Mars/Olympus"}, "/timezone"),
        (FLAT | {"rates": []}, "/rates"),
        (FLAT | {"rates": [RATE] * 51}, "/rates"),
        (FLAT | {"rates": [{"per_kwh": "1e999"}]}, "/rates/0/per_kwh"),
        (FLAT | {"rates": [{"per_minute": -1}]}, "/rates/0/per_minute"),
        (FLAT | {"rates": [RATE | {"from": "25:00", "to": "06:00"}]}, "/rates/0/from"),
        (FLAT | {"rates": [RATE | {"from": "22:00"}]}, "/rates/0"),
        (FLAT | {"rates": [RATE | {"from": "06:00", "to": "06:00"}]}, "/rates/0"),
        (FLAT | {"rates": [RATE | {"from": "24:00", "to": "06:00"}]}, "/rates/0"),
        (FLAT | {"rates": [RATE | {"weekdays": []}]}, "/rates/0/weekdays"),
        (FLAT | {"rates": [RATE | {"weekdays": ["Monday"]}]}, "/rates/0/weekdays/0"),
        (FLAT | {"rates": [RATE | {"season": {"from": "02-30", "to": "03-01"}}]}, "/rates/0/season/from"),
        (FLAT | {"rates": [RATE | {"valid_from": "2025-02-29"}]}, "/rates/0/valid_from"),
        (FLAT | {"rates": [RATE | {"valid_from": "2025-02-02", "valid_until": "2025-02-01"}]}, "/rates/0"),
        (FLAT | {"rates": [RATE | {"per_mile": 1}]}, "/rates/0/per_mile"),
        (FLAT | {"latitude": 48}, ""),
        (FLAT | {"latitude": 48, "longitude": 11, "radius_m": 0}, "/radius_m"),
        (FLAT | {"latitude": 91, "longitude": 11, "radius_m": 5}, "/latitude"),
        (FLAT | {"latitude": 48, "longitude": 11, "radius_m": 5, "saved_location": "Home"}, ""),
        (FLAT | {"saved_location": "  "}, ""),
        (FLAT | {"vin": "short"}, "/vin"),
        (FLAT | {"vin": B}, "/vin"),
        (FLAT | {"charger": "tesla"}, "/charger"),
    ],
)
def test_invalid_tariff_names_the_field(run: Runner, body: dict[str, Any], pointer: str) -> None:
    async def case(client: Client) -> tuple[Answer, Answer]:
        return await client.post(PATH, body), await client.get(PATH)

    answer, listed = run(case)
    assert (answer.status, answer.header("content-type")) == (422, PROBLEM_JSON), answer.text
    assert pointer in {fault["pointer"] for fault in answer.json()["errors"]}, answer.text
    assert listed.json() == []


def test_there_are_two_hundred_tariffs_and_no_more(run: Runner) -> None:
    async def case(client: Client) -> Counter[int]:
        assert (await client.post(PATH, FLAT)).status == 201
        db: Any = client.ports.settings.db
        columns = "name, currency, rates, created_at, updated_at"
        rows = f"INSERT INTO tariffs (id, {columns}) SELECT value, {columns} FROM json_each(?), tariffs"
        await db.run(rows, str([*range(MOST_TARIFFS - 3)]))
        answers = await asyncio.gather(*(client.post(PATH, FLAT) for _ in range(5)))
        return Counter(answer.status for answer in answers)

    assert run(case) == {201: 2, 409: 3}


def test_tariffs_are_the_administrators_to_write_and_a_bound_key_sees_its_own(run: Runner) -> None:
    async def case(client: Client) -> None:
        for vin in (A, B):
            await put_vehicle(client, vin)
        ids = [await add(client, FLAT | more) for more in ({}, {"vin": A}, {"vin": B})]
        reader, bound = [
            as_key(client, (await client.post("/auth/keys", key)).json()["key"])
            for key in ({"name": "r", "role": "operator"}, {"name": "b", "role": "reader", "subjects": [A]})
        ]
        assert [tariff["id"] for tariff in (await reader.get(PATH)).json()] == ids
        assert [tariff["id"] for tariff in (await bound.get(PATH)).json()] == [ids[1]]
        assert [(await bound.get(f"{PATH}/{id_}")).status for id_ in ids] == [404, 200, 404]
        for caller in (reader, bound):
            for method, path, body in (
                ("POST", PATH, FLAT),
                ("PUT", f"{PATH}/{ids[1]}", FLAT),
                ("DELETE", f"{PATH}/{ids[1]}", None),
                ("POST", "/tariff-estimates", None),
            ):
                answer = await caller.request(method, path, json=body)
                assert (answer.status, answer.header("content-type")) == (403, PROBLEM_JSON), (method, path)
        assert len((await client.get(PATH)).json()) == 3
        for method in ("GET", "DELETE"):
            assert (await client.request(method, f"{PATH}/none")).status == 404
        assert (await client.request("PUT", f"{PATH}/none", json=FLAT)).status == 404

    run(case)


def test_unreadable_tariff_prices_nothing_and_breaks_nothing(run: Runner) -> None:
    async def case(client: Client) -> Any:
        await put_vehicle(client)
        await put(client, "charges", [event(1, "10 08:00:00", 60, energy_added_kwh=10)])
        database = client.ports.settings.db
        for number, at in ((2, "yesterday"), (3, "0001-01-01 00:00:00"), (4, "9999-12-31 23:59:59")):
            await database.run(
                "INSERT INTO charges (id, vin, tessie_id, started_at, ended_at, energy_added_kwh) "
                "VALUES (?, ?, ?, ?, ?, 1)",
                f"{A}-{number}",
                A,
                number,
                at,
                at,
            )
        await client.post("/d1/tariffs", {"name": "x", "currency": "EUR", "saved_location": "Home", "rates": {"a": 1}})
        await client.post("/d1/tariffs", {"name": "y", "currency": "EUR", "rates": [], "timezone": "Mars"})
        await add(
            client, FLAT | {"timezone": "Asia/Tokyo", "rates": [{"from": "00:00", "to": "24:00", "per_kwh": 0.5}]}
        )
        return await costs(client)

    estimates = run(case)
    assert estimates[1][1:3] == (5.0, "USD")
    assert estimates[2][1] is None


@pytest.mark.slow
def test_many_charges_are_priced_in_batches(run: Runner) -> None:
    async def case(client: Client) -> list[Any]:
        await put_vehicle(client)
        for start in range(0, 2_500, 500):
            rows = [
                {
                    "vin": A,
                    "tessie_id": number,
                    "energy_added_kwh": 10,
                    "saved_location": "Home",
                    "started_at": "2025-01-10T20:00:00Z",
                    "ended_at": "2025-01-10T22:00:00Z",
                }
                for number in range(start, start + 500)
            ]
            assert (await client.post("/d1/charges", rows)).status == 201
        await add(client, NIGHT)
        left = await client.get("/d1/charges?estimated_cost=is.null&limit=1")
        right = await client.get("/d1/charges?estimated_cost=eq.3&limit=1")
        again = await client.post("/tariff-estimates")
        return [left.header("content-range"), right.header("content-range"), again.json()["charges"]]

    assert run(case) == ["*/0", "0-0/2500", 0]


async def settled(client: Client, expected: set[str]) -> None:
    """Wait until the charges with an estimate are those with these ids: they follow the end of a sync."""
    async for _ in pauses():
        priced = {row["id"] for row in await rows(client, "charges", "estimated_cost IS NOT NULL")}
        if priced == expected:
            return
    assert priced == expected


@pytest.mark.slow
def test_charges_are_priced_as_they_come_and_an_owners_cost_stays(run: Runner) -> None:
    async def case(client: Client) -> None:
        tariff = await add(client, {"name": "All", "currency": "EUR", "rates": [{"per_session": 1}]})
        await synced(client)
        priced_ids = {row["id"] for row in await rows(client, "charges", "cost IS NULL AND ended_at IS NOT NULL")}
        assert priced_ids
        await settled(client, priced_ids)
        id_ = min(priced_ids)
        await client.request("PATCH", f"/d1/charges/{id_}", json={"cost": 4.5})
        await synced(client)
        await settled(client, priced_ids - {id_})
        (row,) = await rows(client, "charges", f"id = '{id_}'")
        assert (row["cost"], row["estimated_tariff_id"]) == (4.5, None)
        (other,) = await rows(client, "charges", f"id = '{max(priced_ids)}'")
        assert (other["estimated_cost"], other["estimated_tariff_id"]) == (1, tariff)

    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW), port=run.tessie_port):
        run(case, started=True)
