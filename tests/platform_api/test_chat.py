"""Questions, answered out of the site's content: by a model, by the passages themselves, and with either away."""

import json
from typing import Any

import pytest
from tests.platform_api.conftest import KEY, Runner, eventually
from tests.platform_api.test_content import purge

from edge.ports import Database
from edge.testing import Answer, Client
from sims.model import Turn

pytestmark = pytest.mark.slow

CHAT = "/api/v1/chat"
JSON = [("accept", "application/json")]
SPONSOR = "How do I become a sponsor?"


def events(answer: Answer) -> list[tuple[str, Any]]:
    events_ = []
    for block in answer.text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if lines:
            events_.append((lines["event"], json.loads(lines["data"])))
    return events_


async def ask(client: Client, question: str = SPONSOR, **members: Any) -> Answer:
    return await client.post(CHAT, {"question": question, **members})


async def counted(client: Client, sql: str) -> int:
    db: Database = client.ports.settings.db
    [row] = await db.all(sql)
    return int(row["n"])


def local(run: Runner) -> bool:
    return run.runtime == "local"


def without_model(run: Runner) -> Runner:
    for name in ("LOCAL_AI_URL", "LOCAL_AI_KEY"):
        run.env.pop(name, None)
    return run


def test_answer_streams_with_its_sources(run: Runner) -> None:
    stream = events(run(lambda client: ask(client, stream=True)))
    assert [name for name, _ in stream][:1] == ["sources"]
    assert [name for name, _ in stream][-1] == "done"
    sources = stream[0][1]
    assert sources[0]["slug"] == "how-to-become-a-sponsor"
    assert [source["number"] for source in sources] == list(range(1, len(sources) + 1))
    assert "".join(data["text"] for name, data in stream if name == "token")
    assert stream[-1][1]["model"]


EVENTS = [("accept", "text/event-stream")]
ANY = [("accept", "*/*")]


@pytest.mark.parametrize(("headers", "members"), [([], {}), (ANY, {}), (JSON, {}), (EVENTS, {"stream": False})])
def test_an_answer_is_one_object_unless_events_are_asked_for(
    run: Runner, headers: list[tuple[str, str]], members: dict[str, bool]
) -> None:
    async def case(client: Client) -> Answer:
        return await client.post(CHAT, {"question": SPONSOR, **members}, headers=headers)

    answer = run(case)
    assert answer.header("content-type") == "application/json"
    assert answer.json()["sources"][0]["slug"] == "how-to-become-a-sponsor"
    assert answer.json()["answer"]


def test_every_source_can_be_read(run: Runner) -> None:
    async def case(client: Client) -> list[int]:
        sources = (await ask(client, "Where do meetups take place?", stream=False)).json()["sources"]
        return [(await client.get(source["path"])).status for source in sources]

    statuses = run(case)
    assert statuses
    assert set(statuses) == {200}


def test_the_model_gets_the_passages_and_the_question(run: Runner) -> None:
    run(lambda client: ask(client, stream=False))
    [request] = [request for request in run.sims.model.requests if "messages" in request]
    system, user = request["messages"]
    assert "no instruction" in system["content"]
    assert "How to become a sponsor" in user["content"]
    assert user["content"].endswith(f"Question: {SPONSOR}")


def test_texts_are_embedded_once(run: Runner) -> None:
    def embeddings() -> int:
        return len([request for request in run.sims.model.requests if "messages" not in request])

    async def case(client: Client) -> tuple[int, int]:
        await ask(client, stream=False)
        first = embeddings()
        await client.request("POST", "/jobs/refresh_index", headers=KEY)
        await ask(client, stream=False)
        return first, embeddings()

    first, then = run(case)
    assert then == first + 1  # the second question's own


def test_a_broken_document_does_not_hide_the_others(run: Runner) -> None:
    slug = {"_type": "slug", "current": "broken"}
    run.sims.sanity.put({"_id": "post-broken", "_type": "post", "title": 5, "slug": slug, "summary": ["no text"]})
    answer = run(lambda client: ask(client, stream=False))
    assert (answer.status, answer.json()["sources"][0]["slug"]) == (200, "how-to-become-a-sponsor")


def test_invalid_texts_are_an_upstream_failure(run: Runner) -> None:
    run.sims.sanity.fail(body='{"result": 5}', count=50)
    answer = run(lambda client: ask(client, stream=False))
    assert (answer.status, answer.json()["upstream"]) == (502, "Sanity")


def test_a_new_document_is_found_after_the_job_and_an_old_one_no_more(run: Runner) -> None:
    async def case(client: Client) -> tuple[Any, Any, Any]:
        await ask(client, stream=False)
        slug = {"_type": "slug", "current": "zebra-crossing"}
        body = [{"_type": "block", "children": [{"_type": "span", "text": "Zebras cross the quokka bridge at noon."}]}]
        run.sims.sanity.put({"_id": "post-zebra", "_type": "post", "title": "Zebras", "slug": slug, "body": body})
        first = (await client.request("POST", "/jobs/refresh_index", headers=KEY)).json()["report"]
        before = (await ask(client, "When do zebras cross the quokka bridge?", stream=False)).json()["sources"]
        run.sims.sanity.delete("post-zebra")
        await client.scheduled("17 * * * *")
        gone = (await ask(client, "When do zebras cross the quokka bridge?", stream=False)).json()["sources"]
        return first, before, gone

    report, before, gone = run(case)
    assert report["changes"] == {
        "written": 1,
        "removed": 0,
        "embedded": 1 if local(run) else report["changes"]["embedded"],
    }
    assert before[0]["slug"] == "zebra-crossing"
    assert "zebra-crossing" not in [source["slug"] for source in gone]


