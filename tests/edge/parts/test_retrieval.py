"""Retrieval: unchanged documents are left alone, and the fitting passage is found, with a model and without."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from random import Random
from typing import Any

import pytest
from tests.edge.conftest import Lines

from edge.ports.model import Model
from edge.retrieval.passages import BATCH, PASSAGE, Changes, Library, Source
from edge.retrieval.tokenizer import pieces, stems
from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.model import LocalModel
from sims.model import EMBEDDER, ModelSim, Turn

SCHEMA = """CREATE TABLE passages (
  id TEXT PRIMARY KEY, document_id TEXT NOT NULL, kind TEXT NOT NULL, slug TEXT NOT NULL, title TEXT NOT NULL,
  text TEXT NOT NULL, folded TEXT NOT NULL, digest TEXT NOT NULL, vector TEXT, vector_of TEXT, model TEXT)"""
OTHER_MODEL = "@cf/other/embedder"

GARDEN = {
    "apples": ("Growing apples", "Apple trees want sun and a deep soil. Prune them in the late winter."),
    "bees": ("Keeping bees", "A hive stands in the morning sun. Bees fly from March to October."),
    "compost": ("Compost", "Leaves and kitchen waste turn into soil within a year. Worms help with it."),
    "tools": ("Sharpening tools", "A blunt spade is hard work. Use a file on the edge, then oil it."),
    "ponds": ("Ponds for newts", "A pond without fish is good for newts, frogs and dragonflies."),
}


def source(slug: str, title: str, text: str) -> Source:
    return Source(f"doc-{slug}", "guide", slug, title, text)


def garden(**changed: tuple[str, str]) -> list[Source]:
    return [source(slug, *fields) for slug, fields in {**GARDEN, **changed}.items()]


class Shelf:
    """A library on a file, with the stand-in's model or without."""

    def __init__(self, db: LocalDatabase, log: Lines, sim: ModelSim) -> None:
        self.db = db
        self.log = log
        self.sim = sim

    def run[T](self, work: Callable[[Library], Coroutine[Any, Any, T]], model: bool | str = True) -> T:
        """Return the result of work with the library; `model` may be another name."""

        async def inside() -> T:
            server = LocalModel(self.sim.openai_url, self.sim.key)
            embedder = model if isinstance(model, str) else EMBEDDER
            model_server: Model | None = server if model else None
            if isinstance(model, str):
                server._names = [model]
            try:
                return await work(Library(self.db, model_server, embedder, self.log))
            finally:
                await server.close()

        return asyncio.run(inside())

    def keep(self, sources: Sequence[Source], model: bool | str = True) -> Changes:
        return self.run(lambda library: library.keep(sources), model)

    def slugs(self, question: str, model: bool | str = True, limit: int = 5) -> list[str]:
        """Return the slugs of the matches, the best first."""
        return [match.slug for match in self.run(lambda library: library.search(question, limit), model)]

    def rows(self, columns: str = "*") -> list[dict[str, Any]]:
        return asyncio.run(self.db.all(f"SELECT {columns} FROM passages ORDER BY id"))

    def embedded(self) -> list[str]:
        """Return the texts sent to the model, and forget them."""
        texts = [text for request in self.sim.requests for text in request["input"]]
        self.sim.requests.clear()
        return texts


@pytest.fixture(scope="module")
def one_sim() -> Iterator[ModelSim]:
    with ModelSim() as sim:
        yield sim


@pytest.fixture
def shelf(db: LocalDatabase, log: Lines, one_sim: ModelSim) -> Shelf:
    one_sim.reset()
    asyncio.run(db.run(SCHEMA))
    return Shelf(db, log, one_sim)


# -- pieces ---------------------------------------------------------------------------------------------
def words(count: int, length: int = 7) -> str:
    return " ".join("w" * length for _ in range(count))


