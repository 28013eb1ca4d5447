"""The TensorFlow 1 environment is checked before it is trusted: versions, arithmetic, and what a bad card does."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sixgig.contrastive.tensorflow1 import environment
from sixgig.contrastive.tensorflow1.arithmetic import expected
from sixgig.contrastive.tensorflow1.environment import card_name, check, probe, require_versions
from sixgig.errors import TrainingError

ROOT = Path(__file__).resolve().parents[4]
OPERATIONS = ["matmul", "convolution", "softmax", "gradient"]
CPU_TEST = dict.fromkeys(OPERATIONS, 1e-07)
CPU = {
    "python": "3.8.10",
    "tensorflow": "1.15.5+nv22.12",
    "numpy": "1.18.5",
    "built_with_cuda": True,
    "gpus": [],
    "self_test": CPU_TEST,
}
CARD = {**CPU, "gpus": ["NVIDIA GeForce RTX 3050 (compute capability 8.6)"], "self_test": {"matmul": 2e-6}}


def run(tensorflow1, *arguments):
    """Run the other environment's Python; return the JSON in the last line that it prints."""
    done = subprocess.run(
        [tensorflow1, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONNOUSERSITE": "1", "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


# Versions


@pytest.mark.parametrize(
    ("python", "tensorflow"), [((3, 7, 16), "1.15.5"), ((3, 8, 10), "1.15.5+nv22.12"), ((3, 7, 0), "1.15.0")]
)
def test_right_versions_are_reported(python, tensorflow):
    found = require_versions(python, tensorflow)
    assert found["tensorflow"] == tensorflow
    assert found["python"] == ".".join(map(str, python))
    assert found["numpy"] == np.__version__


@pytest.mark.parametrize("tensorflow", ["1.14.0", "2.4.1", "2.15.0", "1.1.15", "1.150.0"])
def test_another_tensorflow_is_refused(tensorflow):
    with pytest.raises(
        TrainingError, match=f"has TensorFlow {tensorflow}, and the graph is written for 1.15"
    ) as caught:
        require_versions((3, 7, 16), tensorflow)
    assert caught.value.place == sys.executable
    assert "make setup" in caught.value.next_step
    assert "arms.vit_contrastive.interpreter" in caught.value.next_step


@pytest.mark.parametrize("python", [(2, 7, 18), (3, 6, 9), (3, 9, 1), (3, 11, 7), (4, 7, 0)])
def test_another_python_is_refused(python):
    with pytest.raises(TrainingError, match=f"is Python {'.'.join(map(str, python))}"):
        require_versions(python, "1.15.5")


def test_this_process_is_not_that_environment():
    with pytest.raises(TrainingError, match="is Python 3.11"):
        require_versions()


def test_missing_tensorflow_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # as if it were not installed
    with pytest.raises(TrainingError, match="cannot import TensorFlow"):
        require_versions((3, 7, 16))


def test_a_broken_installation_is_refused(monkeypatch, tmp_path):
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text("raise TypeError('Descriptors cannot be created\\nmore')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        TrainingError, match="cannot import TensorFlow: TypeError: Descriptors cannot be created\n"
    ) as error:
        require_versions((3, 7, 16))
    assert "make setup" in error.value.next_step


# Choice of the device


def device_with(change):
    """Arithmetic of a device that is right but for a change."""

    def compute(device, given, memory_fraction=1.0):
        results = {name: result.astype(np.float32) for name, result in expected(given).items()}
        change(results)
        return results

    return compute


def asker(cuda, cpu=CPU):
    def ask(device, memory_fraction):
        assert memory_fraction == 0.5
        answer = cuda if device == "cuda" else cpu
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None, "not to be asked"
        return answer

    return ask


def test_a_card_that_passes_is_used():
    found = check(True, 0.5, asker(CARD), lambda: True)
    assert found == {
        "usable": True,
        "device": "cuda",
        "device_name": "NVIDIA GeForce RTX 3050 (compute capability 8.6)",
        "versions": {"python": "3.8.10", "tensorflow": "1.15.5+nv22.12", "numpy": "1.18.5"},
        "built_with_cuda": True,
        "self_test": {"cpu": CPU_TEST, "cuda": {"matmul": 2e-6}},
        "fallbacks": [],
    }


def test_a_card_that_fails_is_not_used_and_the_reason_is_kept():
    wrong = TrainingError("self-test of TensorFlow on the GPU", "matmul is wrong by 0.5 of its largest value", "")
    found = check(True, 0.5, asker(wrong), lambda: True)
    assert (found["usable"], found["device"], list(found["self_test"])) == (True, "cpu", ["cpu"])
    assert found["fallbacks"] == [
        "CPU instead of GPU: self-test of TensorFlow on the GPU: matmul is wrong by 0.5 of its largest value"
    ]


def test_a_card_is_not_asked_when_none_may_be_used():
    found = check(False, 0.5, asker(None), lambda: True)
    assert (found["device"], found["fallbacks"]) == ("cpu", [])


@pytest.mark.parametrize(
    ("built", "message"), [(True, "TensorFlow sees no card"), (False, "this build of TensorFlow has no CUDA")]
)
def test_a_card_that_tensorflow_does_not_see_is_a_fallback_only_when_there_is_one(built, message):
    cpu = {**CPU, "built_with_cuda": built}
    ask = asker({**cpu, "self_test": {}} if built else None, cpu)
    for has_card in (True, False):
        found = check(True, 0.5, ask, lambda has_card=has_card: has_card)
        assert (found["device"], found["self_test"]) == ("cpu", {"cpu": CPU_TEST})
        assert len(found["fallbacks"]) == has_card
        assert all(message in fallback for fallback in found["fallbacks"])


def test_a_cpu_that_fails_leaves_nothing_to_use():
    wrong = TrainingError("self-test of TensorFlow on the CPU", "was ended by signal 4", "get another build")
    with pytest.raises(TrainingError, match="signal 4"):
        check(True, 0.5, asker(CARD, wrong))


# The process that tests a device


def answering(code):
    return [sys.executable, "-c", code]


def test_the_last_line_of_the_process_is_its_answer():
    code = "import os; os.write(1, b'noise of a library\\n'); print('{\"gpus\": [], \"self_test\": {}}')"
    assert probe("cuda", 1.0, command=answering(code)) == {"gpus": [], "self_test": {}}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGABRT)", f"was ended by signal {int(signal.SIGABRT)} and"),
        ("raise SystemExit(9)", "ended with exit code 9 and gave no result"),
        ("print('no JSON')", "ended with exit code 0 and gave no result"),
    ],
)
def test_a_process_that_crashes_is_a_device_that_fails(code, reason):
    with pytest.raises(TrainingError, match=f"self-test of TensorFlow on the GPU: {reason}"):
        probe("cuda", 1.0, command=answering(code))


