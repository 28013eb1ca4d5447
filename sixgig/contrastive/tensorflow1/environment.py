"""Is this the TensorFlow 1.15 that the arm needs, and do its devices compute correctly?

Stock builds of TensorFlow 1.15 hang, crash or compute wrong numbers on cards newer than they are, and crash on
processors without AVX. So each device is probed in a separate process, which may do all of that without harm, and a
card is used only when it passes. This also leaves the calling process as it was: TensorFlow takes its number of
threads and its limit of GPU memory from the first session of a process, for good.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from sixgig.contrastive.tensorflow1.arithmetic import compute, expected, inputs
from sixgig.errors import TrainingError
from sixgig.gpu.lock import descriptors_for_child, variables_for_child

PYTHON_VERSIONS = ((3, 7), (3, 8))
TENSORFLOW_VERSION = "1.15"
#: Largest error of the self-test, relative to the largest value. Faulty cards are off by far more, good ones by 1e-5.
TOLERANCE = 1e-3
#: Seconds a device may take. A build first compiles its kernels for a card it does not know, for minutes.
PROBE_SECONDS = 600.0

_BUILD = (
    "run `make setup`, which builds .venv-tf1, or set arms.vit_contrastive.interpreter to a Python 3.7 or 3.8 with "
    "tensorflow==1.15.5"
)
_DEVICE_NAMES = {"cpu": "CPU", "cuda": "GPU"}
_CARD_FILES = ("/dev/nvidiactl", "/dev/dxg")  # Linux; Windows' Linux subsystem
_Arithmetic = Callable[[str, Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


def require_versions(python: Sequence[int] | None = None, tensorflow: str | None = None) -> dict[str, str]:
    """Check the versions of Python and TensorFlow.

    Args:
        python: Version of Python; this process's when None.
        tensorflow: Version of TensorFlow; the installed one's when None.

    Returns:
        Versions of ``python``, ``tensorflow`` and ``numpy``.

    Raises:
        TrainingError: One of them is another version, or TensorFlow is missing or cannot be imported.
    """
    found = tuple(sys.version_info if python is None else python)
    name = ".".join(str(part) for part in found[:3])
    if found[:2] not in PYTHON_VERSIONS:
        raise TrainingError(sys.executable, f"is Python {name}, which has no TensorFlow 1.15", _BUILD)
    if tensorflow is None:
        tensorflow = str(_import_tensorflow().__version__)
    if tensorflow.split(".")[:2] != TENSORFLOW_VERSION.split("."):
        reason = f"has TensorFlow {tensorflow}, and the graph is written for {TENSORFLOW_VERSION}"
        raise TrainingError(sys.executable, reason, _BUILD)
    return {"python": name, "tensorflow": tensorflow, "numpy": np.__version__}


def _import_tensorflow() -> Any:
    try:
        from sixgig.contrastive.tensorflow1.framework import tf
    except ModuleNotFoundError as error:
        raise TrainingError(sys.executable, f"cannot import TensorFlow: {error}", _BUILD) from error
    except Exception as error:  # with NumPy or protobuf of another year the import fails in many different ways
        reason = f"cannot import TensorFlow: {type(error).__name__}: {_first_line(error)}"
        raise TrainingError(sys.executable, reason, _BUILD) from error
    return tf


def session_config(threads: int, device: str, memory_fraction: float = 1.0) -> Any:
    """Return the configuration of every session, a ``ConfigProto``.

    Args:
        threads: CPU threads of one operation.
        device: ``cuda`` or ``cpu``; ``cpu`` hides the cards.
        memory_fraction: Largest share of the card's memory that this process may take, 0 to 1.
    """
    tf = _import_tensorflow()
    # Operations run one after another: several at once share the same threads, and sums would change their order.
    config = tf.ConfigProto(
        intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1, allow_soft_placement=True
    )
    if device == "cpu":
        config.device_count["GPU"] = 0
    else:
        config.gpu_options.per_process_gpu_memory_fraction = memory_fraction
        config.gpu_options.allow_growth = True
    return config


def describe(use_gpu: bool = True, memory_fraction: float = 1.0) -> dict[str, Any]:
    """Return what this environment is and offers. It starts TensorFlow's devices: not for a process that trains.

    Args:
        use_gpu: Whether to look for cards.
        memory_fraction: See :func:`session_config`.

    Returns:
        ``python``, ``tensorflow``, ``numpy`` (versions), ``built_with_cuda``, ``gpus`` (names).

    Raises:
        TrainingError: See :func:`require_versions`.
    """
    versions = require_versions()
    tf = _import_tensorflow()
    built_with_cuda = bool(tf.test.is_built_with_cuda())
    gpus = []
    if use_gpu and built_with_cuda:
        from tensorflow.python.client import device_lib

        devices = device_lib.list_local_devices(session_config(1, "cuda", memory_fraction))
        gpus = [card_name(device.physical_device_desc) for device in devices if device.device_type == "GPU"]
    return {**versions, "built_with_cuda": built_with_cuda, "gpus": gpus}


def card_name(description: str) -> str:
    """Return the name of a card from TensorFlow's description of it.

    Args:
        description: Such as ``device: 0, name: Tesla V100, pci bus id: 0000:00:04.0, compute capability: 7.0``.
    """
    parts = dict(part.split(": ", 1) for part in description.split(", ") if ": " in part)
    name, capability = parts.get("name", "GPU"), parts.get("compute capability")
    return f"{name} (compute capability {capability})" if capability else name


def self_test(device: str, arithmetic: _Arithmetic | None = None, memory_fraction: float = 1.0) -> dict[str, float]:
    """Compare a device's arithmetic with NumPy's in float64: matrix product, convolution, softmax, a gradient.

    Args:
        device: ``cpu`` or ``cuda``.
        arithmetic: Device and inputs to results; TensorFlow's when None.
        memory_fraction: See :func:`session_config`.

    Returns:
        Error of each operation relative to its largest value.

    Raises:
        TrainingError: An operation is not done or is wrong by more than :data:`TOLERANCE`.
    """
    given = inputs()
    wanted = expected(given)
    found = arithmetic(device, given) if arithmetic is not None else _compute(device, given, memory_fraction)
    errors = {}
    for name, right in wanted.items():
        result = np.asarray(found[name], dtype=np.float64)
        if result.shape != right.shape:
            raise _failed(device, f"{name} gives {result.shape} in place of {right.shape}")
        errors[name] = float(np.max(np.abs(result - right)) / np.max(np.abs(right)))
        if not errors[name] <= TOLERANCE:  # also when it is not a number
            raise _failed(device, f"{name} is wrong by {errors[name]:.2g} of its largest value")
    return errors


def _compute(device: str, given: Mapping[str, np.ndarray], memory_fraction: float) -> Mapping[str, np.ndarray]:
    return compute(device, given, session_config(1, device, memory_fraction))


def check(
    use_gpu: bool,
    memory_fraction: float = 1.0,
    ask: Callable[[str, float], Mapping[str, Any]] | None = None,
    has_card: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Check versions, test the devices and choose one.

    Args:
        use_gpu: Whether a card may be used.
        memory_fraction: Largest share of the card's memory that the test may take, 0 to 1.
        ask: What tests a device, by name and memory fraction; :func:`probe` when None.
        has_card: Tells whether the machine has a card at all; by the driver's device files when None.

    Returns:
        ``usable`` (true), ``device`` (``cpu`` or ``cuda``), ``device_name``, ``versions``, ``built_with_cuda``,
        ``self_test`` (errors by device and operation) and ``fallbacks``: in words, why the machine's card is not used.

    Raises:
        TrainingError: The versions are wrong, or TensorFlow fails the test even on the CPU.
    """
    ask, has_card = ask or probe, has_card or _has_card
    facts = ask("cpu", memory_fraction)
    tests, fallbacks = {"cpu": facts["self_test"]}, []
    device, name = "cpu", platform.processor() or "CPU"
    if use_gpu and facts["built_with_cuda"]:
        try:
            card = ask("cuda", memory_fraction)
        except TrainingError as error:
            fallbacks.append(f"CPU instead of GPU: {error.place}: {error.reason}")
        else:
            if card["gpus"]:
                device, name, tests["cuda"] = "cuda", card["gpus"][0], card["self_test"]
            elif has_card():
                fallbacks.append(
                    "CPU instead of GPU: TensorFlow sees no card; its log says which CUDA library it lacks"
                )
    elif use_gpu and has_card():
        fallbacks.append("CPU instead of GPU: this build of TensorFlow has no CUDA")
    return {
        "usable": True,
        "device": device,
        "device_name": name,
        "versions": {part: facts[part] for part in ("python", "tensorflow", "numpy")},
        "built_with_cuda": facts["built_with_cuda"],
        "self_test": tests,
        "fallbacks": fallbacks,
    }