TEXTS: dict[str, str] = {
    "short": "One.",
    "sentences": "This is a sentence. " * 400,
    "paragraphs": "\n\n".join("A paragraph of some words" for _ in range(200)),
    "no stop at all": words(1000),
    "no blank at all": "x" * 5000,
    "emoji": "🏳️‍🌈🐢" * 900,
    "lines": "line\n" * 900,
    "many stops": "." * 3000,
    "blanks between": "a" + " " * 3000 + "b",
    "one long among short": "Short. " * 5 + "y" * 4000 + " Short. Last!",
    "exact": "z" * PASSAGE,
    "exact and one": "z" * (PASSAGE + 1),
    "questions": "Why? Because! Really? " * 200,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_pieces_are_short_and_lose_nothing(text: str) -> None:
    passages = [*pieces(text, PASSAGE)]
    assert passages
    assert all(0 < len(passage) <= PASSAGE + 1 and passage == passage.strip() for passage in passages)
    assert "".join("".join(passages).split()) == "".join(text.split())
    assert len(passages) <= 2 * len(text) / PASSAGE + 2, "a short one is put together with the next"


@pytest.mark.parametrize("text", ["", " ", "\n\n\n", " \n \n\n "])
def test_nothing_has_no_pieces(text: str) -> None:
    assert [*pieces(text, PASSAGE)] == []


def test_pieces_end_with_sentences() -> None:
    passages = [*pieces("This is a sentence that says something. " * 100, PASSAGE)]
    assert len(passages) > 2
    assert all(passage.endswith(".") for passage in passages)
    assert [*pieces("a" * 800 + "\n\n" + "b" * 800, PASSAGE)] == ["a" * 800, "b" * 800]
    assert [*pieces("One.\n\nTwo. Three", PASSAGE)] == ["One.\n\nTwo. Three"]


# -- bringing up to date --------------------------------------------------------------------------------
def test_unchanged_documents_are_neither_written_nor_embedded_again(shelf: Shelf) -> None:
    assert shelf.keep(garden()) == Changes(5, 0, 5)
    assert shelf.embedded() == [f"{title}\n{text}" for title, text in GARDEN.values()]
    before = shelf.rows()
    assert shelf.keep(garden()) == Changes(0, 0, 0)
    assert shelf.keep(reversed_order()) == Changes(0, 0, 0)
    assert (shelf.embedded(), shelf.rows()) == ([], before)


def reversed_order() -> list[Source]:
    return garden()[::-1]


@pytest.mark.parametrize("fields", [("Keeping bees", "They sleep in winter."), ("Bees at home", GARDEN["bees"][1])])
def test_a_changed_text_gets_a_new_vector_and_no_other_does(shelf: Shelf, fields: tuple[str, str]) -> None:
    shelf.keep(garden())
    before = {row["id"]: row["vector"] for row in shelf.rows()}
    shelf.embedded()
    assert shelf.keep(garden(bees=fields)) == Changes(1, 0, 1)
    assert shelf.embedded() == ["\n".join(fields)]
    after = {row["id"]: row["vector"] for row in shelf.rows()}
    assert {name for name in after if after[name] != before[name]} == {"doc-bees#0"}
    assert {row["vector_of"] == row["digest"] for row in shelf.rows()} == {True}


def test_a_document_that_moves_keeps_its_vector(shelf: Shelf) -> None:
    shelf.keep(garden())
    moved = [document._replace(slug="moved") if document.slug == "bees" else document for document in garden()]
    assert shelf.keep(moved) == Changes(1, 0, 0)
    assert shelf.slugs("bees") == ["moved"]


def test_removed_documents_are_deleted(shelf: Shelf) -> None:
    shelf.keep([*garden(), source("long", "Long", "A sentence about worms. " * 200)])
    count = shelf.run(lambda library: library.count())
    assert count > 8
    assert shelf.keep([*garden(), source("long", "Long", "Short.")]) == Changes(1, count - 6, 1)
    assert shelf.keep(garden()) == Changes(0, 1, 0)
    assert shelf.keep([]) == Changes(0, 5, 0)
    assert shelf.run(lambda library: library.count()) == 0
    assert shelf.slugs("bees") == []


def test_a_document_without_text_is_its_title(shelf: Shelf) -> None:
    assert shelf.keep([source("a", "Beekeepers", ""), source("b", "Frogs", " \n ")]).written == 2
    assert [row["text"] for row in shelf.rows("text")] == ["Beekeepers", "Frogs"]
    assert shelf.slugs("beekeepers", model=False) == ["a"]


def test_without_a_model_there_are_passages_and_no_vectors(shelf: Shelf) -> None:
    assert shelf.keep(garden(), model=False) == Changes(5, 0, 0)
    assert {row["vector"] for row in shelf.rows()} == {None}
    assert shelf.keep(garden()) == Changes(0, 0, 5), "they get theirs when there is one"


def test_many_are_embedded_in_parts(shelf: Shelf) -> None:
    count = 2 * BATCH + 1
    assert shelf.keep([source(f"{n}", "Title", f"Text {n}.") for n in range(count)]) == Changes(count, 0, count)
    assert [len(request["input"]) for request in shelf.sim.requests] == [BATCH, BATCH, 1]


@pytest.mark.parametrize("turn", [Turn(status=400, error="no"), Turn(vectors=[[1.0]])])
def test_failed_embeddings_are_retried_the_next_time(shelf: Shelf, turn: Turn) -> None:
    shelf.sim.say(*[turn] * 3)
    assert shelf.keep(garden()) == Changes(5, 0, 0)
    assert [line["message"] for line in shelf.log.lines] == ["passages not embedded"]
    assert shelf.slugs("bees", model=False) == ["bees"]
    shelf.sim.reset()
    assert shelf.keep(garden()) == Changes(0, 0, 5)


def test_an_embedder_of_another_name_makes_all_vectors_anew(shelf: Shelf) -> None:
    shelf.keep(garden())
    shelf.embedded()
    assert shelf.keep(garden(), OTHER_MODEL) == Changes(0, 0, 5)
    assert len(shelf.embedded()) == 5
    assert {row["model"] for row in shelf.rows()} == {OTHER_MODEL}
    assert shelf.slugs("bees", OTHER_MODEL)[0] == "bees"


def test_vectors_of_another_embedder_are_not_compared(shelf: Shelf) -> None:
    shelf.keep(garden())
    asyncio.run(shelf.db.run("UPDATE passages SET text = 'nothing', folded = ' x | y'"))
    assert shelf.slugs("bees") == ["bees"]
    assert shelf.slugs("bees", OTHER_MODEL) == []


def test_a_vector_of_an_older_text_is_not_compared(shelf: Shelf) -> None:
    shelf.keep(garden())
    asyncio.run(shelf.db.run("UPDATE passages SET digest = 'newer', folded = ' x | y' WHERE slug = 'bees'"))
    assert "bees" not in shelf.slugs("bees")


@pytest.mark.parametrize("length", [1, 3, 95, 97, 1000])
def test_a_model_that_has_changed_under_its_name_breaks_nothing(shelf: Shelf, length: int) -> None:
    shelf.keep(garden())
    shelf.sim.say(Turn(vectors=[[0.5] * length]))
    shelf.slugs("bees")
    asyncio.run(shelf.db.run("UPDATE passages SET vector = '[1, 2, 3]' WHERE slug = 'bees'"))
    assert shelf.slugs("apples")[0] == "apples"


@pytest.mark.parametrize("vector", [[0.0] * 96, [1e300] * 96, [1e-300] * 96, [-1.0] * 96])
def test_a_vector_of_any_size_is_kept_and_searched_by(shelf: Shelf, vector: list[float]) -> None:
    shelf.sim.say(Turn(vectors=[vector] * 5), Turn(vectors=[vector]))
    assert shelf.keep(garden()) == Changes(5, 0, 5)
    assert all(0 <= match.score <= 1 for match in shelf.run(lambda library: library.search("bees")))


# -- searching ------------------------------------------------------------------------------------------
QUESTIONS = [
    ("How do I keep bees?", "bees"),
    ("When are apple trees pruned?", "apples"),
    ("What do newts and frogs live in?", "ponds"),
    ("my spade is blunt", "tools"),
    ("kitchen waste", "compost"),
]


@pytest.mark.parametrize("model", [True, False])
@pytest.mark.parametrize(("question", "slug"), QUESTIONS)
def test_the_passage_that_fits_comes_first(shelf: Shelf, question: str, slug: str, model: bool) -> None:
    shelf.keep(garden(), model=model)
    shelf.embedded()
    [first, *rest] = shelf.run(lambda library: library.search(question), model)
    title, text = GARDEN[slug]
    assert (first.kind, first.slug, first.title, first.text) == ("guide", slug, title, text)
    assert all(0 < match.score <= first.score <= 1 for match in rest)
    assert shelf.embedded() == ([question] if model else [])


def test_a_text_is_found_by_itself_with_the_highest_score(shelf: Shelf) -> None:
    shelf.keep(garden())
    [first, *_] = shelf.run(lambda library: library.search("\n".join(GARDEN["ponds"])))
    assert first.slug == "ponds"
    assert first.score > 0.98


@pytest.mark.parametrize("model", [True, False])
def test_the_more_of_a_question_a_passage_has_the_earlier_it_comes(shelf: Shelf, model: bool) -> None:
    texts = ("Honey, wax and stone.", "Honey, rope and stone.", "Honey, wax, smoke.", "Gravel, rope and stone.")
    shelf.keep([source(text.split(".")[0], "Notes", text) for text in texts], model=model)
    assert shelf.slugs("honey wax smoke", model)[:2] == ["Honey, wax, smoke", "Honey, wax and stone"]
    assert shelf.slugs("honey wax smoke", model, 1) == ["Honey, wax, smoke"]


@pytest.mark.parametrize("model", [True, False])
def test_no_more_are_found_than_are_wanted(shelf: Shelf, model: bool) -> None:
    shelf.keep([source(f"{n}", f"Bees {n}", "Bees fly.") for n in range(20)], model=model)
    for limit in (1, 5, 20):
        assert len(shelf.slugs("bees", model, limit)) == limit


@pytest.mark.parametrize("model", [True, False])
def test_absent_words_find_nothing(shelf: Shelf, model: bool) -> None:
    shelf.keep(garden(), model=model)
    assert shelf.slugs("quantum chromodynamics", model=model) == []


@pytest.mark.slow
@pytest.mark.parametrize("turn", [Turn(status=404), Turn(status=400), Turn(cut=3)])
def test_a_model_that_fails_leaves_the_words(shelf: Shelf, turn: Turn) -> None:
    shelf.keep(garden())
    shelf.sim.say(*[turn] * 3)
    assert shelf.slugs("keeping bees") == ["bees"]
    [line] = shelf.log.lines
    assert (line["level"], "falling back to keyword search" in line["message"]) == ("warning", True)
    assert "bees" not in str(line), "a question may say who asks it"


@pytest.mark.parametrize(
    "question",
    [
        "",
        " ",
        "?!",
        "the",
        "What is it, and how do you do that?",
        "a I u",
        "🐢",
        "'; DROP TABLE passages; --",
        "%",
        "_ _",
    ],
)
def test_a_question_without_words_of_its_own_finds_nothing(shelf: Shelf, question: str) -> None:
    shelf.keep(garden(), model=False)
    assert shelf.slugs(question, model=False) == []
    assert len(shelf.rows()) == 5


@pytest.mark.parametrize(
    ("question", "slug"),
    [
        ("bee", "bees"),
        ("BEES", "bees"),
        ("newt", "ponds"),
        ("apples", "apples"),
        ("hives", "bees"),
        ("GRÖSSE", "umlauts"),
        ("größe", "umlauts"),
        ("grösse", "umlauts"),
        ("Straße", "umlauts"),
        ("STRASSE", "umlauts"),
        ("übermut", "umlauts"),
        ("u\u0308bermut", "umlauts"),
        ("naïve", "umlauts"),
        ("nai\u0308ve", "umlauts"),
        ("żółw", "umlauts"),
        ("日本語", "umlauts"),
    ],
)
def test_words_are_found_in_every_form(shelf: Shelf, question: str, slug: str) -> None:
    umlauts = ("Größe der Straße", "Übermut, nai\u0308ve, Żółw, 日本語.")
    shelf.keep(garden(umlauts=umlauts), model=False)
    assert shelf.slugs(question, model=False)[:1] == [slug]


def test_a_rare_word_says_more_than_a_common_one(shelf: Shelf) -> None:
    sources = [source(f"{n}", f"Guide {n}", "The garden in spring.") for n in range(20)]
    shelf.keep([*sources, source("rare", "Guide x", "A salamander.")], model=False)
    assert shelf.slugs("salamander garden", model=False)[0] == "rare"


def test_a_word_of_the_title_says_more_than_one_of_the_text(shelf: Shelf) -> None:
    text = source("a", "Other things", "Something about ponds, too.")
    shelf.keep([text, source("b", "Ponds", "Something.")], model=False)
    assert shelf.slugs("pond", model=False) == ["b", "a"]
    shelf.keep([source("a", "Ponds", "Something."), source("b", "Other", "About ponds.")], model=False)
    assert shelf.slugs("pond", model=False) == ["a", "b"]


def test_a_word_matches_from_its_beginning(shelf: Shelf) -> None:
    shelf.keep([source("a", "Carport", "x"), source("b", "Scar", "x"), source("c", "A car", "x")], model=False)
    assert set(shelf.slugs("cars", model=False)) == {"a", "c"}


def test_of_a_long_question_so_many_words_count(shelf: Shelf) -> None:
    shelf.keep(garden(), model=False)
    question = "bees " + " ".join(f"word{n}" for n in range(500))
    assert shelf.slugs(question, model=False) in ([], ["bees"])
    assert shelf.slugs("bees " * 500, model=False) == ["bees"]


def test_stems_are_lower_case_without_a_plurals_ending() -> None:
    assert [*stems("The Bees, a glass, gas and BUSES; it's 2026 x")] == ["bee", "glass", "gas", "buse", "2026"]


@pytest.mark.parametrize("model", [True, False])
def test_a_thousand_passages_are_searched(
    db: LocalDatabase, shelf: Shelf, model: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    random = Random(7)
    vocabulary = ["".join(random.choices("abcdefghijklmnop", k=6)) for _ in range(400)]
    text = [" ".join(random.choices(vocabulary, k=60)) for _ in range(1000)]
    shelf.keep([source(f"{n}", f"Title {n}", value) for n, value in enumerate(text)], model=False)
    if model:  # as wide as a real model's, and made here: a thousand texts would take longer than the search
        vector = [str([random.randint(-40, 40) for _ in range(768)]) for _ in range(20)]
        for number, value in enumerate(vector):
            sql = "UPDATE passages SET vector = ?, vector_of = digest, model = ? WHERE rowid % 20 = ?"
            asyncio.run(db.run(sql, value, EMBEDDER, number))
        shelf.sim.say(Turn(vectors=[[float(random.randint(-40, 40)) for _ in range(768)]]))
    began, cpu = time.perf_counter(), time.process_time()
    matches = shelf.slugs(text[500][:70], model)
    took = f"{time.perf_counter() - began:.2f} s, of the processor {time.process_time() - cpu:.2f} s"
    with capsys.disabled():
        print(f"\n1,000 passages {'by vectors of 768' if model else 'by words'}: {took}")
    assert matches[0] == "500"
