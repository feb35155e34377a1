"""`make ready` against a stand-in account: each missing thing is a line with its remedy."""

from collections.abc import Iterator

import pytest

import ready
from apps import ROOT
from deploying.account import Account, NotThere
from deploying.build import Target, package_of
from deploying.refusal import Refusal
from sims.cloudflare import StorageSim

ENVIRONMENT = "klear-karma-staging"


@pytest.fixture(scope="module")
def sim() -> Iterator[StorageSim]:
    with StorageSim() as running:
        yield running


def missing(sim: StorageSim) -> list[str]:
    """Return the lines about missing things in the account."""
    findings = ready.in_account(Target.of(ENVIRONMENT), Account(sim.environment))
    return [finding.text for finding in findings if finding.is_there is False]


@pytest.mark.parametrize(
    ("environment", "package"),
    [
        ("klear-karma", "klear_karma"),
        ("klear-karma-staging", "klear_karma"),
        ("klear-karma-production", "klear_karma"),
        ("vinyl-vault", "vinyl_vault"),
        ("staging", "core_tessie"),
        ("production", "core_tessie"),
    ],
)
def test_stage_of_a_sibling_is_deployed_as_the_sibling(environment: str, package: str) -> None:
    assert package_of(environment) == Target.of(environment).package == package


def test_missing_resources_are_listed_until_they_exist(sim: StorageSim) -> None:
    assert missing(sim) == [
        "D1 klear-karma-db-staging is missing",
        "R2 klear-karma-uploads-staging is missing",
        "secret JWT_SECRET is missing",
    ]
    database = sim.add_database("klear-karma-db-staging")
    sim.buckets.add("klear-karma-uploads-staging")
    sim.add_secret("klear-karma-api-staging", "JWT_SECRET")
    assert missing(sim) == ["migrations of klear-karma-db-staging is missing"]
    database.query({"sql": "CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY, name TEXT, applied_at TEXT)"})
    for file in sorted((ROOT / "migrations" / "klear_karma").glob("*.sql")):
        database.query({"sql": "INSERT INTO d1_migrations (name) VALUES (?)", "params": [file.name]})
    assert missing(sim) == []


def test_optional_secret_that_is_not_set_is_a_note(sim: StorageSim) -> None:
    def notes() -> list[str]:
        findings = ready.in_account(Target.of("klear-karma-production"), Account(sim.environment))
        return [finding.text for finding in findings if finding.is_there is None]

    assert "optional secret ADMIN_API_KEY is not set" in notes()
    sim.add_secret("klear-karma-api-production", "ADMIN_API_KEY")
    assert [note for note in notes() if "ADMIN_API_KEY" in note] == []


def test_placeholders_and_virtual_tables_are_reported() -> None:
    findings = [*ready.configured(Target.of(ENVIRONMENT)), *ready.limits(Target.of(ENVIRONMENT))]
    lines = "\n".join(finding.line for finding in findings)
    assert "✗ variable SITE_URL is a placeholder" in lines
    assert "✗ KV KV has no id" in lines
    assert "· practitioner_texts: `wrangler d1 export` fails" in lines
    assert "cron triggers" in lines


def test_without_a_token_nothing_is_requested(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN", raising=False)
    monkeypatch.delenv("CLOUDFLARE_ACCOUNT_ID", raising=False)
    assert ready.main([ENVIRONMENT]) == 2
    assert "CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN is not set" in capsys.readouterr().err
    assert ready.main(["nowhere"]) == 2


def test_wrong_token_is_reported_and_not_shown(sim: StorageSim) -> None:
    account = Account(sim.environment | {"CLOUDFLARE_API_TOKEN": "a-wrong-token"})
    with pytest.raises(Refusal, match="403") as refused:
        account.database("klear-karma-db")
    assert "a-wrong-token" not in str(refused.value)
    with pytest.raises(NotThere):
        Account(sim.environment).database("another")