def _has_card() -> bool:
    return any(os.path.exists(path) for path in _CARD_FILES)


def probe(
    device: str, memory_fraction: float, seconds: float = PROBE_SECONDS, command: Sequence[str] | None = None
) -> dict[str, Any]:
    """Describe the environment and test one device, in a separate process.

    Args:
        device: ``cpu`` or ``cuda``.
        memory_fraction: Largest share of the card's memory that the process may take, 0 to 1.
        seconds: How long it may take.
        command: What to run in place of this module.

    Returns:
        What :func:`describe` says, and ``self_test`` (empty when there is no card).

    Raises:
        TrainingError: The environment or the device failed, or the process crashed or did not end.
    """
    module = "sixgig.contrastive.tensorflow1.environment"
    command = command or [sys.executable, "-m", module, "--device", device, "--memory-fraction", str(memory_fraction)]
    variables = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)), **variables_for_child())
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            env=variables,
            timeout=seconds,
            check=False,
            pass_fds=descriptors_for_child(),  # the card is not free before this process has ended, too
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(device, f"did not end within {seconds:g} s") from error
    try:
        answer = json.loads(done.stdout.decode().strip().splitlines()[-1])
    except (ValueError, IndexError) as error:
        code = done.returncode
        ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise _failed(device, f"{ended} and gave no result") from error
    if "reason" in answer:
        raise TrainingError(answer["place"], answer["reason"], answer["next_step"])
    return dict(answer)


