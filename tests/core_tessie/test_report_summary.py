"""The summary of an energy report in words: written after the response, from its numbers alone, and optional."""

import asyncio
from typing import Any

import pytest
from tests.patience import pauses

from core_tessie.energy.summary import SUMMARY_LIMIT
from core_tessie.energy.words import UNKNOWN
from edge.testing import Answer, Client
from sims.model import ModelSim, Turn

from .conftest import Runner
from .energy_rows import DRIVES, PATH, A, database, put, put_all, put_vehicle

JANUARY = {"from": "2025-01-01", "to": "2025-02-01"}


async def summary(client: Client, report_id: str) -> Any:
    """Wait for the summary of a report and return it."""
    async for _ in pauses():
        text = (await client.get(f"{PATH}/{report_id}")).json()["summary"]
        if text is not None:
            return text
    raise AssertionError("no summary in 5 s")


def test_a_report_gets_a_summary_after_the_response(run: Runner, model_sim: ModelSim) -> None:
    model_sim.say(Turn("\n It drove 43 mi <b>& more</b>. "))

    async def case(client: Client) -> tuple[Answer, Any, Answer]:
        await put_all(client)
        answer = await client.post(PATH, JANUARY)
        there = await summary(client, answer.json()["id"])
        return answer, there, await client.get(answer.header("location") or "", headers=[("accept", "text/html")])

    answer, there, page = run(case)
    assert (answer.status, answer.json()["summary"]) == (201, None)
    assert there == "It drove 43 mi <b>& more</b>."
    assert "It drove 43 mi &lt;b&gt;&amp; more&lt;/b&gt;." in page.text
    (request,) = model_sim.requests
    assert request["max_tokens"] <= 300


def test_prompt_has_the_numbers_and_no_place_or_car(run: Runner, model_sim: ModelSim) -> None:
    async def case(client: Client) -> str:
        await put_vehicle(client)
        await put(client, "drives", DRIVES)
        await summary(client, (await client.post(PATH, JANUARY)).json()["id"])
        return str(model_sim.requests[0]["messages"])

    prompt = run(case)
    assert "Driving: Distance: 43.0 mi" in prompt
    assert "2025-01-01 00:00 to 2025-02-01 00:00" in prompt
    assert UNKNOWN not in prompt, "what is not known was told"
    assert not [word for word in ("Bluebird", A, "Main St", "Home St", "Hotel", "Work") if word in prompt]


def test_a_long_summary_is_cut(run: Runner, model_sim: ModelSim) -> None:
    model_sim.say(Turn("é" * 5000))

    async def case(client: Client) -> Any:
        await put_all(client)
        return await summary(client, (await client.post(PATH, JANUARY)).json()["id"])

    assert run(case) == "é" * SUMMARY_LIMIT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("turn", "tries"),
    [(Turn(status=413, error="3006: too large"), 1), (Turn("  "), 1), (Turn(status=500, error="9999: broken"), 3)],
)
def test_a_report_is_complete_without_a_summary(run: Runner, model_sim: ModelSim, turn: Turn, tries: int) -> None:
    model_sim.say(*[turn] * tries)

    async def case(client: Client) -> tuple[Answer, Answer]:
        await put_all(client)
        answer = await client.post(PATH, JANUARY)
        async for _ in pauses():
            if len(model_sim.requests) == tries:
                break
        await asyncio.sleep(0.2)
        return answer, await client.get(answer.header("location") or "")

    answer, read = run(case)
    assert len(model_sim.requests) == tries
    assert (answer.status, read.status) == (201, 200)
    assert answer.json() == read.json()
    assert read.json()["summary"] is None


def test_a_report_on_nothing_is_not_summed_up(run: Runner, model_sim: ModelSim) -> None:
    async def case(client: Client) -> list[Any]:
        await put_vehicle(client)
        assert (await client.post(PATH, JANUARY)).json()["rows_used"] == 0
        await asyncio.sleep(0.2)
        return await database(client).all("SELECT summary FROM energy_reports")

    assert run(case) == [{"summary": None}]
    assert model_sim.requests == []


@pytest.mark.local_only("the Worker of the tests has a model")
def test_without_a_model_there_is_no_summary(run: Runner, capfd: pytest.CaptureFixture[str]) -> None:
    del run.env["LOCAL_AI_URL"]

    async def case(client: Client) -> Answer:
        await put_all(client)
        return await client.post(PATH, JANUARY)

    answer = run(case)
    assert (answer.status, answer.json()["summary"]) == (201, None)
    assert "failed" not in "".join(capfd.readouterr())
