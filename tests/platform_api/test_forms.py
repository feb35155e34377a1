"""Forms: authentication, the check for people, delivery to Sanity and Discord; none is lost or doubled."""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import Any

import pytest
from tests.platform_api.conftest import KEY, WORKERS_LIMITS, Runner, eventually

from edge.ports import Database, KeyValue, Limit, Row
from edge.testing import Answer, Client
from platform_api.app import app
from platform_api.mailbox import mailbox_of
from sims.cloudflare import TurnstileSim

pytestmark = pytest.mark.slow

CONTACT = "/api/v1/forms/contact"
FORMS: dict[str, dict[str, Any]] = {
    "contact": {"name": "Ada Lovelace", "email": "ada@example.org", "message": "When is the next meetup in Köln?"},
    "sponsor": {"company": "Ümlaut GmbH", "name": "Jo", "email": "jo@example.org", "tier": "gold"},
    "membership": {"name": "Lin", "email": "lin@example.org", "accepts_code_of_conduct": True, "interests": ["wasm"]},
}


def filled(form: str = "contact", *, age_s: float = 30, **fields: Any) -> dict[str, Any]:
    shown_at = (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat()
    return {**FORMS[form], "shown_at": shown_at, **fields}


async def send(client: Client, body: object, form: str = "contact", key: bool = True) -> Answer:
    return await client.post(f"/api/v1/forms/{form}", body, headers=KEY if key else [])


async def rows(client: Client) -> list[Row]:
    db: Database = client.ports.settings.db
    return await db.all("SELECT * FROM submissions ORDER BY created_at, id")


async def settled(client: Client, column: str = "announced_at") -> Row:
    """Return the one submission after its delivery."""

    async def look() -> Row:
        [row] = await rows(client)
        return row

    return await eventually(look, itemgetter(column))


async def carried(client: Client, holds: Callable[[Row], object]) -> Row:
    """Return the one submission after the job has had it: not while the request that stored it holds its lease."""

    async def look() -> Row:
        await client.scheduled("*/10 * * * *")
        [row] = await rows(client)
        return row

    return await eventually(look, holds)


async def hook(client: Client, runner: Runner) -> None:
    """Make Discord's webhooks known."""
    store: KeyValue = client.ports.settings.kv
    for form in FORMS:
        await store.put(f"webhooks:{form}", runner.sims.discord.webhook_url(form))


@pytest.mark.parametrize("form", FORMS)
def test_form_is_stored_and_delivered_to_sanity_and_discord(run: Runner, form: str) -> None:
    async def case(client: Client) -> tuple[Answer, Row]:
        await hook(client, run)
        return await send(client, filled(form), form), await settled(client)

    answer, row = run(case)
    receipt = answer.json()
    assert (answer.status, receipt["form"], receipt["id"]) == (201, form, row["id"])
    assert receipt["received_at"] == row["created_at"].replace(" ", "T") + "Z"
    [document] = [document for document in run.sims.sanity.documents.values() if document["_type"] == "formSubmission"]
    assert (document["_id"], document["receivedAt"]) == (f"submission.{row['id']}", receipt["received_at"])
    assert {field["name"]: field["value"] for field in document["fields"]} == FORMS[form]
    [message] = run.sims.discord.posted(form)
    assert FORMS[form]["name"] in message["embeds"][0]["title"]
    assert FORMS[form]["email"] not in repr(message)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"email": "a@b@c.de"}, "/email"),
        ({"email": "a@b.c\nbcc: x@y.z"}, "/email"),
        ({"name": "  "}, "/name"),
        ({"name": None}, "/name"),
        ({"message": "short"}, "/message"),
        ({"message": "x" * 5001}, "/message"),
        ({"colour": "red"}, "/colour"),
        ({"shown_at": "yesterday"}, "/shown_at"),
        ({"shown_at": "2026-01-01T00:00:00"}, "/shown_at"),
        ({"shown_at": None}, "/shown_at"),
    ],
)
def test_invalid_form_names_the_field(run: Runner, fields: dict[str, Any], pointer: str) -> None:
    async def case(client: Client) -> tuple[Answer, list[Row]]:
        return await send(client, filled(**fields)), await rows(client)

    answer, stored = run(case)
    assert (answer.status, stored) == (422, [])
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("age_s", [-60, 0, 2, 25 * 3600])
def test_nobody_fills_in_a_form_in_no_time_or_in_a_day(run: Runner, age_s: float) -> None:
    async def case(client: Client) -> tuple[Answer, list[Row]]:
        return await send(client, filled(age_s=age_s)), await rows(client)

    answer, stored = run(case)
    assert (answer.status, stored) == (422, [])
    assert answer.json()["errors"][0]["pointer"] == "/shown_at"


