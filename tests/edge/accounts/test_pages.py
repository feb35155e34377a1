"""Pages that links of mails lead to: opening one changes nothing, and its own script alone may run."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from edge.auth.accounts.links import Purpose
from edge.testing import Answer, Client

from .conftest import ADA, Run, mails, registered, token_of


@pytest.mark.parametrize("purpose", Purpose)
def test_page_is_html_with_a_policy_for_its_own_script(local: Run, purpose: Purpose) -> None:
    local.env["SITE_NAME"] = "<b>Vinyl</b>"
    answer = local(lambda client: client.get(f"/api/auth/pages/{purpose}"))
    assert (answer.status, answer.header("content-type")) == (200, "text/html; charset=utf-8")
    assert (answer.header("referrer-policy"), answer.header("cache-control")) == ("no-referrer", "no-store")
    policy = answer.header("content-security-policy") or ""
    (script,), (style,) = (re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL) for tag in ("script", "style"))
    for text in (script, style):
        assert f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" in policy
    assert "'unsafe" not in policy
    assert "<b>" not in answer.text
    assert ('type="password"' in answer.text) is (purpose is not Purpose.EMAIL)


def test_unknown_page_is_400(local: Run) -> None:
    assert local(lambda client: client.get("/api/auth/pages/nothing")).status == 400


def test_opening_a_link_changes_nothing(run: Run) -> None:
    async def case(client: Client) -> Answer:
        await registered(client)
        await client.post("/api/auth/reset", {"email": ADA["email"]})
        (mail,) = await mails(run, 1, "reset your password")
        match = re.search(r"https://vinyl\.example(\S+)#", mail)
        assert match
        for method in ("GET", "HEAD", "GET"):
            assert (await client.request(method, f"{match[1]}?token={token_of(mail)}")).status == 200
        assert (await client.post("/api/auth/login", ADA)).status == 200
        new = {"token": token_of(mail), "password": "another horse battery"}
        return await client.post("/api/auth/reset/confirm", new)

    assert run(case).status == 204


def test_mails_of_development_need_no_settings_and_lead_home(local: Run) -> None:
    for name in ("SITE_URL", "MAIL_SENDER", "SITE_NAME"):
        del local.env[name]

    async def case(client: Client) -> str:
        await registered(client)
        assert (await client.post("/api/auth/reset", {"email": ADA["email"]})).status == 202
        return (await mails(local, 1))[0]

    mail = local(case)
    assert mail.startswith("ada@example.org: api: reset your password")
    assert "http://127.0.0.1:8787/api/auth/pages/reset#token=" in mail
