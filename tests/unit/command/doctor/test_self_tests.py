"""Self-tests of torch and of other environments: what a good, a wrong, a crashing and a hanging one leads to."""

import json
import sys
import time
from types import SimpleNamespace

import pytest

from sixgig.command.doctor import arithmetic, environments
from sixgig.command.doctor.processes import Answer, Asked
from sixgig.runtime.interpreters import Interpreter

GOOD = {"float32": {"matmul": 4e-7, "convolution": 1e-7}}


def facts(**errors):
    return {"torch": "2.10.0", "cuda": "12.8", "architectures": [], "available": "cuda" in errors, "errors": errors}


def soon(seconds=20):
    return time.monotonic() + seconds


def test_torch_computes_here():
    found = arithmetic.measure("auto", with_card=False)
    assert set(found["errors"]) == {"cpu"}
    errors = found["errors"]["cpu"]["float32"]
    assert set(errors) == {"matmul", "convolution"}
    assert 0 < max(errors.values()) < 1e-5
    assert found["torch"].startswith("2.")


def test_the_other_types_are_within_their_tolerance():
    import torch

    for precision in ("float16", "bfloat16"):
        errors = arithmetic._errors(torch, "cpu", precision)
        assert 1e-5 < max(errors.values()) <= arithmetic.TOLERANCE[precision]


@pytest.mark.parametrize(
    ("errors", "name", "fine"),
    [
        (GOOD, "matmul in float32", True),
        (GOOD | {"bfloat16": {"matmul": 0.02, "convolution": 0.01}}, "matmul in bfloat16", True),
        (GOOD | {"float16": {"matmul": 0.001, "convolution": 0.5}}, "convolution in float16", False),
        ({"float32": {"matmul": float("nan"), "convolution": 1e-7}}, "matmul in float32", False),
    ],
)
def test_the_worst_error_is_named(errors, name, fine):
    assert arithmetic.worst(errors)[::2] == (name, fine)


def test_torch_is_judged():
    (finding,) = environments.check_torch(Answer(0, "", ""), facts(cpu=GOOD), "auto")
    assert finding.level == "ok"
    assert finding.text == "2.10.0 on the processor: matmul in float32 is off by 4e-07 of the largest value"
    wrong = {"float32": {"matmul": 0.3, "convolution": 1e-7}}
    cpu, card = environments.check_torch(Answer(0, "", ""), facts(cpu=GOOD, cuda=wrong), "auto")
    assert (cpu.level, card.level) == ("ok", "error")
    assert "on the card: matmul in float32 is off by 0.3" in card.text
    assert card.next_step.startswith("set device: cpu")


@pytest.mark.parametrize(
    ("answer", "level", "said"),
    [
        (Answer(None, "", ""), "warning", "did not end in time"),
        (Answer(-4, "", ""), "error", "was ended by signal 4"),
        (Answer(1, "", "Traceback\nImportError: libcuda\n"), "error", "ImportError: libcuda"),
        (Answer(0, "", ""), "error", "gave no result"),
    ],
)
def test_torch_that_does_not_answer(answer, level, said):
    (finding,) = environments.check_torch(answer, None, "auto")
    assert (finding.level, said in finding.text) == (level, True)
    assert finding.next_step


def test_the_whole_self_test_of_torch_runs_in_a_process():
    answer = environments.ask_torch("auto", with_card=False).answer(soon(120))
    assert answer.code == 0, answer.errors
    assert json.loads(answer.output)["errors"]["cpu"]["float32"]["matmul"] < 1e-5


def test_processes_are_not_waited_for():
    code = (
        "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).wait()"
    )
    asked = Asked([sys.executable, "-c", code])
    answer = asked.answer(soon(1))
    assert (answer.code, answer.reason) == (None, "did not answer in time")
    assert asked._process.poll() == -9


def test_temporary_files():
    def fail():
        raise FileNotFoundError(2, "No usable temporary directory")

    assert environments.check_temporary() == []
    (finding,) = environments.check_temporary(fail)
    assert (finding.level, finding.next_step) == ("error", "set TMPDIR to a folder that can be written")


def stand_in(folder, body):
    """An interpreter that does something else."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def plan_with(python, state="x", required=True):
    return SimpleNamespace(
        environments={"tensorflow1": Interpreter("tensorflow1", python, state, "arms.a")},
        stops_without=lambda name: required,
        environment_module=lambda name: "sixgig.contrastive.__main__",
    )


def judged(tmp_path, python, state="x", required=True, seconds=20):
    (tested,) = environments.ask_environments(plan_with(python, state, required), tmp_path)
    return environments.check_environment(tested, soon(seconds))


def test_an_environment_that_computes(tmp_path):
    result = {
        "self_test": {"cpu": {"matmul": 8e-7, "softmax": 1e-8}},
        "versions": {"tensorflow": "1.15.5", "python": "3.7.16"},
    }
    (tmp_path / "good.json").write_text(json.dumps(result))
    # Its arguments are -m sixgig.contrastive check --output FILE.
    body = f'test "$1 $2 $3 $4" = "-m sixgig.contrastive check --output" && cp {tmp_path}/good.json "$5"'
    finding = judged(tmp_path, stand_in(tmp_path, body))
    assert finding.level == "ok"
    assert finding.text == "1.15.5 with Python 3.7.16: matmul is off by 8e-07 of the largest value"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo '[check] /opt/python: is Python 3.9' >&2; exit 3", "is Python 3.9"),
        ("kill -11 $$", "was ended by signal 11"),
        ("exit 0", "left no result"),
    ],
)
@pytest.mark.parametrize("required", [True, False])
def test_an_environment_that_cannot_be_used(tmp_path, body, said, required):
    finding = judged(tmp_path, stand_in(tmp_path, body), required=required)
    assert finding.level == ("error" if required else "warning")
    assert said in finding.text
    assert ("on_missing_environment says" in finding.text) != required
    assert "make setup" in finding.next_step


def test_an_environment_that_hangs_is_no_error(tmp_path):
    finding = judged(tmp_path, stand_in(tmp_path, "sleep 60"), seconds=0.3)
    assert finding.level == "warning"
    assert "did not end in time" in finding.text


def test_an_environment_that_is_missing_or_conda_s(tmp_path):
    assert judged(tmp_path, "/nowhere/python", "missing").text == "/nowhere/python is missing"
    assert judged(tmp_path, "/nowhere/python", "missing").level == "error"
    assert judged(tmp_path, "/nowhere/python").text == "/nowhere/python cannot be started: No such file or directory"
    conda = judged(tmp_path, "python", "conda")
    assert (conda.level, "conda builds its environment" in conda.text) == ("ok", True)
