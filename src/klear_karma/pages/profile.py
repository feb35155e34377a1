"""A practitioner's page: HTML with the schema.org data as microdata, so that it needs no script."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from edge.markup import Markup, el
from edge.zones import zone_of
from klear_karma.money import amount
from klear_karma.practitioners.profile import Practitioner, Service

STYLE = """
:root { color-scheme: light dark; }
body { font: 1.05rem/1.55 system-ui, sans-serif; margin: 0; background: Canvas; color: CanvasText; }
header, main { max-width: 44rem; margin: 0 auto; padding: 1rem; }
.photo { width: 9rem; height: 9rem; object-fit: cover; border-radius: 50%; float: right; margin: 0 0 1rem 1rem; }
h1 { margin-bottom: 0; }
.headline { font-size: 1.2rem; margin-top: .2rem; }
.facts, .times { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .5rem; }
.facts li, .times li { border: 1px solid; border-radius: 1rem; padding: .1rem .8rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .5rem; border-bottom: 1px solid; vertical-align: top; }
.review { border-left: 3px solid; padding-left: 1rem; margin: 1.5rem 0; }
.text { white-space: pre-line; overflow-wrap: anywhere; }
"""
SCHEMA = "https://schema.org/"


class PageParts(NamedTuple):
    """The contents of a page: the site's name and address, the practitioner, rows of reviews, and free times."""

    site_name: str
    site: str
    practitioner: Practitioner
    reviews: Sequence[Mapping[str, Any]]
    times: Sequence[str]


def page(parts: PageParts) -> str:
    """Return the page as an HTML document."""
    person = parts.practitioner
    body = el(
        "body", _header(parts), el("main", list(_sections(parts))), itemscope="", itemtype=f"{SCHEMA}LocalBusiness"
    )
    return f"<!doctype html>\n{el('html', _head(parts, person), body, lang='en')}\n"


def _head(parts: PageParts, person: Practitioner) -> Markup:
    title = f"{person['name']} | {parts.site_name}"
    about = person["headline"] or person["bio"][:200] or ", ".join(person["specializations"])
    address = _address(parts)
    return el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("meta", name="description", content=about),
        el("link", rel="canonical", href=address),
        el("meta", property="og:title", content=title),
        el("meta", property="og:type", content="profile"),
        el("meta", property="og:url", content=address),
        el("style", Markup(STYLE)),
    )


def _header(parts: PageParts) -> Markup:
    person = parts.practitioner
    photo = person["photo_id"]
    return el(
        "header",
        el("p", el("a", parts.site_name, href="/")),
        el("img", class_="photo", src=f"/assets/{photo}", alt=f"Photo of {person['name']}", itemprop="image")
        if photo
        else None,
        el("h1", person["name"], itemprop="name"),
        el("p", person["headline"], class_="headline", itemprop="slogan") if person["headline"] else None,
        el("link", itemprop="url", href=_address(parts)),
        _where(person),
        _rating(person),
    )


def _where(person: Practitioner) -> Markup | None:
    places = ((person["city"], "addressLocality"), (person["country"], "addressCountry"))
    named = [el("span", name, itemprop=property_) for name, property_ in places if name]
    if not named:
        return None
    joined = Markup(", ".join(named))
    return el("p", joined, itemprop="address", itemscope="", itemtype=f"{SCHEMA}PostalAddress")


def _rating(person: Practitioner) -> Markup | None:
    if person["rating"] is None:
        return None
    return el(
        "p",
        el("span", f"{person['rating']:.2f}", itemprop="ratingValue"),
        " of ",
        el("span", "5", itemprop="bestRating"),
        " from ",
        el("span", str(person["rating_count"]), itemprop="reviewCount"),
        " review" if person["rating_count"] == 1 else " reviews",
        itemprop="aggregateRating",
        itemscope="",
        itemtype=f"{SCHEMA}AggregateRating",
    )


def _sections(parts: PageParts) -> Iterator[Markup]:
    person = parts.practitioner
    if person["bio"]:
        yield el("section", el("h2", "About"), el("p", person["bio"], class_="text", itemprop="description"))
    if person["specializations"]:
        listed = [el("li", name, itemprop="knowsAbout") for name in person["specializations"]]
        yield el("section", el("h2", "Specialisations"), el("ul", listed, class_="facts"))
    if person["languages"]:
        spoken = [el("li", name, itemprop="knowsLanguage") for name in person["languages"]]
        yield el("section", el("h2", "Languages"), el("ul", spoken, class_="facts"))
    if person["services"]:
        yield el("section", el("h2", "Services"), _services(person["services"]))
    yield el("section", el("h2", "Next free times"), _times(parts))
    if parts.reviews:
        yield el("section", el("h2", "Reviews"), [_review(row) for row in parts.reviews])


def _services(services: Sequence[Service]) -> Markup:
    heads = el("tr", [el("th", name, scope="col") for name in ("Service", "Length", "Price")])
    return el("table", el("thead", heads), el("tbody", [_service(service) for service in services]))


def _service(service: Service) -> Markup:
    price = amount(service["price"], service["currency"])
    return el(
        "tr",
        el(
            "td",
            el("b", service["name"], itemprop="name"),
            el("p", service["description"], class_="text", itemprop="description") if service["description"] else None,
        ),
        el("td", f"{service['minutes']} min"),
        el(
            "td",
            price,
            el("meta", itemprop="price", content=price.partition(" ")[0]),
            el("meta", itemprop="priceCurrency", content=service["currency"]),
        ),
        itemprop="makesOffer",
        itemscope="",
        itemtype=f"{SCHEMA}Offer",
    )


def _times(parts: PageParts) -> Markup:
    link = el("a", "Book a time", href=f"/#/practitioners/{parts.practitioner['id']}")
    if not parts.times:
        return el("p", "None in the next two weeks. ", link)
    time_zone = parts.practitioner["time_zone"]
    moments = [datetime.fromisoformat(time) for time in parts.times]
    has_offset = len({offset for moment in moments for offset in _offsets(moment, time_zone)}) > 1
    form = "%a %d %b, %H:%M (UTC%:z)" if has_offset else "%a %d %b, %H:%M"
    listed = [el("li", el("time", f"{moment:{form}}", datetime=moment.isoformat())) for moment in moments]
    zone = f" (times of {time_zone})"
    return el("div", el("ul", listed, class_="times"), el("p", link, zone))


def _offsets(moment: datetime, time_zone: str) -> list[timedelta | None]:
    """Return the UTC offsets with which the clocks of a zone show the time of a moment: two if an hour comes twice."""
    wall = moment.replace(tzinfo=zone_of(time_zone))
    return [wall.replace(fold=fold).utcoffset() for fold in (0, 1)]


def _review(row: Mapping[str, Any]) -> Markup:
    return el(
        "article",
        el(
            "p",
            el("b", row["author_name"], itemprop="author"),
            ", ",
            el("time", row["created_at"][:10], datetime=row["created_at"][:10], itemprop="datePublished"),
            ": ",
            el(
                "span",
                el("span", str(row["rating"]), itemprop="ratingValue"),
                " of 5",
                itemprop="reviewRating",
                itemscope="",
                itemtype=f"{SCHEMA}Rating",
            ),
        ),
        el("p", row["body"], class_="text", itemprop="reviewBody") if row["body"] else None,
        el("p", f"Reply: {row['reply']}", class_="text") if row["reply"] else None,
        class_="review",
        itemprop="review",
        itemscope="",
        itemtype=f"{SCHEMA}Review",
    )


def _address(parts: PageParts) -> str:
    return f"{parts.site}/practitioners/{parts.practitioner['id']}"
