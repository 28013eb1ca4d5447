"""Start the TensorFlow 1 process of the contrastive arm, follow it, and read back what it learned."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sixgig.errors import ArmError, PassingError
from sixgig.gpu.lock import descriptors_for_child, variables_for_child
from sixgig.runtime.atomic import write_json
from sixgig.runtime.faults import DiskFullError, MemoryShortError, ended_by_signal, oom_kills
from sixgig.runtime.places import IMPORT_PATH
from sixgig.runtime.stopping import PARENT, saving

_LOG = logging.getLogger(__name__)
_CLI = "sixgig.contrastive.__main__"
#: Exit codes of the process, see :mod:`sixgig.contrastive.__main__`.
_KNOWN_ERROR, _OUT_OF_MEMORY = 3, 4
#: Errors of the process that are no outcome of the arm, by the name that it gives.
_KINDS = {kind.__name__: kind for kind in (PassingError, MemoryShortError, DiskFullError)}


class CardFullError(Exception):
    """The TensorFlow process ran out of GPU memory."""


@dataclass(frozen=True)
class Tensorflow1Process:
    """A training process in the other environment.

    Args:
        python: Interpreter of the TensorFlow 1 environment.
        folder: Where the process keeps its job file and checkpoints.
        threads: CPU threads it may use.
        report: Called with every event of the process.
        variables: Further environment variables.
        cool_down: Called after every event with what stops the process and what lets it go on, for a card that is hot.
    """

    python: str
    folder: Path
    threads: int
    report: Callable[[Mapping[str, Any]], None]
    variables: Mapping[str, str] = field(default_factory=dict)
    cool_down: Callable[[Callable[[], object], Callable[[], object]], object] = lambda pause, go_on: None

    def train(self, job: Mapping[str, Any]) -> None:
        """Run ``train`` with a job, as :mod:`sixgig.contrastive.__main__` describes it, until it ends.

        Raises:
            ArmError: The process stopped with a reason that the data or the study file give.
            PassingError: A signal ended it, or it gave no reason, or one that may pass by itself.
            CardFullError: It ran out of GPU memory.
        """
        path = self.folder / "job.json"
        write_json(path, dict(job))
        command = [self.python, "-m", _CLI.removesuffix(".__main__"), "train", "--job", str(path)]
        _LOG.info("starting %s", " ".join(command))
        sys.stderr.flush()
        killed_before = oom_kills()
        try:
            process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                env={**environment(self.threads), **variables_for_child(), **self.variables},
                pass_fds=descriptors_for_child(),  # should this process be killed, the card is held as long as that one
                text=True,
            )
        except OSError as error:
            raise ArmError(self.python, f"cannot be started: {error.strerror}", "run `make setup`") from None
        last: Mapping[str, Any] = {}
        with process:
            assert process.stdout is not None
            try:
                with saving(lambda: _tell_to_end(process)):
                    for line in process.stdout:
                        event = _event(line)
                        if event is None:
                            _LOG.info("%s", line.rstrip())
                            continue
                        last = event
                        self.report(event)
                        self.cool_down(
                            lambda: process.send_signal(signal.SIGSTOP), lambda: process.send_signal(signal.SIGCONT)
                        )
                    process.wait()
            except BaseException:
                process.kill()
                raise
        _raise_on(process.returncode, last, killed_before)


def _tell_to_end(process: subprocess.Popen[str]) -> None:
    """Have the process write a checkpoint and end, also while it has been stopped for the card to cool."""
    process.terminate()
    process.send_signal(signal.SIGCONT)


def environment(threads: int) -> dict[str, str]:
    """Return the environment variables of a process in the other environment, without paths to this one's packages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    own = {"PYTHONPATH": str(IMPORT_PATH), "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}
    own[PARENT] = str(os.getpid())
    return {**kept, **own, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": str(threads), "TF_CPP_MIN_LOG_LEVEL": "1"}


def _event(line: str) -> Mapping[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _raise_on(code: int, last: Mapping[str, Any], killed_before: int) -> None:
    if code == 0:
        return
    if code == _OUT_OF_MEMORY:
        raise CardFullError
    if code == _KNOWN_ERROR and last.get("event") == "error":
        raise _KINDS.get(last.get("kind", ""), ArmError)(last["place"], last["reason"], last["next_step"])
    place = "the TensorFlow 1 process"
    step = "read the job's log; when memory was short, lower arms.vit_contrastive.micro_batch_size. "
    step += "Run again: it goes on from the last checkpoint"
    if code < 0:
        raise ended_by_signal(place, -code, killed_before, step)
    raise PassingError(place, f"ended with exit code {code} and gave no reason", step)
