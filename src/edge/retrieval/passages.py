"""Retrieval: texts cut into passages in the table `passages`, and the search for those that fit a question best.

With a model they are compared by the cosine of embeddings, inside the database; without one by the words that they
share with the question. Vectors are stored as whole numbers of -127 to 127: a quarter of the room, and the same ranks.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic_core import to_json

from edge.data.upserts import upsert
from edge.ports import Database, Log, Row, Statement
from edge.ports.model import Model, ModelError
from edge.retrieval.tokenizer import pieces, stems, words

PASSAGE = 1_200
"""Characters of a passage, about: the models for embeddings read some 500 tokens."""
BATCH = 50
"""Texts that are embedded at a time."""
MOST_WORDS = 12
"""Most words of a question that are searched."""
LEAST_COSINE, LEAST_SHARE = 0.3, 0.1
"""Least cosine, and least share of words, of a passage that is returned."""

_NEAREST = """
WITH asked AS MATERIALIZED (SELECT CAST(key AS INTEGER) AS place, CAST(value AS INTEGER) AS part FROM json_each(?))
SELECT id, (SELECT sum(one.value * asked.part) FROM json_each(passages.vector) AS one CROSS JOIN asked
WHERE asked.place = one.key + 0) AS score
FROM passages WHERE vector_of = digest AND model = ? ORDER BY score DESC LIMIT ?
"""  # the casts let SQLite join by an index, which is a hundred times as fast
_COLUMNS = ("id", "document_id", "kind", "slug", "title", "text", "folded", "digest")


class Source(NamedTuple):
    """A document to be indexed: `kind` and `slug` are its address."""

    id: str
    kind: str
    slug: str
    title: str
    text: str


class Passage(NamedTuple):
    """A matching part of a document; `score` is from 0 to 1."""

    kind: str
    slug: str
    title: str
    text: str
    score: float


class Changes(NamedTuple):
    """The result of a refresh of the passages: how many were written, removed and embedded."""

    written: int
    removed: int
    embedded: int


class Library:
    """The passages. `model` is None if there are no embeddings; `embedder` is the name of the model that makes them."""

    def __init__(self, db: Database, model: Model | None, embedder: str, log: Log) -> None:
        self._db = db
        self._model = model
        self._embedder = embedder
        self._log = log

    async def keep(self, sources: Iterable[Source]) -> Changes:
        """Make the passages those of these documents and no others; unchanged ones are not touched."""
        rows = [row for source in sources for row in _rows(source)]
        ids = to_json([row[0] for row in rows]).decode()
        gone = Statement("DELETE FROM passages WHERE id NOT IN (SELECT value FROM json_each(?)) RETURNING id", (ids,))
        results = await self._db.batch([*upsert("passages", _COLUMNS, rows, touched=None), gone])
        written = sum(len(result.rows) for result in results[:-1])
        return Changes(written, len(results[-1].rows), await self._embed_new())

    async def count(self) -> int:
        """Return the number of passages."""
        row = await self._db.first("SELECT count(*) AS n FROM passages")
        return int(row["n"]) if row else 0

    async def search(self, question: str, limit: int = 5) -> list[Passage]:
        """Return the passages that fit a question, the best first; none if none fits."""
        try:
            scores = await self._nearest(question, limit)
        except ModelError as fault:
            self._log("warning", "question not embedded; falling back to keyword search", error=str(fault))
            scores = {}
        return await self._read(scores or await self._sharing_words(question, limit))

    async def _nearest(self, question: str, limit: int) -> dict[str, float]:
        if self._model is None:
            return {}
        [vector] = await self._model.embed([question], self._embedder)
        rows = await self._db.all(_NEAREST, to_json(_whole(vector)).decode(), self._embedder, limit)
        scores = {row["id"]: row["score"] / 127**2 for row in rows if row["score"] is not None}
        return {name: score for name, score in scores.items() if score >= LEAST_COSINE}

    async def _sharing_words(self, question: str, limit: int) -> dict[str, float]:
        """Rate passages by the words that they share with a question; rare words and the title's count more."""
        terms = list(dict.fromkeys(stems(question)))[:MOST_WORDS]
        if not terms:
            return {}
        places = ", ".join(f"instr(folded, ?) AS w{n}" for n in range(len(terms)))
        sql = f"SELECT id, instr(folded, '|') AS bar, {places} FROM passages"
        rows = await self._db.all(sql, *(f" {word}" for word in terms))
        weights = [math.log(1 + len(rows) / (1 + sum(row[f"w{n}"] > 0 for row in rows))) for n in range(len(terms))]
        rated = {row["id"]: _shared(row, weights) for row in rows}
        best = sorted(rated, key=lambda name: -rated[name])[:limit]
        return {name: rated[name] for name in best if rated[name] >= LEAST_SHARE}

    async def _read(self, scores: dict[str, float]) -> list[Passage]:
        if not scores:
            return []
        names = to_json(list(scores)).decode()
        sql = "SELECT id, kind, slug, title, text FROM passages WHERE id IN (SELECT value FROM json_each(?))"
        rows = {row.pop("id"): row for row in await self._db.all(sql, names)}
        return [
            Passage(**rows[name], score=round(min(score, 1.0), 3)) for name, score in scores.items() if name in rows
        ]

    async def _embed_new(self) -> int:
        """Embed each passage without a vector of this embedder; after a failure, the next refresh does it."""
        if self._model is None:
            return 0
        sql = "SELECT id, digest, title, text FROM passages WHERE vector_of IS NOT digest OR model IS NOT ? LIMIT ?"
        count = 0
        while rows := await self._db.all(sql, self._embedder, BATCH):
            try:
                vectors = await self._model.embed([f"{row['title']}\n{row['text']}" for row in rows], self._embedder)
            except ModelError as fault:
                self._log("warning", "passages not embedded", count=len(rows), error=str(fault))
                break
            await self._db.batch([self._keep_vector(*pair) for pair in zip(rows, vectors, strict=True)])
            count += len(rows)
        return count

    def _keep_vector(self, row: dict[str, Any], vector: Sequence[float]) -> Statement:
        values = (to_json(_whole(vector)).decode(), self._embedder, row["digest"], row["id"])
        return Statement("UPDATE passages SET vector = ?, model = ?, vector_of = ? WHERE id = ?", values)


def _shared(row: Row, weights: Sequence[float]) -> float:
    """Return a passage's share of a question's weight; half of it is for words in the title."""
    places = [row[f"w{n}"] for n in range(len(weights))]
    shared = sum(weight for weight, place in zip(weights, places, strict=True) if place)
    titled = sum(weight for weight, place in zip(weights, places, strict=True) if 0 < place < row["bar"])
    return (shared + titled) / (2 * sum(weights) or 1.0)


def _rows(source: Source) -> Iterator[tuple[object, ...]]:
    for number, text in enumerate(pieces(source.text, PASSAGE) if source.text.strip() else [source.title]):
        folded = " " + " | ".join(" ".join(words(part)) for part in (source.title, text))
        digest = sha256(f"{source.title}\n{text}".encode(errors="surrogatepass")).hexdigest()
        name = f"{source.id}#{number}"
        yield name, source.id, source.kind, source.slug, source.title, text, folded, digest


def _whole(vector: Sequence[float]) -> list[int]:
    """Return a vector of length 127 in whole numbers."""
    length = math.sqrt(sum(part * part for part in vector)) or 1.0
    return [round(part / length * 127) for part in vector]
