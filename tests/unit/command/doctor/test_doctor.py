"""The command: text for 80 columns, JSON, exit codes."""

import json

import pytest
import yaml

from sixgig.command.doctor import card, environments, examine, network
from sixgig.command.doctor.finding import Finding
from sixgig.command.doctor.output import as_json, as_text
from sixgig.command.doctor.processes import Answer
from sixgig.command.main import main
from sixgig.plan.schema import load_schema

FOUND = [
    Finding("Python", "ok", "3.11.7"),
    Finding("GPU memory", "warning", "3000 of 6144 MiB free; " + "it is used by a program " * 4, "close " + "it " * 40),
    Finding("files", "error", "x.yaml:3: data does not exist", "correct the path"),
]
STUDY = {
    "study": "x",
    "cohorts": {"c": {"adapter": "acdc", "source": {"phantom": {"kind": "acdc", "subjects": 40}}}},
    "weights": {"w": {"source": {"hub": {}}, "converter": "timm", "model": "resnet50.a1_in1k"}},
    "arms": {"baseline_cnn": {"weights": "w"}},
    "controls": {"random_vit": False},
}


def test_text_fits_80_columns():
    lines = as_text(FOUND, "x.yaml").splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "sixgig doctor: x.yaml"
    assert lines[2] == "ok       Python      3.11.7"
    assert lines[-3:-1] == ["                     -> correct the path", ""]
    assert lines[-1] == "1 ok, 1 warning, 1 error: a study cannot start here"
    assert as_text(FOUND[:2], "x").endswith("1 ok, 1 warning, 0 errors: a study can start here")


def test_colours_change_nothing_else():
    coloured = as_text(FOUND, "x", colours=True)
    assert "\x1b[31merror  \x1b[0m" in coloured
    for code in ("\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == as_text(FOUND, "x")


def test_json_holds_the_same():
    found = json.loads(as_json(FOUND, "x.yaml"))
    assert found["can_start"] is False
    assert found["study"] == "x.yaml"
    assert found["findings"][0] == {"name": "Python", "level": "ok", "text": "3.11.7", "next_step": ""}
    assert json.loads(as_json(FOUND[:2], "x"))["can_start"] is True


class Quick:
    """A self-test that has ended."""

    def __init__(self, output):
        self._output = output

    def answer(self, until):
        return Answer(0, self._output, "")

    def end(self):
        pass


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without card and network whose torch computes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    errors = {"cpu": {"float32": {"matmul": 1e-7, "convolution": 1e-7}}}
    facts = {"torch": "2.10.0", "cuda": "12.8", "architectures": [], "available": False, "errors": errors}
    monkeypatch.setattr(environments, "ask_torch", lambda *_: Quick(json.dumps(facts)))
    monkeypatch.setattr(card, "look", lambda: "no driver")
    answers = {"status": 200}
    monkeypatch.setattr("requests.head", lambda *_, **__: type("", (), {"status_code": answers["status"]})())
    return answers


def test_exit_code_says_whether_the_study_can_start(machine, tmp_path, capsys):
    assert main(["doctor", "study.yaml"]) == 0  # though there is a warning
    said = capsys.readouterr().out
    assert "warning  card" in said
    assert "networks run on the" in said
    assert said.endswith("a study can start here\n")
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({**STUDY, "device": "cuda"}))
    assert main(["doctor", "study.yaml"]) == 1
    assert "error    card" in capsys.readouterr().out


def test_json_of_the_command(machine, capsys):
    machine["status"] = 500
    assert main(["doctor", "study.yaml", "--json"]) == 1
    shown = capsys.readouterr().out
    found = json.loads(shown)
    assert found["study"] == "study.yaml"
    names = [one["name"] for one in found["findings"]]
    assert names == [
        "Python", "packages", "conda", "clock", "card", "torch", "RAM", "disk", "power", "sleep",
        *(["temperature"] if "temperature" in names else []),
        "permissions", "files", "cohort", "weights", "token", "network", "run",
    ]  # fmt: skip
    assert {one["level"] for one in found["findings"] if one["name"] == "network"} == {"error"}
    assert "hf_secret" not in shown
    assert all(one["next_step"] for one in found["findings"] if one["level"] != "ok")


def test_without_a_study_the_machine_alone_is_looked_at(machine, capsys):
    main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["study"] == "this machine"
    assert not {"cohort", "permissions", "run"} & {one["name"] for one in found["findings"]}


def test_a_study_that_cannot_be_read_is_an_error_of_its_own(machine, tmp_path, capsys):
    (tmp_path / "study.yaml").write_text("a: [")
    assert main(["doctor", "study.yaml"]) == 1
    assert "study.yaml:1: is no YAML" in capsys.readouterr().out


def test_a_card_in_use_is_not_computed_on(machine, monkeypatch, capsys):
    """The self-test takes memory that a training may need."""
    asked = []
    monkeypatch.setattr(environments, "ask_torch", lambda *given: asked.append(given) or Quick(""))
    for computing in ((), (1,)):
        seen = card.Seen("535.1", "a card", 6144, 6144, (8, 6), users=((1, None),), computing=computing)
        monkeypatch.setattr(card, "look", lambda seen=seen: seen)
        main(["doctor", "study.yaml"])
    assert [with_card for _, with_card in asked] == [True, False]
    assert "GPU memory" in capsys.readouterr().out


def test_the_card_computes_in_the_type_of_the_study(machine, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(environments, "ask_torch", lambda precision, _: asked.append(precision) or Quick(""))
    main(["doctor", "study.yaml"])
    arms = {"baseline_cnn": {"weights": "w", "precision": "float16"}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({**STUDY, "arms": arms}))
    main(["doctor", "study.yaml"])
    assert asked == ["auto", "float16"]


def test_a_machine_without_temporary_files(machine, monkeypatch, capsys):
    lacking = [Finding("temporary files", "error", "none", "set TMPDIR")]
    monkeypatch.setattr(environments, "check_temporary", lambda: lacking)
    assert main(["doctor", "study.yaml"]) == 1
    assert "error    temporary files  none" in capsys.readouterr().out


def test_the_default_limit_is_that_of_the_schema():
    limit = load_schema()["properties"]["gpu"]["properties"]["memory_limit_mb"]["default"]
    assert limit == examine.DEFAULT_LIMIT_MB


def test_the_hub_is_asked_by_its_own_name(machine, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    main(["doctor", "study.yaml"])
    assert "mirror.example answers (weights)" in capsys.readouterr().out
    assert network.hub_folder() == tmp_path / "hf/hub"