def test_a_member_accepts_the_code_of_conduct(run: Runner) -> None:
    answer = run(lambda client: send(client, filled("membership", accepts_code_of_conduct=False), "membership"))
    assert answer.json()["errors"][0]["pointer"] == "/accepts_code_of_conduct"


def test_honeypot_form_is_stored_as_spam_and_not_delivered(run: Runner) -> None:
    async def case(client: Client) -> tuple[Answer, list[Row]]:
        await hook(client, run)
        answer = await send(client, filled(website="https://buy.example"))
        await client.scheduled("*/10 * * * *")
        return answer, await rows(client)

    answer, [row] = run(case)
    assert (answer.status, row["status"], row["sanity_at"], row["announced_at"]) == (201, "spam", None, None)
    assert run.sims.discord.posted("contact") == []


def test_the_same_form_sent_at_the_same_time_is_one(run: Runner) -> None:
    async def case(client: Client) -> tuple[list[Answer], list[Row]]:
        await hook(client, run)
        answers = await asyncio.gather(*(send(client, filled(age_s=10 + n)) for n in range(10)))
        later = await send(client, filled(email="ADA@example.org "))
        await settled(client)
        return [*answers, later], await rows(client)

    answers, stored = run(case)
    assert sorted(answer.status for answer in answers) == [200] * 10 + [201]
    assert {answer.json()["id"] for answer in answers} == {stored[0]["id"]}
    assert len(stored) == len(run.sims.discord.posted("contact")) == 1


def test_another_message_of_the_same_person_is_another(run: Runner) -> None:
    async def case(client: Client) -> list[Row]:
        await send(client, filled())
        await send(client, filled(message="And where is it, please?"))
        await send(client, filled("sponsor"), "sponsor")
        return await rows(client)

    assert len(run(case)) == 3


def test_the_same_form_a_day_later_is_another(run: Runner) -> None:
    async def case(client: Client) -> list[int]:
        db: Database = client.ports.settings.db
        first = await send(client, filled())
        await db.run("UPDATE submissions SET created_at = datetime(created_at, '-25 hours')")
        return [first.status, (await send(client, filled())).status, len(await rows(client))]

    assert run(case) == [201, 201, 2]


@pytest.mark.parametrize(
    "headers", [[], [("x-api-key", "wrong")], [("authorization", "Bearer wrong")], [("x-api-key", "")]]
)
def test_without_the_key_or_turnstile_nothing_is_taken(run: Runner, headers: list[tuple[str, str]]) -> None:
    async def case(client: Client) -> tuple[Answer, list[Row]]:
        return await client.post(CONTACT, filled(), headers=headers), await rows(client)

    answer, stored = run(case)
    assert (answer.status, stored) == (401, [])


def test_an_unknown_form_is_not_found(run: Runner) -> None:
    assert run(lambda client: send(client, filled(), "recipes")).status == 404


FAULTS: list[dict[str, Any]] = [{"status": 500}, {"status": 503}, {"reset": True}]


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_form_refused_by_sanity_is_delivered_later(run: Runner, fault: dict[str, Any]) -> None:
    async def case(client: Client) -> tuple[Answer, Row, Row]:
        await hook(client, run)
        run.sims.sanity.fail(count=1000, **fault)
        answer = await send(client, filled())
        before = await settled(client, "fault")
        run.sims.sanity.reset()
        return answer, before, await carried(client, itemgetter("sanity_at"))

    answer, before, after = run(case)
    assert (answer.status, before["sanity_at"], before["attempts"]) == (201, None, 1)
    assert after["sanity_at"]
    assert len(run.sims.discord.posted("contact")) == 1


def test_form_refused_by_discord_is_delivered_later(run: Runner) -> None:
    async def case(client: Client) -> Row:
        await hook(client, run)
        run.sims.discord.fail(500, count=1000)
        await send(client, filled())
        await settled(client, "attempts")
        run.sims.discord.reset()
        return await carried(client, itemgetter("announced_at"))

    assert run(case)["attempts"] == 1
    assert len(run.sims.discord.posted("contact")) == 1


