"""Nested cross-validation of one classifier on the features of one arm."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sixgig.classifiers.registry import build_classifier, check_options
from sixgig.classifiers.search import search
from sixgig.errors import ClassifierError
from sixgig.runtime.progress import Progress
from sixgig.tables.predictions import PREDICTIONS, SCORE
from sixgig.tables.roles import held_out_fold

#: Columns of the second table that :func:`cross_validate` returns.
CHOICE_COLUMNS = ["repeat", "fold", "parameters", "inner_score", "inner_folds", "n_train", "n_test"]


@dataclass(frozen=True)
class _Fold:
    """Rows of one outer fold, as indices into the evaluation subjects."""

    repeat: int
    fold: int
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    inner_folds: int


@dataclass(frozen=True)
class _Result:
    predicted: NDArray[Any]
    scores: NDArray[np.float64]
    parameters: dict[str, Any]
    inner_score: float


def cross_validate(
    features: NDArray[np.floating],
    subject_ids: Sequence[str],
    splits: pd.DataFrame,
    classifier: str,
    options: Mapping[str, Any],
    *,
    inner_folds: int,
    seed: int,
    threads: int = 1,
    place: object = "features",
    label: str | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every evaluation subject in every repeat by a classifier that has not seen it.

    Outer folds are those of ``splits``. Scaler, PCA, hyper-parameters and score temperature are fitted inside the
    training subjects of the fold; hyper-parameters by a stratified inner cross-validation, on balanced accuracy. A
    subject is one row, so subjects cannot be shared between folds. Folds run in parallel threads with single-threaded
    linear algebra, so the result does not depend on ``threads``.

    Args:
        features: One row per subject, [n_subjects, n_features].
        subject_ids: Subject of every row. Subjects that are not evaluated are ignored.
        splits: ``tables.SPLITS`` of the cohort.
        classifier: A folder of ``sixgig.classifiers``.
        options: Options of the classifier.
        inner_folds: Inner folds; fewer are used in a training fold in which a class has fewer subjects.
        seed: Seed; every fold derives its own from it.
        threads: Folds evaluated at a time.
        place: Where the features come from (their file), for error messages.
        label: What the progress bar says; None shows none.

    Returns:
        Predictions (``tables.PREDICTIONS``, ordered by repeat and subject) and one row per outer fold with the chosen
        parameters as JSON and their inner balanced accuracy (:data:`CHOICE_COLUMNS`).

    Raises:
        ClassifierError: The features do not fit the splits, are not finite, or a training fold lacks a class.
        ConfigError: Unknown classifier or option.
    """
    checked = check_options(classifier, options)
    subjects, labels = _evaluation_subjects(splits, place)
    X = _rows(features, subject_ids, subjects, place)
    folds = [
        _fold(splits, subjects, labels, int(repeat), int(fold), inner_folds)
        for repeat, fold in sorted(_evaluation(splits)[["repeat", "fold"]].drop_duplicates().itertuples(index=False))
    ]
    tasks = (delayed(_run_fold)(X, labels, fold, classifier, checked, seed) for fold in folds)
    results: list[_Result] = []
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=1))
        bar = stack.enter_context(Progress(label, len(folds), unit="folds")) if label else None
        for result in Parallel(n_jobs=threads, prefer="threads", return_as="generator")(tasks):
            results.append(result)
            if bar is not None:
                bar.advance()
    classes = np.unique(labels)
    parts = [
        _fold_predictions(subjects, labels, classes, fold, result) for fold, result in zip(folds, results, strict=True)
    ]
    predictions = pd.concat(parts, ignore_index=True).sort_values(["repeat", "subject_id"], ignore_index=True)
    return PREDICTIONS.check(predictions, place), _choices(folds, results)


