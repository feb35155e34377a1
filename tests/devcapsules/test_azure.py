"""Azure OpenAI in both forms of its API, with content filters, over HTTP against a stand-in."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from devcapsules.generation.consumer import QUEUE
from devcapsules.generation.models import AzureModel, PromptFiltered, make_writer
from devcapsules.settings import CapsuleSettings
from edge.ports.model import Answer, ModelBusy, ModelError, ModelRefused, Prompt
from edge.runtimes.local.fetch import LocalFetch
from edge.testing import Client
from sims.model.azure import DEPLOYMENT, FILTERED, KEY, REASONING, AzureSim
from sims.model.turns import Turn

from .conftest import Run, as_member
from .test_generation import order, status

VERSION = "2024-10-21"
FORMS = {
    None: "/openai/v1/chat/completions",
    VERSION: f"/openai/deployments/{DEPLOYMENT}/chat/completions",
}


@pytest.fixture(scope="module")
def azure() -> Iterator[AzureSim]:
    with AzureSim() as sim:
        yield sim


def settings_of(azure: AzureSim, version: str | None, **changes: str) -> dict[str, str]:
    azure.requests.clear()
    names = {"AZURE_OPENAI_URL": azure.url, "AZURE_OPENAI_API_KEY": KEY, "GENERATION_MODEL": DEPLOYMENT}
    return names | ({} if version is None else {"AZURE_OPENAI_API_VERSION": version}) | changes


def ask(env: dict[str, str], text: str = "write") -> Answer:
    async def asked() -> Answer:
        fetch = LocalFetch()
        try:
            settings: Any = CapsuleSettings(env)
            writer = make_writer(settings, None, fetch)  # type: ignore[arg-type] # Azure goes before other servers
            assert isinstance(writer, AzureModel)
            prompt = Prompt(env["GENERATION_MODEL"], [{"role": "user", "content": text}], options={"max_tokens": 900})
            return await writer.answer(prompt, timeout=20)
        finally:
            await fetch.close()

    return asyncio.run(asked())


@pytest.mark.parametrize("version", FORMS)
def test_answer_comes_by_both_forms(azure: AzureSim, version: str | None) -> None:
    azure.say(Turn('{"a": 1}'))
    answer = ask(settings_of(azure, version))
    assert (answer.text, answer.finish_reason, answer.usage) == ('{"a": 1}', "stop", (11, 7))
    ((path, document),) = azure.requests
    assert path == FORMS[version]
    assert document.get("model") == (DEPLOYMENT if version is None else None)
    assert (document["max_tokens"], document["response_format"]) == (900, {"type": "json_object"})


@pytest.mark.parametrize("version", FORMS)
def test_reasoning_model_gets_its_own_token_limit(azure: AzureSim, version: str | None) -> None:
    assert ask(settings_of(azure, version, GENERATION_MODEL=REASONING)).text == "Hello."
    first, second = [document for _, document in azure.requests]
    assert (first["max_tokens"], "max_tokens" in second, second["max_completion_tokens"]) == (900, False, 900)


@pytest.mark.parametrize("version", FORMS)
def test_filter_of_the_prompt_is_told_apart(azure: AzureSim, version: str | None) -> None:
    with pytest.raises(PromptFiltered, match="content management policy"):
        ask(settings_of(azure, version), f"write {FILTERED}")
    assert len(azure.requests) == 1


@pytest.mark.parametrize("version", FORMS)
def test_filter_of_the_answer_is_its_end(azure: AzureSim, version: str | None) -> None:
    azure.say(Turn("half an answ", finish="content_filter"))
    answer = ask(settings_of(azure, version))
    assert (answer.text, answer.finish_reason) == ("", "content_filter")


@pytest.mark.parametrize("version", FORMS)
def test_refusal_of_the_model_is_read(azure: AzureSim, version: str | None) -> None:
    azure.say(Turn("I cannot help with that.", finish="refusal"))
    answer = ask(settings_of(azure, version))
    assert (answer.text, answer.finish_reason) == ('{"refusal":"I cannot help with that."}', "stop")


@pytest.mark.parametrize("version", FORMS)
def test_errors_keep_their_kind_and_never_show_the_key(azure: AzureSim, version: str | None) -> None:
    faults: list[ModelError] = []
    for changes in ({"AZURE_OPENAI_API_KEY": "another-key"}, {"GENERATION_MODEL": "nowhere"}):
        with pytest.raises(ModelRefused) as refused:
            ask(settings_of(azure, version, **changes))
        faults.append(refused.value)
    azure.say(Turn(status=429, error="Please retry after 7 seconds.", retry_after=7), Turn(status=500, error="oops"))
    with pytest.raises(ModelBusy) as busy:
        ask(settings_of(azure, version))
    assert busy.value.retry_after == 7
    with pytest.raises(ModelError, match="oops") as failed:
        ask(settings_of(azure, version))
    assert not isinstance(failed.value, ModelRefused)
    assert [fault.status for fault in faults] == [401, 404]
    assert KEY not in f"{[*map(str, faults), str(busy.value)]}"


@pytest.mark.parametrize(("told", "read"), [(-5, None), (0, None), (10**9, 3_600.0)])
def test_odd_retry_after_is_bounded(azure: AzureSim, told: int, read: float | None) -> None:
    azure.say(Turn(status=429, error="busy", retry_after=told))
    with pytest.raises(ModelBusy) as busy:
        ask(settings_of(azure, None))
    assert busy.value.retry_after == read


def test_unknown_date_of_the_api_is_refused(azure: AzureSim) -> None:
    with pytest.raises(ModelRefused, match="Resource not found"):
        ask(settings_of(azure, "2020-01-01"))


def test_long_answer_fails_the_job_in_its_rounds(local: Run, azure: AzureSim) -> None:
    """It is no fault of the server, which another delivery would ask again."""

    async def case(client: Client) -> dict[str, Any]:
        ada = await as_member(client, "ada")
        job_id = await order(ada)
        await client.queue(QUEUE, [{"job_id": job_id}])
        return await status(ada, job_id)

    azure.say(Turn("x" * 10_000_000), Turn(""))
    local.env |= settings_of(azure, None, GENERATION_ROUNDS="2")
    job = local(case)
    assert (job["state"], job["reason"], job["faults"]) == ("failed", "invalid", ["the answer was empty"])
    assert "more than 65536 characters" in azure.requests[1][1]["messages"][-1]["content"]


def test_filters_end_a_job_in_words(local: Run, azure: AzureSim) -> None:
    local.env |= settings_of(azure, None, GENERATION_ROUNDS="2")

    async def case(client: Client) -> list[dict[str, Any]]:
        ada = await as_member(client, "ada")
        jobs = []
        for prompt, turns in (
            (f"an exercise on {FILTERED}", []),
            ("an exercise on clamping", [Turn("", finish="content_filter")] * 2),
        ):
            azure.say(*turns)
            job_id = await order(ada, prompt=prompt)
            await client.queue(QUEUE, [{"job_id": job_id}])
            jobs.append(await status(ada, job_id))
        return jobs

    jobs = local(case)
    assert [(job["state"], job["reason"]) for job in jobs] == [
        ("failed", "prompt_filtered"),
        ("failed", "answer_filtered"),
    ]
