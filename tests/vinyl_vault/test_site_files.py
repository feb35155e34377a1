"""The files of the site: what the service worker keeps is all that pages ask for, under a version that changes."""

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from tests.golden_files import check_golden

from apps import ROOT

ASSETS = ROOT / "src" / "vinyl_vault" / "assets"
SHELL = ASSETS / "shell.js"
IMPORT = re.compile(r'^import [^"]*"(\.[^"]+)";$', re.MULTILINE)
PAGES_OF_MAILS = {"confirm.html", "reset.html", "confirm-email.html"}
MOST_LINES = 400


def files() -> list[Path]:
    """Return the files that the site needs without a network."""
    kept = (path for path in ASSETS.rglob("*") if path.suffix in {".html", ".css", ".js", ".svg", ".webmanifest"})
    return sorted(path for path in kept if path.name not in {"sw.js", "shell.js", *PAGES_OF_MAILS})


def scripts() -> list[Path]:
    return sorted(ASSETS.rglob("*.js"))


@pytest.mark.golden
def test_the_shell_names_all_files_and_a_version_that_changes_with_them() -> None:
    digest = sha256()
    for path in [*files(), ASSETS / "sw.js"]:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ASSETS).as_posix()} {len(content)}\n".encode() + content)
    names = ["/" if path.name == "index.html" else f"/{path.relative_to(ASSETS).as_posix()}" for path in files()]
    shell = {"version": digest.hexdigest()[:16], "files": names}
    check_golden(SHELL, f"// Written by `make golden`.\nself.SHELL = {json.dumps(shell, indent=2)};\n")


@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.name)
def test_scripts_import_files_that_are_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    missing = [name for name in IMPORT.findall(text) if not (path.parent / name).resolve().is_file()]
    assert missing == []
    assert len(text.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.name)
def test_scripts_set_text_and_never_markup(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser", text)


def test_the_manifest_names_icons_that_are_there() -> None:
    manifest = json.loads((ASSETS / "site.webmanifest").read_text(encoding="utf-8"))
    assert {"name", "short_name", "start_url", "display", "theme_color", "background_color"} <= manifest.keys()
    assert {"192x192", "512x512"} <= {icon["sizes"] for icon in manifest["icons"]}
    for icon in manifest["icons"]:
        assert (ASSETS / icon["src"]).is_file()


def test_the_policy_of_static_files_lets_the_manifest_in() -> None:
    headers = (ROOT / "tools" / "assets" / "_headers").read_text(encoding="utf-8")
    assert "manifest-src 'self'" in headers