def predict_held_out(
    features: NDArray[np.floating],
    subject_ids: Sequence[str],
    splits: pd.DataFrame,
    classifier: str,
    options: Mapping[str, Any],
    *,
    inner_folds: int,
    seed: int,
    place: object = "features",
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
        return pd.DataFrame(columns=PREDICTIONS.column_names), pd.DataFrame(columns=CHOICE_COLUMNS)
    subjects, labels = _evaluation_subjects(one_fold, place)
    X = _rows(features, subject_ids, subjects, place)
    fold = _fold(one_fold, subjects, labels, 0, 0, inner_folds)
    with threadpool_limits(limits=1):
        result = _run_fold(X, labels, fold, classifier, check_options(classifier, options), seed)
    predictions = _fold_predictions(subjects, labels, np.unique(labels), fold, result)
    return PREDICTIONS.check(predictions, place), _choices([fold], [result])


def _evaluation(splits: pd.DataFrame) -> pd.DataFrame:
    return splits[splits["role"] == "evaluation"]


def _evaluation_subjects(splits: pd.DataFrame, place: object) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the evaluation subjects in order of name, and their classes."""
    rows = _evaluation(splits)
    if rows[["label", "repeat", "fold"]].isna().to_numpy().any() or not len(rows):
        raise ClassifierError(
            place,
            "splits.csv has no evaluation subjects, or one of them without label, repeat or fold",
            "delete splits.csv and run snakemake again; label the subject or give it the role pretraining",
        )
    repeated = rows[rows.duplicated(["subject_id", "repeat"])]
    if len(repeated):
        raise ClassifierError(
            place,
            f"subject {repeated['subject_id'].iloc[0]!r} is in two folds of one repeat in splits.csv",
            "delete splits.csv and run snakemake again",
        )
    table = rows[["subject_id", "label"]].drop_duplicates().sort_values("subject_id")
    subjects, labels = table["subject_id"].to_numpy(dtype=str), table["label"].to_numpy(dtype=str)
    if len(set(subjects)) < len(subjects):
        twice = table["subject_id"][table["subject_id"].duplicated()].iloc[0]
        raise ClassifierError(place, f"subject {twice!r} has two labels in splits.csv", "keep one of them")
    if len(set(labels)) < 2:
        raise ClassifierError(
            place,
            f"all evaluation subjects have the label {str(labels[0])!r}",
            "use a cohort with at least two classes",
        )
    return subjects, labels


def _rows(
    features: NDArray[np.floating], subject_ids: Sequence[str], subjects: NDArray[Any], place: object
) -> NDArray[np.float64]:
    """Return the features of the evaluation subjects as float64, checked."""
    again = "delete the features file and run snakemake again, so that the arm encodes the cohort again"
    index = {str(subject): row for row, subject in enumerate(subject_ids)}
    if features.ndim != 2 or features.shape[1] == 0 or len(features) != len(index) or len(index) != len(subject_ids):
        raise ClassifierError(
            place,
            f"features of shape {features.shape} do not match {len(subject_ids)} names of {len(index)} subjects",
            again,
        )
    missing = [subject for subject in subjects if subject not in index]
    if missing:
        raise ClassifierError(
            place, f"subject {str(missing[0])!r} is evaluated but has no features ({len(missing)} such subjects)", again
        )
    X = features[[index[subject] for subject in subjects]].astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(wrong):
        bad = int(np.count_nonzero(~np.isfinite(X[wrong[0]])))
        raise ClassifierError(
            place,
            f"{bad} of {X.shape[1]} features of subject {str(subjects[wrong[0]])!r} are NaN or infinite "
            f"({len(wrong)} such subjects)",
            "look at the subject's images, then delete the features file and run the arm again; "
            "if it ran in half precision on a GPU, set device: cpu",
        )
    return X


def _fold(
    splits: pd.DataFrame, subjects: NDArray[Any], labels: NDArray[Any], repeat: int, fold: int, inner_folds: int
) -> _Fold:
    """Return the rows of one outer fold, with as many inner folds as its smallest class allows."""
    rows = _evaluation(splits)
    rows = rows[rows["repeat"] == repeat]
    in_test = (rows["fold"] == fold).to_numpy(dtype=bool)
    names = rows["subject_id"].to_numpy(dtype=str)
    train = np.flatnonzero(np.isin(subjects, names[~in_test]))
    test = np.flatnonzero(np.isin(subjects, names[in_test]))
    counts = {str(name): int(np.count_nonzero(labels[train] == name)) for name in np.unique(labels)}
    smallest = min(counts, key=lambda name: counts[name])
    if counts[smallest] < 2:
        raise ClassifierError(
            f"repeat {repeat}, fold {fold}",
            f"class {smallest!r} has {counts[smallest]} subjects to train on; the inner search needs at least 2",
            "use fewer evaluation.folds, a larger cohort, or merge the class with another",
        )
    return _Fold(repeat, fold, train, test, min(inner_folds, counts[smallest]))


def _run_fold(
    X: NDArray[np.float64], labels: NDArray[Any], fold: _Fold, classifier: str, options: Mapping[str, Any], seed: int
) -> _Result:
    state = int(np.random.SeedSequence([seed, fold.repeat, fold.fold]).generate_state(1)[0])
    pipeline, grid = build_classifier(classifier, options, seed=state)
    try:
        found = search(pipeline, grid, X[fold.train], labels[fold.train], inner_folds=fold.inner_folds, seed=state)
        scores = found.pipeline.predict_proba(X[fold.test])
        predicted = found.pipeline.predict(X[fold.test])
    except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
        raise ClassifierError(
            f"{classifier}, repeat {fold.repeat}, fold {fold.fold}",
            f"cannot be fitted: {error}",
            "check the options of the classifier in the study file, and the range of the arm's features",
        ) from error
    return _Result(predicted, scores, found.parameters, found.score)


def _fold_predictions(
    subjects: NDArray[Any], labels: NDArray[Any], classes: NDArray[Any], fold: _Fold, result: _Result
) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "subject_id": subjects[fold.test],
        "repeat": fold.repeat,
        "fold": fold.fold,
        "label": labels[fold.test],
        "predicted": result.predicted,
    }
    # Every class is in every training fold (checked), so the classifier's columns are the cohort's classes.
    return pd.DataFrame(columns | {f"{SCORE}{name}": result.scores[:, index] for index, name in enumerate(classes)})


def _choices(folds: Sequence[_Fold], results: Sequence[_Result]) -> pd.DataFrame:
    rows = [
        (
            fold.repeat,
            fold.fold,
            json.dumps(result.parameters, sort_keys=True),
            result.inner_score,
            fold.inner_folds,
            len(fold.train),
            len(fold.test),
        )
        for fold, result in zip(folds, results, strict=True)
    ]
    return pd.DataFrame(rows, columns=CHOICE_COLUMNS)
