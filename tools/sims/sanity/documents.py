"""Documents, and their parts."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

type Document = dict[str, Any]

HIDDEN = ("drafts.", "versions.")
"""How the ids of documents begin that are not published."""


def stamp(at: datetime) -> str:
    """Return an instant as Sanity writes it, in UTC and without a fraction of a second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_ms(at_ms: int) -> str:
    """Return an instant with its milliseconds."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_published(id_: str) -> bool:
    """Tell whether a document of this id is published, and not a draft."""
    return not id_.startswith(HIDDEN)


def slug(text: str | None) -> Document | None:
    """Return a slug."""
    return None if text is None else {"_type": "slug", "current": text}


def reference(id_: str | None, *, weak: bool = False) -> Document | None:
    """Return a reference; a weak one may lead nowhere."""
    return None if id_ is None else {"_type": "reference", "_ref": id_} | ({"_weak": True} if weak else {})


def references(ids: Sequence[str]) -> list[Document]:
    """Return an array of references, each with the key that Sanity requires; weak if the target does not exist."""
    entries = ((id_, reference(id_, weak=id_.endswith("-missing")) or {}) for id_ in ids)
    return [entry | {"_key": _key(id_)} for id_, entry in entries]


def body(paragraphs: Sequence[str]) -> list[Document]:
    """Return portable text, of which each block's first sentence is strong."""
    return [_block(paragraph, f"{number}{paragraph}") for number, paragraph in enumerate(paragraphs)]


def _block(text: str, seed: str) -> Document:
    first, point, rest = text.partition(". ")
    texts = [(first + point, ["strong"] if point else []), (rest, [])]
    spans = [
        {"_key": _key(f"{seed}{number}"), "_type": "span", "marks": marks, "text": text}
        for number, (text, marks) in enumerate(texts)
        if text
    ]
    return {"_key": _key(seed), "_type": "block", "style": "normal", "markDefs": [], "children": spans}


def _key(seed: str) -> str:
    return hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()[:12]
