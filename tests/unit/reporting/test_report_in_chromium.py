"""Opens the report in a real browser, wide and narrow."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sixgig.reporting.page import write_report
from sixgig.results.study import Study

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
)


@pytest.fixture(scope="module")
def browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        found = shutil.which(name)
        if found:
            return found
    reason = "no Chromium on PATH: install the Debian package `chromium` to check the report in a browser"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def report(drawn_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("browser") / "report.html"
    write_report(Study(drawn_study), output)
    return output


def open_page(browser: str, page: Path, width: int, profile: Path) -> tuple[str, list[str]]:
    """Return the page's DOM after its script ran, and what the console said."""
    command = [browser, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},900", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_the_report_opens_without_a_console_message(browser, report, tmp_path):
    dom, console = open_page(browser, report, 1280, tmp_path / "profile")
    assert console == []
    for heading in ("ELPV solar cells", "Contents", "All cohorts together"):
        assert re.search(rf"<h2[^>]*>{heading}", dom)
    for heading in ("Planned comparisons", "Images, subjects and splits", "Results", "What it costs", "Environment"):
        assert f"<summary><h3>{heading}</h3></summary>" in dom
    assert re.search(
        r'<th scope="col"><button type="button"><abbr title="[^"]+">Method</abbr></button></th>', dom
    )  # the script made the table sortable
    assert re.search(r'<html[^>]* data-overflow="0"', dom)


def on_a_telephone(browser: str, report: Path, tmp_path: Path) -> tuple[int, int]:
    """Return the width that a page has on a telephone, and the width that it needs."""
    # A browser window cannot be as narrow as a telephone; a frame can. The same rules of width apply inside it.
    frame = tmp_path / "frame.html"
    frame.write_text(
        "<body style='margin:0'><iframe id='f' width='390' height='800' style='border:0'></iframe><script>"
        "const f = document.getElementById('f');"
        "f.onload = () => { const d = f.contentDocument.documentElement;"
        "document.body.dataset.width = d.clientWidth; document.body.dataset.needs = d.scrollWidth; };"
        "f.srcdoc = document.getElementById('page').textContent;"
        "</script>",
        encoding="utf-8",
    )
    html = report.read_text(encoding="utf-8").replace("</script", "<\\/script")
    text = frame.read_text(encoding="utf-8")
    holder = f"<script type='text/plain' id='page'>{html}</script>"
    text = text.replace("<script>const", holder + "<script>const", 1)
    text = text.replace("textContent;", "textContent.replaceAll('<\\\\/script', '<' + '/script');")
    frame.write_text(text, encoding="utf-8")
    dom, _ = open_page(browser, frame, 800, tmp_path / "profile")
    found = re.search(r'data-width="(\d+)" data-needs="(\d+)"', dom)
    assert found, "the frame did not load"
    return int(found[1]), int(found[2])


def test_the_report_fits_a_telephone(browser, report, tmp_path):
    width, needs = on_a_telephone(browser, report, tmp_path)
    assert 350 < width <= 390
    assert needs <= width


def test_the_check_of_the_width_can_fail(browser, report, tmp_path):
    broken = tmp_path / "broken.html"
    html = report.read_text(encoding="utf-8").replace("<main>", "<main><div style='width:3000px'>wide</div>")
    broken.write_text(html, encoding="utf-8")
    dom, _ = open_page(browser, broken, 1280, tmp_path / "profile")
    assert int(re.search(r'data-overflow="(\d+)"', dom).group(1)) > 1000