def test_a_process_that_hangs_is_a_device_that_fails():
    with pytest.raises(TrainingError, match="on the GPU: did not end within 0.2 s"):
        probe("cuda", 1.0, seconds=0.2, command=answering("import time; time.sleep(600)"))


def test_the_reason_crosses_the_border_between_the_processes():
    # This interpreter is not the right one: the process it starts says so.
    with pytest.raises(TrainingError, match="is Python 3.11") as caught:
        probe("cpu", 1.0)
    assert caught.value.place == sys.executable
    assert "make setup" in caught.value.next_step


def test_whatever_a_card_raises_is_a_reason(monkeypatch):
    class InternalError(Exception):
        pass

    def broken(use_gpu, memory_fraction):
        raise InternalError("cudaGetDevice() failed.\nStatus: driver too old")

    monkeypatch.setattr(environment, "describe", broken)
    answer = environment._answer("cuda", 1.0)
    assert answer["reason"] == "raised InternalError: cudaGetDevice() failed."


def test_a_wrong_card_is_a_reason(monkeypatch):
    monkeypatch.setattr(environment, "describe", lambda use_gpu, memory_fraction: dict(CARD))
    monkeypatch.setattr(
        environment, "_compute", device_with(lambda results: results.update(gradient=results["gradient"] + 1))
    )
    assert "gradient is wrong by" in environment._answer("cuda", 1.0)["reason"]
    monkeypatch.setattr(environment, "_compute", device_with(lambda results: None))
    assert list(environment._answer("cuda", 1.0)["self_test"]) == OPERATIONS


@pytest.mark.parametrize(
    ("description", "name"),
    [
        (
            "device: 0, name: NVIDIA GeForce RTX 3050, pci bus id: 0000:01:00.0, compute capability: 8.6",
            "NVIDIA GeForce RTX 3050 (compute capability 8.6)",
        ),
        ("", "GPU"),
    ],
)
def test_name_of_a_card(description, name):
    assert card_name(description) == name


# The real environment

IN_TENSORFLOW1 = """
import json, sys
from sixgig.contrastive.tensorflow1.environment import check, describe, session_config
found = check(True, 0.5)
untouched = "tensorflow" not in sys.modules
cuda, cpu = session_config(3, "cuda", 0.25), session_config(2, "cpu")
print(json.dumps({
    "check": found,
    "untouched": untouched,
    "describe": describe(),
    "cuda": [cuda.intra_op_parallelism_threads, cuda.gpu_options.per_process_gpu_memory_fraction,
             cuda.gpu_options.allow_growth, "GPU" in cuda.device_count],
    "cpu": [cpu.intra_op_parallelism_threads, dict(cpu.device_count)],
}))
"""


@pytest.fixture(scope="module")
def real(tensorflow1):
    return run(tensorflow1, "-c", IN_TENSORFLOW1)


def test_the_real_environment_is_usable(real):
    found = real[0]["check"]
    assert found["usable"] is True
    assert found["device"] == "cpu"  # the build of .venv-tf1 knows no CUDA
    assert found["versions"]["tensorflow"] == "1.15.5"
    assert found["versions"]["python"].startswith("3.7.")
    assert list(found["self_test"]) == ["cpu"]
    assert list(found["self_test"]["cpu"]) == OPERATIONS
    assert all(0 < error < 1e-5 for error in found["self_test"]["cpu"].values())


def test_the_check_leaves_its_process_without_tensorflow(real):
    assert real[0]["untouched"]


def test_what_the_real_environment_is(real):
    assert real[0]["describe"] == {**real[0]["check"]["versions"], "built_with_cuda": False, "gpus": []}


def test_sessions_are_held_to_their_device_threads_and_memory(real):
    assert real[0]["cuda"] == [3, 0.25, True, False]
    assert real[0]["cpu"] == [2, {"GPU": 0}]


def test_tensorflow_starts_without_noise(real):
    assert real[1] == ""
