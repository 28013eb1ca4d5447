"""A process that has imported what jobs need, and becomes a job by `fork`: a script then begins in milliseconds.

It is started by :mod:`sixgig.runtime.warm.starts` as a script, with the number of a socket, and imports nothing of
sixgig by itself. For each job it gets a socket of its own with one line of JSON (``file``, the script that Snakemake
has written; ``source``, the script that this was made from; ``path``, where modules are; ``environment``;
``modules``, the packages that may be kept), forks, and answers with the number of the job's process, and with its exit
code when it has ended. Before the first job of a script it imports what the script imports at its top; before the
next one, what the first has imported while it ran. It never starts a thread and computes nothing, so that what it
forks is as a fresh process. It ends with the process that started it, after the last of its jobs.
"""

from __future__ import annotations

import ast
import atexit
import gc
import importlib
import importlib.machinery
import importlib.util
import json
import os
import random
import selectors
import signal
import socket
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Job(NamedTuple):
    """A job that runs: its process, where its exit code is told, its script, and the file where it tells its modules.

    That file is there for the first job of a script alone; None for the others.
    """

    process: int
    reply: socket.socket
    script: str
    learned: int | None


class Server:
    """Waits for jobs, and starts them.

    Args:
        control: Where the sockets of jobs come from.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        #: By the descriptor of the job's process.
        self._jobs: dict[int, _Job] = {}
        #: Names of modules that a script has imported, by the script; None while its first job runs.
        self._known: dict[str, list[str] | None] = {}

    def serve(self) -> dict[str, Any] | None:
        """Start jobs until there will be none; return None in the end, and in each job, as `fork` does, its line."""
        # The jobs get them too, and the server ends when those who started it have ended. One that a job gets before
        # it can act waits for it, which one that is ignored would not.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        waiting = True
        while waiting or self._jobs:
            for key, _ in self._selector.select():
                if key.fd != self._control.fileno():
                    self._ended(key.fd)
                    continue
                _, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
                if not descriptors:
                    waiting = False
                    self._selector.unregister(self._control)
                    continue
                line = self._start(socket.socket(fileno=descriptors[0]))
                if line is not None:
                    return line
        return None

    def _start(self, reply: socket.socket) -> dict[str, Any] | None:
        """Fork; return the line in the job, None in the server."""
        with reply.makefile("rb") as stream:
            line: dict[str, Any] | None = json.loads(stream.readline() or "null")
        if line is None:  # who asked has ended
            return None
        sys.path.extend(folder for folder in line["path"] if folder not in sys.path)
        script = line["source"]
        with _silent():
            _import(self._known.get(script) or _at_top(script), line["modules"])
        learned = None
        if script not in self._known:
            self._known[script] = None
            learned = os.memfd_create("modules")
        gc.freeze()  # what the collector does not touch stays shared
        job = os.fork()
        if not job:
            self._become(learned)
            return line
        process = os.pidfd_open(job)
        self._jobs[process] = _Job(job, reply, script, learned)
        self._selector.register(process, selectors.EVENT_READ)
        _say(reply, job)
        return None

    def _become(self, learned: int | None) -> None:
        """Be a job: nothing of the server's is open, and signals come."""
        for process, other in self._jobs.items():
            os.close(process)
            other.reply.close()
            if other.learned is not None:
                os.close(other.learned)
        self._selector.close()
        self._control.close()
        if learned is not None:
            atexit.register(_tell_modules, learned, frozenset(sys.modules))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _ended(self, process: int) -> None:
        job, reply, script, learned = self._jobs.pop(process)
        self._selector.unregister(process)
        os.close(process)
        code = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
        if learned is not None:
            with open(learned, encoding="utf-8") as stream:
                stream.seek(0)
                found = stream.read().split()
            if found and not code:
                self._known[script] = [*_at_top(script), *found]
            else:
                del self._known[script]
        _say(reply, code)
        reply.close()


def _say(reply: socket.socket, number: int) -> None:
    with suppress(OSError):  # who asked has ended
        reply.sendall(f"{number}\n".encode())


def _at_top(script: str) -> list[str]:
    """Return the modules that a script imports before it does anything."""
    with open(script, encoding="utf-8") as stream:
        tree = ast.parse(stream.read())
    names = [node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    return names + [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]


def _tell_modules(learned: int, before: Collection[str]) -> None:
    os.write(learned, "\n".join(name for name in list(sys.modules) if name not in before).encode())


def _import(names: Sequence[str], allowed: Collection[str]) -> None:
    """Import what is not imported yet, of some packages; what cannot be imported is the job's to say."""
    for name in names:
        if name not in sys.modules and name.partition(".")[0] in allowed:
            with suppress(Exception):
                importlib.import_module(name)


@contextmanager
def _silent() -> Iterator[None]:
    """What is printed while modules are imported belongs to no job."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.close(nowhere)


class _ScriptLoader(importlib.machinery.SourceFileLoader):
    """Loads a script that is used once: nothing is kept of it."""

    def set_data(self, path: str, data: Any, *, _mode: int = 0) -> None:
        """Write no bytecode."""


def run(line: dict[str, Any]) -> None:
    """Run a script as Python does that is started with it."""
    file = line["file"]
    os.environ.clear()
    os.environ.update(line["environment"])
    tempfile.tempdir = None
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    sys.argv, sys.orig_argv = [file], [sys.executable, file]
    for name in ("sitecustomize", "usercustomize"):  # may look at what is started
        if name in sys.modules:
            importlib.reload(sys.modules[name])
    loader = _ScriptLoader("__main__", file)
    spec = importlib.util.spec_from_loader("__main__", loader)
    assert spec is not None  # the loader knows its file
    main = importlib.util.module_from_spec(spec)
    main.__spec__ = None  # as a script's is: processes that it starts go by its file
    sys.modules["__main__"] = main
    loader.exec_module(main)


if __name__ == "__main__":
    sys.path[:] = [folder for folder in sys.path if folder != os.path.dirname(os.path.abspath(__file__))]
    found = Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    if found is not None:
        run(found)
