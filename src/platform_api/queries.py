"""The content that the site has, by type: its name here, its type in Sanity, and the GROQ queries that read it."""

from typing import NamedTuple

MOST = 1_000
"""Documents of a type that one query lists."""

_ALWAYS = '_id, _type, _updatedAt, "slug": slug.current, '
_SIZE = '"url": asset->url, "width": asset->metadata.dimensions.width, "height": asset->metadata.dimensions.height'
_BODY = f'coalesce(body, bio)[]{{..., _type == "image" => {{{_SIZE}}}}}'


def _pictured(field: str) -> str:
    return f'"image": {field}.asset->url, "picture": {field}{{alt, hotspot, {_SIZE}}}'


class Content(NamedTuple):
    """One type: `fields` is the projection beyond what all have, `order` how documents are listed."""

    name: str
    type: str
    order: str
    fields: str
    text: str = "pt::text(body)"

    def every(self, begin: int = 0) -> str:
        """Return the query of `MOST` documents from `begin` on, with how many there are in all.

        A document without a slug has no place on the site.
        """
        chosen = f'*[_type == "{self.type}" && defined(slug.current)]'
        listed = f"{chosen} | order({self.order}, _id asc) [{begin}...{begin + MOST}] {{{_ALWAYS}{self.fields}}}"
        return f'{{"total": count({chosen}), "documents": {listed}}}'

    @property
    def one(self) -> str:
        """The query of the document `$slug`, with its whole text; null where there is none."""
        chosen = f'*[_type == "{self.type}" && slug.current == $slug] | order(_id asc) [0]'
        return f'{chosen} {{{_ALWAYS}{self.fields}, "text": {self.text}, "body": {_BODY}}}'


_STARTS = "coalesce(startsAt, dateTime)"
"""The beginning of an event: schemas made from a common template call it `dateTime`."""
_EVENT = (
    f'title, summary, "startsAt": {_STARTS}, endsAt, timeZone, "location": location.name, '
    f'"url": registrationUrl, {_pictured("image")}, "people": speakers[]->name, tags'
)
CONTENT = {
    one.name: one
    for one in (
        Content("events", "event", f"{_STARTS} desc", _EVENT),
        Content(
            "posts",
            "post",
            "publishedAt desc",
            f'title, summary, publishedAt, "people": [author->name], {_pictured("coalesce(mainImage, image)")}, tags',
        ),
        Content(
            "people",
            "person",
            "name asc",
            f'"title": name, role, "url": website, {_pictured("image")}',
            "pt::text(bio)",
        ),
        Content(
            "projects",
            "project",
            "title asc",
            'title, summary, "url": repository, "people": maintainers[]->name, tags',
        ),
        Content(
            "sponsors",
            "sponsor",
            "name asc",
            '"title": name, summary, "tier": coalesce(tier->name, tier->title, tier), '
            f'"rank": coalesce(rank, tier->rank), "url": website, {_pictured("logo")}',
            "summary",
        ),
        Content("announcements", "announcement", "publishedAt desc", "title, summary, publishedAt"),
    )
}
"""By name, as it stands in a path."""
NAMES = {one.type: one.name for one in CONTENT.values()}
"""The names by Sanity's types."""

UPCOMING = (
    f'*[_type == "event" && defined(slug.current) && {_STARTS} > $now] | order({_STARTS} asc, _id asc) [0...100] '
    f"{{{_ALWAYS}{_EVENT}}}"
)
"""The events that begin after `$now`, soonest first."""
TEXTS = (
    "*[_type in $types && defined(slug.current)] | order(_id asc) [$from...$to] "
    '{_id, _type, "slug": slug.current, "title": coalesce(title, name), summary, "text": pt::text(coalesce(body, bio))}'
)
"""The texts of documents `$from` to `$to`, to be found by questions."""
COUNTS = (
    '{"content": {'
    + ", ".join(f'"{one.name}": count(*[_type == "{one.type}"])' for one in CONTENT.values())
    + '}, "upcoming_events": count(*[_type == "event" && '
    + _STARTS
    + " > $now])}"
)
"""How many documents of each type there are, and events that begin after `$now`."""
