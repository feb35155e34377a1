"""The documents of Edge Collective, a made-up community, as they are when the stand-in starts."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sims.sanity.content_events import EVENTS
from sims.sanity.content_people import PEOPLE, PROJECTS, SPONSORS
from sims.sanity.content_posts import ANNOUNCEMENTS, DRAFT, IMAGES, POSTS
from sims.sanity.documents import Document, body, reference, references, slug, stamp

PROJECT_ID, DATASET = "edgesim1", "production"
_PORTRAITS = {"person-zoe": "image-zoe"}

type Row = tuple[Any, ...]


def documents(now: datetime) -> list[Document]:
    """Return all documents; some events lie within two days of `now`, some within a week, some later, some before."""
    created = [
        *(_event(row, now) for row in EVENTS),
        *(_post(row, now) for row in (*POSTS, DRAFT)),
        *(_announcement(row, now) for row in ANNOUNCEMENTS),
        *(_person(row) for row in PEOPLE),
        *(_project(row) for row in PROJECTS),
        *(_sponsor(row) for row in SPONSORS),
        *(_asset(row) for row in IMAGES),
    ]
    return [*_stamped(created, now)]


def _stamped(created: Sequence[Document], now: datetime) -> Iterator[Document]:
    for number, document in enumerate(created):
        system = {
            "_createdAt": stamp(now - timedelta(days=400 - number)),
            "_updatedAt": stamp(now - timedelta(days=1 + number % 7, minutes=number)),
            "_rev": hashlib.sha256(document["_id"].encode()).hexdigest()[:22],
        }
        yield {name: value for name, value in (document | system).items() if value is not None}


def _event(row: Row, now: datetime) -> Document:
    days, at, minutes, id_, title, name, zone, (place, address), speakers, tags, image, summary, paragraphs = row
    day = (now + timedelta(days=days)).date()
    starts = datetime.combine(day, time(*at), ZoneInfo(zone))
    return {
        "_id": id_,
        "_type": "event",
        "title": title,
        "slug": slug(name),
        "summary": summary,
        "body": body(paragraphs),
        "startsAt": stamp(starts),
        "endsAt": stamp(starts + timedelta(minutes=minutes)),
        "timeZone": zone,
        "location": {"name": place} | ({"address": address} if address else {}),
        "registrationUrl": f"https://edge-collective.example/register/{name}" if days > 0 else None,
        "image": _image(image),
        "speakers": references(speakers),
        "tags": [*tags],
    }


def _post(row: Row, now: datetime) -> Document:
    days, id_, title, name, author, tags, summary, paragraphs = row
    return {
        "_id": id_,
        "_type": "post",
        "title": title,
        "slug": slug(name),
        "summary": summary,
        "body": body(paragraphs),
        "publishedAt": stamp(now - timedelta(days=days, hours=3)),
        "author": reference(author),
        "tags": [*tags],
    }


def _announcement(row: Row, now: datetime) -> Document:
    days, id_, title, name, summary, paragraphs = row
    return {
        "_id": id_,
        "_type": "announcement",
        "title": title,
        "slug": slug(name),
        "summary": summary,
        "body": body(paragraphs),
        "publishedAt": stamp(now - timedelta(days=days, hours=5)),
    }


def _person(row: Row) -> Document:
    id_, name, short, role, website, biography = row
    return {
        "_id": id_,
        "_type": "person",
        "name": name,
        "slug": slug(short),
        "role": role,
        "website": website,
        "bio": body([biography]),
        "image": _image(_PORTRAITS.get(id_)),
    }


def _project(row: Row) -> Document:
    id_, title, name, summary, repository, maintainers, tags, paragraphs = row
    return {
        "_id": id_,
        "_type": "project",
        "title": title,
        "slug": slug(name),
        "summary": summary,
        "body": body(paragraphs),
        "repository": repository,
        "maintainers": references(maintainers),
        "tags": [*tags],
    }


def _sponsor(row: Row) -> Document:
    id_, name, short, tier, website, logo, summary = row
    return {
        "_id": id_,
        "_type": "sponsor",
        "name": name,
        "slug": slug(short),
        "tier": tier,
        "website": website,
        "logo": _image(logo),
        "summary": summary,
    }


def _asset(row: Row) -> Document:
    name, file, width, height = row
    id_, url = _address(name)
    return {
        "_id": id_,
        "_type": "sanity.imageAsset",
        "originalFilename": file,
        "url": url,
        "mimeType": "image/jpeg" if file.endswith(".jpg") else "image/png",
        "metadata": {"dimensions": {"width": width, "height": height, "aspectRatio": round(width / height, 4)}},
    }


def _image(name: str | None) -> Document | None:
    return None if name is None else {"_type": "image", "asset": reference(_address(name)[0])}


def _address(name: str) -> tuple[str, str]:
    """Return the id and the URL of an image; both contain a hash of its content."""
    _, file, width, height = next(row for row in IMAGES if row[0] == name)
    digest = hashlib.sha1(file.encode(), usedforsecurity=False).hexdigest()
    end = file.rpartition(".")[2]
    url = f"https://cdn.sanity.io/images/{PROJECT_ID}/{DATASET}/{digest}-{width}x{height}.{end}"
    return f"image-{digest}-{width}x{height}-{end}", url
