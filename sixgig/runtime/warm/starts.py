"""Starts the scripts of jobs from processes that have imported what they need (:mod:`sixgig.runtime.warm.server`).

Snakemake starts a Python for each script, which then imports for seconds. Here a process for all jobs with one thread,
and another for all that ask for the card, each imports once and is forked for every job. Variables such as
``OMP_NUM_THREADS`` are read while libraries are loaded: so each has those of its jobs. Jobs with other threads, in
conda environments or containers, and on other machines start as Snakemake starts them; ``SIXGIG_WARM=0`` has all do so.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

#: Environment variable: 0 for jobs that start as Snakemake starts them.
WARM = "SIXGIG_WARM"
#: Packages that may be kept by name: they start no thread and open nothing when they are imported.
PACKAGES = (
    "sixgig",
    "numpy",
    "pandas",
    "scipy",
    "sklearn",
    "joblib",
    "numba",
    "threadpoolctl",
    "yaml",
    "PIL",
    "psutil",
)
DRAWING = ("matplotlib", "mpl_toolkits", "jinja2")
NETWORKS = ("torch", "torchvision", "timm", "safetensors", "huggingface_hub")
_SERVER = Path(__file__).with_name("server.py")
#: What Snakemake sets for the job's threads.
_THREADS = (
    "OMP_NUM_THREADS", "GOTO_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)  # fmt: skip
_TEMPORARY = ("TMPDIR", "TMP", "TEMPDIR", "TEMP")


class _Server:
    """A process that jobs are forked from.

    Args:
        environment: Of its jobs.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(_SERVER), str(theirs.fileno())], env=environment, pass_fds=[theirs.fileno()]
            )
        self._lock = threading.Lock()

    def ask(self, line: bytes) -> socket.socket:
        """Ask for a job; its number and its exit code can be read from what is returned.

        Raises:
            OSError: The process has ended.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            ours.sendall(line)
            with self._lock:
                socket.send_fds(self._control, [b"\0"], [theirs.fileno()])
        return ours

    def end(self) -> None:
        """Let it end, which it does after the last of its jobs."""
        self._control.close()
        self._process.wait()


class WarmStarts:
    """Starts scripts, and starts the processes for that when the first script comes.

    Args:
        with_card: Whether jobs may be given a card: what has a card starts afresh.
    """

    def __init__(self, with_card: Callable[[], bool]) -> None:
        self._with_card = with_card
        self._servers: dict[tuple[bool, int], _Server | None] = {}
        self._lock = threading.Lock()

    def run(self, script: Any, file: str) -> bool:
        """Run a script of Snakemake's; return whether it ran, which it does not when it has to start afresh.

        Args:
            script: Snakemake's ``PythonScript``.
            file: What was written of it.

        Raises:
            subprocess.CalledProcessError: It ended with another exit code than 0.
        """
        networks = bool(script.resources.get("gpu"))
        elsewhere = script.conda_env or script.container_img or script.env_modules or script.shadow_dir
        if elsewhere or script.resources.get("shell_exec") or not (networks or script.threads == 1):
            return False
        environment = _environment(script)
        server = self._server((networks, script.threads), environment)
        if server is None:
            return False
        line = {
            "file": os.path.abspath(file),
            "source": script.local_path,
            "path": [folder for folder in sys.path if os.path.isdir(folder)],
            "environment": environment,
            "modules": [*PACKAGES, *(NETWORKS if networks else DRAWING)],
        }
        try:
            reply = server.ask(json.dumps(line).encode() + b"\n")
        except OSError:
            return self._without((networks, script.threads))
        with reply, reply.makefile("r") as answers:
            job = _next(answers)
            if not job:
                return self._without((networks, script.threads))
            with _measured(int(job), script.bench_record):
                code = int(_next(answers) or -signal.SIGKILL)
        if code:
            raise subprocess.CalledProcessError(code, f"{sys.executable} {file}")
        return True

    def end(self) -> None:
        """End the processes."""
        for server in self._servers.values():
            if server is not None:
                server.end()

    def _server(self, key: tuple[bool, int], environment: Mapping[str, str]) -> _Server | None:
        with self._lock:
            if key not in self._servers:
                self._servers[key] = None if key[0] and self._with_card() else _Server(environment)
            return self._servers[key]

    def _without(self, key: tuple[bool, int]) -> bool:
        """Say that a process has ended which jobs are started from; they start afresh from now on."""
        with self._lock:
            server, self._servers[key] = self._servers[key], None
        if server is not None:
            server.end()
            text = "[sixgig] the process that jobs are started from has ended: each job now starts by itself"
            with suppress(OSError, ValueError):
                print(text, file=sys.stderr, flush=True)
        return False


@contextmanager
def warm_starts(python_script: Any, with_card: Callable[[], bool]) -> Iterator[None]:
    """Start scripts from warm processes for the length of the block, where the system can.

    Args:
        python_script: Snakemake's class of Python scripts.
        with_card: Whether jobs may be given a card, asked before the first of them.
    """
    if os.environ.get(WARM) == "0" or not all(hasattr(os, name) for name in ("pidfd_open", "memfd_create")):
        yield
        return
    starts, own = WarmStarts(with_card), python_script.execute_script

    def execute_script(self: Any, fname: str, edit: bool = False) -> None:
        if edit or not self.is_local or not starts.run(self, fname):
            own(self, fname, edit)

    python_script.execute_script = execute_script
    try:
        yield
    finally:
        python_script.execute_script = own
        starts.end()


def _next(answers: TextIO) -> str:
    """Return the next answer; nothing when who answers has ended."""
    try:
        return answers.readline()
    except OSError:
        return ""


def _environment(script: Any) -> dict[str, str]:
    """Return the variables that Snakemake's shell sets for a job."""
    variables = dict(os.environ) | dict.fromkeys(_THREADS, str(script.threads))
    temporary = script.resources.get("tmpdir")
    return variables | (dict.fromkeys(_TEMPORARY, temporary) if temporary else {})


@contextmanager
def _measured(job: int, record: Any) -> Iterator[None]:
    if record is None:
        yield
        return
    from snakemake.benchmark import benchmarked

    with benchmarked(job, record):
        yield
