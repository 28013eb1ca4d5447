"""A run in a terminal of its own, so that Ctrl-C and a closed window are the real ones."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from conftest import ENVIRONMENT

from sixgig.runtime.owner import OWNERS
from sixgig.runtime.processes import Identity

_PATIENCE = 1800.0


class Run:
    """One start of a study in a terminal of its own.

    Args:
        command: What is started.
        folder: Where.
        log: File for what is on the terminal.
        study: Name of the study.

    Attributes:
        process: The main process.
        output: What was on the terminal.
        killed: Whether :meth:`kill` was called.
    """

    def __init__(self, command: Sequence[str], folder: Path, log: Path, study: str = "tiny") -> None:
        self._folder, self._log, self._study = folder, log, study
        self._terminal, other = pty.openpty()
        self.output, self.killed = "", False
        self.process = subprocess.Popen(
            command, cwd=folder, env=ENVIRONMENT, stdin=other, stdout=other, stderr=other, start_new_session=True,
            preexec_fn=_as_at_a_terminal,
        )  # fmt: skip
        os.close(other)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()
        self._hang_up()
        self._log.write_text(self.output)

    def owner(self) -> str | None:
        """Return the token of the run, when it has become the owner."""
        try:
            found = json.loads((self._folder / OWNERS / f"{self._study}.json").read_text())
        except (OSError, ValueError):
            return None
        return Identity(found["boot"], found["pid"], found["began"]).token

    def goes_on(self) -> bool:
        """Read what is on the terminal; whether the main process goes on."""
        self.look_for(0.05)
        return self.process.poll() is None

    def look_for(self, seconds: float) -> None:
        """Read what is on the terminal for some seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self.process.poll() is None:
            if self._terminal >= 0 and select.select([self._terminal], [], [], min(left, 0.05))[0]:
                with suppress(OSError):
                    self.output += os.read(self._terminal, 65536).decode(errors="replace")
            elif self._terminal < 0:
                time.sleep(min(left, 0.05))

    def wait(self) -> int:
        """Wait for the end of the main process; return its exit code, as a shell tells it."""
        end = time.monotonic() + _PATIENCE
        while self.goes_on():
            assert time.monotonic() < end, f"the run does not end: {self.output[-3000:]}"
        code = self.process.returncode
        return 128 - code if code < 0 else code

    def kill(self, kind: str) -> None:
        """Kill the main process, its group, or do what a person does at a terminal."""
        self.killed = True
        with suppress(ProcessLookupError):
            if kind == "SIGINT":
                os.write(self._terminal, b"\x03")  # Ctrl-C: to all of the group
            elif kind == "SIGHUP":
                self._hang_up()
            elif kind == "group":
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.send_signal(signal.SIGTERM if kind == "SIGTERM" else signal.SIGKILL)

    def _hang_up(self) -> None:
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1


def _as_at_a_terminal() -> None:
    """Make standard input the terminal of a process; what started the tests may have been started to ignore signals."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
