"""The check of the other environment has the card that it tests to itself, and takes its share of memory."""

import fcntl
import json
import os
import sys

import pytest

from sixgig.contrastive.__main__ import KNOWN_ERROR, main
from sixgig.contrastive.tensorflow1 import environment
from sixgig.errors import TrainingError
from sixgig.gpu.card import Card
from sixgig.gpu.lock import hold_gpu, lock_path

FACTS = {"python": "3.8.10", "tensorflow": "1.15.5", "numpy": "1.18.5", "built_with_cuda": True, "self_test": {}}


@pytest.fixture
def card(monkeypatch, tmp_path):
    monkeypatch.setattr("sixgig.gpu.lock.FOLDER", tmp_path)
    monkeypatch.setattr("sixgig.gpu.card.first_card", lambda: Card("RTX 3050", "1234-abcd", 8192.0))
    monkeypatch.setattr("sixgig.contrastive.__main__.end_with_parent", lambda parent: None)
    monkeypatch.setattr("sixgig.contrastive.__main__.obey_signals", lambda: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    return lock_path("1234-abcd")


def is_held(path):
    if not path.exists():
        return False
    with path.open() as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_the_card_is_locked_while_it_is_tested(card, monkeypatch, tmp_path, capfd):
    asked = []

    def probe(device, memory_fraction):
        asked.append((device, memory_fraction, is_held(card), os.environ["CUDA_VISIBLE_DEVICES"]))
        return {**FACTS, "gpus": ["RTX 3050"] if device == "cuda" else []}

    monkeypatch.setattr(environment, "probe", probe)
    assert main(["check", "--gpu", "--memory-limit-mb", "2048", "--output", str(tmp_path / "facts.json")]) == 0
    assert asked == [("cpu", 0.25, False, "GPU-1234-abcd"), ("cuda", 0.25, True, "GPU-1234-abcd")]
    assert not is_held(card)
    assert json.loads((tmp_path / "facts.json").read_text())["device"] == "cuda"


def test_a_lock_that_cannot_be_taken_is_a_finding_and_no_fallback(card, monkeypatch, tmp_path, capfd):
    card.symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(environment, "probe", lambda device, memory_fraction: {**FACTS, "gpus": []})
    assert main(["check", "--gpu", "--output", str(tmp_path / "facts.json")]) == KNOWN_ERROR
    found = json.loads((tmp_path / "facts.json").read_text())
    assert found["usable"] is False
    assert "symbolic link" in found["reason"]


def test_the_memory_fraction_reaches_the_sessions(monkeypatch):
    fractions = []

    def compute(device, given, memory_fraction):
        fractions.append(memory_fraction)
        return environment.expected(given)

    monkeypatch.setattr(environment, "describe", lambda use_gpu, fraction: {**FACTS, "gpus": ["RTX 3050"]})
    monkeypatch.setattr(environment, "_compute", compute)
    assert set(environment._answer("cuda", 0.25)["self_test"]) == set(environment.expected(environment.inputs()))
    assert fractions == [0.25]


def test_fallbacks_say_nothing_about_the_folders_of_the_machine(monkeypatch, tmp_path, capfd):
    """The report tells them."""

    def probe(device, memory_fraction):
        if device == "cuda":
            raise TrainingError("/opt/py/bin/python", "was ended by signal 11", "use another")
        return {**FACTS, "gpus": []}

    monkeypatch.setattr("sixgig.contrastive.__main__.end_with_parent", lambda parent: None)
    monkeypatch.setattr("sixgig.gpu.card.first_card", lambda: None)
    monkeypatch.setattr(environment, "probe", probe)
    assert main(["check", "--gpu", "--output", str(tmp_path / "facts.json")]) == 0
    found = json.loads((tmp_path / "facts.json").read_text())
    assert found["fallbacks"] == ["CPU instead of GPU: .../python: was ended by signal 11"]


def test_the_process_that_tests_a_device_holds_the_card_too(tmp_path):
    ask = "import json, os; print(json.dumps({'inode': os.fstat(int(os.environ['SIXGIG_GPU_LOCKS'])).st_ino}))"
    with hold_gpu(tmp_path / "gpu.lock", print):
        answer = environment.probe("cuda", 1.0, command=[sys.executable, "-c", ask])
    assert answer == {"inode": (tmp_path / "gpu.lock").stat().st_ino}
