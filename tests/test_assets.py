"""The static files: all that the pages ask for is there, and nothing comes from elsewhere."""

import re
from pathlib import Path

import pytest

import build_assets
from apps import ROOT, packages

each_app = pytest.mark.parametrize("package", packages())
LINK = re.compile(r'(?:href|src)="([^"#]+)"')


@pytest.fixture
def built(package: str, tmp_path: Path) -> Path:
    build_assets.build(tmp_path, build_assets.sources(package))
    return tmp_path


@each_app
def test_the_documents_are_served_byte_for_byte(built: Path, package: str) -> None:
    sources = build_assets.sources(package)
    for name in ("openapi.json", "openapi.yaml"):
        assert (built / name).read_bytes() == sources[name].read_bytes()
        assert sources[name].is_relative_to(ROOT / "openapi")


@each_app
def test_every_link_of_a_page_leads_to_a_file_or_a_page(built: Path) -> None:
    for page in built.rglob("*.html"):
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            assert target.is_relative_to(built.resolve())
            assert target.is_file() or target.with_suffix(".html").is_file(), link


@each_app
def test_pages_hold_no_script_or_style_of_their_own(built: Path) -> None:
    for page in built.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", text)


@each_app
def test_own_scripts_and_styles_name_no_other_host(built: Path) -> None:
    bundled = {path.name for path in build_assets.BUNDLES.rglob("*.js")}
    others = {*build_assets.SWAGGER, *bundled}
    own = [path for path in built.rglob("*.*") if path.name not in others and path.suffix != ".svg"]
    files = [path for path in own if path.suffix in {".html", ".css", ".js"}]
    assert files
    assert not [path.name for path in files if re.search(r"(https?:)?//[\w.]+\.\w+", path.read_text(encoding="utf-8"))]


@each_app
def test_the_headers_let_scripts_come_from_here_alone(built: Path) -> None:
    headers = (built / "_headers").read_text(encoding="utf-8")
    assert "access-control" not in headers.lower(), "CORS_ALLOWED_ORIGINS decides, in the Worker"
    assert "script-src 'self';" in headers
    assert "unsafe" not in headers


@each_app
def test_building_again_changes_nothing_and_removes_deleted_files(built: Path, package: str) -> None:
    assert build_assets.build(built, build_assets.sources(package)) == 0
    (built / "old.html").write_text("old", encoding="utf-8")
    (built / "docs" / "docs.css").write_text("edited", encoding="utf-8")
    assert build_assets.build(built, build_assets.sources(package)) == 2
    assert not (built / "old.html").exists()
