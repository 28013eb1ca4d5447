"""What metrics count where images have classes of their own: every image, or every subject by what its images say.

A subject of a cohort with two classes is positive when any of its images is. The same rule makes its prediction from
theirs, so its score of the positive class is the highest of its images, and a perfect classifier of images is a perfect
one of subjects. With more classes no such rule orders them; the images of a subject must then all be of one class,
which is the subject's, and its scores are their means.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sixgig.errors import ConfigError, TableError
from sixgig.evaluation.classes import positive_class
from sixgig.tables.classes import single_classes
from sixgig.tables.predictions import IMAGE, PREDICTIONS, SCORE
from sixgig.tables.roles import EVALUATION, TEST


def at_level(predictions: pd.DataFrame, metrics_of: str, positive: str | None = None) -> pd.DataFrame:
    """Return predictions of what metrics count.

    Args:
        predictions: ``tables.PREDICTIONS`` of one cohort and method.
        metrics_of: ``image`` or ``subject``; predictions of subjects stay as they are.
        positive: See ``sixgig.evaluation.classes.positive_class``.

    Returns:
        Rows of ``tables.PREDICTIONS``: of images with ``image_id``, of subjects without, ordered by repeat and subject.

    Raises:
        TableError: A subject has images of several of more than two classes.
    """
    if metrics_of == "image" or IMAGE not in predictions or not len(predictions):
        return predictions
    rows = predictions.sort_values(["repeat", "subject_id", IMAGE], kind="stable")
    columns = [name for name in rows.columns if name.startswith(SCORE)]
    classes = tuple(sorted(name.removeprefix(SCORE) for name in columns))
    groups = rows.groupby(["repeat", "subject_id"], sort=True)
    found = groups[["fold"]].first()
    if len(classes) == 2:
        event = positive_class(classes, positive)
        other = classes[1 - classes.index(event)]
        for column in ("label", "predicted"):
            found[column] = np.where(
                (rows[column] == event).groupby([rows["repeat"], rows["subject_id"]]).any(), event, other
            )
        scores = {SCORE + event: groups[SCORE + event].max(), SCORE + other: groups[SCORE + other].min()}
        return PREDICTIONS.check(found.assign(**{name: scores[name] for name in columns}).reset_index(), "predictions")
    several = groups["label"].nunique()
    if (several > 1).any():
        mixed = several.index[several > 1][0][1]
        raise TableError(
            "predictions",
            f"subject {mixed!r} has images of several of {len(classes)} classes",
            "write `metrics_of: image` in the cohort's stanza",
        )
    means = groups[columns].mean()
    found["label"] = groups["label"].first()
    found["predicted"] = joint_class(rows, ["repeat", "subject_id"], means)
    return PREDICTIONS.check(found.join(means).reset_index(), "predictions")


def joint_class(rows: pd.DataFrame, keys: list[str], means: pd.DataFrame) -> NDArray[np.str_]:
    """Return the class that several predictions of one subject, or image, come to.

    It is the one with the highest mean score, where that of every prediction is the class that it predicts. Scores that
    are probabilities need not name the predicted class, which is decided with classes weighed alike: then it is the
    class predicted most often, of equally frequent ones that with the higher mean score.

    Args:
        rows: ``tables.PREDICTIONS`` of one cohort and method.
        keys: Columns that predictions of one subject or image share.
        means: Their mean scores, one row per value of ``keys`` in sorted order.

    Returns:
        Class by row of ``means``, [n].
    """
    names = np.array([name.removeprefix(SCORE) for name in means.columns])
    mean = means.to_numpy(dtype=np.float64)
    of_row = rows[means.columns].to_numpy(dtype=np.float64)
    votes = names == rows["predicted"].to_numpy(dtype=str)[:, None]
    if (np.where(votes, of_row, -np.inf).max(axis=1) >= of_row.max(axis=1)).all():
        counts = np.zeros_like(mean)
    else:
        counts = pd.DataFrame(votes, rows.index).groupby([rows[key] for key in keys], sort=True).sum().to_numpy()
    most = counts == counts.max(axis=1, keepdims=True)
    found: NDArray[np.str_] = names[np.where(most, mean, -np.inf).argmax(axis=1)]
    return found


def check_subject_level(splits: pd.DataFrame, cohort: str, positive: str | None = None) -> None:
    """Check that subjects can be counted where images have classes of their own.

    Args:
        splits: Rows of splits.csv, whose labels are those of the subject's images.
        cohort: Name of the cohort, for error messages.
        positive: See ``sixgig.evaluation.classes.positive_class``.

    Raises:
        ConfigError: A subject has images of several of more than two classes, or the subjects of a fold are all
            positive or all negative.
    """
    place, step = f"cohorts.{cohort}.metrics_of", "write `metrics_of: image`"
    rows = splits[splits["role"].isin((EVALUATION, TEST))]
    held = {str(label): single_classes(str(label)) for label in rows["label"].unique()}
    classes = tuple(sorted({name for names in held.values() for name in names}))
    if len(classes) != 2:
        mixed = rows[[len(held[str(label)]) > 1 for label in rows["label"]]]
        if len(mixed):
            raise no_class_of(str(mixed["subject_id"].iloc[0]), str(mixed["label"].iloc[0]), len(classes), cohort)
        return
    event = positive_class(classes, positive, f"cohorts.{cohort}.positive")
    evaluation = rows[rows["role"] == EVALUATION]
    truth = pd.Series([event in held[str(label)] for label in evaluation["label"]], index=evaluation.index)
    for (repeat, fold), own in truth.groupby([evaluation["repeat"], evaluation["fold"]]):
        if own.nunique() < 2:
            kind = f"no image of class {event!r}" if not own.any() else f"an image of class {event!r}"
            raise ConfigError(
                place,
                f"is subject, and every subject of fold {fold} in repeat {repeat} has {kind}, so that its subjects are "
                "of one class",
                f"{step}, use fewer evaluation.folds, or add subjects",
            )


def no_class_of(subject_id: str, classes: str, n_classes: int, cohort: str) -> ConfigError:
    """Return the error about a subject whose images are of several of more than two classes."""
    return ConfigError(
        f"cohorts.{cohort}.metrics_of",
        f"is subject, and subject {subject_id} has images of {classes}: of {n_classes} classes none stands for the "
        "subject",
        "write `metrics_of: image`, or merge the classes to two with `classes`",
    )
