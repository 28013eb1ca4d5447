"""Checkpoints of a training: folders that appear whole, carry the digest of each file, and fall back to older ones."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Callable

from sixgig.errors import TrainingError
from sixgig.runtime.atomic import synchronise
from sixgig.runtime.digests import file_sha256
from sixgig.runtime.faults import write_failed

_STATE, _MANIFEST = "state.json", "manifest.json"
_PARTIAL = ".partial-"


class CheckpointStore:
    """The checkpoints of one training, ``step-%09d`` each. One process at a time may use a folder.

    A checkpoint holds what ``write`` put there, ``state.json``, and ``manifest.json`` with the sha256 of every file. It
    is written under a temporary name, synchronised to disk and renamed, so a killed process leaves no incomplete one.

    Args:
        folder: Where checkpoints are; made when missing.
        keep: How many of the newest ones stay.

    Attributes:
        notes: What :meth:`latest` had to say about damaged checkpoints, in words.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = Path(folder)
        self._keep = keep
        self.notes: list[str] = []
        self.folder.mkdir(parents=True, exist_ok=True)

    def save(self, step: int, state: dict[str, Any], write: Callable[[Path], None]) -> None:
        """Write a checkpoint, then remove all but the newest ``keep``, and what killed processes left.

        Args:
            step: Steps done. An older checkpoint of the same step is replaced.
            state: Whatever JSON can hold.
            write: Writes any further files into the folder it is given.

        Raises:
            PassingError: The files cannot be written, for instance on a full disk. Older checkpoints stay.
        """
        try:
            self._save(step, state, write)
        except OSError as error:
            place = f"{self.folder}, the checkpoint of step {step}"
            raise write_failed(place, self.folder, error, self._size_before()) from error

    def _size_before(self) -> int:
        """Return what the newest checkpoint takes, which is what the next one needs; 0 without one."""
        newest = self._newest_first()[:1]
        return sum(path.stat().st_size for folder in newest for path in _files(folder))

    def _save(self, step: int, state: dict[str, Any], write: Callable[[Path], None]) -> None:
        for leftover in self.folder.glob(_PARTIAL + "*"):
            shutil.rmtree(str(leftover), ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=str(self.folder)))
        try:
            write(partial)
            (partial / _STATE).write_text(json.dumps(state), encoding="utf-8")
            digests = {str(path.relative_to(partial)): file_sha256(path) for path in _files(partial)}
            (partial / _MANIFEST).write_text(json.dumps({"step": step, "files": digests}), encoding="utf-8")
            for path in [*_files(partial), partial]:
                synchronise(path)
            final = self.folder / _name(step)
            if final.exists():
                shutil.rmtree(str(final))
            os.replace(str(partial), str(final))
        except BaseException:
            shutil.rmtree(str(partial), ignore_errors=True)
            raise
        synchronise(self.folder)
        for old in self._newest_first()[self._keep :]:
            shutil.rmtree(str(old), ignore_errors=True)

    def latest(self, restore: Callable[[Path, dict[str, Any]], None]) -> tuple[int, dict[str, Any]] | None:
        """Restore the newest intact checkpoint. A damaged one is removed and noted, and the one before is tried.

        Args:
            restore: Reads back what ``write`` wrote into a folder, given the state.

        Returns:
            Its step and state, or None when there is none.

        Raises:
            TrainingError: The only checkpoints whose files are intact cannot be restored.
        """
        refused: TrainingError | None = None
        for folder in self._newest_first():
            try:
                step, state = _read(folder)
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                self._remove(folder, str(error))
                continue
            try:
                restore(folder, state)
            except TrainingError as error:
                refused = error
                self.notes.append(f"{folder.name} could not be restored ({error.reason}): tried the one before")
                continue
            return step, state
        if refused is not None:
            # A restore that failed half way may have changed the weights: starting again from them would be wrong.
            raise refused
        return None

    def _remove(self, folder: Path, reason: str) -> None:
        # It would be counted among the newest ones, and push out an intact one.
        shutil.rmtree(str(folder), ignore_errors=True)
        self.notes.append(f"checkpoint {folder.name} is damaged ({reason}) and was removed")

    def _newest_first(self) -> list[Path]:
        return sorted((path for path in self.folder.glob("step-*") if path.is_dir()), reverse=True)


def _name(step: int) -> str:
    return f"step-{step:09d}"


def _read(folder: Path) -> tuple[int, dict[str, Any]]:
    """Return step and state after checking every file; raise ValueError or a similar error when something is wrong."""
    manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    if folder.name != _name(int(manifest["step"])):
        raise ValueError(f"its manifest speaks of step {manifest['step']}")
    if {str(path.relative_to(folder)) for path in _files(folder)} - {_MANIFEST} != set(manifest["files"]):
        raise ValueError("its files are not those of its manifest")
    for name, digest in manifest["files"].items():
        if file_sha256(folder / name) != digest:
            raise ValueError(f"{name} has changed since it was written")
    return int(manifest["step"]), json.loads((folder / _STATE).read_text(encoding="utf-8"))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
