"""Command line of the TensorFlow 1 environment: check it, or train in it.

``python -m sixgig.contrastive check --output FACTS.json [--gpu] [--memory-limit-mb M] [--log LOG]``
    writes what the environment is and whether it can be used. With ``--gpu`` it has the card to itself meanwhile.
``python -m sixgig.contrastive train --job JOB.json``
    trains as the job file says. ``settings`` (see :class:`sixgig.contrastive.settings.Settings`), ``weights`` (.npz of
    :func:`sixgig.training.arrays.write_arrays`), ``pools`` (the same, with arrays such as ``pretraining_row``),
    ``images`` (.npy), ``checkpoints`` (folder), ``output`` (.npz), ``facts`` (.json), ``use_gpu``, ``memory_fraction``.
    ``handover`` (.npz) gets the features that this environment computes for a few images with the trained weights, so
    that the other environment can prove that it computes the same.

Events of a training go to standard output, one JSON object a line, everything else to standard error. Exit codes: 0; 3
after an ``error`` event, whose next step the user can take; 4 after an ``out_of_memory`` event, upon which the same job
may be started with a smaller ``micro_batch_size``: it goes on from its checkpoints. The process ends with its parent,
and at a signal (128 and its number) once it has written a checkpoint.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from sixgig.errors import GpuError, TrainingError, without_folders
from sixgig.runtime.atomic import write_json
from sixgig.runtime.faults import passing
from sixgig.runtime.stopping import PARENT, end_with_parent, obey_signals

KNOWN_ERROR, OUT_OF_MEMORY, BROKEN_PIPE = 3, 4, 5
#: Images whose features are handed over for comparison.
HANDOVER_IMAGES = 8

_JOB_TYPES: Mapping[str, tuple] = {
    "settings": (dict,),
    "weights": (str,),
    "pools": (str,),
    "images": (str,),
    "checkpoints": (str,),
    "output": (str,),
    "handover": (str,),
    "facts": (str,),
    "use_gpu": (bool,),
    "memory_fraction": (int, float),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    options = _parser().parse_args(arguments)
    # What the libraries print, in Python or in C, must not get between the events.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    obey_signals()
    end_with_parent(int(os.environ.get(PARENT) or os.getppid()))

    def report(event: Mapping[str, Any]) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    try:
        if options.command == "check":
            return _check(options, lambda text: print(text, file=events, flush=True))
        return _train(_read_job(Path(options.job)), report)
    except BrokenPipeError:
        sys.stderr.write("nobody reads the events any longer: ended\n")
        return BROKEN_PIPE
    except Exception as error:
        traceback.print_exc()
        known = passing(error) or (error if isinstance(error, TrainingError) else None)
        if known is None:
            raise
        found = {"place": known.place, "reason": known.reason, "next_step": known.next_step}
        if options.command == "check":
            print(f"[check_tensorflow1] {known}", file=events, flush=True)
        else:
            report({"event": "error", "kind": type(known).__name__, **found})
        return KNOWN_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sixgig.contrastive", description="The contrastive arm's training.")
    commands = parser.add_subparsers(dest="command")
    commands.required = True
    check = commands.add_parser("check", help="check versions and devices")
    check.add_argument("--output", required=True, help="JSON file to write")
    check.add_argument("--gpu", action="store_true", help="use a GPU when there is one that computes correctly")
    check.add_argument("--memory-limit-mb", type=float, default=1024.0, help="GPU memory that it may take, in MiB")
    check.add_argument("--log", help="file that messages are added to; standard error without it")
    train = commands.add_parser("train", help="train as a job file says")
    train.add_argument("--job", required=True, help="JSON file, see the module's documentation")
    return parser


def _check(options: argparse.Namespace, tell: Callable[[str], object]) -> int:
    """Check the environment; a problem with it is a finding too, written to the same file."""
    if options.log:
        with open(options.log, "a", encoding="utf-8") as log:
            os.dup2(log.fileno(), 2)
            os.dup2(log.fileno(), 1)
    output = Path(options.output)
    try:
        facts = _check_alone(options.gpu, options.memory_limit_mb, tell)
    except TrainingError as error:
        found = {"place": error.place, "reason": error.reason, "next_step": error.next_step}
        # Others will read it with the results, and the report tells it.
        write_json(output, {"usable": False, **{name: without_folders(text) for name, text in found.items()}})
        raise
    facts["fallbacks"] = [without_folders(text) for text in facts["fallbacks"]]
    write_json(output, facts)
    tell("[check_tensorflow1] " + _in_words(facts))
    return 0


def _check_alone(use_gpu: bool, memory_limit_mb: float, tell: Callable[[str], object]) -> dict[str, Any]:
    """Check the environment; a card is locked while it is tested, and is the only one that the test sees."""
    from sixgig.contrastive.tensorflow1.environment import check, probe
    from sixgig.gpu.card import first_card
    from sixgig.gpu.lock import hold_gpu, lock_path

    card = first_card() if use_gpu else None
    if card is None:
        return check(use_gpu)
    os.environ["CUDA_VISIBLE_DEVICES"] = card.cuda_name
    path = lock_path(card.uuid)

    def ask(device: str, memory_fraction: float) -> dict[str, Any]:
        if device != "cuda":
            return probe(device, memory_fraction)
        with hold_gpu(path, lambda text: tell("[check_tensorflow1] " + text)):
            return probe(device, memory_fraction)

    try:
        return check(use_gpu, card.fraction(memory_limit_mb), ask)
    except GpuError as error:
        raise TrainingError(error.place, error.reason, error.next_step) from None


def _in_words(facts: Mapping[str, Any]) -> str:
    versions = facts["versions"]
    words = "Python {python}, TensorFlow {tensorflow}, NumPy {numpy}".format(**versions)
    return "; ".join(["{} on {}".format(words, facts["device_name"]), *facts["fallbacks"]])


def _train(job: Mapping[str, Any], report: Callable[[Mapping[str, Any]], None]) -> int:
    from sixgig.contrastive.backend import OutOfMemoryError
    from sixgig.contrastive.settings import Settings
    from sixgig.runtime.locks import locked
    from sixgig.training.checkpoints import CheckpointStore

    settings = Settings.from_dict(job["settings"], "settings of the job")
    store = CheckpointStore(Path(job["checkpoints"]))
    waiting = {"event": "note", "text": "another process trains with the same checkpoints: waiting for it"}
    with locked(store.folder / ".lock", lambda _: report(waiting)):
        try:
            _train_alone(job, settings, store, report)
        except OutOfMemoryError as error:
            traceback.print_exc()
            report({"event": "out_of_memory", "micro_batch_size": settings.micro_batch_size, "text": error.reason})
            return OUT_OF_MEMORY
    return 0


def _train_alone(job: Mapping[str, Any], settings: Any, store: Any, report: Callable[[dict], None]) -> None:
    """Train while no other process uses the checkpoints."""
    from sixgig.contrastive.tensorflow1.environment import check

    environment = check(job["use_gpu"], job["memory_fraction"])
    report({"event": "phase", "text": _in_words(environment)})

    import numpy as np

    from sixgig.contrastive.augmentation import prepare_batch
    from sixgig.contrastive.measurement import TrainingData
    from sixgig.contrastive.sampling import Batch
    from sixgig.contrastive.tensorflow1.backend import TensorFlowBackend
    from sixgig.contrastive.training import train
    from sixgig.training.arrays import read_arrays, write_arrays

    arrays, architecture = read_arrays(job["weights"])
    pretraining, evaluation = _read_pools(job["pools"])
    data = TrainingData(_read_images(job["images"]), pretraining, evaluation, architecture["mean"], architecture["std"])
    backend = TensorFlowBackend(arrays, architecture, settings, environment["device"], job["memory_fraction"])
    try:
        facts = train(backend, data, settings, store, report)
        write_arrays(job["output"], backend.arrays(), architecture)
        rows = pretraining.row[:HANDOVER_IMAGES]
        plain = Batch(rows, np.zeros(len(rows), dtype=bool))
        features = backend.features(prepare_batch(data.images, plain, data.mean, data.std, settings, 0, 0))
        write_arrays(job["handover"], {"rows": rows, "features": features}, {})
    finally:
        backend.close()
    facts["fallbacks"] = [*environment["fallbacks"], *facts["fallbacks"]]
    found = {"backend": backend.name, "version": backend.version, "device": backend.device, "dtype": backend.dtype}
    found["peak_rss_mb"] = _peak_rss_mb()
    write_json(Path(job["facts"]), {**environment, **found, **facts})


def _peak_rss_mb() -> float:
    """Peak resident memory of this process in MiB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux, bytes on macOS
    return peak / 1024 ** (2 if sys.platform == "darwin" else 1)


