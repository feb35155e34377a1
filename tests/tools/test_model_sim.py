"""The stand-in's embeddings: invalid requests, and the nearness of texts."""

import json
import math
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from sims.model import EMBEDDER, KEY, ModelSim
from sims.model.embeddings import DIMENSIONS, embedded

pytestmark = pytest.mark.slow  # a stand-in's own tests

WRONG: dict[str, tuple[dict[str, Any], str, int, str]] = {
    "no key": ({"model": EMBEDDER, "input": "text"}, "", 401, "Incorrect API key provided"),
    "another model": ({"model": "sim-large", "input": "text"}, KEY, 404, "The model `sim-large` does not exist"),
    "no model": ({"input": "text"}, KEY, 400, "you must provide a model parameter"),
    "no texts": ({"model": EMBEDDER, "input": []}, KEY, 400, "'$.input' is invalid"),
    "no text": ({"model": EMBEDDER, "input": [None]}, KEY, 400, "'$.input' is invalid"),
}


def embed(sim: ModelSim, body: dict[str, Any], key: str = KEY) -> tuple[int, Any]:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    try:
        with urlopen(Request(f"{sim.openai_url}/embeddings", json.dumps(body).encode(), headers)) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


@pytest.mark.parametrize(("body", "key", "status", "message"), WRONG.values(), ids=WRONG)
def test_errors_have_openais_form(body: dict[str, Any], key: str, status: int, message: str) -> None:
    with ModelSim() as sim:
        code, answer = embed(sim, body, key)
    assert code == status
    assert answer["error"]["message"].startswith(message)
    assert answer["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("model", [EMBEDDER, "@cf/baai/bge-m3"])
def test_vectors_have_an_index_and_come_in_any_order(model: str) -> None:
    with ModelSim() as sim:
        _, answer = embed(sim, {"model": model, "input": ["one", "two", "three"]})
    assert [entry["index"] for entry in answer["data"]] == [2, 1, 0]
    assert {len(entry["embedding"]) for entry in answer["data"]} == {DIMENSIONS}


@pytest.mark.parametrize("text", ["", "the", "Charging", "charge charge charged", "Ünï \U0001f697 " * 1000])
def test_a_vector_has_the_length_1_and_is_always_the_same(text: str) -> None:
    assert math.hypot(*embedded(text)) == pytest.approx(1.0, abs=1e-4)
    assert embedded(text) == embedded(text)


def test_words_count_by_their_stems() -> None:
    assert embedded("The cars are charging") == embedded("a car that charged")