def _answer(device: str, memory_fraction: float) -> dict[str, Any]:
    """Do what :func:`probe` asks for, in the process that it starts."""
    try:
        facts = describe(device == "cuda", memory_fraction)
        tested = device == "cpu" or facts["gpus"]
        return {**facts, "self_test": self_test(device, None, memory_fraction) if tested else {}}
    except TrainingError as error:
        return {"place": error.place, "reason": error.reason, "next_step": error.next_step}
    except Exception as error:  # TensorFlow may raise anything on a device that it cannot use
        known = _failed(device, f"raised {type(error).__name__}: {_first_line(error)}")
        return {"place": known.place, "reason": known.reason, "next_step": known.next_step}


def _failed(device: str, reason: str) -> TrainingError:
    return TrainingError(
        f"self-test of TensorFlow on the {_DEVICE_NAMES[device]}",
        reason,
        "read the log; use another device, or a build of TensorFlow 1.15 made for this one (envs/tensorflow1.yaml)",
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Test a device and print the result as JSON.")
    parser.add_argument("--device", choices=sorted(_DEVICE_NAMES), default="cpu")
    parser.add_argument("--memory-fraction", type=float, default=1.0)
    options = parser.parse_args()
    print(json.dumps(_answer(options.device, options.memory_fraction)), flush=True)
