"""The stand-in's records: small, invented but for their shape, with every oddity that Discogs' data have."""

import re
from dataclasses import dataclass, field
from typing import Any

RATES = {
    "USD": 1.0,
    "GBP": 0.75,
    "EUR": 0.9,
    "CAD": 1.4,
    "AUD": 1.5,
    "JPY": 150.0,
    "CHF": 0.88,
    "MXN": 18.0,
    "BRL": 5.4,
    "NZD": 1.7,
    "SEK": 9.6,
    "ZAR": 17.5,
}
"""The currencies that Discogs knows, in units of a dollar."""


@dataclass(frozen=True, slots=True)
class Release:
    """One release; `price_usd` is None if nothing is for sale; `is_dead` if the search lists it after its deletion."""

    id: int
    artists: tuple[str, ...]
    title: str
    year: int
    labels: tuple[tuple[str, str], ...]
    formats: tuple[dict[str, Any], ...]
    genres: tuple[str, ...] = ("Rock",)
    styles: tuple[str, ...] = ()
    country: str = "UK"
    barcodes: tuple[str, ...] = ()
    master_id: int | None = None
    price_usd: float | None = None
    for_sale: int | None = None
    have: int = 10
    is_dead: bool = False
    images: int = 1
    name_variation: bool = False
    tracks: tuple[str, ...] = field(default=("Side one", "Side two"))

    @property
    def search_title(self) -> str:
        """The title as the search shows it: artist and title, `*` after a name variation."""
        star = "*" if self.name_variation else ""
        return f"{', '.join(self.artists)}{star} - {self.title}"


def vinyl(*descriptions: str, quantity: int = 1, text: str = "") -> dict[str, Any]:
    """Return a format of vinyl records as the API spells it."""
    carrier: dict[str, Any] = {"name": "Vinyl", "qty": str(quantity), "descriptions": list(descriptions)}
    return carrier | ({"text": text} if text else {})


_LP = (vinyl("LP", "Album"),)
_BOX = {"name": "Box Set", "qty": "1", "descriptions": ["Compilation", "Mono", "Limited Edition"]}
_QUAY = ("The Glass Harbour",)

RELEASES = (
    Release(
        id=1001,
        artists=_QUAY,
        title="Night Ferry",
        year=1979,
        labels=(("Quay Records", "QUAY 1"),),
        formats=_LP,
        styles=("New Wave",),
        barcodes=("5 012345 678900",),
        master_id=2001,
        price_usd=18.07,
        for_sale=4,
        have=900,
    ),
    Release(
        id=1002,
        artists=_QUAY,
        title="Night Ferry",
        year=2011,
        labels=(("Quay Records", "QUAY 1R"),),
        formats=(vinyl("LP", "Album", "Reissue", text="180 Gram"),),
        master_id=2001,
        price_usd=25.0,
        for_sale=9,
        have=120,
    ),
    Release(
        id=1003,
        artists=_QUAY,
        title="Night Ferry",
        year=1979,
        labels=(("Quay Records", "QUAY CD 1"),),
        formats=({"name": "CD", "qty": "1", "descriptions": ["Album"]},),
        master_id=2001,
        have=2000,
    ),
    # Its id is also the id of Night Ferry's master: two spaces of numbers.
    Release(
        id=2001,
        artists=("Mono Lake",),
        title="Salt Works",
        year=1994,
        labels=(("Basin", "BSN-7"),),
        formats=_LP,
        genres=("Electronic",),
        styles=("Ambient",),
        country="US",
        have=55,
    ),
    Release(
        id=1010,
        artists=("Eat (2)", "Die Warzau"),
        title="Split Decision",
        year=1991,
        labels=(("Fiction (3)", "none"),),
        formats=(vinyl('7"', "Single", "45 RPM"),),
        country="US",
        have=8,
    ),
    Release(
        id=1011,
        artists=("Eat",),
        title="Split Decision",
        year=1990,
        labels=(("Other Label", "0"),),
        formats=_LP,
        have=3,
    ),
    Release(
        id=1020,
        artists=("Los Ríos",),
        title="Canción Nueva",
        year=1972,
        labels=(("Andes", "AND 004"),),
        formats=_LP,
        genres=("Latin",),
        country="Chile",
        price_usd=120.0,
        for_sale=1,
        images=2,
        name_variation=True,
    ),
    Release(
        id=1030,
        artists=("Gone Band",),
        title="Lost Tapes",
        year=1985,
        labels=(("Nowhere", "NW1"),),
        formats=_LP,
        have=400,
        is_dead=True,
    ),
    Release(
        id=1031,
        artists=("Gone Band",),
        title="Lost Tapes",
        year=1986,
        labels=(("Nowhere", "NW1B"),),
        formats=_LP,
        price_usd=7.5,
        for_sale=2,
        have=40,
    ),
    Release(
        id=1032,
        artists=("Vanished",),
        title="Only Copy",
        year=1981,
        labels=(("Nowhere", "NW9"),),
        formats=_LP,
        is_dead=True,
    ),
    Release(
        id=1040,
        artists=("Pixelette",),
        title="Bare Sleeve",
        year=2003,
        labels=(("Dither", "DTH-02"),),
        formats=_LP,
        genres=("Electronic", "Hip Hop"),
        country="Germany",
        barcodes=("036000291452",),
        images=0,
    ),
    Release(
        id=1050,
        artists=_QUAY,
        title="Box of Tides",
        year=0,
        labels=(("Quay Records", "QUAY BOX"),),
        formats=(_BOX, vinyl("LP", "Album", "Mono", quantity=14, text="180 Gram")),
    ),
)


