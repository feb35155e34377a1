"""`make audit`: known vulnerabilities of all locked packages, by the public databases that can be reached."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("worker", "local", "dev", "deploy")
PATIENCE = 60
"""Seconds to wait for an answer; without one, the report says that the check could not be made."""


def run_json(command: list[str]) -> Any | None:
    """Return an auditor's JSON output, None if it failed."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=os.environ | {"CI": "1"},
        )
        return json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None


def of_python(lock: str) -> list[str] | None:
    """Return the vulnerabilities of a lock's packages."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--disable-pip"]
    report = run_json([*command, "--require-hashes", "-r", f"tools/requirements/{lock}.txt", "--timeout", "10"])
    if not isinstance(report, dict):
        return None
    return [
        f"{package['name']} {package['version']}: {bad['id']}"
        for package in report["dependencies"]
        for bad in package.get("vulns", [])
    ]


def of_node() -> list[str] | None:
    """Return the vulnerabilities of npm's packages that are high or critical."""
    report = run_json(["npm", "audit", "--json", "--audit-level=high"])
    if not isinstance(report, dict) or "vulnerabilities" not in report:
        return None
    return [
        f"{name}: {package['severity']}"
        for name, package in report["vulnerabilities"].items()
        if package["severity"] in {"high", "critical"}
    ]


def main() -> int:
    """Run the audits and print their reports; fail if a vulnerability is known."""
    reports = {f"Python, {lock}": of_python(lock) for lock in LOCKS} | {"npm": of_node()}
    for name, faults in reports.items():
        result = "could not be checked here" if faults is None else ", ".join(faults) or "no known vulnerabilities"
        print(f"{name}: {result}")
    return 1 if any(reports.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