def _read_job(path: Path) -> dict[str, Any]:
    place = f"job {path}"
    try:
        job = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(place, f"cannot be read: {error}", "start the training through the workflow") from error
    wrong = sorted(set(_JOB_TYPES) ^ set(job)) or [
        name for name, types in _JOB_TYPES.items() if not isinstance(job[name], types)
    ]
    if wrong:
        reason = "missing, unknown or of another type: {}".format(", ".join(wrong))
        raise TrainingError(place, reason, "correct these entries, see sixgig/contrastive/__main__.py")
    return dict(job)


def _read_pools(path: str) -> tuple[Any, Any]:
    """Return the pretraining and the evaluation pool."""
    from sixgig.contrastive.sampling import Pool
    from sixgig.training.arrays import read_arrays

    arrays, _ = read_arrays(path)
    try:
        pretraining, evaluation = (
            Pool(*[arrays[f"{role}_{field}"] for field in Pool._fields]) for role in ("pretraining", "evaluation")
        )
    except KeyError as error:
        raise TrainingError(path, f"has no array {error}", "start the training through the workflow") from error
    return pretraining, evaluation


def _read_images(path: str) -> Any:
    import numpy as np

    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise TrainingError(path, f"cannot be read as images: {error}", "delete it and run again") from error
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        reason = f"holds {images.dtype} {list(images.shape)}, must hold uint8 [n, height, width, 3]"
        raise TrainingError(path, reason, "delete it and run again")
    return images


if __name__ == "__main__":
    sys.exit(main())