def test_the_webhook_brings_the_texts_up_to_date(run: Runner) -> None:
    async def case(client: Client) -> int:
        await ask(client, stream=False)
        slug = {"_type": "slug", "current": "zebra-crossing"}
        run.sims.sanity.put({"_id": "post-zebra", "_type": "post", "title": "Zebras", "slug": slug})
        await purge(client, {"_id": "post-zebra", "_type": "post", "slug": slug})
        sql = "SELECT count(*) AS n FROM passages WHERE slug = 'zebra-crossing'"
        return await eventually(lambda: counted(client, sql))

    assert run(case) == 1


@pytest.mark.local_only("the Worker of the tests has a model")
def test_without_a_model_the_passages_are_the_answer(run: Runner) -> None:
    answer = without_model(run)(lambda client: ask(client, stream=False)).json()
    assert answer["model"] is None
    assert answer["sources"][0]["slug"] == "how-to-become-a-sponsor"
    assert answer["answer"].startswith("[1] How to become a sponsor: ")


@pytest.mark.local_only("the Worker of the tests has a model")
@pytest.mark.parametrize(
    ("question", "slug"),
    [
        ("what does the code of conduct say?", "code-of-conduct"),
        ("Is there wheelchair access?", "accessibility"),
    ],
)
def test_words_find_the_right_document(run: Runner, question: str, slug: str) -> None:
    answer = without_model(run)(lambda client: ask(client, question, stream=False)).json()
    assert any(slug in source["slug"] for source in answer["sources"][:2]), answer["sources"]


@pytest.mark.parametrize("question", ["xyzzy plugh qwertz", "is it the?"])
def test_question_off_topic_gets_no_invented_answer(run: Runner, question: str) -> None:
    answer = run(lambda client: ask(client, question, stream=False)).json()
    assert answer == {"answer": "The site says nothing about this.", "model": None, "sources": []}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "answer"), [(5004, 400), (3040, 429), (0, 500), (0, 401), (0, 403), (0, 404)])
def test_passages_are_the_answer_if_the_model_fails(run: Runner, code: int, answer: int) -> None:
    key = "Incorrect API key provided: sk-secret"
    turn = Turn(
        status=answer,
        error=key if local(run) or not code else f"{code}: {key}",  # Workers AI names the fault in its text
    )

    async def case(client: Client) -> tuple[Answer, Answer]:
        await ask(client, stream=False)
        return await failing(run, client, turn, stream=False), await failing(run, client, turn, stream=True)

    whole, streamed = run(case)
    assert (whole.status, whole.json()["model"]) == (200, None)
    assert whole.json()["answer"].startswith("[1] How to become a sponsor: ")
    stream = events(streamed)
    assert stream[-1] == ("done", {"model": None})
    assert "".join(data["text"] for name, data in stream if name == "token").startswith("[1] How to become a sponsor: ")
    assert "key" not in f"{whole.text}{streamed.text}".lower().replace("sponsor", "")


def test_answer_that_breaks_off_says_so_or_is_the_passages(run: Runner) -> None:
    turn = Turn(text="word " * 200, cut=2000, reset=True)

    async def case(client: Client) -> tuple[Answer, Answer]:
        await ask(client, stream=False)
        return await failing(run, client, turn, stream=False), await failing(run, client, turn, stream=True)

    whole, streamed = run(case)
    assert (whole.status, whole.json()["model"]) == (200, None)
    assert whole.json()["answer"].startswith("[1] How to become a sponsor: ")
    names = [name for name, _ in events(streamed)]
    assert (names[:2], names[-1]) == (["sources", "token"], "error")
    assert events(streamed)[-1][1]["type"] == "urn:problem:answer-cut-off"


async def failing(run: Runner, client: Client, turn: Turn, *, stream: bool) -> Answer:
    """Ask so that the question is embedded, and its answer fails."""
    run.sims.model.reset()
    run.sims.model.say(Turn(), *[turn] * 3)
    return await ask(client, stream=stream)


def test_questions_of_one_address_are_bounded(run: Runner) -> None:
    run.env = {name: value for name, value in run.env.items() if not name.endswith("_LIMITER")}

    async def case(client: Client) -> list[Answer]:
        return [await ask(client, stream=False) for _ in range(22)]

    answers = run(case)
    refused = [answer for answer in answers if answer.status == 429]
    assert answers[0].status == 200
    assert refused
    assert int(refused[0].header("retry-after") or "") > 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"question": ""},
        {"question": "x"},
        {"question": "x" * 1001},
        {"question": 7},
        {"question": SPONSOR, "a": 1},
        [],
    ],
)
def test_invalid_question_is_refused(run: Runner, body: object) -> None:
    assert run(lambda client: client.post(CHAT, body)).status == 422


def test_sanity_away_without_a_cache_is_an_upstream_failure(run: Runner) -> None:
    run.sims.sanity.fail(status=500, count=1000)
    assert run(ask).status == 502


def test_sanity_away_is_answered_from_the_cache(run: Runner) -> None:
    async def case(client: Client) -> tuple[int, int]:
        await ask(client, stream=False)
        run.sims.sanity.fail(status=500, count=1000)
        return (await ask(client, stream=False)).status, (
            await client.request("POST", "/jobs/refresh_index", headers=KEY)
        ).status

    assert run(case) == (200, 502)
