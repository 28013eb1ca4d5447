"""Nested cross-validation of one classifier on the features of one arm."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sixgig.classifiers.registry import build_classifier, check_options
from sixgig.classifiers.search import Effect, search
from sixgig.errors import ClassifierError
from sixgig.evaluation.effects import EFFECT_COLUMN
from sixgig.evaluation.labelled import labelled_subjects
from sixgig.evaluation.samples import Samples, evaluation_samples, sample_rows
from sixgig.runtime.attempts import fewer
from sixgig.runtime.progress import Progress
from sixgig.tables.cohorts import SITE
from sixgig.tables.predictions import PREDICTIONS, SCORE, no_predictions
from sixgig.tables.roles import held_out_fold

if TYPE_CHECKING:
    from sixgig.classifiers.bags import Bags

#: Columns of the second table that :func:`cross_validate` returns.
CHOICE_COLUMNS = ["repeat", "fold", "parameters", "inner_score", "inner_folds", "n_train", "n_test"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Fold:
    """Rows of one outer fold, as indices into the samples; with group_by, the site of every training row."""

    repeat: int
    fold: int
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    inner_folds: int
    sites: NDArray[Any] | None = None


@dataclass(frozen=True)
class _Result:
    predicted: NDArray[Any]
    scores: NDArray[np.float64]
    parameters: dict[str, Any]
    inner_score: float
    inner_folds: int
    effect: Effect | None
    by_site: bool


def cross_validate(
    features: NDArray[np.floating],
    names: Sequence[str],
    splits: pd.DataFrame,
    classifier: str,
    options: Mapping[str, Any],
    *,
    inner_folds: int,
    seed: int,
    images: pd.DataFrame | None = None,
    threads: int = 1,
    place: object = "features",
    label: str | None = None,
    fraction: float = 1.0,
    bags: Bags | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every evaluation subject in every repeat by a classifier that has not seen it.

    Outer folds are those of ``splits``. Scaler, PCA, hyper-parameters and score temperature are fitted inside the
    training subjects of the fold; hyper-parameters by a stratified inner cross-validation, on balanced accuracy. A
    subject is one row, so subjects cannot be shared between folds; where images have classes of their own, an image is
    one row, and all rows of a subject are in one fold, in the inner cross-validation as well. Folds run in parallel
    threads with single-threaded linear algebra, so the result does not depend on ``threads``.

    Args:
        features: One row per subject, or per image, [n_samples, n_features].
        names: Subject of every row, or its image. Those that are not evaluated are ignored.
        splits: ``tables.SPLITS`` of the cohort.
        classifier: A folder of ``sixgig.classifiers``.
        options: Options of the classifier.
        inner_folds: Inner folds; fewer are used in a training fold in which a class has fewer subjects.
        seed: Seed; every fold derives its own from it.
        images: ``tables.MANIFEST`` of the cohort where images have classes of their own; without a class an image is
            neither trained on nor tested.
        threads: Folds evaluated at a time.
        place: Where the features come from (their file), for error messages.
        label: What the progress bar says; None shows none.
        fraction: Share of the training subjects of every fold that have labels; see
            :mod:`sixgig.evaluation.labelled`. Each class then needs a subject for every inner fold.
        bags: For a classifier that takes bags of images; the one feature of every row is then the number of its bag.
            What it looked at in the images of held-out subjects is kept in :attr:`Bags.attended`.

    Returns:
        Predictions (``tables.PREDICTIONS``, ordered by repeat and subject) and one row per outer fold with the chosen
        parameters as JSON and their inner balanced accuracy (:data:`CHOICE_COLUMNS`); with ``EFFECT_COLUMN`` where
        the classifier could not use what was asked for.

    Raises:
        ClassifierError: The features do not fit the splits, are not finite, or a training fold lacks a class.
        ConfigError: Unknown classifier or option.
    """
    checked = check_options(classifier, options)
    samples = evaluation_samples(splits, images, place)
    X = sample_rows(features, names, samples, place)
    folds = [
        _fold(splits, samples, int(repeat), int(fold), inner_folds, fraction, seed)
        for repeat, fold in sorted(_evaluation(splits)[["repeat", "fold"]].drop_duplicates().itertuples(index=False))
    ]
    tasks = (delayed(_run_fold)(X, samples, fold, classifier, checked, seed, bags) for fold in folds)
    results: list[_Result] = []
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=1))
        bar = stack.enter_context(Progress(label, len(folds), unit="folds")) if label else None
        for result in Parallel(n_jobs=fewer(threads), prefer="threads", return_as="generator")(tasks):
            results.append(result)
            if bar is not None:
                bar.advance()
    if SITE in splits:
        whole = sum(result.by_site for result in results)
        _log.info("the inner search kept sites whole in %d of %d folds", whole, len(folds))
    parts = [_fold_predictions(samples, fold, result) for fold, result in zip(folds, results, strict=True)]
    order = ["repeat", "subject_id", *(["image_id"] if samples.images is not None else [])]
    predictions = pd.concat(parts, ignore_index=True).sort_values(order, ignore_index=True)
    return PREDICTIONS.check(predictions, place), _choices(folds, results)


