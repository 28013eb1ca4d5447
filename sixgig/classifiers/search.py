"""The inner search: which candidate of a classifier does best inside one training fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import ParameterGrid, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from sixgig.classifiers.dealing import GroupedFolds, has_groups, whole_folds
from sixgig.classifiers.registry import Grid

_PREFIX = "classifier__"


@dataclass(frozen=True)
class Effect:
    """Candidates that came to something else than was asked for, by the classifier's ``in_effect``.

    Attributes:
        asked: Values asked for and changed somewhere, by parameter, ascending.
        used: What they came to, in the inner folds and in the last fit, by parameter, ascending.
        n_features: Numbers of features that the classifier was given there, ascending.
        candidates: Candidates in the grid.
        compared: Candidates that differ from all earlier ones in at least one inner fold; the others were dropped.
        reason: Why, in the classifier's words.
    """

    asked: dict[str, list[Any]]
    used: dict[str, list[Any]]
    n_features: list[int]
    candidates: int
    compared: int
    reason: str


@dataclass(frozen=True)
class Search:
    """What the inner search found.

    Attributes:
        parameters: The chosen candidate, without the ``classifier__`` prefix, as it is in effect on all of X.
        score: Its mean balanced accuracy over the inner folds; NaN when there was nothing to choose.
        pipeline: The pipeline with these parameters, fitted to the whole training fold.
        inner_folds: Inner folds that were made; fewer than asked for where subjects with samples of several classes
            cannot be dealt into as many.
        effect: What the candidates came to where that is less than was asked for; None where nothing was changed.
        by_site: Whether the inner folds kept sites whole.
    """

    parameters: dict[str, Any]
    score: float
    pipeline: Pipeline
    inner_folds: int
    effect: Effect | None = None
    by_site: bool = False


def search(
    pipeline: Pipeline,
    grid: Grid,
    X: NDArray[np.floating],
    y: NDArray[Any],
    *,
    inner_folds: int,
    seed: int,
    groups: NDArray[Any] | None = None,
    wholes: NDArray[Any] | None = None,
) -> Search:
    """Choose by inner cross-validation and refit on all of X.

    Chooses as scikit-learn's ``GridSearchCV`` with balanced accuracy does (the first of equal candidates wins), but
    fits the steps before the classifier once per inner fold instead of once per candidate, and lets a classifier that
    has ``predict_candidates`` share work between its candidates.

    Args:
        pipeline: Unfitted pipeline whose last step is called ``classifier``.
        grid: Candidates; every key starts with ``classifier__``. Empty: nothing to choose.
        X: Features of the training fold, [n_samples, n_features].
        y: Classes, [n_samples].
        inner_folds: Inner folds. Every class needs at least as many subjects.
        seed: Seed of the inner folds.
        groups: Subject of every sample, [n_samples], where one may have several: they stay together in the inner folds,
            and in those in which a classifier that takes ``groups`` fits its scores. None makes each its own.
        wholes: Site of every sample, [n_samples], where sites are kept whole in the inner folds; where they cannot be
            dealt so that each part has every class, the inner folds are of subjects.

    Raises:
        ValueError: A grid key belongs to another step, or subjects cannot be dealt so that a part has every class.
    """
    candidates = _candidates(grid)
    chosen: dict[str, Any] = candidates[0] if candidates else {}
    score, made, by_site = float("nan"), inner_folds, False
    lengths: list[int] = []
    if len(candidates) > 1:
        sites = None if wholes is None else whole_folds(y, wholes, groups, inner_folds, seed)
        folds = GroupedFolds(inner_folds, seed).split(X, y, groups) if sites is None else sites
        found = [_fold_scores(pipeline, candidates, X, y, *fold) for fold in folds]
        by_site = sites is not None
        scores, lengths = np.array([each for each, _ in found]), [length for _, length in found]
        # Candidates that came to the same in every inner fold have the same mean: the first of them stands for all.
        means, made = scores.mean(axis=0), len(scores)
        best = int(means.argmax())
        chosen, score = candidates[best], float(means[best])
    takes = has_groups(groups) and has_fit_parameter(pipeline[-1], "groups")
    known = {f"{_PREFIX}groups": groups} if takes else {}
    fitted = clone(pipeline).set_params(**{_PREFIX + key: value for key, value in chosen.items()}).fit(X, y, **known)
    known_features: Any = getattr(fitted[-1], "n_features_in_", X.shape[1])
    last = int(known_features)
    effect = _effect(fitted[-1], candidates, lengths, last)
    return Search(_in_effect(fitted[-1], chosen, last), score, fitted, made, effect, by_site)


def inner_scores(
    pipeline: Pipeline,
    grid: Grid,
    X: NDArray[np.floating],
    y: NDArray[Any],
    folds: StratifiedKFold | GroupedFolds,
    groups: NDArray[Any] | None = None,
) -> NDArray[np.float64]:
    """Return the balanced accuracy of every candidate on every inner fold, [n_folds, n_candidates].

    Args:
        pipeline: See :func:`search`.
        grid: See :func:`search`; candidates come in the order of scikit-learn's ``ParameterGrid``.
        X: See :func:`search`.
        y: See :func:`search`.
        folds: The inner folds.
        groups: See :func:`search`.

    Raises:
        ValueError: A grid key belongs to another step.
    """
    candidates = _candidates(grid)
    return np.array([_fold_scores(pipeline, candidates, X, y, *fold)[0] for fold in folds.split(X, y, groups)])


def _in_effect(classifier: Any, candidate: dict[str, Any], n_features: int) -> dict[str, Any]:
    """Return what a candidate comes to, where the classifier has a say in it."""
    known = getattr(classifier, "in_effect", None)
    return dict(known(candidate, n_features)) if known else dict(candidate)


def _effect(classifier: Any, candidates: Sequence[dict[str, Any]], lengths: list[int], last: int) -> Effect | None:
    """Return what became of candidates on features of these lengths, of the inner folds and of the last fit."""
    asked: dict[str, set[Any]] = {}
    used: dict[str, set[Any]] = {}
    for candidate in candidates:
        for length in {*lengths, last}:
            found = _in_effect(classifier, candidate, length)
            for name in (name for name, value in candidate.items() if found[name] != value):
                asked.setdefault(name, set()).add(candidate[name])
                used.setdefault(name, set()).add(found[name])
    if not asked:
        return None
    came_to = [[_in_effect(classifier, candidate, length) for length in lengths or [last]] for candidate in candidates]
    compared = sum(each not in came_to[:index] for index, each in enumerate(came_to))
    values, changed = ({name: sorted(each) for name, each in found.items()} for found in (asked, used))
    return Effect(values, changed, sorted({*lengths, last}), len(candidates), compared, classifier.effect_reason)


def _candidates(grid: Grid) -> list[dict[str, Any]]:
    return [_classifier_parameters(candidate) for candidate in ParameterGrid(grid)] if grid else []


def _classifier_parameters(candidate: dict[str, Any]) -> dict[str, Any]:
    others = [key for key in candidate if not key.startswith(_PREFIX)]
    if others:
        raise ValueError(f"the grid can only search parameters of the last step, not {', '.join(others)}")
    return {key.removeprefix(_PREFIX): value for key, value in candidate.items()}


def _fold_scores(
    pipeline: Pipeline,
    candidates: Sequence[dict[str, Any]],
    X: NDArray[np.floating],
    y: NDArray[Any],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
) -> tuple[list[float], int]:
    """Return the balanced accuracy of every candidate on one inner fold, and the number of features it was given."""
    first = clone(pipeline[:-1])
    X_train = first.fit_transform(X[train], y[train]) if len(first) else X[train]
    X_test = first.transform(X[test]) if len(first) else X[test]
    classifier = clone(pipeline[-1])
    if hasattr(classifier, "predict_candidates"):
        predicted = classifier.predict_candidates(X_train, y[train], X_test, candidates)
    else:
        predicted = [
            clone(classifier).set_params(**candidate).fit(X_train, y[train]).predict(X_test) for candidate in candidates
        ]
    return [float(balanced_accuracy_score(y[test], each)) for each in predicted], int(X_train.shape[1])
