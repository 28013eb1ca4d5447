"""Attention pooling over bags of images as a scikit-learn estimator (ABMIL; Ilse, Tomczak and Welling, ICML 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sixgig.classifiers.bags import Bags, Stack
from sixgig.classifiers.mil.training import Attention, Setting, train
from sixgig.classifiers.reduction import Reduction
from sixgig.classifiers.registry import Grid
from sixgig.classifiers.temperature import held_out_temperature, scores

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

#: Share of the training subjects on which the number of epochs is found.
_HELD_OUT = 0.25
#: Epochs where a class has too few subjects to hold one out.
_BLIND_EPOCHS = 50


class _First(NamedTuple):
    """What is done to the features of images before: fitted to those of training bags."""

    scaler: StandardScaler
    reduction: Reduction

    def apply(self, stack: Stack) -> Stack:
        rows = self.reduction.transform(self.scaler.transform(stack.rows))
        return stack._replace(rows=rows.astype(np.float32))


class AttentionMIL(ClassifierMixin, BaseEstimator):
    """Learns which images of a subject matter together with what they say, and keeps what it looked at.

    Features of images are standardised and reduced to principal components, scaled by one factor, all fitted to the
    images of the training subjects. The network (:class:`~sixgig.classifiers.mil.training.Attention`) is trained by
    Adam, all bags in one step, in one thread on the CPU. How many epochs is found with a quarter of the training
    subjects held out, each class with its share: the epoch of their smallest loss. A new network is then trained that
    long on all of them. Where a class has a single training subject, 50 epochs are trained. Scores are
    softmax(logit / T), with T fitted on further held-out training subjects.

    Args:
        bags: The images of all subjects. X is then the numbers of bags, [n, 1]; without, each row of X is the features
            of the one image of a bag.
        width: Width of the attention's hidden layer.
        gated: Gated attention.
        learning_rate: Learning rate of Adam.
        weight_decay: Weight of half the squared l2 norm of weights.
        keep: Principal components, see :class:`~sixgig.classifiers.reduction.Reduction`.
        epochs: Most epochs.
        patience: Epochs without a smaller loss on held-out subjects after which training ends.
        calibration_folds: Folds for T; 0 leaves T at 1.
        random_state: Seed of the first weights, of the subjects held out, and of these folds.

    Attributes:
        classes_: Classes in column order.
        epochs_: Epochs trained.
        temperature_: T.
    """

    def __init__(
        self,
        bags: Bags | None = None,
        width: int = 32,
        gated: bool = False,
        learning_rate: float = 0.01,
        weight_decay: float = 0.01,
        keep: float | int = 0.95,
        epochs: int = 200,
        patience: int = 20,
        calibration_folds: int = 3,
        random_state: int | None = None,
    ) -> None:
        self.bags = bags
        self.width = width
        self.gated = gated
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.keep = keep
        self.epochs = epochs
        self.patience = patience
        self.calibration_folds = calibration_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> AttentionMIL:
        """Train the network and fit the temperature.

        Args:
            X: Numbers of bags, [n, 1]; without bags features, [n, n_features].
            y: Class of each bag, [n].

        Raises:
            ValueError: There is one class only, or values are not finite.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, classes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("the number of classes has to be greater than one; got 1 class")
        self.first_ = self._prepare(X)
        seed = self._seed()

        def values(network: Attention, rows: Indices) -> Floats:
            return network.look(self._stack(X[rows], self.first_))[0]

        def decide(train_rows: Indices, held_out: Indices) -> Floats:
            return values(self._train(X[train_rows], classes[train_rows], self.first_, seed)[0], held_out)

        self.network_, self.epochs_ = self._train(X, classes, self.first_, seed)
        self.temperature_ = held_out_temperature(decide, classes, self.calibration_folds, seed, 1.0)
        return self

    def _seed(self) -> int:
        if isinstance(self.random_state, np.random.RandomState):
            return int(self.random_state.randint(2**31))
        return 0 if self.random_state is None else int(self.random_state)

    def _raw(self, X: Floats) -> Stack:
        if self.bags is None:
            return Stack(X.astype(np.float32), np.arange(len(X)), 1)
        return self.bags.stack(X[:, 0].astype(np.intp))

    def _prepare(self, X: Floats) -> _First:
        rows = self._raw(X).rows
        scaler = StandardScaler().fit(rows)
        return _First(scaler, Reduction(self.keep).fit(scaler.transform(rows)))

    def _stack(self, X: Floats, first: _First) -> Stack:
        return first.apply(self._raw(X))

    def _train(self, X: Floats, classes: Indices, first: _First, seed: int) -> tuple[Attention, int]:
        """Return a network trained on bags, and for how many epochs."""
        setting = Setting(
            int(self.width), bool(self.gated), float(self.learning_rate), float(self.weight_decay), int(self.epochs),
            int(self.patience), seed,
        )  # fmt: skip
        n_classes = int(classes.max()) + 1
        epochs = min(setting.epochs, _BLIND_EPOCHS)
        counts = np.bincount(classes)
        if counts[counts > 0].min() >= 2:
            held = max(round(_HELD_OUT * len(classes)), n_classes)
            if len(classes) - held >= n_classes:
                split = StratifiedShuffleSplit(1, test_size=held, random_state=seed)
                own, others = next(split.split(X, classes))
                watched = (self._stack(X[others], first), classes[others])
                _, epochs = train(self._stack(X[own], first), classes[own], n_classes, setting, watched, setting.epochs)
        return train(self._stack(X, first), classes, n_classes, setting, None, epochs)[0], epochs

    def _look(self, X: Any) -> tuple[Floats, Floats]:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self.network_.look(self._stack(X, self.first_))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class with the highest logit of each bag."""
        best = self._look(X)[0].argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> Floats:
        """Return the class scores, [n, n_classes]; rows add up to one."""
        return scores(self._look(X)[0], self.temperature_)

    def attention(self, X: Any) -> Floats:
        """Return the weight of every image of the bags, one bag after the other, [n_images].

        Weights of the images of a bag (of each frame of it, where there are frames) add up to one.
        """
        return self._look(X)[1]

    def predict_candidates(
        self, X_train: Floats, y_train: NDArray[Any], X_test: Floats, candidates: Sequence[Mapping[str, Any]]
    ) -> list[NDArray[Any]]:
        """Return the predictions of every candidate, without fitting temperatures (see ``search``).

        Args:
            X_train: [n_train, 1].
            y_train: [n_train].
            X_test: [n_test, 1].
            candidates: Parameters of this estimator, each a candidate; all share what is done to features before.
        """
        names, classes = np.unique(y_train, return_inverse=True)
        first, seed = self._prepare(X_train), self._seed()
        found = []
        for candidate in candidates:
            own = type(self)(**{**self.get_params(deep=False), **candidate})
            network, _ = own._train(X_train, classes, first, seed)
            found.append(names[network.look(self._stack(X_test, first))[0].argmax(axis=1)])
        return found


def build(options: Mapping[str, Any], seed: int) -> tuple[Pipeline, Grid]:
    """Return the pipeline and its grid; simple candidates come first, because of equally good ones the first wins."""
    classifier = AttentionMIL(
        gated=options["gated"], keep=options["pca"], epochs=options["epochs"], patience=options["patience"],
        random_state=seed,
    )  # fmt: skip
    grid = {
        "classifier__width": sorted(options["width"]),
        "classifier__learning_rate": sorted(options["learning_rate"]),
        "classifier__weight_decay": sorted(options["weight_decay"], reverse=True),
    }
    return Pipeline([("classifier", classifier)]), [grid]