def predict_held_out(
    features: NDArray[np.floating],
    names: Sequence[str],
    splits: pd.DataFrame,
    classifier: str,
    options: Mapping[str, Any],
    *,
    inner_folds: int,
    seed: int,
    images: pd.DataFrame | None = None,
    place: object = "features",
    bags: Bags | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict the subjects with the role test, once, by a classifier fitted on all evaluation subjects.

    Hyper-parameters are chosen among the evaluation subjects, as in a fold of :func:`cross_validate`.

    Returns:
        Predictions (repeat and fold are 0) and the chosen parameters, as :func:`cross_validate` returns them; no rows
        when the cohort has no such subjects.

    Raises:
        ClassifierError: See :func:`cross_validate`; or a test subject is of a class that no evaluation subject has.
        ConfigError: Unknown classifier or option.
    """
    one_fold = held_out_fold(splits)
    if not len(one_fold):
        return no_predictions(images is not None), pd.DataFrame(columns=CHOICE_COLUMNS)
    samples = evaluation_samples(one_fold, images, place)
    X = sample_rows(features, names, samples, place)
    fold = _fold(one_fold, samples, 0, 0, inner_folds)
    with threadpool_limits(limits=1):
        result = _run_fold(X, samples, fold, classifier, check_options(classifier, options), seed, bags)
    predictions = _fold_predictions(samples, fold, result)
    return PREDICTIONS.check(predictions, place), _choices([fold], [result])


def _evaluation(splits: pd.DataFrame) -> pd.DataFrame:
    return splits[splits["role"] == "evaluation"]


def _fold(
    splits: pd.DataFrame,
    samples: Samples,
    repeat: int,
    fold: int,
    inner_folds: int,
    fraction: float = 1.0,
    seed: int = 0,
) -> _Fold:
    """Return the rows of one outer fold, with as many inner folds as its smallest class allows."""
    subjects, labels = samples.subjects, samples.labels
    rows = _evaluation(splits)
    rows = rows[rows["repeat"] == repeat]
    in_test = (rows["fold"] == fold).to_numpy(dtype=bool)
    names = rows["subject_id"].to_numpy(dtype=str)
    known = names[~in_test]
    if fraction < 1:
        known = labelled_subjects(known, rows["label"].to_numpy(dtype=str)[~in_test], fraction, seed, repeat, fold)
    train = np.flatnonzero(np.isin(subjects, known))
    test = np.flatnonzero(np.isin(subjects, names[in_test]))
    # Images of one subject stay together, so it is the subjects that hold a class that can be dealt.
    counts = {str(name): len(np.unique(subjects[train][labels[train] == name])) for name in np.unique(labels)}
    smallest = min(counts, key=lambda name: counts[name])
    if fraction < 1 and counts[smallest] < inner_folds:
        raise ClassifierError(
            f"fraction {fraction:g}, repeat {repeat}, fold {fold}",
            f"class {smallest!r} has {counts[smallest]} labelled subjects to train on, and {inner_folds} inner folds "
            f"need {inner_folds}",
            "leave this fraction out of evaluation.fractions, or make it or the cohort larger",
        )
    if counts[smallest] < 2:
        raise ClassifierError(
            f"repeat {repeat}, fold {fold}",
            f"class {smallest!r} has {counts[smallest]} subjects to train on; the inner search needs at least 2",
            "use fewer evaluation.folds, a larger cohort, or merge the class with another",
        )
    sites = None
    if SITE in rows:
        site_of = dict(zip(names, rows[SITE].to_numpy(dtype=str), strict=True))
        sites = np.array([site_of[name] for name in subjects[train]])
    return _Fold(repeat, fold, train, test, min(inner_folds, counts[smallest]), sites)


def _run_fold(
    X: NDArray[np.float64],
    samples: Samples,
    fold: _Fold,
    classifier: str,
    options: Mapping[str, Any],
    seed: int,
    bags: Bags | None = None,
) -> _Result:
    state = int(np.random.SeedSequence([seed, fold.repeat, fold.fold]).generate_state(1)[0])
    pipeline, grid = build_classifier(classifier, options, seed=state)
    if bags is not None:
        pipeline.set_params(classifier__bags=bags)
    try:
        found = search(
            pipeline, grid, X[fold.train], samples.labels[fold.train],
            inner_folds=fold.inner_folds, seed=state, groups=samples.subjects[fold.train], wholes=fold.sites,
        )  # fmt: skip
        scores = found.pipeline.predict_proba(X[fold.test])
        predicted = found.pipeline.predict(X[fold.test])
        if bags is not None:
            numbers = X[fold.test, 0].astype(np.intp)
            bags.attended[fold.repeat, fold.fold] = (numbers, found.pipeline[-1].attention(X[fold.test]))
    except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
        raise ClassifierError(
            f"{classifier}, repeat {fold.repeat}, fold {fold.fold}",
            f"cannot be fitted: {error}",
            "check the options of the classifier in the study file, and the range of the arm's features",
        ) from error
    return _Result(predicted, scores, found.parameters, found.score, found.inner_folds, found.effect, found.by_site)


def _fold_predictions(samples: Samples, fold: _Fold, result: _Result) -> pd.DataFrame:
    columns: dict[str, Any] = {"subject_id": samples.subjects[fold.test]}
    if samples.images is not None:
        columns["image_id"] = samples.images[fold.test]
    columns |= {
        "repeat": fold.repeat,
        "fold": fold.fold,
        "label": samples.labels[fold.test],
        "predicted": result.predicted,
    }
    classes = np.unique(samples.labels)
    # Every class is in every training fold (checked), so the classifier's columns are the cohort's classes.
    return pd.DataFrame(columns | {f"{SCORE}{name}": result.scores[:, index] for index, name in enumerate(classes)})


def _choices(folds: Sequence[_Fold], results: Sequence[_Result]) -> pd.DataFrame:
    rows = [
        (
            fold.repeat,
            fold.fold,
            json.dumps(result.parameters, sort_keys=True),
            result.inner_score,
            result.inner_folds,
            len(fold.train),
            len(fold.test),
        )
        for fold, result in zip(folds, results, strict=True)
    ]
    choices = pd.DataFrame(rows, columns=CHOICE_COLUMNS)
    if any(result.effect for result in results):
        choices[EFFECT_COLUMN] = pd.Series([result.effect for result in results], dtype=object)
    return choices
