"""Support vector machine with linear and RBF kernels in one search.

libsvm computes a kernel entry by entry, and again for every penalty. Here kernels are matrix products, made once per
training fold and handed to libsvm for the whole grid; the machines are those of scikit-learn's ``SVC``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.utils import gen_batches
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sixgig.classifiers.columns import DecidesByValues, as_columns
from sixgig.classifiers.kernels import Products, width
from sixgig.classifiers.probabilities import Probabilities, fit_probabilities
from sixgig.classifiers.reduction import first_steps
from sixgig.classifiers.registry import Grid
from sixgig.classifiers.temperature import held_out_values

#: libsvm can take minutes over a penalty that is far too large for the scale of the features; it warns when stopped.
_MAX_ITERATIONS = 200_000
#: MiB in which libsvm keeps columns of the kernel in its own precision; it makes those that do not fit again.
_CACHE_MB = 200
#: Subjects decided at a time.
_BATCH = 1024


class ScoredSVC(DecidesByValues, ClassifierMixin, BaseEstimator):
    """scikit-learn's SVC, with calibrated class probabilities and kernels that a whole grid shares.

    The scores are probabilities: softmax(slope * decision + intercept of the class), with slope and intercepts fitted
    on decision values of held-out training subjects (``calibration_folds`` further fits; the inner search does not need
    them), see :mod:`sixgig.classifiers.probabilities`. With more than two classes the decision values are
    scikit-learn's one-vs-rest summary of the pairwise machines. The class with the highest decision value is predicted.
    With balanced weights that is the class whose probability is highest for its frequency, and need not be the one
    with the highest probability: of 10 positive and 90 negative subjects, those with a probability of about 0.1 or
    more are called positive.

    Memory: ``fit`` holds one kernel of n_train x n_train doubles and, while probabilities are fitted, the part of it
    that trains a held-out fold; ``predict_candidates`` holds two. With 5,000 subjects these are 200 MB each, besides at
    most 200 MiB of libsvm's. The fitted estimator holds the training features.

    Args:
        kernel: ``linear`` or ``rbf``.
        C: Penalty.
        gamma: RBF width: a number, ``scale`` or ``auto``, which are taken from all training subjects.
        class_weight: ``balanced`` weighs every class alike, as balanced accuracy does.
        calibration_folds: Folds for slope and intercepts; 0, or a class with one subject, leaves the slope at 1 and
            the intercepts at the logarithms of the classes' shares.
        random_state: Seed of these folds.

    Attributes:
        classes_: Classes in column order.
        probabilities_: Slope and intercepts.
    """

    def __init__(
        self,
        kernel: str = "linear",
        C: float = 1.0,
        gamma: float | str = "scale",
        class_weight: str | dict[Any, float] | None = "balanced",
        calibration_folds: int = 3,
        random_state: int | None = None,
    ) -> None:
        self.kernel = kernel
        self.C = C
        self.gamma = gamma
        self.class_weight = class_weight
        self.calibration_folds = calibration_folds
        self.random_state = random_state

    def _machine(self, **changes: Any) -> SVC:
        """A machine that is given kernels; ``changes`` are other values of C and class_weight."""
        own = {"C": self.C, "class_weight": self.class_weight} | changes
        return SVC(kernel="precomputed", break_ties=True, max_iter=_MAX_ITERATIONS, cache_size=_CACHE_MB, **own)

    def fit(self, X: Any, y: Any, groups: Any = None) -> ScoredSVC:
        """Fit the machine and the probabilities on X, [n_samples, n_features].

        Args:
            X: Training features, [n_samples, n_features].
            y: Class of each sample, [n_samples].
            groups: Subject of each sample, where one may have several: they are held out together.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, classes = np.unique(y, return_inverse=True)
        self.training_ = X.copy()  # later changes that the caller makes to X must not change predictions
        self.gamma_ = width(self.gamma, X)
        products = Products(X, X)
        kernel = products.kernel(self.kernel, self.gamma_, last=True)
        self.machine_ = self._machine().fit(kernel, y)

        def decide(train: NDArray[np.intp], held_out: NDArray[np.intp]) -> NDArray[np.float64]:
            machine = self._machine().fit(kernel[np.ix_(train, train)], y[train])
            return as_columns(machine.decision_function(kernel[np.ix_(held_out, train)]))

        values = held_out_values(decide, classes, self.calibration_folds, self.random_state, groups)
        shares = np.bincount(classes) / len(classes)
        self.probabilities_ = (
            Probabilities(1.0, np.log(shares)) if values is None else fit_probabilities(values, classes)
        )
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the class probabilities, [n, n_classes]; rows add up to one."""
        values = self._values(X)  # says it first when the estimator is not fitted
        return self.probabilities_.of(values)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return SVC's decision values: [n] for two classes, [n, n_classes] for more."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        values: NDArray[np.float64] = np.concatenate([self._decide(X[rows]) for rows in gen_batches(len(X), _BATCH)])
        return values

    def _decide(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        products = Products(X, self.training_)
        values: NDArray[np.float64] = self.machine_.decision_function(
            products.kernel(self.kernel, self.gamma_, last=True)
        )
        return values

    def predict_candidates(
        self,
        X_train: NDArray[np.float64],
        y_train: NDArray[Any],
        X_test: NDArray[np.float64],
        candidates: Sequence[Mapping[str, Any]],
    ) -> list[NDArray[Any]]:
        """Return the predictions of every candidate, without fitting probabilities (see ``search``).

        Inner products are computed once for all candidates, an RBF kernel once for all candidates of one width.

        Args:
            X_train: [n_train, n_features].
            y_train: [n_train].
            X_test: [n_test, n_features].
            candidates: Parameters of this estimator, each a candidate.
        """
        by_kernel: dict[tuple[str, float], list[int]] = {}
        for number, candidate in enumerate(candidates):
            kernel, gamma = candidate.get("kernel", self.kernel), candidate.get("gamma", self.gamma)
            by_kernel.setdefault((kernel, width(gamma, X_train) if kernel == "rbf" else 0.0), []).append(number)
        sides = [Products(X_train, X_train), Products(X_test, X_train)]
        # The linear kernel is the inner products themselves, so it comes first; the last kernel may overwrite them.
        order = sorted(by_kernel, key=lambda kernel: kernel[0] != "linear")
        predicted: dict[int, NDArray[Any]] = {}
        for kernel, gamma in order:
            last = (kernel, gamma) == order[-1]
            inner, outer = (side.kernel(kernel, gamma, last=last) for side in sides)
            for number in by_kernel[kernel, gamma]:
                own = {key: value for key, value in candidates[number].items() if key in ("C", "class_weight")}
                predicted[number] = self._machine(**own).fit(inner, y_train).predict(outer)
        return [predicted[number] for number in range(len(candidates))]


def build(options: Mapping[str, Any], seed: int) -> tuple[Pipeline, Grid]:
    """Return the pipeline and its grid; simple candidates come first, because of equally good ones the first wins."""
    pipeline = Pipeline([*first_steps(options["pca"]), ("classifier", ScoredSVC(random_state=seed))])
    widths = {"linear": {}, "rbf": {"classifier__gamma": list(options["gamma"])}}
    return pipeline, [
        {"classifier__kernel": [kernel], "classifier__C": list(options["C"])} | widths[kernel]
        for kernel in options["kernels"]
    ]
