"""`sixgig plan` and `sixgig run -n`: what is asked, and what is answered."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sixgig.command import dry, plan
from sixgig.command.dry import shows_plan
from sixgig.command.main import main
from sixgig.forecast.answer import Problem
from sixgig.runtime.places import WORKFLOW
from tests.unit.forecast.made import answer

STUDY = {
    "study": "x",
    "cohorts": {"c": {"adapter": "acdc", "source": {"phantom": {"kind": "acdc", "subjects": 40}}}},
    "weights": {"w": {"source": {"hub": {}}, "converter": "timm", "model": "resnet50.a1_in1k"}},
    "arms": {"baseline_cnn": {"weights": "w"}},
    "controls": {"random_vit": False},
}


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What the planner was asked; it answers with a small made plan."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))
    questions = []

    def make_plan(*given):
        questions.append((Path.cwd(), *given))
        return answer(problems=(questions[0][0].name == "tight" and [Problem("disk", "is full", "free some")]) or ())

    monkeypatch.setattr("sixgig.forecast.planning.make_plan", make_plan)
    return questions


def test_plan_prints_one_screen(asked, tmp_path, capsys):
    assert main(["plan", "study.yaml", "--cores", "3", "--device", "RTX 3060", "-C", "seed=3"]) == 0
    assert asked == [(tmp_path, [tmp_path / "study.yaml"], ["seed=3"], "RTX 3060", 3, ())]
    assert capsys.readouterr().out.startswith("sixgig plan: x (study.yaml), ")


def test_plan_prints_jobs_json_or_a_page(asked, capsys):
    main(["plan", "study.yaml", "--jobs"])
    assert "6 jobs have to run, 0 need not" in capsys.readouterr().out
    main(["plan", "study.yaml", "--json", "--html", "plan.html"])
    assert json.loads(capsys.readouterr().out)["study"] == "x"
    assert Path("plan.html").read_text().startswith("<!DOCTYPE html>")


def test_the_exit_code_says_whether_it_fits(asked, tmp_path):
    (tmp_path / "tight").mkdir()
    assert main(["plan", "study.yaml", "-d", str(tmp_path / "tight")]) == plan.DOES_NOT_FIT == 1
    assert asked[0][:2] == (tmp_path / "tight", [tmp_path / "study.yaml"])


@pytest.mark.parametrize("cores", ["0", "-1", "some"])
def test_cores_are_a_number(asked, capsys, cores):
    with pytest.raises(SystemExit, match="2"):
        main(["plan", "study.yaml", f"--cores={cores}"])
    assert "is no number of cores: write 1 or more, or all" in capsys.readouterr().err


def test_an_unknown_card_is_answered_with_the_nearest(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["plan", "study.yaml", "--device", "RTX 3051 6GB Laptop"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("sixgig: --device RTX 3051 6GB Laptop: is no card whose data sheet sixgig knows")
    assert "RTX 3050 6GB Laptop" in said


def test_a_dry_run_shows_the_plan(asked, tmp_path, capsys):
    (tmp_path / "there").mkdir()
    command = ["run", "study.yaml", "-n", "-c2", "--config", "seed=3", "image={size: 64}", "-d", "there"]
    assert main([*command, "--forcerun", "encode_images", "--", "cohorts"]) == 0
    assert asked == [
        (
            tmp_path / "there", [tmp_path / "study.yaml"], ["seed=3", "image={size: 64}"], "", 2,
            ["--forcerun", "encode_images", "--", "cohorts"],
        )
    ]  # fmt: skip
    shown = capsys.readouterr().out
    assert shown.startswith("sixgig plan: x (study.yaml), ")
    assert shown.splitlines()[-1] == (
        "every job: sixgig plan study.yaml --jobs; as Snakemake tells it: sixgig run study.yaml -n -p"
    )
    assert len(shown.splitlines()) <= 41


@pytest.mark.parametrize("option", ["-p", "-q", "--summary", "--dag", "--verbose", "--profile=x", "-j2"])
def test_with_other_options_a_dry_run_is_snakemakes_own(option):
    assert not shows_plan(["-n", option])
    assert shows_plan(["-n", "--cores=2", "-F"])
    assert not shows_plan(["--cores=2", "-F"])


def test_a_reader_that_has_seen_enough_is_no_error():
    code = "import sys, sixgig.command.parser as p; "
    code += "p.WORKFLOW = type('Long', (), {'__truediv__': lambda *_: 'x' * 10**6})();"
    code += " import sixgig.command.main as m; sys.exit(m.main(['snakefile']))"
    piped = f'{sys.executable} -c "{code}" | head -c 3; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", piped], cwd=WORKFLOW, capture_output=True, text=True, check=True)
    assert done.stdout == "xxx141\n"
    assert done.stderr == ""


def test_options_are_sorted():
    assert dry._sorted(["-n"]) == ("all", [], ".", [])
    assert dry._sorted(["features", "--cores=4", "-C", "a=1", "-n", "x"]) == ("4", ["a=1"], ".", ["features", "x"])
