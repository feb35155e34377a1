"""The contract of every `Model` for embeddings. A text tells the stand-in its answer, as a prompt does."""

import json
import math
from collections.abc import Sequence
from typing import Any

from tests.contracts.model import Case, fails

from edge.ports.model import Model, ModelBusy, ModelError, ModelRefused, ModelTimeout

NAME = "@cf/baai/bge-m3"
TEXTS = [
    "The car charges at home during the night",
    "A recipe for bread with flour, salt and yeast",
    "Charging cars at night: Ünï \U0001f697",
    "Bake the bread: salt, yeast, flour, water",
]


def telling(**turn: Any) -> str:
    """Return a text that is answered by a turn of these members."""
    return f"#turn {json.dumps(turn)}"


def nearness(first: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine of the angle between two vectors."""
    return math.sumprod(first, other) / math.hypot(*first) / math.hypot(*other)


async def a_text_has_a_vector(model: Model) -> None:
    vectors = await model.embed(TEXTS, NAME)
    assert len(vectors) == len(TEXTS)
    assert len({len(vector) for vector in vectors}) == 1
    assert all(isinstance(number, float) and math.isfinite(number) for vector in vectors for number in vector)


async def vectors_are_in_the_order_of_their_texts(model: Model) -> None:
    vectors = await model.embed(TEXTS, NAME)
    assert [(await model.embed([text], NAME))[0] for text in TEXTS] == vectors
    assert await model.embed(TEXTS[::-1], NAME) == vectors[::-1]
    assert await model.embed((TEXTS[1], TEXTS[1]), NAME) == [vectors[1]] * 2


async def related_texts_are_nearer(model: Model) -> None:
    car, bread, other_car, other_bread = await model.embed(TEXTS, NAME)
    for text, like, unlike in ((car, other_car, bread), (bread, other_bread, car), (other_car, car, other_bread)):
        assert nearness(text, like) > nearness(text, unlike) + 0.2


async def no_texts_have_no_vectors(model: Model) -> None:
    assert await model.embed([], NAME) == []


async def a_hundred_texts_are_taken_and_no_more(model: Model) -> None:
    assert len(await model.embed([f"text {number}" for number in range(100)], NAME)) == 100
    assert (await fails(ModelRefused, model.embed(["text"] * 101, NAME))).status == 413


async def any_text_is_embedded(model: Model) -> None:
    texts = ["", " ", "nul\0", 'a "quoted"\nline', "Ünï 🚗", "x" * 100_000, "[1, 2]", "null"]
    assert len(await model.embed(texts, NAME)) == len(texts)


async def transient_failures_are_retried(model: Model) -> None:
    busy = telling(once="embed", status=429, error="3040: out of capacity")
    assert len(await model.embed([busy, TEXTS[0]], NAME)) == 2


async def a_busy_server_is_reported(model: Model) -> None:
    fault = await fails(ModelBusy, model.embed([telling(status=429, error="3040: out of capacity")], NAME))
    assert fault.status == 429
    await fails(ModelError, model.embed([telling(status=503, error="5000: gone")], NAME))


async def a_refusal_is_reported(model: Model) -> None:
    fault = await fails(ModelRefused, model.embed([telling(status=400, error="5004: invalid input")], NAME))
    assert (fault.status, "invalid input" in str(fault)) == (400, True)
    await fails(ModelRefused, model.embed([telling(status=413, error="3006: request too large")], NAME))


async def a_stalled_answer_times_out(model: Model) -> None:
    await fails(ModelTimeout, model.embed([telling(stall=5.0)], NAME, timeout=0.4))


async def an_answer_that_breaks_off_is_a_fault(model: Model) -> None:
    for cut in (0, 1, 100):
        await fails(ModelError, model.embed([telling(cut=cut)], NAME))


async def a_wrong_number_or_form_of_vectors_is_a_fault(model: Model) -> None:
    """Too few vectors and too many, of several lengths, of none, and with infinite numbers."""
    sound = [0.5, 0.25]
    wrong: list[list[Any]] = [
        [],
        [sound],
        [sound, sound, sound],
        [sound, [0.5]],
        [[], []],
        [sound, None],
        [sound, "text"],
        [sound, [0.5, None]],
        [sound, [0.5, "0.25"]],
        [sound, [0.5, True]],
        [sound, [0.5, [0.25]]],
        [sound, [0.5, math.nan]],
        [sound, [0.5, math.inf]],
    ]
    for vectors in wrong:
        fault = await fails(ModelError, model.embed([telling(vectors=vectors), "text"], NAME))
        assert (type(fault), fault.status) == (ModelError, 502), vectors


async def whole_numbers_are_numbers(model: Model) -> None:
    vectors = await model.embed([telling(vectors=[[0, 1]])], NAME)
    assert (vectors, type(vectors[0][1])) == ([[0.0, 1.0]], float)


CASES: list[Case] = [
    a_text_has_a_vector,
    vectors_are_in_the_order_of_their_texts,
    related_texts_are_nearer,
    no_texts_have_no_vectors,
    a_hundred_texts_are_taken_and_no_more,
    any_text_is_embedded,
    transient_failures_are_retried,
    a_busy_server_is_reported,
    a_refusal_is_reported,
    a_stalled_answer_times_out,
    an_answer_that_breaks_off_is_a_fault,
    a_wrong_number_or_form_of_vectors_is_a_fault,
    whole_numbers_are_numbers,
]
