"""Sparse representation classification (Wright, Yang, Ganesh, Sastry and Ma, TPAMI 31(2), 2009)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sixgig.classifiers import Grid
from sixgig.classifiers.compiled import Floats, Floats32, Indices, gram_matrix
from sixgig.classifiers.lasso import batch_lasso_path
from sixgig.classifiers.omp import batch_omp_path
from sixgig.classifiers.reduction import first_steps
from sixgig.classifiers.temperature import held_out_temperature, scores

#: Scale of the scores when there are too few subjects to fit it: a tenth of the norm of a vector.
_FALLBACK_SCALE = 0.1


class SRC(ClassifierMixin, BaseEstimator):
    """Codes a vector sparsely over all training vectors and predicts the class that explains it best.

    Training vectors are scaled to unit l2 norm and become the atoms of the dictionary D. A vector y, scaled alike, is
    coded as y = D x with few non-zeros; r_c = ||y - D delta_c(x)||_2 keeps only the code of class c, and the class with
    the smallest r_c is predicted. Scores are softmax(-r_c / scale), with the scale fitted on held-out training vectors.

    A vector that no atom explains (all zeros, or no correlation above ``alpha``) has the same residual for every class:
    it gets the class shares of the training data as scores, and the most frequent class as prediction. Training
    vectors of zeros are atoms that are never chosen; of equal atoms the first is chosen.

    Args:
        coding: ``omp`` (at most ``n_nonzero`` atoms) or ``lasso`` (l1 penalty ``alpha``).
        n_nonzero: Most atoms per code, for ``omp``.
        alpha: Penalty of 1/2 ||y - D x||^2 + alpha ||x||_1 on unit-norm vectors, for ``lasso``.
        calibration_folds: Folds that fit the scale of the scores; 0 leaves it at 0.1.
        random_state: Seed of these folds.

    Attributes:
        classes_: Classes in column order.
        dictionary_: Unit-norm training vectors, one a row, [n_atoms, n_features].
        atom_classes_: Class index of every atom.
        class_shares_: Share of every class in the training data.
        scale_: Scale of the scores.
    """

    def __init__(
        self,
        coding: str = "omp",
        n_nonzero: int = 10,
        alpha: float = 0.05,
        calibration_folds: int = 3,
        random_state: int | None = None,
    ) -> None:
        self.coding = coding
        self.n_nonzero = n_nonzero
        self.alpha = alpha
        self.calibration_folds = calibration_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> SRC:
        """Store the dictionary and fit the scale of the scores.

        Args:
            X: Training features, [n_subjects, n_features].
            y: Class of each subject, [n_subjects].

        Raises:
            ValueError: A parameter or the data is not valid.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        _check_candidate(self.get_params())
        self.classes_, self.atom_classes_ = np.unique(y, return_inverse=True)
        self.class_shares_ = np.bincount(self.atom_classes_) / len(y)
        self.dictionary_ = _unit_rows(X)

        def decide(train: Indices, held_out: Indices) -> Floats:
            dictionary, classes = self.dictionary_[train], self.atom_classes_[train]
            codes = _code(dictionary, self.dictionary_[held_out], [self.get_params()])[0]
            return -_residuals(self.dictionary_[held_out], dictionary, classes, codes, len(self.classes_))

        self.gram_ = gram_matrix(self.dictionary_)
        self.scale_ = held_out_temperature(
            decide, self.atom_classes_, self.calibration_folds, self.random_state, _FALLBACK_SCALE
        )
        return self

    def _unit(self, X: Any) -> Floats:
        check_is_fitted(self)
        return _unit_rows(validate_data(self, X, dtype=np.float64, reset=False))

    def _encode(self, vectors: Floats) -> Floats:
        return _code(self.dictionary_, vectors, [self.get_params()], self.gram_)[0]

    def code(self, X: Any) -> Floats:
        """Return the sparse codes of X over the dictionary, [n_vectors, n_atoms]."""
        return self._encode(self._unit(X))

    def residuals(self, X: Any) -> Floats:
        """Return r_c of every unit-norm vector and class, [n_vectors, n_classes]."""
        return self._explain(X)[1]

    def _explain(self, X: Any) -> tuple[Floats, Floats]:
        vectors = self._unit(X)
        codes = self._encode(vectors)
        return codes, _residuals(vectors, self.dictionary_, self.atom_classes_, codes, len(self.classes_))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class with the smallest residual for each row of X."""
        codes, residuals = self._explain(X)
        return self.classes_[_decide(codes, residuals, self.class_shares_)]

    def predict_proba(self, X: Any) -> Floats:
        """Return softmax(-r_c / scale_), [n_vectors, n_classes]; class shares where nothing explains the vector."""
        codes, residuals = self._explain(X)
        return np.where(codes.any(axis=1, keepdims=True), scores(-residuals, self.scale_), self.class_shares_)

    def sci(self, X: Any) -> Floats:
        """Return the sparsity concentration index of each row of X (Wright et al., 2009, definition 1), [n_vectors].

        1 when one class holds the whole code, 0 when all hold the same share or nothing explains the vector. With a
        single class it is 1.
        """
        codes = np.abs(self.code(X))
        n_classes = len(self.classes_)
        totals = codes.sum(axis=1)
        largest = np.max([codes[:, self.atom_classes_ == index].sum(axis=1) for index in range(n_classes)], axis=0)
        share = np.divide(largest, totals, out=np.zeros_like(totals), where=totals > 0)
        if n_classes == 1:
            return share
        return np.clip((n_classes * share - 1) / (n_classes - 1), 0.0, 1.0)

    def predict_candidates(
        self, X_train: Floats, y_train: NDArray[Any], X_test: Floats, candidates: Sequence[dict]
    ) -> list[NDArray[Any]]:
        """Return the predictions of every candidate from one dictionary (see ``sixgig.classifiers.search``).

        All OMP candidates share one pursuit, and all lasso candidates one path.
        """
        settings = [self.get_params() | candidate for candidate in candidates]
        for setting in settings:
            _check_candidate(setting)
        names, classes = np.unique(y_train, return_inverse=True)
        shares = np.bincount(classes) / len(classes)
        dictionary, vectors = _unit_rows(X_train), _unit_rows(X_test)
        all_codes = _code(dictionary, vectors, settings)
        return [
            names[_decide(codes, _residuals(vectors, dictionary, classes, codes, len(names)), shares)]
            for codes in all_codes
        ]


def _check_candidate(setting: Mapping[str, Any]) -> None:
    if setting["coding"] not in ("omp", "lasso"):
        raise ValueError(f"coding must be 'omp' or 'lasso', got {setting['coding']!r}")
    if setting["n_nonzero"] < 1:
        raise ValueError(f"n_nonzero must be at least 1, got {setting['n_nonzero']}")
    if not setting["alpha"] > 0:
        raise ValueError(f"alpha must be above zero, got {setting['alpha']}")


def _unit_rows(X: Floats) -> Floats:
    """Scale rows to unit l2 norm; rows of zeros stay zero."""
    # Dividing by the largest entry first keeps tiny and huge rows from under- and overflowing when squared.
    largest = np.abs(X).max(axis=1, keepdims=True, initial=0.0)
    scaled = X / np.where(largest > 0, largest, 1.0)
    norms = np.linalg.norm(scaled, axis=1, keepdims=True)
    result: Floats = scaled / np.where(norms > 0, norms, 1.0)
    return result


def _code(
    dictionary: Floats, vectors: Floats, settings: Sequence[Mapping[str, Any]], gram: Floats32 | None = None
) -> list[Floats]:
    """Code the vectors by every setting, sharing what can be shared; one code matrix per setting, in order."""
    gram = gram_matrix(dictionary) if gram is None else gram
    results: dict[int, Floats] = {}
    omp = [index for index, setting in enumerate(settings) if setting["coding"] == "omp"]
    if omp:
        sizes = [int(settings[index]["n_nonzero"]) for index in omp]
        results |= dict(zip(omp, batch_omp_path(dictionary, vectors, sizes, gram=gram), strict=True))
    lasso = [index for index, setting in enumerate(settings) if setting["coding"] == "lasso"]
    if lasso:
        alphas = [float(settings[index]["alpha"]) for index in lasso]
        results |= dict(zip(lasso, batch_lasso_path(dictionary, vectors, alphas, gram=gram), strict=True))
    return [results[index] for index in range(len(settings))]


def _residuals(vectors: Floats, dictionary: Floats, classes: Indices, codes: Floats, n_classes: int) -> Floats:
    """Return ||y - D delta_c(x)||_2 of every vector and class."""
    parts = [codes[:, classes == index] @ dictionary[classes == index] for index in range(n_classes)]
    return np.stack([np.linalg.norm(vectors - part, axis=1) for part in parts], axis=1)


def _decide(codes: Floats, residuals: Floats, shares: Floats) -> Indices:
    """Return the index of the predicted class; the most frequent one where the code is empty."""
    decided: Indices = np.where(codes.any(axis=1), residuals.argmin(axis=1), shares.argmax())
    return decided


def build(options: Mapping[str, Any], seed: int) -> tuple[Pipeline, Grid]:
    """Return the pipeline and its grid.

    Codes may have negative coefficients, so on centred features a vector is explained as well by the opposite of a
    class as by the class itself, and two classes are hard to tell apart (balanced accuracy on scikit-learn's breast
    cancer data: 0.73 centred, 0.95 as here). Wright et al. code images that are not centred. Here a constant
    component, as long as a typical vector, takes the part of the mean: the same for every arm, whatever the offset
    of its features.
    """
    pipeline = Pipeline([*first_steps(options["pca"], constant=1.0), ("classifier", SRC(random_state=seed))])
    searched = {
        "omp": {"classifier__n_nonzero": list(options["n_nonzero"])},
        "lasso": {"classifier__alpha": list(options["alpha"])},
    }
    return pipeline, [{"classifier__coding": [coding]} | searched[coding] for coding in options["coding"]]
