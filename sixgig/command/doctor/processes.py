"""Ask another process, which may crash or hang, and do not wait for it longer than there is time."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What a process left: its exit code (None: it took too long), and what it printed."""

    code: int | None
    output: str
    errors: str

    @property
    def reason(self) -> str:
        """Why it did not answer, in words; empty when it did."""
        if self.code is None:
            return "did not answer in time"
        if self.code < 0:
            return f"was ended by signal {-self.code}"
        if self.code:
            lines = [line for line in self.errors.strip().splitlines() if line.strip()]
            return lines[-1] if lines else f"ended with exit code {self.code}"
        return ""


class Asked:
    """A process that was started, in a session of its own so that all of it can be ended.

    Args:
        command: What to run.
        variables: Environment variables beside those of this process.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, command: Sequence[str], variables: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=os.environ | dict(variables or {}),
            start_new_session=True,
        )

    def answer(self, until: float) -> Answer:
        """Wait for its end, or end it.

        Args:
            until: When to stop waiting, on the clock of :func:`time.monotonic`.
        """
        try:
            output, errors = self._process.communicate(timeout=max(until - time.monotonic(), 0.1))
            return Answer(self._process.returncode, output, errors)
        except subprocess.TimeoutExpired:
            self.end()
            return Answer(None, "", "")

    def end(self) -> None:
        """End the process and what it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, 9)
        self._process.communicate()