def words(text: str) -> set[str]:
    """Return the words of a text as the search compares them."""
    return set(re.findall(r"[^\W_]+", text.casefold()))


def digits(text: str) -> str:
    """Return the digits of a barcode."""
    return re.sub(r"\D", "", text)


def matches(release: Release, query: dict[str, str]) -> bool:
    """Tell whether a release answers a search: every given field holds, words in any order."""
    fields = {
        "artist": " ".join(release.artists),
        "release_title": release.title,
        "title": release.search_title,
        "q": f"{release.search_title} {' '.join(name for name, _ in release.labels)}",
        "catno": " ".join(number for _, number in release.labels),
        "label": " ".join(name for name, _ in release.labels),
        "format": " ".join(carrier["name"] for carrier in release.formats),
    }
    if any(name in query and not words(query[name]) <= words(text) for name, text in fields.items()):
        return False
    return "barcode" not in query or digits(query["barcode"]) in {digits(code) for code in release.barcodes}


def hit(release: Release, base: str, image: str) -> dict[str, Any]:
    """Return a search's item."""
    carriers = [carrier["name"] for carrier in release.formats]
    described = [text for carrier in release.formats for text in carrier["descriptions"]]
    item: dict[str, Any] = {
        "id": release.id,
        "type": "release",
        "title": release.search_title,
        "uri": f"/release/{release.id}",
        "resource_url": f"{base}/releases/{release.id}",
        "thumb": image,
        "cover_image": image,
        "country": release.country,
        "format": carriers + described,
        "formats": list(release.formats),
        "label": [name for name, _ in release.labels],
        "catno": release.labels[0][1],
        "genre": list(release.genres),
        "style": list(release.styles),
        "barcode": list(release.barcodes),
        "community": {"want": release.have // 2, "have": release.have},
        "user_data": {"in_wantlist": False, "in_collection": False},
        "master_id": release.master_id or 0,
        "master_url": f"{base}/masters/{release.master_id}" if release.master_id else None,
    }
    return item | ({"year": str(release.year)} if release.year else {})


def whole(release: Release, base: str, images: list[dict[str, Any]], currency: str) -> dict[str, Any]:
    """Return a release as `/releases/{id}` does, prices in a currency."""
    last = len(release.artists) - 1
    artists = [
        {
            "name": name,
            "anv": name.rstrip("s") if release.name_variation else "",
            "join": "" if number == last else ",",
            "role": "",
            "tracks": "",
            "id": 300 + number,
            "resource_url": f"{base}/artists/{300 + number}",
        }
        for number, name in enumerate(release.artists)
    ]
    members: dict[str, Any] = {
        "id": release.id,
        "status": "Accepted",
        "title": release.title,
        "year": release.year,
        "country": release.country,
        "released": str(release.year) if release.year else "",
        "uri": f"https://www.discogs.com/release/{release.id}",
        "resource_url": f"{base}/releases/{release.id}",
        "artists": artists,
        "artists_sort": ", ".join(release.artists),
        "labels": [{"name": name, "catno": number, "entity_type": "1", "id": 400} for name, number in release.labels],
        "formats": list(release.formats),
        "format_quantity": sum(int(carrier["qty"]) for carrier in release.formats),
        "genres": list(release.genres),
        "styles": list(release.styles),
        "identifiers": [{"type": "Barcode", "value": code} for code in release.barcodes],
        "community": {"have": release.have, "want": 1, "rating": {"count": 2, "average": 4.5}},
        "num_for_sale": release.for_sale or 0,
        "lowest_price": price(release, currency),
        "tracklist": [{"position": f"{n}", "type_": "track", "title": t} for n, t in enumerate(release.tracks, 1)],
    }
    if release.master_id:
        members |= {"master_id": release.master_id, "master_url": f"{base}/masters/{release.master_id}"}
    return members | ({"images": images, "thumb": images[0]["uri150"]} if images else {"thumb": ""})


def price(release: Release, currency: str) -> float | None:
    """Return the lowest price in a currency, None if nothing is for sale."""
    if release.price_usd is None:
        return None
    return round(release.price_usd * RATES[currency], 0 if currency == "JPY" else 2)
