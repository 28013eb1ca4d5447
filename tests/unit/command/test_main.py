"""The command line: what it passes on, what it checks first, and its exit codes."""

import logging
import subprocess
import sys

import pandas as pd
import pytest
import yaml

import sixgig
from sixgig.command import run
from sixgig.command.main import main
from sixgig.errors import GpuError
from sixgig.runtime.places import WORKFLOW
from sixgig.tables.verdicts import VERDICTS

STUDY = {
    "study": "x",
    "cohorts": {"c": {"adapter": "acdc", "source": {"phantom": {"kind": "acdc", "subjects": 40}}}},
    "weights": {"w": {"source": {"hub": {}}, "converter": "timm", "model": "resnet50.a1_in1k"}},
    "arms": {"baseline_cnn": {"weights": "w"}},
    "controls": {"random_vit": False},
}


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Commands that were started, in a folder with a study file; none runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))
    commands = []
    monkeypatch.setattr(run, "_follow", lambda command: commands.append(command) or 0)
    monkeypatch.setattr("sixgig.command.dry.plan_study", lambda *given, **named: 0)
    monkeypatch.setattr("sixgig.command.profiles.find_spec", lambda name: name)  # every plugin is installed
    return commands


def test_importing_sixgig_costs_nothing():
    heavy = {"pandas", "torch", "numpy", "yaml", "snakemake", "matplotlib", "rich", "psutil"}
    for module in ("sixgig", "sixgig.command.main"):
        code = f"import sys, {module}; print(' '.join({heavy} & set(sys.modules)))"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=WORKFLOW)
        assert found.stdout.strip() == ""


def test_version_help_and_snakefile(capsys):
    for argument in ("--version", "--help"):
        with pytest.raises(SystemExit, match="0"):
            main([argument])
    shown = capsys.readouterr().out
    assert f"sixgig {sixgig.__version__}" in shown
    commands = ("new", "doctor", "plan", "run", "monitor", "verify", "snakefile")
    assert all(f"\n    {command}" in shown for command in commands)
    assert main(["snakefile"]) == 0
    assert capsys.readouterr().out == f"{WORKFLOW / 'Snakefile'}\n"


def test_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "sixgig", "--version"], capture_output=True, text=True, cwd=WORKFLOW)
    assert done.stdout == f"sixgig {sixgig.__version__}\n"


def test_run_passes_options_on(started, tmp_path):
    assert main(["run", "study.yaml", "-n", "-p", "--forcerun", "encode_images", "--", "cohorts"]) == 0
    (command,) = started
    own = ["--configfile", str(tmp_path / "study.yaml"), "--cores", "all", "--workflow-profile"]
    own += [str(WORKFLOW / "profiles/default"), "--quiet", "host", "--snakefile", str(WORKFLOW / "Snakefile")]
    given = ["-n", "-p", "--forcerun", "encode_images", "--", "cohorts"]
    assert command == [sys.executable, "-m", "snakemake", *own, *given]


@pytest.mark.parametrize(
    "option", [["--cores", "2"], ["--cores=2"], ["-c2"], ["-c", "2"], ["-j", "3"], ["--jobs", "3"]]
)
def test_run_leaves_the_cores_to_the_user(started, option):
    main(["run", "study.yaml", *option])
    assert "all" not in started[0]


def test_run_leaves_the_profile_to_the_user(started):
    main(["run", "study.yaml", "--workflow-profile", "slurm"])
    assert started[0].count("--workflow-profile") == 1


def test_report_is_named_after_a_run_and_not_after_a_dry_one(started, tmp_path, capsys):
    folder = tmp_path / "elsewhere"
    (folder / "results/x").mkdir(parents=True)
    (folder / "results/x/report.html").write_text("")
    main(["run", "study.yaml", "-d", str(folder), "-n", "-p"])
    assert "report" not in capsys.readouterr().out
    main(["run", "study.yaml", "-d", str(folder)])
    assert capsys.readouterr().out == f"[sixgig] report: {folder}/results/x/report.html\n"


def test_a_run_ends_with_the_verdicts_real_cohorts_first(started, tmp_path, capsys):
    (tmp_path / "results/x").mkdir(parents=True)
    rows = [("a", "Heart", "real", "better", "Use A."), ("p", "Phantom", "simulated", "failed", "None finished.")]
    table = pd.DataFrame(rows, columns=VERDICTS.column_names[:-1]).assign(sentences=None)
    VERDICTS.write(table, tmp_path / "results/x/verdicts.csv")
    main(["run", "study.yaml"])
    assert capsys.readouterr().out == ""  # a run of some stages has no report yet
    (tmp_path / "results/x/report.html").write_text("")
    main(["run", "study.yaml"])
    assert capsys.readouterr().out.splitlines() == [
        "[sixgig] Heart: Use A.", "[sixgig] Phantom (simulated): None finished.",
        "[sixgig] report: results/x/report.html",
    ]  # fmt: skip


