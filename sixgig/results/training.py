"""What arms left while they learned: facts, loss curves, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.arms.seeds import seed_name
from sixgig.results.files import read_object, read_table
from sixgig.tables.training import TRAINING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class Training:
    """What lies under ``pretraining/`` of a study, read when it is asked for.

    Args:
        folder: The ``pretraining`` folder.
        arms: The study's arms in display order. What lies there of other arms is left alone.
        pictured: Those that leave pictures.
        seeds: How often each was trained.
    """

    def __init__(self, folder: Path, arms: Sequence[str], pictured: Sequence[str] = (), seeds: int = 1) -> None:
        self._folder, self._arms, self._pictured, self._seeds = folder, arms, pictured, seeds

    def arms(self, cohort: str) -> list[str]:
        """Arms that were trained on one cohort, failed ones included, in display order."""
        return [arm for arm in self._arms if (self._folder / cohort / f"{arm}.json").exists()]

    def runs(self, cohort: str) -> list[str]:
        """The same arms once for every seed, by the names of their files; see :mod:`sixgig.arms.seeds`."""
        names = (seed_name(arm, number) for arm in self._arms for number in range(self._seeds))
        return [name for name in names if (self._folder / cohort / f"{name}.json").exists()]

    def facts(self, cohort: str, arm: str) -> dict[str, Any]:
        """What ``pretraining/<cohort>/<arm>.json`` says about the training."""
        return dict(read_object(self._folder / cohort / f"{arm}.json").get("pretraining") or {})

    def curve(self, cohort: str, arm: str) -> pd.DataFrame:
        """``pretraining/<cohort>/<arm>.csv``: the loss of every step; no row when training failed."""
        return read_table(TRAINING, self._folder / cohort / f"{arm}.csv")

    def pictures(self, cohort: str, arm: str) -> dict[str, np.ndarray]:
        """``pretraining/<cohort>/<arm>.npz``: planes by name, uint8 [items, c, rows, columns]; none for most arms."""
        import numpy as np

        path = self._folder / cohort / f"{arm}.npz"
        if not path.exists():
            return {}
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    def leaves_pictures(self, cohort: str) -> bool:
        """Whether an arm of the cohort was trained to fill in masked patches, failed ones included."""
        return bool(self.pictured_arms(cohort))

    def pictured_arms(self, cohort: str) -> list[str]:
        """The arms that :meth:`leaves_pictures` is about, in display order."""
        return [arm for arm in self.arms(cohort) if arm in self._pictured]
