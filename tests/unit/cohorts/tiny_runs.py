"""Preparations that are broken off, for the tests of what comes after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sixgig.cohorts import preparation
from sixgig.cohorts.preparation import prepare_cohort

OPTIONS = {"modalities": ["t1"], "slices": {"count": 3}, "volume": {"size": [4, 6, 6]}}
GRADES = ["HGG", "LGG"] * 4


def prepare(root: Path, output: Path, **changes: Any) -> None:
    arguments = {
        "image_size": 16, "options": OPTIONS, "seed": 1, "max_quarantine_fraction": 0.5,
        "checkpoints": output.parent / "checkpoints", "digest": "source",
    }  # fmt: skip
    prepare_cohort("brats", root, output, **(arguments | changes))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def break_after(
    n: int, root: Path, output: Path, monkeypatch: pytest.MonkeyPatch, count: list[str], **changes: Any
) -> None:
    counted = preparation.prepare_subject

    def broken(adapter: Any, record: Any, recipe: Any) -> Any:
        if len(count) == n:
            raise KeyboardInterrupt
        return counted(adapter, record, recipe)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(preparation, "prepare_subject", broken)
        prepare(root, output, **changes)
    count.clear()
