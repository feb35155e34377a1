"""The site's texts, kept ready to be found by questions: brought up to date when asked, when told, and each hour."""

from typing import Any

from pydantic import BaseModel, Field

from edge import Log, Routes, SystemDatabase, Tick
from edge.clients.leases import Leases
from edge.retrieval.passages import Changes, Library, Passage, Source
from platform_api.queries import NAMES, TEXTS
from platform_api.sanity import Sanity, sound
from platform_api.settings import PlatformSettings

routes = Routes(tag="content")

CRON = "17 * * * *"
LEASE_S = 20.0
PAGE = 200
MOST = 2_000
"""Documents that are kept to be found."""


class Text(BaseModel):
    """A document's text in Sanity."""

    id: str = Field(alias="_id")
    type: str = Field(alias="_type")
    slug: str
    title: str | None = None
    summary: str | None = None
    text: str | None = None


class ContentIndex:
    """The passages of all documents."""

    def __init__(
        self, settings: PlatformSettings, db: SystemDatabase, sanity: Sanity, leases: Leases, log: Log
    ) -> None:
        self._library = Library(db, settings.ai, settings.embedding_model, log)
        self._sanity = sanity
        self._leases = leases
        self._log = log

    async def search(self, question: str, limit: int = 5) -> list[Passage]:
        """Return the passages that fit a question; the first question of all waits until there are some."""
        matches = await self._library.search(question, limit)
        if matches or await self._library.count():
            return matches
        await self._library.keep(await self.sources())
        return await self._library.search(question, limit)

    async def refresh(self) -> Changes | None:
        """Bring the passages up to date, one call at a time; None if another is at it."""
        until = await self._leases.take("content-index", LEASE_S)
        if until is None:
            return None
        try:
            return await self._library.keep(await self.sources())
        finally:
            await self._leases.give_back("content-index", until)

    async def sources(self) -> list[Source]:
        """Return every document's text, as Sanity has it now."""
        texts: list[Source] = []
        for begin in range(0, MOST, PAGE):
            page = await self._sanity.query(list[Any], TEXTS, types=[*NAMES], **{"from": begin, "to": begin + PAGE})
            texts += [_source(text) for document in page if (text := sound(Text, document, self._log)) is not None]
            if len(page) < PAGE:
                break
        return texts


@routes.cron(CRON)
async def refresh_index(tick: Tick, index: ContentIndex) -> dict[str, Any]:
    """Bring the texts that answers are made of up to date."""
    if tick.is_dry:
        return {"documents": len(await index.sources())}
    changes = await index.refresh()
    return {"changes": changes._asdict() if changes else None}


def _source(document: Text) -> Source:
    kind = NAMES.get(document.type, document.type)
    title = document.title or document.slug
    texts = filter(None, [document.summary, document.text])
    return Source(document.id, kind, document.slug, title, "\n\n".join(texts))
