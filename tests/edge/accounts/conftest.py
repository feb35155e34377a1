"""The app with accounts on both runtimes, and helpers that act as a browser and as a program."""

import re
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from tests.edge.accounts.site.app import app
from tests.patience import pauses
from tests.workers.hosting import EDGE, PACKAGES, ROOT

from edge.testing import Answer, Client
from edge.testing.host import Host, Workers
from edge.testing.runner import Runner

HERE = Path(__file__).parent
TREES = {"edge": EDGE, "tests/edge/accounts/site": HERE / "site"}
SECRET = "a-signing-key-for-tests-of-32-bytes"
ADMIN_KEY = "test-admin-key-for-all-tests"
ENV = {
    "JWT_SECRET": SECRET,
    "ADMIN_API_KEY": ADMIN_KEY,
    "RATE_LIMITER": "off",
    "LOG_LEVEL": "error",
    "SITE_URL": "https://vinyl.example",
    "SITE_NAME": "Vinyl Vault",
    "MAIL_SENDER": "hello@vinyl.example",
}
ADA = {"email": "ada@example.org", "password": "correct horse battery"}
SITE = [("origin", "https://vinyl.example")]


class SiteRunner(Runner[Client]):
    """Runs cases on the app; `earlier` counts the lines that the Worker wrote before."""

    earlier = 0


type Run = SiteRunner


@pytest.fixture(scope="session")
def workers_host(workers: Workers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Return a runner of the Worker, which starts with the first test that needs it."""
    folder = copytree(HERE / "worker", tmp_path_factory.mktemp("accounts") / "worker")
    (folder / "python_modules").symlink_to(ROOT / "python_modules")
    host = Host(workers, folder / "wrangler.toml", trees=TREES, overrides=PACKAGES)
    yield host
    host.stop()


@pytest.fixture
def run(runtime: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Run]:
    """Return a runner on each runtime."""
    host: Host | None = request.getfixturevalue("workers_host") if runtime == "workers" else None
    runner = SiteRunner(app, tmp_path / "state", ENV, [], host)
    if host is not None:
        runner.earlier = len(host.logs)
    yield runner
    if host is not None:
        time.sleep(0.1)  # the notice of a test's last step is no mail of the next one


@pytest.fixture
def local(tmp_path: Path) -> Run:
    """Return a runner on the local runtime alone."""
    return SiteRunner(app, tmp_path / "state", ENV, [])


async def registered(client: Client, **account: str) -> dict[str, Any]:
    """Register an account as a program and return its tokens."""
    answer = await client.post("/api/auth/register", ADA | account)
    assert answer.status == 201, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


async def refreshed(client: Client, token: str) -> Answer:
    """Refresh as a program."""
    return await client.post("/api/auth/refresh", {"refresh_token": token})


async def as_member(client: Client, method: str, target: str, tokens: dict[str, Any], json: object = None) -> Answer:
    """Send a request with an access token."""
    bearer = [("authorization", f"Bearer {tokens['access_token']}")]
    return await client.request(method, target, headers=bearer, json=json)


def cookie_of(answer: Answer) -> str | None:
    """Return the name and value of an answer's cookie; None without one."""
    stored = re.match(r"((?:__Secure-)?refresh=[^;]*);", answer.header("set-cookie") or "")
    return stored[1] if stored else None


async def age(client: Client, seconds: float) -> None:
    """Let the last rotation of all sessions be longer ago."""
    settings: Any = client.ports.settings
    await settings.db.run("UPDATE refresh_tokens SET rotated_at = rotated_at - ?", seconds)


async def mails(run: Run, count: int, *about: str) -> list[str]:
    """Wait until so many mails were sent and return their texts, each behind its address and subject.

    Only subjects with one of the texts in `about` count: in workerd a notice of another test may be late.
    """
    matching: list[str] = []
    async for _ in pauses():
        matching = [
            mail for mail in _sent(run) if not about or any(subject in mail.partition("\n")[0] for subject in about)
        ]
        if len(matching) >= count:
            return matching
    raise AssertionError(f"{len(matching)} of {count} mails")


def _sent(run: Run) -> list[str]:
    if run.host is None:
        files = sorted((run.state / "mail" / "MAILER").glob("*.eml"))
        return [f"{mail['to']}: {mail['subject']}\n{mail.get_content()}" for mail in map(_read, files)]
    mails = []
    lines = run.host.logs[run.earlier :]
    for number, line in enumerate(lines):
        if line.startswith("Text: "):
            to = next(line for line in reversed(lines[:number]) if line.startswith("To: "))
            subject = next(line for line in reversed(lines[:number]) if line.startswith("Subject: "))
            text = Path(line.removeprefix("Text: ").strip()).read_text()
            mails.append(f"{to.removeprefix('To: ')}: {subject.removeprefix('Subject: ')}\n{text}")
    return mails


def _read(path: Path) -> EmailMessage:
    return message_from_bytes(path.read_bytes(), policy=default)


def token_of(mail: str) -> str:
    """Return the token of the link in a mail."""
    match = re.search(r"https://vinyl\.example/api/auth/pages/[a-z]+#token=([\w-]+)", mail)
    assert match, mail
    return match[1]
