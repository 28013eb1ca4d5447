"""Sparse representation classification (Wright, Yang, Ganesh, Sastry and Ma, TPAMI 31(2), 2009)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sixgig.classifiers.reduction import first_steps
from sixgig.classifiers.registry import Grid
from sixgig.classifiers.temperature import held_out_temperature, scores
from sixgig.sparse_coding.coding import CODINGS, Evidence, code, explain, prepare, unit_rows
from sixgig.sparse_coding.loops import Floats, Indices
from sixgig.sparse_coding.shrinkage import METHODS, shrink

#: Scale of the scores when there are too few subjects to fit it: a tenth of the norm of a vector; residuals of ``crc``
#: are divided by the norm of a code that is spread over all atoms, and are therefore larger.
_FALLBACK_SCALES = {"omp": 0.1, "lasso": 0.1, "crc": 1.0}


class SRC(ClassifierMixin, BaseEstimator):
    """Codes a vector over the training vectors of all classes and predicts the class that explains it best.

    Training vectors are scaled to unit l2 norm and become the atoms of the dictionary D. A vector y, scaled alike, is
    coded as y = D x; r_c = ||y - D delta_c(x)||_2 keeps only the code of class c, and the class with the smallest r_c
    is predicted. With ``coding="crc"`` (Zhang, Yang and Feng, ICCV 2011: CRC-RLS) the code is not sparse, and r_c is
    divided by ||delta_c(x)||_2. Scores are softmax(-r_c / scale), with the scale fitted on held-out training vectors.

    A vector that no atom explains (all zeros, or no correlation above ``alpha``) has the same residual for every class:
    it gets the class shares of the training data as scores, and the most frequent class as prediction. Training
    vectors of zeros are atoms that are never chosen; of equal atoms ``omp`` chooses the first.

    Rejection (Wright et al., section 2.4) does not change ``predict``: its result always is one of ``classes_``, as
    scikit-learn's tools expect. :meth:`reliable` tells which rows of X are to be kept.

    Args:
        coding: ``omp`` (at most ``n_nonzero`` atoms), ``lasso`` (l1 penalty ``alpha``) or ``crc`` (l2 penalty
            ``ridge``).
        n_nonzero: Maximum number of atoms per code, for ``omp``. Never more than one below the number of features is
            used: as many atoms as features code every vector exactly, and all larger values mean the same.
        alpha: Penalty of 1/2 ||y - D x||^2 + alpha ||x||_1 on unit-norm vectors, for ``lasso``.
        ridge: Penalty of ||y - D x||^2 + ridge ||x||^2 on unit-norm vectors, for ``crc``.
        atoms_per_class: Maximum number of atoms per class, for large cohorts; None makes every training vector an atom.
        shrinkage: How a class gets fewer atoms: a representative ``subset`` of its vectors, or learned by ``ksvd``.
        reject_below: Sparsity concentration index (0 to 1) below which a vector is not reliable; None rejects nothing.
            Codes of ``crc`` are spread over all classes and have low indices throughout.
        calibration_folds: Folds that fit the scale of the scores; 0 leaves it at 0.1 (``crc``: 1).
        random_state: Seed of these folds.

    Attributes:
        classes_: Classes in column order.
        dictionary_: Unit-norm atoms, their classes (as indices), and their Gram matrix or spectrum.
        class_shares_: Share of every class in the training data.
        n_nonzero_: Maximum number of atoms per code that is used.
        scale_: Scale of the scores.
    """

    #: Why :meth:`in_effect` changes a candidate.
    effect_reason: ClassVar[str] = (
        "as many atoms as dimensions code every vector exactly, whatever its class, so fewer are used"
    )

    def __init__(
        self,
        coding: str = "omp",
        n_nonzero: int = 10,
        alpha: float = 0.05,
        ridge: float = 0.01,
        atoms_per_class: int | None = None,
        shrinkage: str = "subset",
        reject_below: float | None = None,
        calibration_folds: int = 3,
        random_state: int | None = None,
    ) -> None:
        self.coding = coding
        self.n_nonzero = n_nonzero
        self.alpha = alpha
        self.ridge = ridge
        self.atoms_per_class = atoms_per_class
        self.shrinkage = shrinkage
        self.reject_below = reject_below
        self.calibration_folds = calibration_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None) -> SRC:
        """Build the dictionary and fit the scale of the scores.

        Args:
            X: Training features, [n_subjects, n_features].
            y: Class of each subject, [n_subjects].
            groups: Subject of each row, where one may have several: the scale is fitted on whole subjects held out.

        Raises:
            ValueError: A parameter or the data is not valid.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        _check(self.get_params())
        setting = self.in_effect(self.get_params(), X.shape[1])
        self.n_nonzero_ = int(setting["n_nonzero"])
        self.classes_, classes = np.unique(y, return_inverse=True)
        self.class_shares_ = np.bincount(classes) / len(y)
        vectors, n_classes = unit_rows(X), len(self.classes_)

        def decide(train: Indices, held_out: Indices) -> Floats:
            atoms = shrink(vectors[train], classes[train], self.atoms_per_class, self.shrinkage)
            dictionary = prepare(*atoms, n_classes, [self.coding])
            return -explain(dictionary, vectors[held_out], [setting])[0].residuals

        atoms = shrink(vectors, classes, self.atoms_per_class, self.shrinkage)
        self.dictionary_ = prepare(*atoms, n_classes, [self.coding])
        self.scale_ = held_out_temperature(
            decide, classes, self.calibration_folds, self.random_state, _FALLBACK_SCALES[self.coding], groups
        )
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # scikit-learn's check of accuracy has three centred classes in two dimensions, where a ridge code over the
        # atoms of a class reaches every point, and its opposite, equally well.
        tags.classifier_tags.poor_score = self.coding == "crc"
        return tags

    @staticmethod
    def in_effect(candidate: Mapping[str, Any], n_features: int) -> dict[str, Any]:
        """Return what a candidate comes to on vectors of ``n_features``: ``n_nonzero`` is at most one below them.

        Lasso and CRC do not use ``n_nonzero``, which stays as it is for them.
        """
        found = dict(candidate)
        if found.get("coding", "omp") == "omp" and "n_nonzero" in found:
            found["n_nonzero"] = min(int(found["n_nonzero"]), max(n_features - 1, 1))
        return found

    def _setting(self) -> dict[str, Any]:
        check_is_fitted(self)
        return self.in_effect(self.get_params(), self.n_features_in_)

    def _unit(self, X: Any) -> Floats:
        check_is_fitted(self)
        return unit_rows(validate_data(self, X, dtype=np.float64, reset=False))

    def _explain(self, X: Any) -> Evidence:
        vectors = self._unit(X)
        return explain(self.dictionary_, vectors, [self._setting()])[0]

    def code(self, X: Any) -> Floats:
        """Return the codes of X over the atoms, [n_vectors, n_atoms]."""
        vectors = self._unit(X)
        return code(self.dictionary_, vectors, [self._setting()])[0]

    def residuals(self, X: Any) -> Floats:
        """Return r_c of every unit-norm vector and class, [n_vectors, n_classes]."""
        return self._explain(X).residuals

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class with the smallest residual for each row of X, also where it is not reliable."""
        evidence = self._explain(X)
        return self.classes_[evidence.decide(self.class_shares_)]

    def predict_proba(self, X: Any) -> Floats:
        """Return softmax(-r_c / scale_), [n_vectors, n_classes]; class shares where nothing explains the vector."""
        evidence = self._explain(X)
        return np.where(evidence.explained[:, None], scores(-evidence.residuals, self.scale_), self.class_shares_)

    def sci(self, X: Any) -> Floats:
        """Return the sparsity concentration index of each row of X (Wright et al., 2009, definition 1), [n_vectors].

        1 when one class holds the whole code, 0 when all hold the same share or nothing explains the vector. With a
        single class it is 1.
        """
        return self._explain(X).concentration()

    def reliable(self, X: Any) -> NDArray[np.bool_]:
        """Return which rows of X have a concentration index of at least ``reject_below``, [n_vectors].

        All of them when ``reject_below`` is None. With a threshold, a vector that nothing explains is rejected.
        """
        index = self.sci(X)
        kept: NDArray[np.bool_] = index >= (-1.0 if self.reject_below is None else self.reject_below)
        return kept

    def predict_candidates(
        self, X_train: Floats, y_train: NDArray[Any], X_test: Floats, candidates: Sequence[dict]
    ) -> list[NDArray[Any]]:
        """Return the predictions of every candidate from one dictionary (see ``sixgig.classifiers.search``).

        All OMP candidates share one pursuit, all lasso candidates one path, and all CRC candidates one spectrum.
        Candidates that come to the same (:meth:`in_effect`) are computed once.

        Raises:
            ValueError: A candidate is not valid, or would change the dictionary.
        """
        settings = [self.get_params() | candidate for candidate in candidates]
        for setting in settings:
            _check(setting)
        settings = [self.in_effect(setting, X_train.shape[1]) for setting in settings]
        different = [setting for index, setting in enumerate(settings) if setting not in settings[:index]]
        shapes = {(setting["atoms_per_class"], setting["shrinkage"]) for setting in settings}
        if len(shapes) > 1:
            raise ValueError("candidates must share one dictionary: atoms_per_class and shrinkage cannot be searched")
        names, classes = np.unique(y_train, return_inverse=True)
        shares = np.bincount(classes) / len(classes)
        atoms = shrink(unit_rows(X_train), classes, *shapes.pop())
        dictionary = prepare(*atoms, len(names), {setting["coding"] for setting in settings})
        found = [names[evidence.decide(shares)] for evidence in explain(dictionary, unit_rows(X_test), different)]
        return [found[different.index(setting)] for setting in settings]


def _check(setting: Mapping[str, Any]) -> None:
    if setting["coding"] not in CODINGS:
        raise ValueError(f"coding must be 'omp', 'lasso' or 'crc', got {setting['coding']!r}")
    if setting["n_nonzero"] < 1:
        raise ValueError(f"n_nonzero must be at least 1, got {setting['n_nonzero']}")
    for name in ("alpha", "ridge"):
        if not setting[name] > 0:
            raise ValueError(f"{name} must be above zero, got {setting[name]}")
    if setting["shrinkage"] not in METHODS:
        raise ValueError(f"shrinkage must be 'subset' or 'ksvd', got {setting['shrinkage']!r}")
    if setting["reject_below"] is not None and not 0 <= setting["reject_below"] <= 1:
        raise ValueError(f"reject_below must be between 0 and 1 or None, got {setting['reject_below']}")


def build(options: Mapping[str, Any], seed: int) -> tuple[Pipeline, Grid]:
    """Return the pipeline and its grid.

    Codes may have negative coefficients, so on centred features a vector is explained as well by the opposite of a
    class as by the class itself, and two classes are hard to tell apart (balanced accuracy on scikit-learn's breast
    cancer data: 0.73 centred, 0.95 as here). Wright et al. code images that are not centred. Here a constant component,
    as long as a typical vector, takes the place of the mean: it is the same for every arm, whatever the offset of its
    features.
    """
    classifier = SRC(atoms_per_class=options["atoms_per_class"], shrinkage=options["shrinkage"], random_state=seed)
    pipeline = Pipeline([*first_steps(options["pca"], constant=1.0), ("classifier", classifier)])
    searched = {
        "omp": {"classifier__n_nonzero": list(options["n_nonzero"])},
        "lasso": {"classifier__alpha": list(options["alpha"])},
        "crc": {"classifier__ridge": list(options["ridge"])},
    }
    return pipeline, [{"classifier__coding": [coding]} | searched[coding] for coding in options["coding"]]
