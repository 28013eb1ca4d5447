"""The part of a study's results that arms left while they learned: facts, loss curves, pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.arms.registry import looks
from sixgig.tables.format import Table
from sixgig.tables.training import TRAINING



if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class TrainingFiles(ABC):
    """Reads ``pretraining/`` of a study; see :class:`sixgig.results.study.Study`.

    Attributes:
        folder: The study's folder.
        arm_order: Arms in display order.
    """

    folder: Path
    arm_order: tuple[str, ...]

    def trained_arms(self, cohort: str) -> list[str]:
        """Arms that were trained on one cohort, failed ones included, in display order."""
        folder = self.folder / "pretraining" / cohort
        found = {path.stem for path in folder.glob("*.json")}
        return [arm for arm in self.arm_order if arm in found] + sorted(found - set(self.arm_order))

    def training(self, cohort: str, arm: str) -> dict[str, Any]:
        """What ``pretraining/<cohort>/<arm>.json`` says about the training."""
        return dict(self._json(self.folder / "pretraining" / cohort / f"{arm}.json").get("pretraining") or {})

    def training_curve(self, cohort: str, arm: str) -> pd.DataFrame:
        """``pretraining/<cohort>/<arm>.csv``: the loss of every step; no row when training failed."""
        return self._table(TRAINING, self.folder / "pretraining" / cohort / f"{arm}.csv")

    def pictures(self, cohort: str, arm: str) -> dict[str, np.ndarray]:
        """``pretraining/<cohort>/<arm>.npz``: planes by name, uint8 [items, c, rows, columns]; none for most arms."""
        import numpy as np

        path = self.folder / "pretraining" / cohort / f"{arm}.npz"
        if not path.exists():
            return {}
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    def has_pictures(self, cohort: str) -> bool:
        """Whether an arm of the cohort was trained to fill in masked patches, failed ones included."""
        return bool(self.pictured_arms(cohort))

    def pictured_arms(self, cohort: str) -> list[str]:
        """The arms that :meth:`has_pictures` is about, in display order."""
        return [arm for arm in self.trained_arms(cohort) if arm in looks() and looks()[arm].pictures]

    @abstractmethod
    def _json(self, path: Path) -> dict[str, Any]:
        """Read a JSON object."""

    @abstractmethod
    def _table(self, table: Table, path: Path) -> pd.DataFrame:
        """Read and check a table."""