def test_form_is_stored_without_webhook_and_write_token(run: Runner) -> None:
    run.env |= {"SANITY_API_WRITE_TOKEN": ""}

    async def case(client: Client) -> tuple[Answer, Row]:
        answer = await send(client, filled())
        return answer, await carried(client, lambda row: row["attempts"] == 2)

    answer, row = run(case)
    assert (answer.status, row["sanity_at"], row["announced_at"]) == (201, None, None)
    assert row["fault"].startswith("webhooks:contact is not in KV")


async def keep(client: Client, form: str, count: int, **columns: object) -> None:
    """Keep submissions as they were sent a minute ago."""
    names = ", ".join(["id, form, fingerprint, fields, created_at", *columns])
    columns_ = ", ".join(
        ["hex(randomblob(8)), ?1, value, ?2, datetime('now', '-1 minute')", *map(repr, columns.values())]
    )
    sql = f"INSERT INTO submissions ({names}) SELECT {columns_} FROM json_each(?3)"
    db: Database = client.ports.settings.db
    await db.run(sql, form, json.dumps(FORMS[form]), json.dumps([*range(count)]))


def test_form_waiting_for_a_webhook_blocks_no_other(run: Runner) -> None:
    async def case(client: Client) -> list[str]:
        store: KeyValue = client.ports.settings.kv
        await store.put("webhooks:sponsor", run.sims.discord.webhook_url("sponsor"))
        await keep(client, "contact", 30, sanity_at="2026-11-21 12:00:00")
        await keep(client, "sponsor", 1, attempts=1)
        for _ in range(4):
            await client.scheduled("*/10 * * * *")
        return [row["form"] for row in await rows(client) if row["announced_at"] and row["sanity_at"]]

    assert run(case) == ["sponsor"]


def test_without_a_write_token_no_form_waits_for_sanity(run: Runner) -> None:
    run.env |= {"SANITY_API_WRITE_TOKEN": ""}

    async def case(client: Client) -> Answer:
        await keep(client, "contact", 3, announced_at="2026-11-21 12:00:00")
        return await client.request("POST", "/jobs/carry_submissions?dry_run=true", headers=KEY)

    assert run(case).json()["report"] == {"submissions": []}


def test_dry_run_lists_waiting_forms_and_sends_none(run: Runner) -> None:
    async def case(client: Client) -> tuple[Answer, Row]:
        run.sims.sanity.fail(status=500, count=1000)
        await send(client, filled())
        await settled(client, "attempts")
        run.sims.sanity.reset()
        dry = await client.request("POST", "/jobs/carry_submissions?dry_run=true", headers=KEY)
        return dry, (await rows(client))[0]

    dry, row = run(case)
    assert dry.json()["report"] == {"submissions": [row["id"]]}
    assert (row["sanity_at"], row["attempts"]) == (None, 1)


def test_forms_are_limited_by_sender(run: Runner) -> None:
    run.env = {name: value for name, value in run.env.items() if not name.endswith("_LIMITER")}

    async def case(client: Client) -> list[Answer]:
        texts = [f"Message number {n}, to you" for n in range(8)]
        return [await send(client, filled(message=text)) for text in texts]

    answers = run(case)
    assert [answer.status for answer in answers[:5]] == [201] * 5
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert int(refused[0].header("retry-after") or "") > 0


ALIKE = [
    "ada{}@example.org",
    "ADA{}@Example.ORG",
    "ada{}+1@example.org",
    "Ada{}+news+2@example.org",
    " ada{}+@example.org ",
    "\uff21da{}@example.org",
    "ada{}@example.org",
]
GMAIL = [
    "a.da{}@gmail.com",
    "ada{}@googlemail.com",
    "A.D.A{}+x@GoogleMail.com",
    "ada{}+y@gmail.com",
    "a.d.a{}@gmail.com",
]
IDN = ["ada{}@müller.example", "ada{}@MÜLLER.example", "ada{}@xn--mller-kva.example", "ada{}+1@mu\u0308ller.example"]
"""Addresses of one mailbox, with room for a name that no other test has used."""


