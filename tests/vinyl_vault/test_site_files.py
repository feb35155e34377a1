"""The files of the site: the service worker caches all files that pages need, under a version of their contents."""

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
LINKED_PAGES = {"confirm.html", "reset.html", "confirm-email.html", "shared.html"}
"""Target pages of links in mails and of shared collections; they need a network anyway."""
MOST_LINES = 400


def files() -> list[Path]:
    """Return the files needed offline."""
    paths = (path for path in ASSETS.rglob("*") if path.suffix in {".html", ".css", ".js", ".svg", ".webmanifest"})
    return sorted(path for path in paths if path.name not in {"sw.js", "shell.js", *LINKED_PAGES})


def imported(path: Path) -> set[Path]:
    """Return all scripts imported by a script, directly or indirectly."""
    scripts = set[Path]()
    waiting = [path]
    while waiting:
        script = waiting.pop()
        names = IMPORT.findall(script.read_text(encoding="utf-8"))
        more = {(script.parent / name).resolve() for name in names} - scripts
        scripts |= more
        waiting += more
    return scripts


def test_page_preloads_all_scripts() -> None:
    page = (ASSETS / "index.html").read_text(encoding="utf-8")
    named = re.findall(r'<link rel="modulepreload" href="([^"]+)">', page)
    assert {ASSETS / name for name in named} == imported(ASSETS / "js" / "app.js")
    assert len(named) == len(set(named))


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
def test_scripts_import_existing_files(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    missing = [name for name in IMPORT.findall(text) if not (path.parent / name).resolve().is_file()]
    assert missing == []
    assert len(text.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.name)
def test_scripts_set_text_and_never_markup(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser", text)


def test_manifest_icons_exist() -> None:
    manifest = json.loads((ASSETS / "site.webmanifest").read_text(encoding="utf-8"))
    assert {"name", "short_name", "start_url", "display", "theme_color", "background_color"} <= manifest.keys()
    assert {"192x192", "512x512"} <= {icon["sizes"] for icon in manifest["icons"]}
    for icon in manifest["icons"]:
        assert (ASSETS / icon["src"]).is_file()


def test_the_policy_of_static_files_lets_the_manifest_in() -> None:
    headers = (ROOT / "tools" / "assets" / "_headers").read_text(encoding="utf-8")
    assert "manifest-src 'self'" in headers


def palettes() -> dict[str, dict[str, str]]:
    """Return the colours of both colour schemes by name."""
    css = (ASSETS / "css" / "site.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w+);", part)) for part in css.split("prefers-color-scheme", 2)[:2])
    return {"light": light, "dark": light | dark}


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(colour: str, other: str) -> float:
    dark, light = sorted((luminance(colour), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_edges_have_enough_contrast(scheme: str) -> None:
    colours = palettes()[scheme]
    grounds = ("page", "card", "soft")
    texts = [(name, ground) for name in ("text", "dim", "accent", "good", "warn", "bad") for ground in grounds]
    weak = [pair for pair in [*texts, ("on-accent", "accent")] if contrast(*(colours[name] for name in pair)) < 4.5]
    edges = [(name, ground) for name in ("edge", "bar", "accent") for ground in ("page", "card")]
    weak += [pair for pair in edges if contrast(*(colours[name] for name in pair)) < 3]
    assert weak == []


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#fff", "#000000") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
