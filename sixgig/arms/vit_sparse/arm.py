"""ViT + sparse coding: sparse codes of another arm's features over a dictionary learned on pretraining subjects."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from sixgig.arms.base import FeatureArm
from sixgig.arms.vit_sparse.atoms import judged, number_of_atoms, random_atoms_error
from sixgig.errors import ArmError

_LOG = logging.getLogger(__name__)


class SparseViT(FeatureArm):
    """Dictionary learning (Mairal et al. 2009, online) and orthogonal matching pursuit (Pati et al. 1993).

    Features are centred by the mean of the pretraining images and scaled to unit length, so that codes compare
    directions. The dictionary has unit-norm atoms. Beside its reconstruction error stands that of as many random
    learning images as atoms: what is reached without learning.
    """

    name = "vit_sparse"
    learns = True
    default_source = "vit_pure"
    seed_batch_size = 32

    def transform(
        self, features: Any, may_learn: Any, options: Mapping[str, Any], seed: int
    ) -> tuple[Any, Mapping[str, Any]]:
        """Learn a dictionary, and code features [n, d] over its atoms: codes [n, atoms].

        Raises:
            ArmError: Fewer pretraining images than atoms, or more non-zeros than atoms or features.
        """
        from sklearn.decomposition import MiniBatchDictionaryLearning

        from sixgig.sparse_coding.omp import batch_omp

        nonzeros = int(options["nonzeros"])
        learning = np.asarray(features[may_learn], dtype=np.float64)
        atoms = number_of_atoms(options["atoms"], len(learning), nonzeros)
        if len(learning) < atoms:
            raise ArmError(
                "arms.vit_sparse.atoms",
                f"{atoms} atoms cannot be learned from {len(learning)} images of pretraining subjects",
                "ask for fewer atoms, or raise evaluation.pretraining_fraction",
            )
        if nonzeros > min(atoms, learning.shape[1]):
            raise ArmError(
                "arms.vit_sparse.nonzeros",
                f"{nonzeros} non-zeros do not fit {atoms} atoms of {learning.shape[1]} features",
                "ask for fewer non-zeros",
            )
        mean = learning.mean(axis=0)
        learner = MiniBatchDictionaryLearning(
            n_components=atoms,
            alpha=float(options["alpha"]),
            batch_size=int(options["batch_size"]),
            max_iter=int(options["epochs"]),
            fit_algorithm="lars",
            transform_algorithm="omp",
            random_state=seed,
        )
        unit_learning = _unit_rows(learning - mean)
        dictionary = _unit_rows(learner.fit(unit_learning).components_)
        unit = _unit_rows(np.asarray(features, dtype=np.float64) - mean)
        codes = batch_omp(dictionary, unit, nonzeros)
        error = np.linalg.norm(unit - codes @ dictionary, axis=1)
        learned: dict[str, Any] = {
            "atoms": atoms,
            "nonzeros": nonzeros,
            "learning_images": len(learning),
            "relative_error_learning": float(error[may_learn].mean()),
            "relative_error_others": float(error[~may_learn].mean()) if (~may_learn).any() else None,
            "relative_error_random_atoms": random_atoms_error(unit_learning, unit[~may_learn], atoms, nonzeros, seed),
        }
        learned |= judged(learned)
        for remark in learned["remarks"]:
            _LOG.warning("%s", remark)
        return codes.astype(np.float32), learned


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1.0)


ARM = SparseViT