def limited(run: Runner) -> Runner:
    run.env = {name: value for name, value in run.env.items() if not name.endswith("_LIMITER")}
    return run


async def sent_by(client: Client, addresses: list[str], *visitors: str) -> list[int]:
    """Send a form of other words for each address, and return the statuses."""
    statuses = []
    for number, email in enumerate(addresses):
        headers = [*KEY, *(("x-visitor", visitor) for visitor in visitors[number : number + 1])]
        body = filled(email=email, message=f"Message number {number}, to you")
        statuses.append((await client.post(CONTACT, body, headers=headers)).status)
    return statuses


def limits_of(run: Runner) -> Mapping[str, Limit]:
    return app.limits if run.runtime == "local" else WORKERS_LIMITS


async def within_window[T](run: Runner, work: Callable[[str], Awaitable[T]]) -> T:
    """Do something with a name that no test has used; again if a window of the limits has ended meanwhile.

    A Worker outlives its tests, and all forms of the key count together: there each test waits for a window of its own.
    """
    length = limits_of(run)["FORMS_LIMITER"].period
    for attempt in range(6):
        if attempt or run.runtime == "workers":
            await asyncio.sleep(length - time.time() % length)
        window = time.time() // length
        result = await work(secrets.token_hex(4))
        if time.time() // length == window:
            return result
    raise AssertionError(f"it takes longer than {length} s")


@pytest.mark.parametrize("addresses", [ALIKE, GMAIL + GMAIL[:2], IDN + IDN], ids=["alike", "gmail", "idn"])
def test_one_mailbox_has_one_limit_however_it_is_written(run: Runner, addresses: list[str]) -> None:
    async def send(client: Client, who: str) -> tuple[list[int], list[str], list[str]]:
        named = [address.format(who) for address in addresses]
        statuses = await sent_by(client, named)
        emails = [json.loads(row["fields"])["email"] for row in await rows(client)]
        return statuses, [email.strip() for email in named[:5]], [email for email in emails if who in email]

    statuses, named, emails = limited(run)(lambda client: within_window(run, partial(send, client)))
    assert statuses == [201] * 5 + [429] * (len(addresses) - 5)
    assert sorted(emails) == sorted(named), "an address is stored as it was written"


def test_other_mailboxes_have_limits_of_their_own(run: Runner) -> None:
    async def send(client: Client, who: str) -> list[int]:
        others = [f"a.da{who}@example.org", f"ada{who}@example.net", f"ida{who}@example.org"]
        return await sent_by(client, [*[f"ada{who}@example.org"] * 5, *others])

    assert limited(run)(lambda client: within_window(run, partial(send, client))) == [201] * 8


@pytest.mark.parametrize("visitor", ["192.0.2.7", "session-42"])
def test_visitor_that_the_server_names_has_one_limit_for_all_addresses_and_forms(run: Runner, visitor: str) -> None:
    async def send(client: Client, who: str) -> tuple[list[int], list[int]]:
        own = await sent_by(client, [f"ada{n}{who}@example.org" for n in range(7)], *[visitor] * 7)
        body = filled("sponsor", email=f"ada9{who}@example.org")
        own.append((await client.post("/api/v1/forms/sponsor", body, headers=[*KEY, ("x-visitor", visitor)])).status)
        return own, await sent_by(client, [f"ida{who}@example.org"], "192.0.2.8")

    statuses = limited(run)(lambda client: within_window(run, partial(send, client)))
    assert statuses == ([201] * 5 + [429] * 3, [201])


def test_visitor_of_one_network_is_one_visitor(run: Runner) -> None:
    async def send(client: Client, who: str) -> list[int]:
        addresses = [f"ada{n}{who}@example.org" for n in range(7)]
        return await sent_by(client, addresses, *[f"2001:db8:1:2::{n}" for n in range(6)], "2001:db8:1:3::1")

    assert limited(run)(lambda client: within_window(run, partial(send, client))) == [201] * 5 + [429, 201]


def test_all_forms_of_the_key_have_a_limit_together(run: Runner) -> None:
    calls = limits_of(run)["FORMS_LIMITER"].calls

    async def send(client: Client, who: str) -> list[int]:
        visitors = [f"{who}{n}" for n in range(calls + 3)]
        return await sent_by(client, [f"ada@{visitor}.example" for visitor in visitors], *visitors)

    statuses = limited(run)(lambda client: within_window(run, partial(send, client)))
    assert statuses == [201] * calls + [429] * 3