def test_a_run_that_stops_names_the_next_step(started, monkeypatch, capsys):
    monkeypatch.setattr("sixgig.command.run._follow", lambda command: 1)
    assert main(["run", "study.yaml"]) == 1
    said = capsys.readouterr().err
    assert "what is finished is kept" in said
    assert said.endswith("then sixgig run study.yaml\n")
    assert main(["run", "study.yaml", "-n", "-p"]) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "study.yaml: cannot be read: No such file or directory\n  Next step: name a study file"),
        ("a: [", "study.yaml:1: is no YAML"),
        ("- a\n", "study.yaml: holds no keys"),
        (yaml.safe_dump({**STUDY, "sed": 1}), "config key sed: is not known\n  Next step: did you mean `seed`?"),
        (
            yaml.safe_dump({**STUDY, "cohorts": {"c": {"adapter": "acdc", "source": {"path": "nowhere"}}}}),
            "config key cohorts.c.source.path: nowhere does not exist in ",
        ),
    ],
)
def test_mistakes_end_with_2_and_no_traceback(started, tmp_path, capsys, text, message):
    (tmp_path / "study.yaml").unlink()
    if text is not None:
        (tmp_path / "study.yaml").write_text(text)
    assert main(["run", "study.yaml"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("sixgig: ")
    assert message in shown
    assert "Traceback" not in shown
    assert started == []


def test_what_the_command_line_overrides_is_not_checked(started, tmp_path):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({**STUDY, "seed": "none"}))
    assert main(["run", "study.yaml", "--config", "seed=3"]) == 0


def test_what_the_command_line_gives_is_checked_with_the_file(started, tmp_path, capsys):
    assert main(["run", "study.yaml", "-n", "--config", "evaluation={folds: 4}", "seed=3", "--cores", "1"]) == 0
    assert main(["run", "study.yaml", "--config", "evaluation={folds: four}", "-n"]) == 2
    assert "sixgig: --config evaluation: config key evaluation.folds: 'four' is not" in capsys.readouterr().err
    assert main(["run", "study.yaml", "--config", "evaluation={folds:", "4}"]) == 2
    assert "--config 4}: is no key=value\n  Next step: quote it" in capsys.readouterr().err
    assert main(["run", "study.yaml", "-n", "--config=evaluation={fold: 4}"]) == 2
    assert "did you mean `folds`" in capsys.readouterr().err


def test_a_card_is_asked_for_where_jobs_run_here(started, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sixgig.gpu.card.first_card", lambda: None)
    monkeypatch.setattr("sixgig.gpu.card.has_driver", lambda: True)
    monkeypatch.setattr("sixgig.gpu.device.require_gpu", _no_gpu)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({**STUDY, "device": "cuda"}))
    assert main(["run", "study.yaml", "-n"]) == 2
    assert "config key device: is cuda, and there is none" in capsys.readouterr().err
    assert main(["run", "study.yaml", "--workflow-profile", "slurm"]) == 0


def _no_gpu(place):
    raise GpuError(place, "there is none", "buy one")


@pytest.mark.parametrize("arguments", [[], ["run"], ["run", "-n", "study.yaml"], ["walk"]])
def test_wrong_usage_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: sixgig" in capsys.readouterr().err


@pytest.mark.parametrize(("code", "expected"), [("sys.exit(5)", 5), ("os.kill(os.getpid(), 9)", 137)])
def test_exit_code_is_passed_on(code, expected):
    assert run._follow([sys.executable, "-c", f"import os, sys; {code}"]) == expected


def leave_failed(tmp_path):
    folder = tmp_path / "results/x"
    (folder / "features/c").mkdir(parents=True)
    (folder / "features/c/baseline_cnn.json").write_text('{"status": "failed: no rows"}')
    (folder / "report.html").write_text("")


def test_a_finished_study_with_failures_has_its_own_exit_code(started, tmp_path, capsys):
    assert main(["run", "study.yaml"]) == 0
    leave_failed(tmp_path)
    assert main(["run", "study.yaml"]) == 3
    assert "[sixgig] report: results/x/report.html" in capsys.readouterr().out
    assert main(["run", "study.yaml", "-n"]) == 0
    assert all("--forcerun" not in command for command in started)


def test_one_option_tries_again_what_failed(started, tmp_path, capsys):
    assert main(["run", "study.yaml", "--retry-failed"]) == 0
    assert "nothing has failed" in capsys.readouterr().err
    leave_failed(tmp_path)
    main(["run", "study.yaml", "--retry-failed", "--cores", "1"])
    assert "--retry-failed" not in started[1]
    place = started[1].index("--forcerun")
    assert started[1][place + 1 : place + 3] == ["results/x/features/c/baseline_cnn.npz", "--snakefile"]
    assert started[1][-2:] == ["--cores", "1"]


def test_a_warning_is_said_once_in_a_command_and_again_in_the_next(started, monkeypatch, capsys):
    log = logging.getLogger("sixgig.somewhere")

    def plan_study(*given, **named):
        for name in ("x", "x", "y"):
            log.warning("2 subjects are not in the cohort: %s", name)

    monkeypatch.setattr("sixgig.command.dry.plan_study", plan_study)
    monkeypatch.setattr(log, "propagate", False)  # the tests' own handlers would take it
    for _ in range(2):
        assert main(["run", "study.yaml", "-n"]) == 0
        assert capsys.readouterr().err == "".join(f"2 subjects are not in the cohort: {name}\n" for name in "xy")
