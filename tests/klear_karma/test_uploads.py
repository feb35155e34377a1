"""Pictures: private until published, typed by content, without location, and managed only by their owners."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.edge.test_picture_metadata import SECRET, exif, jpeg, segment
from tests.edge.test_pictures import png
from tests.klear_karma.conftest import SECRET as KEY
from tests.klear_karma.conftest import Run, as_admin, as_member
from tests.klear_karma.people import PROFILE, as_healer, verify

from edge.testing import Answer, Client
from klear_karma.uploads.links import LIFETIME, LinkSigner

PHOTO = jpeg(segment(0xE1, exif(6)))


async def send(client: Client, body: bytes = PHOTO, media_type: str = "image/jpeg") -> Answer:
    return await client.request("POST", "/api/uploads", body=body, headers=[("content-type", media_type)])


async def publish(client: Client, upload_id: str, *, is_published: bool = True) -> Answer:
    return await client.request("PATCH", f"/api/uploads/{upload_id}", json={"is_published": is_published})


def test_picture_is_private_until_it_is_published(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        sent = await send(ada)
        upload = sent.json()
        link = (await ada.get(f"/api/uploads/{upload['id']}/link")).json()
        answers = [
            await client.get(upload["path"]),
            await ada.get(upload["path"]),
            await client.get(link["url"]),
            await client.get(link["url"][:-2] + "xx"),
            await client.get(link["url"].replace("expires=", "expires=9")),
        ]
        await publish(ada, upload["id"])
        public = await client.get(upload["path"])
        again = await client.get(upload["path"], headers=[("if-none-match", str(public.header("etag")))])
        await publish(ada, upload["id"], is_published=False)
        return [sent, answers, public, again, await client.get(upload["path"])]

    sent, (hidden, own, signed, forged, later), public, again, taken_back = run(case)
    upload = sent.json()
    assert (sent.status, upload["content_type"], upload["width"], upload["height"]) == (201, "image/jpeg", 64, 48)
    assert (hidden.status, own.status, forged.status, later.status, taken_back.status) == (404,) * 5
    assert (signed.status, signed.header("cache-control")) == (200, "private, no-store")
    assert (public.status, public.header("content-type")) == (200, "image/jpeg")
    assert public.body == signed.body
    assert SECRET not in public.body
    assert (again.status, again.body) == (304, b"")


def test_only_owner_manages_pictures(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        upload = (await send(ada)).json()
        path = f"/api/uploads/{upload['id']}"
        return [
            *((await bob.get("/api/uploads")).json(), (await bob.get(f"{path}/link")).status),
            *((await publish(bob, upload["id"])).status, (await bob.request("DELETE", path)).status),
            *(len((await ada.get("/api/uploads")).json()), (await ada.request("DELETE", path)).status),
            *((await ada.request("DELETE", path)).status, (await ada.get("/api/uploads")).json()),
        ]

    assert run(case) == [[], 404, 404, 404, 1, 204, 404, []]


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"", "image/jpeg", 422),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", 422),
        (b"<script>alert(1)</script>", "image/png", 422),
        (png(20_000, 20_000), "image/png", 422),
        (png(4, 4), "image/jpeg", 201),  # the content decides the type
        (png(4, 4), "text/html", 415),
        (PHOTO + bytes(5 * 1024 * 1024), "image/jpeg", 413),
    ],
)
def test_picture_type_is_found_by_content(local: Run, body: bytes, media_type: str, status: int) -> None:
    async def case(client: Client) -> Answer:
        return await send(await as_member(client, "ada"), body, media_type)

    answer = local(case)
    assert answer.status == status, answer.text
    if status == 201:
        assert answer.json()["content_type"] == "image/png"


def test_profile_takes_published_pictures_of_its_owner(run: Run) -> None:
    async def case(client: Client) -> list[Any]:
        mira = await as_healer(client, "mira")
        ada = await as_member(client, "ada")
        own = (await send(mira)).json()["id"]
        others = (await send(ada)).json()["id"]
        await publish(ada, others)

        async def put(upload_id: str) -> int:
            body = PROFILE | {"photo_id": upload_id}
            return (await mira.request("PUT", "/api/practitioners/me", json=body)).status

        before = await put(own)
        await publish(mira, own)
        statuses = [before, await put(others), await put("nothing"), await put(own)]
        document = (await client.get("/api/practitioners/mira")).json()["photo_id"]
        await publish(mira, own, is_published=False)
        return [statuses, document == own, (await client.get("/api/practitioners/mira")).json()["photo_id"]]

    assert run(case) == [[404, 404, 404, 200], True, None]


def test_published_picture_is_hidden_like_its_practitioner(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await as_member(client, "mira", "healer")
        upload = (await send(mira)).json()
        await publish(mira, upload["id"])
        admin = as_admin(client)
        for is_listed, state, status in [
            (True, "pending", 404),
            (True, "verified", 200),
            (False, "verified", 404),
            (True, "verified", 200),
            (True, "rejected", 404),
        ]:
            body = PROFILE | {"photo_id": upload["id"], "is_listed": is_listed}
            assert (await mira.request("PUT", "/api/practitioners/me", json=body)).status == 200
            waiting = (await admin.get("/api/admin/practitioners")).json()
            link = (await verify(client, "mira", state)).json()["photo_url"]
            assert (await client.get(upload["path"])).status == status, (is_listed, state)
            for url in (link, *(candidate["photo_url"] for candidate in waiting)):
                assert (await client.get(url)).status == 200

    run(case)


def test_pictures_of_deleted_users_are_gone_at_once_and_removed_later(local: Run) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        upload = (await send(ada)).json()
        await publish(ada, upload["id"])
        settings: Any = client.ports.settings
        await settings.db.run("DELETE FROM users WHERE id = 'ada'")
        hidden = (await client.get(upload["path"])).status
        files = len((await settings.uploads.list("uploads/")).objects)
        await client.scheduled("*/5 * * * *")
        rows = await settings.db.all("SELECT id FROM uploads")
        return [hidden, files, len((await settings.uploads.list("uploads/")).objects), rows]

    assert local(case) == [404, 1, 0, []]


def test_signed_link_expires_and_is_valid_for_one_picture() -> None:
    now = datetime(2027, 1, 1, tzinfo=UTC)
    signer = LinkSigner((KEY, "an old key"))
    query, ends_at = signer.sign("one", now)
    expires, signature = (part.partition("=")[2] for part in query.split("&"))
    assert ends_at == now + LIFETIME
    assert signer.is_good("one", int(expires), signature, now)
    assert LinkSigner(("a new key", KEY)).is_good("one", int(expires), signature, now)
    assert not signer.is_good("one", int(expires), signature, now + LIFETIME)
    assert not signer.is_good("one", int(expires) + 1, signature, now + timedelta(seconds=1))
    assert not signer.is_good("two", int(expires), signature, now)
    assert not LinkSigner(("a new key",)).is_good("one", int(expires), signature, now)
    assert not signer.is_good("one", int(expires), "\ud800", now)