def test_sender_over_its_limit_uses_none_of_the_common_limit(run: Runner) -> None:
    calls = limits_of(run)["FORMS_LIMITER"].calls

    async def send(client: Client, who: str) -> list[int]:
        flood = await sent_by(client, [f"ada{who}+{n}@example.org" for n in range(calls + 5)])
        return [flood.count(201), *(await sent_by(client, [f"ida{who}@example.org"]))]

    assert limited(run)(lambda client: within_window(run, partial(send, client))) == [5, 201]


@pytest.mark.parametrize("visitor", ["x" * 101, "a b", "é"])
def test_invalid_visitor_is_refused(run: Runner, visitor: str) -> None:
    answer = run(lambda client: client.post(CONTACT, filled(), headers=[*KEY, ("x-visitor", visitor)]))
    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (400, "x-visitor")


def test_same_words_of_one_mailbox_are_one_submission(run: Runner) -> None:
    sent = [*[address.format("") for address in ALIKE], "ida@example.org"]

    async def case(client: Client) -> tuple[list[int], list[Row]]:
        statuses = [(await send(client, filled(email=email))).status for email in sent]
        return statuses, await rows(client)

    statuses, stored = run(case)
    assert statuses == [201] + [200] * (len(ALIKE) - 1) + [201]
    assert sorted(json.loads(row["fields"])["email"] for row in stored) == ["ada@example.org", "ida@example.org"]


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Ada@Example.org", "ada@example.org"),
        ("ada+tag@example.org", "ada@example.org"),
        ("+tag@example.org", "+tag@example.org"),
        ("a.d.a@example.org", "a.d.a@example.org"),
        ("a.d.a+b@gmail.com", "ada@gmail.com"),
        ("...@gmail.com", "...@gmail.com"),
        ("straße@faß.example", "strasse@fass.example"),
        ("ada@" + "ü" * 80 + ".example", "ada@" + "ü" * 80 + ".example"),
        ("ada@\u3002.example", "ada@\u3002.example"),
        ("@", "@"),
    ],
)
def test_mailbox_is_one_form_of_an_address(address: str, mailbox: str) -> None:
    assert mailbox_of(address) == mailbox


@pytest.fixture(scope="module")
def turnstile() -> Iterator[TurnstileSim]:
    with TurnstileSim() as sim:
        yield sim


@pytest.fixture
def vouched(run: Runner, turnstile: TurnstileSim) -> Runner:
    """A platform that takes forms from browsers."""
    turnstile.reset()
    run.env |= {"TURNSTILE_SECRET_KEY": turnstile.secret, "TURNSTILE_URL": turnstile.url}
    return run


def test_a_browser_that_turnstile_vouches_for_needs_no_key(vouched: Runner, turnstile: TurnstileSim) -> None:
    token = turnstile.solve()
    answer = vouched(lambda client: send(client, filled(turnstile_token=token), key=False))
    assert answer.status == 201, answer.text


@pytest.mark.parametrize("token", [None, "", "forged", "x" * 2048])
def test_untrusted_senders_are_refused(vouched: Runner, token: str | None) -> None:
    async def case(client: Client) -> tuple[Answer, list[Row]]:
        return await send(client, filled(turnstile_token=token), key=False), await rows(client)

    answer, stored = vouched(case)
    assert (answer.status, answer.json()["type"], stored) == (403, "urn:problem:not-human", [])


def test_a_token_is_good_once(vouched: Runner, turnstile: TurnstileSim) -> None:
    token = turnstile.solve()

    async def case(client: Client) -> list[int]:
        first = await send(client, filled(turnstile_token=token), key=False)
        second = await send(client, filled(turnstile_token=token, message="Something else now"), key=False)
        return [first.status, second.status]

    assert vouched(case) == [201, 403]


def test_turnstile_away_is_a_502_and_the_server_with_the_key_goes_on(vouched: Runner, turnstile: TurnstileSim) -> None:
    turnstile.down = True

    async def case(client: Client) -> list[int]:
        browser = await send(client, filled(turnstile_token="t"), key=False)
        return [browser.status, (await send(client, filled())).status]

    assert vouched(case) == [502, 201]
