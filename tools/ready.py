"""`make ready ENV=…`: lists the requirements of a deployment that an environment lacks, and changes nothing.

It checks bindings, secrets, migrations and placeholders, and names the plan's limits. The exit code is 1 if something
is missing, 2 if the account could not be queried.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import migration_check
from apps import ROOT, load
from deploying.account import Account, NotThere
from deploying.build import FILE, Target, environments
from deploying.refusal import Refusal
from pyedge import config

FREE_CRONS = 5
"""Cron triggers that an account has on the free plan; Workers Paid has 250."""
EXAMPLE = re.compile(r"(?:^|[.@/])example\.|your-")
_VIRTUAL = re.compile(r"CREATE\s+VIRTUAL\s+TABLE\s+(\w+)", re.IGNORECASE)


class Finding(NamedTuple):
    """A line of the report: present, missing (with the remedy), or a note (`is_there` is None)."""

    is_there: bool | None
    text: str
    todo: str = ""

    @property
    def line(self) -> str:
        """Return the line that is shown."""
        mark = {True: "✓", False: "✗", None: "·"}[self.is_there]
        return f"{mark} {self.text}" + (f"\n    {self.todo}" if self.todo else "")


def main(arguments: list[str]) -> int:
    """Print the findings, present and missing."""
    try:
        target = Target.of(arguments[0] if arguments else "")
        findings = [*configured(target), *limits(target)]
        print("\n".join(finding.line for finding in findings), flush=True)
        there = [*in_account(target, Account())]
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 2
    print("\n".join(finding.line for finding in there))
    missing = [finding for finding in (*findings, *there) if finding.is_there is False]
    print(f"{target.environment}: {f'{len(missing)} missing' if missing else 'ready: make deploy'}")
    return 1 if missing else 0


def configured(target: Target) -> Iterator[Finding]:
    """Yield the findings of wrangler.toml and of the migrations."""
    for name, value in target.config.get("vars", {}).items():
        if EXAMPLE.search(str(value)):
            yield Finding(
                False, f"variable {name} is a placeholder: {value}", f"set it in [env.{target.environment}.vars]"
            )
    for namespace in target.config.get("kv_namespaces", []):
        if not namespace.get("id"):
            make = f"npx wrangler kv namespace create {namespace['binding']} --env {target.environment}"
            yield Finding(False, f"KV {namespace['binding']} has no id", f"{make}, and put the id into wrangler.toml")
    for folder in _folders(target):
        faults = [fault for file in sorted(folder.glob("*.sql")) for fault in _faults(file)]
        yield from (Finding(False, fault, "a remote database would refuse it") for fault in faults)
        texts = "".join(file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.sql")))
        if virtual := _VIRTUAL.findall(texts):
            note = f"{', '.join(virtual)}: `wrangler d1 export` fails on virtual tables"
            yield Finding(None, note, f"back up with `make backup ENV={target.environment} FILE=…`")


def limits(target: Target) -> Iterator[Finding]:
    """Yield the limits of the account's plan."""
    crons = {name: _crons(name) for name in environments()}
    own = crons[target.environment]
    total = sum(crons.values())
    text = f"{own} cron triggers here, {total} in all environments; the free plan has {FREE_CRONS} an account"
    yield Finding(None, text)
    yield Finding(None, "10 ms of CPU a request on the free plan are too few for Python: use Workers Paid")
    if target.config.get("send_email"):
        yield Finding(None, "mail needs Email Routing with a verified sender domain, which cannot be checked here")


def in_account(target: Target, account: Account) -> Iterator[Finding]:
    """Yield the account's resources, present and missing."""
    environment = target.environment
    for database in target.config.get("d1_databases", []):
        yield from _database(database, account, environment)
    listed = {namespace["id"] for namespace in _list(account, "storage", "kv", "namespaces")}
    for namespace in target.config.get("kv_namespaces", []):
        if namespace.get("id"):
            yield Finding(
                namespace["id"] in listed,
                f"KV {namespace['binding']}",
                "" if namespace["id"] in listed else "no namespace has its id",
            )
    if configured := target.config.get("r2_buckets", []):
        existing = {bucket["name"] for bucket in _buckets(account)}
        for name in (bucket["bucket_name"] for bucket in configured):
            yield _named("R2", name, name in existing, f"npx wrangler r2 bucket create {name}")
    queues = target.config.get("queues", {})
    if configured := {queue["queue"] for queue in (*queues.get("producers", []), *queues.get("consumers", []))}:
        existing = {queue["queue_name"] for queue in _list(account, "queues")}
        for name in sorted(configured):
            yield _named("queue", name, name in existing, f"npx wrangler queues create {name}")
    yield from _secrets(target, account)


def _secrets(target: Target, account: Account) -> Iterator[Finding]:
    try:
        secrets = {secret["name"] for secret in account.get("workers", "scripts", target.name, "secrets")}
    except NotThere:
        secrets = set()
    for name in target.secrets:
        yield _named("secret", name, name in secrets, f"npx wrangler secret put {name} --env {target.environment}")
    optional = {field.name for field in load(target.package).settings.fields if field.kind == "secret"}
    for name in sorted(optional - secrets - {*target.secrets}):
        yield Finding(None, f"optional secret {name} is not set")


def _database(binding: Mapping[str, Any], account: Account, environment: str) -> Iterator[Finding]:
    name = str(binding["database_name"])
    folder = ROOT / str(binding.get("migrations_dir", ""))
    files = [file.name for file in sorted(folder.glob("*.sql"))] if binding.get("migrations_dir") else []
    try:
        account.database(name)
    except NotThere:
        yield _named("D1", name, False, f"npx wrangler d1 create {name}")
        return
    yield _named("D1", name, True, "")
    try:
        applied = {row["name"] for row in account.query(name, "SELECT name FROM d1_migrations")}
    except Refusal as fault:
        if "no such table" not in str(fault):
            raise
        applied = set()
    missing = [file for file in files if file not in applied]
    apply = f"npx wrangler d1 migrations apply {name} --env {environment} --remote (make deploy does it)"
    yield _named("migrations of", name, not missing, f"{', '.join(missing)}: {apply}")


def _named(kind: str, name: str, is_there: bool, todo: str) -> Finding:
    return Finding(is_there, f"{kind} {name}{'' if is_there else ' is missing'}", "" if is_there else todo)


def _list(account: Account, *words: str) -> list[dict[str, Any]]:
    try:
        answer = account.get(*words, per_page="100")
    except NotThere:
        return []
    return answer if isinstance(answer, list) else []


def _buckets(account: Account) -> list[dict[str, Any]]:
    try:
        answer = account.get("r2", "buckets")
    except NotThere:
        return []
    return list(answer.get("buckets", [])) if isinstance(answer, dict) else []


def _folders(target: Target) -> Iterator[Path]:
    for database in target.config.get("d1_databases", []):
        if database.get("migrations_dir"):
            yield ROOT / database["migrations_dir"]


def _faults(file: Path) -> Iterator[str]:
    for fault in migration_check.faults(file.read_text(encoding="utf-8")):
        yield f"{file.relative_to(ROOT)}, {fault}"


def _crons(environment: str) -> int:
    return len(config.read(FILE, environment).get("triggers", {}).get("crons", []))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
