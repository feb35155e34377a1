"""Wrangler's commands for one environment, and the health of its deployment."""

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from typing import Any, NamedTuple

from apps import ROOT
from deploying.build import Target
from deploying.refusal import Refusal
from wrangler_command import OFFLINE
from wrangler_command import wrangler as command

WAIT = 90.0
"""Seconds that a new version has until it is healthy: Cloudflare takes some to spread it."""
INTERVAL = 2.0
NOT_THERE = re.compile(r'Worker "[^"]+" .*not found|\b10007\b')
"""The words of wrangler's, or Cloudflare's code, for a Worker that does not exist yet."""
NOT_DEPLOYED = re.compile(rf"{NOT_THERE.pattern}|has no deployments")
"""The same, or wrangler's words for a Worker that has secrets alone."""
_VERSION = re.compile(r"Current Version ID: ([0-9a-f-]{36})")
_ADDRESS = re.compile(r"https://\S+\.workers\.dev")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Deployed(NamedTuple):
    """A version that was deployed, and the address that wrangler names."""

    version: str
    url: str


def wrangler(target: Target, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of wrangler's for the environment."""
    return subprocess.run(
        command(*arguments, "--env", target.environment),
        cwd=ROOT,
        env=os.environ | OFFLINE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def check_account() -> None:
    """Refuse to continue if no account is configured."""
    if not os.environ.get("CLOUDFLARE_ACCOUNT_ID"):
        raise Refusal(
            "CLOUDFLARE_ACCOUNT_ID is not set: `npx wrangler whoami` shows your accounts; export the id of one"
        )


def check_secrets(target: Target) -> None:
    """Refuse if a required secret is not set; a Worker that does not exist yet has none."""
    done = wrangler(target, "secret", "list", "--format", "json")
    if done.returncode and not NOT_THERE.search(output_of(done)):
        raise Refusal(
            f"{output_of(done)}\nthe secrets of {target.name} cannot be listed: see docs/deploy.md for the token"
        )
    listed = json.loads(done.stdout[done.stdout.index("[") :]) if not done.returncode else []
    missing = [name for name in target.secrets if name not in {secret["name"] for secret in listed}]
    if missing:
        commands = "\n".join(f"  npx wrangler secret put {name} --env {target.environment}" for name in missing)
        raise Refusal(f"secrets are missing: {', '.join(missing)}; set each, then run it again:\n{commands}")


def current_version(target: Target) -> str | None:
    """Return the id of the deployed version, None without one."""
    return version_in(wrangler(target, "deployments", "status", "--json"))


def version_in(done: subprocess.CompletedProcess[str]) -> str | None:
    """Return the version that most requests reach; refuse an answer that does not tell whether there is one."""
    if done.returncode and NOT_DEPLOYED.search(output_of(done)):
        return None
    if done.returncode:
        raise Refusal(
            f"{output_of(done)}\nthe deployed version cannot be read, so there would be no way back: "
            "nothing was changed; run it again"
        )
    versions = json.loads(done.stdout[done.stdout.index("{") :]).get("versions") or []
    most = max(versions, key=lambda version: version["percentage"], default={"version_id": None})
    number: str | None = most["version_id"]
    return number


def apply_migrations(target: Target, database: str) -> str:
    """Apply a database's missing migrations; return the outcome."""
    done = wrangler(target, "d1", "migrations", "apply", database, "--remote")
    if done.returncode:
        raise Refusal(
            f"{output_of(done)}\nthe migrations of {database} were not applied, and nothing was deployed; "
            f"if the database does not exist: `npx wrangler d1 create {database}`"
        )
    left = wrangler(target, "d1", "migrations", "list", database, "--remote")
    if left.returncode or "No migrations to apply" not in left.stdout:
        raise Refusal(f"{output_of(left)}\n{database} still lacks migrations, and nothing was deployed; run it again")
    return "nothing to apply" if "No migrations to apply" in done.stdout else "applied"


def deploy(target: Target, url: str = "") -> Deployed:
    """Upload and deploy; return the version and its address."""
    done = wrangler(target, "deploy")
    version = _VERSION.search(done.stdout)
    address = _ADDRESS.search(done.stdout)
    if done.returncode or version is None:
        raise Refusal(
            f"{output_of(done)}\nwrangler did not deploy {target.name}: the previous version, if any, keeps running"
        )
    if not url and address is None:
        raise Refusal(f"{target.name} is deployed without a workers.dev address: give URL= to check its health")
    return Deployed(version[1], url or (address[0] if address else ""))


def wait_until_healthy(target: Target, deployed: Deployed, seconds: float = WAIT) -> None:
    """Poll a version's health until it is ok; after the deadline, refuse and name the failing probes."""
    end = time.monotonic() + seconds
    while True:
        status, health = _health(target, deployed)
        if status == 200 and isinstance(health, dict) and health.get("status") == "ok":
            return
        if time.monotonic() > end or _is_final(health):
            break
        time.sleep(INTERVAL)
    bad = {
        name: probe for name, probe in _probes(health).items() if probe.get("status") == "error" or _is_lacking(probe)
    }
    details = "".join(f"\n  {name}: {probe.get('status')}: {probe.get('message') or ''}" for name, probe in bad.items())
    remedy = "".join(
        f"\n`npx wrangler d1 migrations apply {database} --env {target.environment} --remote` applies what is missing"
        for database in target.databases
        if _is_final(health)
    )
    raise Refusal(f"{deployed.url}/health is not ok (status {status}):{details or f' {str(health)[:300]}'}{remedy}")


def _is_final(health: Any) -> bool:
    """Tell whether waiting is useless: migrations do not apply themselves."""
    return any("MigrationsMissing" in str(probe.get("message")) for probe in _probes(health).values())


def _is_lacking(probe: dict[str, Any]) -> bool:
    return probe.get("status") == "not_configured" and bool(probe.get("required"))


def _probes(health: Any) -> dict[str, dict[str, Any]]:
    return (health.get("checks") or health.get("probes") or {}) if isinstance(health, dict) else {}


def _health(target: Target, deployed: Deployed) -> tuple[int, Any]:
    """Ask the version itself: during a gradual change another might answer."""
    headers = {
        "Cloudflare-Workers-Version-Overrides": f'{target.name}="{deployed.version}"',
        "User-Agent": "make deploy",
    }
    request = urllib.request.Request(f"{deployed.url.rstrip('/')}/health", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode(errors="replace")
    except (OSError, ValueError) as fault:
        return 0, str(fault)


def output_of(done: subprocess.CompletedProcess[str]) -> str:
    """Return the end of a command's output."""
    text = _COLOURS.sub("", f"{done.stdout}\n{done.stderr}")
    return "\n".join([line for line in text.splitlines() if line.strip()][-20:])
