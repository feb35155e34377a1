"""Public pages: complete HTML without scripts, with schema.org data, and with escaped user texts."""

from html.parser import HTMLParser
from typing import Any

from tests.klear_karma.conftest import ENV, Run
from tests.klear_karma.people import PROFILE, SERVICE, as_healer, verify
from tests.klear_karma.practices import insertion

from edge.testing import Client
from klear_karma.pages.profile import PageParts, page

EVIL = "\"><script>alert(1)</script>'&<b>"


class Page(HTMLParser):
    """Parses a page into elements with attributes and texts; checks that each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "img"}:
            self._open.append((tag, dict(attrs).get("itemprop") or ""))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for name in {name for _, name in self._open if name}:
            self.texts.setdefault(name, []).append(data)

    def attributes(self, tag: str, name: str) -> list[str | None]:
        """Return the values of an attribute for all elements with a tag."""
        return [
            attributes[name] for name_of_tag, attributes in self.elements if name_of_tag == tag and name in attributes
        ]


def test_page_has_what_search_engines_read(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        await as_healer(client, "mira")
        db: Any = client.ports.settings.db
        await db.run("UPDATE practitioners SET rating_sum = 14, rating_count = 3")
        page = await client.get("/practitioners/mira", headers=[("accept", "text/html")])
        await verify(client, "mira", "pending")
        return [page, (await client.get("/practitioners/mira")).status, (await client.get("/practitioners/x")).status]

    answer, hidden, nobody = run(case)
    assert (answer.status, answer.header("content-type"), hidden, nobody) == (200, "text/html; charset=utf-8", 404, 404)
    page = Page(answer.text)
    assert "script" not in {tag for tag, _ in page.elements}
    kinds = page.attributes("body", "itemtype") + page.attributes("p", "itemtype") + page.attributes("tr", "itemtype")
    assert kinds == [
        "https://schema.org/LocalBusiness",
        "https://schema.org/PostalAddress",
        "https://schema.org/AggregateRating",
        "https://schema.org/Offer",
    ]
    assert page.texts["addressLocality"] == ["Berlin"]
    assert (page.texts["ratingValue"], page.texts["reviewCount"]) == (["4.67"], ["3"])
    assert page.attributes("meta", "content")[-2:] == ["80.00", "EUR"]
    assert page.attributes("link", "href")[0] == f"{ENV['SITE_URL']}/practitioners/mira"
    assert len(page.attributes("time", "datetime")) == 6
    assert "script-src" not in str(answer.header("content-security-policy"))
    assert "default-src 'none'" in str(answer.header("content-security-policy"))
    for private in ("52.5123", "13.4123", "Straße 1"):
        assert private not in answer.text


def test_user_texts_are_escaped(local: Run) -> None:
    async def case(client: Client) -> str:
        texts = dict.fromkeys(("name", "headline", "bio", "city"), EVIL)
        mira = await as_healer(client, "mira", **texts, specializations=[EVIL[:40]])
        await mira.post("/api/practitioners/me/services", SERVICE | {"name": EVIL, "description": EVIL})
        row = {
            "id": "r1",
            "appointment_id": "a1",
            "practitioner_id": "mira",
            "author_name": EVIL,
            "rating": 5,
            "body": EVIL,
            "reply": EVIL,
            "created_at": "2026-01-01 00:00:00",
        }
        db: Any = client.ports.settings.db
        booking = {
            "id": "a1",
            "customer_name": "x",
            "practitioner_name": "x",
            "service_name": "x",
            "state": "completed",
            "starts_at": "2026-01-01 00:00:00",
            "ends_at": "2026-01-01 00:00:00",
            "time_zone": "UTC",
            "wall_time": "x",
            "blocked_from": 1,
            "blocked_until": 2,
            "minutes": 1,
            "price": 1,
            "currency": "EUR",
            "free": 1,
            "current": 1,
            "created_at": "2026-01-01 00:00:00",
            "updated_at": "2026-01-01 00:00:00",
        }
        await db.batch([insertion("appointments", booking), insertion("reviews", row)])
        return (await client.get("/practitioners/mira")).text

    text = local(case)
    page = Page(text)
    assert "script" not in {tag for tag, _ in page.elements}
    assert "<script" not in text
    assert page.texts["reviewBody"] == [EVIL]
    assert page.texts["slogan"] == [EVIL]
    assert str(PROFILE["name"]) not in text


def test_times_of_an_hour_that_comes_twice_have_their_offset() -> None:
    empty: dict[str, Any] = dict.fromkeys(("name", "headline", "bio", "city", "country", "id"), "")
    lists: dict[str, Any] = {name: [] for name in ("specializations", "languages", "services")}
    person: Any = empty | lists | {"photo_id": None, "rating": None, "time_zone": "Europe/Berlin"}
    times = ["2027-10-31T02:30:00+02:00", "2027-10-31T02:30:00+01:00"]
    texts = [f"Sun 31 Oct, 02:30 (UTC{time[-6:]})" for time in times]
    html = page(PageParts("Site", "https://karma.example", person, [], times))
    assert [text for text in texts if text in html] == texts
    for alone, text in zip(times, texts, strict=True):
        assert text in page(PageParts("Site", "https://karma.example", person, [], [alone]))
    once = "2027-10-31T01:30:00+02:00"
    assert "Sun 31 Oct, 01:30</time>" in page(PageParts("Site", "https://karma.example", person, [], [once]))
