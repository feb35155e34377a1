"""Statistics of a collection, and links that share it."""

from typing import Any

from tests.vinyl_vault.conftest import Run, as_member
from tests.vinyl_vault.test_collection import add

from edge.testing import Client

RECORDS: list[dict[str, Any]] = [
    {
        "artist": "Miles Davis",
        "album": "Kind of Blue",
        "year": 1959,
        "genre": ["Jazz", "Blues"],
        "label": "Columbia",
        "media_condition": "NM",
        "price_paid": {"amount": 2500, "currency": "EUR"},
        "notes": "from Bob",
        "shelf": "A1",
    },
    {"artist": "miles davis", "album": "Bitches Brew", "year": 1970, "genre": ["Jazz"], "label": "columbia"},
    {"artist": "Can", "album": "Tago Mago", "price_paid": {"amount": 30, "currency": "USD"}},
    {"artist": "Can", "album": "Ege Bamyasi", "status": "wanted", "year": 1972},
    {"artist": "Neu!", "album": "Neu!", "price_sold": {"amount": 900, "currency": "EUR"}, "year": 1972},
]


async def filled(client: Client) -> Client:
    """Return a member with records, two of them with a market value."""
    ada = await as_member(client, "ada")
    for record in RECORDS:
        assert (await ada.post("/api/collection", record)).status == 201
    db = client.ports.settings.db
    money = '{"amount": 1000, "currency": "EUR"}'
    await db.run("UPDATE collections SET market_value = ? WHERE artist LIKE 'miles%'", money)
    await db.run("UPDATE collections SET market_value = ? WHERE album = 'Tago Mago'", money.replace("EUR", "USD"))
    return ada


def test_groups_are_counted_and_currencies_never_added(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await filled(client)
        stats = (await ada.get("/api/stats")).json()
        short = (await ada.get("/api/stats?limit=1")).json()
        other = (await (await as_member(client, "bob")).get("/api/stats")).json()
        return [stats, short, other]

    stats, short, other = run(case)
    eur = {"currency": "EUR", "amount": 2000, "records": 2}
    usd = {"currency": "USD", "amount": 1000, "records": 1}
    assert [stats[name] for name in ("owned", "wanted", "sold")] == [3, 1, 1]
    assert stats["value"] == [eur, usd]
    assert [(a["currency"], a["amount"]) for a in stats["paid"]] == [("EUR", 2500), ("USD", 30)]
    assert [(a["currency"], a["amount"]) for a in stats["earned"]] == [("EUR", 900)]
    assert [(g["name"], g["records"]) for g in stats["genres"]] == [("Jazz", 2), (None, 1), ("Blues", 1)]
    assert {g["decade"]: g["records"] for g in stats["decades"]} == {None: 1, 1950: 1, 1970: 1}
    assert [(g["name"].lower(), g["records"], g["value"]) for g in stats["artists"]] == [
        ("miles davis", 2, [eur]),
        ("can", 1, [usd]),
    ]
    assert [(g["name"] and g["name"].lower(), g["records"]) for g in stats["labels"]] == [("columbia", 2), (None, 1)]
    assert {g["name"]: g["records"] for g in stats["media_conditions"]} == {"Near Mint (NM or M-)": 1, None: 2}
    assert (len(short["genres"]), short["owned"]) == (1, 3)
    assert (other["owned"], other["genres"], other["value"]) == (0, [], [])


def test_link_shows_records_without_prices_until_it_is_revoked(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await filled(client)
        bob = await as_member(client, "bob")
        share = (await ada.post("/api/shares", {"name": "My jazz"})).json()
        page = await client.get(f"{share['path']}?genre=jazz&limit=1")
        pages = page.json(), (await client.get(f"{share['path']}?genre=jazz&after={page.json()['next']}")).json()
        stored = await client.ports.settings.db.all("SELECT * FROM shares")
        path = f"/api/shares/{share['id']}"
        statuses = [(await user.request("DELETE", path)).status for user in (bob, ada, ada)]
        lists = [(await user.get("/api/shares")).json() for user in (ada, bob)]
        return [share, pages, share["token"] in str(stored), statuses, lists, (await client.get(share["path"])).status]

    share, pages, is_stored, statuses, lists, after = run(case)
    assert [(page["name"], page["total"], len(page["records"])) for page in pages] == [("My jazz", 2, 1)] * 2
    assert pages[1]["next"] is None
    [record] = pages[0]["records"]
    assert record["artist"].lower() == "miles davis"
    assert not record.keys() & {"price_paid", "market_value", "notes", "shelf", "folder", "tags", "extra", "rating"}
    assert (len(share["token"]), is_stored) == (43, False)
    assert (statuses, lists, after) == ([404, 204, 404], [[], []], 404)


def test_search_behind_a_link_finds_only_what_the_link_shows(run: Run) -> None:
    async def case(client: Client) -> list[int]:
        ada = await as_member(client, "ada")
        record = {"artist": "Can", "album": "Future Days", "notes": "from my aunt", "barcode": "4015887000123"}
        await add(ada, record | {"colour": "green"}, record | {"sold_on": "2026-01-01"}, record | {"status": "wanted"})
        path = (await ada.post("/api/shares", {"name": "x"})).json()["path"]
        words = ("future", "green", "aunt", "4015887000123")
        totals = [(await client.get(f"{path}?q={word}")).json()["total"] for word in words]
        own = [(await ada.get(f"/api/collection?q={word}")).json()["total"] for word in words]
        return [*totals, *own]

    assert run(case) == [1, 1, 0, 0, 3, 1, 3, 3]


def test_links_are_bounded(local: Run) -> None:
    async def case(client: Client) -> list[int]:
        ada = await as_member(client, "ada")
        return [(await ada.post("/api/shares", {"name": "x"})).status for _ in range(21)]

    assert local(case) == [201] * 20 + [409]
