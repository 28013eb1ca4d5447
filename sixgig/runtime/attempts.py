"""What a job remembers of its earlier attempts: how often memory ran out, and what its log said.

Snakemake tries some rules again by itself. It deletes the log before, and tells a script nothing of why the attempt
before failed. So a note per job lies under ``results/<study>/.attempts/`` from its beginning until it succeeds: a note
that is still open is that of a job that was killed, and when the kernel has ended processes for want of memory since,
it was probably one of them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sixgig.errors import PassingError, SixgigError
from sixgig.runtime.faults import MemoryShortError, as_outcome, oom_kills
from sixgig.runtime.running import study_and_job

#: Folder of the notes in a study's folder.
FOLDER = ".attempts"
_LOG_BYTES = 200_000

_shortages = 0
_unexplained: str | None = None


class UnexplainedError(PassingError):
    """An error that no code of sixgig raised: the attempt fails, and the next one shows whether it comes back."""


def shortages() -> int:
    """Return in how many earlier attempts this process's job ran out of memory; it should take less each time."""
    return _shortages


def fewer(number: int) -> int:
    """Return how many workers or items to work with: half as many for every attempt that memory ended, at least 1."""
    return max(1, number >> _shortages)


def fallbacks() -> list[str]:
    """Return in words that less is done at a time than the study file asks for; none in most jobs."""
    return [f"host memory ran out {_shortages} times: fewer items at a time"] if _shortages else []


def outcome(error: Exception) -> str:
    """Return an error as the status ``failed: reason`` of what the job computes.

    An error of a library may be of the data, or of a machine that was short of memory while a package was loaded. It
    counts as an outcome when the next attempt, in a fresh process, ends with the same words.

    Raises:
        PassingError: It may pass by itself, or nobody knows yet whether it does.
    """
    status = as_outcome(error)
    if isinstance(error, SixgigError) or _unexplained in (None, status):
        return status
    raise UnexplainedError("this job", status.removeprefix("failed: "), "it is tried once more by itself") from error


class Attempt:
    """One attempt of a job.

    Args:
        log: The rule's log; a log elsewhere than in a study's folder is remembered by nothing.
        lists: Further files that the rule declares as logs.
    """

    def __init__(self, log: Path, lists: Sequence[Path] = ()) -> None:
        global _shortages, _unexplained
        found = study_and_job(log)
        self._log, self._lists, self._note = log, lists, None
        #: What ended the attempt before for good, in words; empty when it may be tried again.
        self.final = ""
        _shortages, _unexplained = 0, None
        if found is None:
            return
        study, rule, name = found
        self._note = study / FOLDER / (f"{rule}.{name}.json" if name else f"{rule}.json")
        before = self._read()
        killed = bool(before.get("open")) and before.get("boot") == _boot()
        _shortages = int(before.get("shortages", 0)) + (killed and oom_kills() > int(before.get("oom_kills", 0)))
        self.final = str(before.get("final", ""))
        _unexplained = str(before.get("unexplained", ""))

    def begin(self) -> str:
        """Note that the job runs; return what the log of the attempt before said, empty without one."""
        if self._note is None:
            return ""
        self._write(open=True, oom_kills=oom_kills(), boot=_boot(), unexplained=_unexplained)
        kept = self._note.with_suffix(".log")
        try:
            return kept.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def ended(self, final: str) -> None:
        """Note that the attempt ended at once, because of what ended the one before, whose lists come back."""
        self._write(final=final)
        for file, kept in self._kept():
            with suppress(OSError):
                shutil.copyfile(kept, file)

    def failed(self, error: BaseException, passes: bool) -> None:
        """Note why the attempt failed, and keep its log and its lists."""
        global _shortages
        _shortages += isinstance(error, MemoryShortError)
        final = "" if passes else " ".join(f"{type(error).__name__}: {error}".split())
        unexplained = {"unexplained": f"failed: {error.reason}"} if isinstance(error, UnexplainedError) else {}
        self._write(final=final, **unexplained)
        if self._note is not None:
            with suppress(OSError):
                content = self._log.read_bytes()[-_LOG_BYTES:]
                self._note.with_suffix(".log").write_bytes(content)
        for file, kept in self._kept():
            with suppress(OSError):  # it has no such list
                shutil.copyfile(file, kept)

    def succeeded(self) -> None:
        """Forget the attempts."""
        if self._note is None:
            return
        for path in (self._note, self._note.with_suffix(".log"), *(kept for _, kept in self._kept())):
            with suppress(OSError):
                path.unlink()
        with suppress(OSError):  # other jobs still have notes there
            self._note.parent.rmdir()

    def _kept(self) -> list[tuple[Path, Path]]:
        """Return every list, and where it is kept for the next attempt."""
        return [] if self._note is None else [(file, self._note.with_suffix(f".{file.name}")) for file in self._lists]

    def _read(self) -> dict[str, Any]:
        assert self._note is not None
        try:
            found = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, **facts: object) -> None:
        if self._note is None:
            return
        with suppress(OSError):  # a full disk must not hide what ended the job
            self._note.parent.mkdir(parents=True, exist_ok=True)
            self._note.write_text(json.dumps({"shortages": _shortages, **facts}), encoding="utf-8")


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
