"""A plan as JSON and as a page."""

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import yaml

from sixgig.forecast.answer import Expected, Problem, Room
from sixgig.forecast.as_json import as_json
from sixgig.forecast.page import bars, render, write_page
from tests.unit.forecast.made import answer, jobs

SCHEMA = yaml.safe_load(Path(__file__).with_name("plan.schema.yaml").read_text())


def full():
    return answer(
        device="RTX 3050 6GB Laptop",
        problems=[Problem("disk", "results take 9 GB and 2 GB are free", "free 7 GB more")],
        rooms=[Room("disk", 9000, 2000), Room("memory", 900, None)],
        expected=[Expected("a", "Arm A", 2, 4, 200)],
        notes=["<b>planned</b> without data"],
        assumptions=["constants"],
    )


def test_json_keeps_to_its_schema():
    for made in (full(), answer(), answer([replace(one, needed=False, reasons=()) for one in jobs()])):
        found = json.loads(as_json(made))
        jsonschema.validate(found, SCHEMA, format_checker=jsonschema.FormatChecker())


def test_json_holds_the_figures():
    found = json.loads(as_json(full()))
    assert found["seconds"] == 650
    assert found["finish"] == "2026-11-27T22:40:50+00:00"
    assert found["fits"] is False
    assert found["total"]["jobs_needed"] == 6
    assert found["critical_path"]["jobs"][1] == {"rule": "encode_images", "name": "c.b"}
    job = next(job for job in found["jobs"] if job["name"] == "c.b")
    assert (job["start"], job["cost"]["vram_mb"], job["reasons"][0]["sentence"]) == (100.0, 4000, "has never run")
    assert job["after"] == [{"rule": "prepare", "name": "c"}]


def test_the_page_needs_no_other_file_and_shows_what_the_screen_shows(tmp_path):
    write_page(full(), tmp_path / "plan.html")
    page = (tmp_path / "plan.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=[\"'](?!data:|#)", page)
    assert "default-src 'none'" in page
    for text in ("Arm A", "2 to 4 h", "11 min from start to end", "It does not fit", "free 7 GB more", "constants"):
        assert text in page
    assert "&lt;b&gt;planned&lt;/b&gt;" in page
    assert page.count('class="bar') == 7  # six jobs, and the style of bars as a whole
    assert page.count('class="bar critical"') == 4


def test_bars_lie_where_jobs_run():
    drawn = bars(answer())
    first, second = drawn["lines"][:2]
    assert (first["name"], first["x"], first["width"]) == ("prepare c", 300, round(700 * 100 / 650, 1))
    assert (second["name"], second["x"]) == ("encode_images c.b", round(300 + 700 * 100 / 650, 1))
    assert [tick["text"] for tick in drawn["ticks"]] == ["start", "2 min", "4 min", "6 min", "8 min", "10 min"]


def test_a_finished_study_has_no_timeline():
    page = render(answer([replace(one, needed=False, reasons=()) for one in jobs()]))
    assert "Nothing to do" in page
    assert "<svg" not in page
