"""The README names every make target and app, it and docs/ name only files that exist, and it stays short."""

import re
import subprocess
from pathlib import Path

import pytest

from apps import packages

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md"))}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE)


def test_every_target_and_app_is_documented() -> None:
    documented = set(re.findall(r"`make ([a-z-]+)`", README))
    assert {target for target in TARGETS if target != "help"} <= documented
    assert all(f"`{package}`" in README for package in packages())


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+)(?:`|\s+#)", README))))
def test_a_documented_target_exists(target: str) -> None:
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


PAGES = {Path("README.md"): README, **DOCS}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = {
        name
        for name in re.findall(r"`([\w./-]+/[\w.-]+)`", PAGES[page])
        if not name.startswith(("/", "application/", "text/", "build/", "openapi/"))
    }
    places = [ROOT, ROOT / "src", ROOT / "src" / "edge"]
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGES[page])
    assert [link for link in links if not (ROOT / page.parent / link).exists()] == []


def test_readme_has_at_most_200_lines() -> None:
    assert len(README.splitlines()) <= 200


def test_every_page_is_linked_from_the_readme() -> None:
    assert [str(page) for page in DOCS if page.parent.name != "adr" and f"({page})" not in README] == []


def test_reasons_of_cases_for_one_runtime_are_documented() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    reasons = re.findall(r"local_only\(\s*\"([^\"]+)\"", tests)
    reasons += re.findall(r"^    \(\"\w+\", \"\w+\"\): \"([^\"]+)\",$", tests, re.MULTILINE)
    document = " ".join(DOCS[Path("docs/runtimes.md")].split())
    assert len(reasons) > 6
    assert [reason for reason in reasons if f'"{reason}"' not in document] == []
