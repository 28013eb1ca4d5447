"""The cases of a cohort that its arms do not agree on, and those that all of them get wrong, with their images.

Subjects are named as in the study's tables, so a cohort with pseudonyms shows these.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sixgig.evaluation.metrics import METRICS
from sixgig.reporting.contact_sheet import picture
from sixgig.results.study import Method, Study
from sixgig.tables.predictions import IMAGE, SCORE
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import short_method_title

#: Cases that the page shows of each sort.
MOST = 6


@dataclass(frozen=True)
class Case:
    """One subject or image: its id, its class, its picture, and what each method said of it and whether rightly."""

    unit: str
    label: str
    uri: str | None
    said: list[tuple[str, str, bool]]


@dataclass(frozen=True)
class Cases:
    """What the page shows of one cohort: a sentence, cases that split the methods, and cases that all get wrong."""

    sentence: str
    split: list[Case] = field(default_factory=list)
    missed: list[Case] = field(default_factory=list)


def cases(study: Study, cohort: str) -> Cases:
    """Choose cases by the out-of-fold predictions of the best method of every arm, controls apart.

    A method's word on a case is the class that it named in most repeats. Cases that split the methods stand in the
    order of how many classes were named, then of how evenly right and wrong are; those that all get wrong in the order
    of the mean score of their true class, lowest first.

    Args:
        study: The study.
        cohort: The cohort.

    Returns:
        At most :data:`MOST` cases of either sort; none with fewer than two methods.
    """
    methods = _methods(study, cohort)
    told = {short_method_title(method): _words(study, cohort, method) for method in methods}
    words = {title: frame for title, frame in told.items() if frame is not None}
    if len(words) < 2:
        return Cases(tr("Fewer than two arms predicted anything, so there is nothing to disagree on."))
    units = sorted(set.intersection(*(set(frame.index) for frame in words.values())))
    table = pd.DataFrame({title: frame["said"].reindex(units) for title, frame in words.items()})
    label = next(iter(words.values()))["label"].reindex(units)
    right = table.eq(label, axis=0)
    share = right.mean(axis=1)
    split = pd.DataFrame({"named": -table.nunique(axis=1), "even": (share - 0.5).abs().round(9)})[
        (share > 0) & (share < 1)
    ]
    trust = pd.concat([frame["true_score"].reindex(units) for frame in words.values()], axis=1).mean(axis=1)
    missed = trust[share == 0].sort_values(kind="stable")
    chosen = split.sort_values(["named", "even"], kind="stable")
    of_images = study.metrics_of(cohort) == "image"
    sentence = tr(
        "Of {all}, the {methods} (the best one of each arm) are all right about {right} and all wrong about {wrong}; "
        "they disagree on {split}.",
        all=numbers.plural(len(units), "image") if of_images else numbers.plural(len(units), "subject"),
        methods=numbers.plural(len(words), "method"),
        right=numbers.count((share == 1).sum()),
        wrong=numbers.count(len(missed)),
        split=numbers.count(len(chosen)),
    )
    rows = _rows(study, cohort)

    def case(unit: str) -> Case:
        said = [(title, str(table.loc[unit, title]), bool(right.loc[unit, title])) for title in words]
        return Case(unit, str(label[unit]), _picture(study, cohort, rows.get(unit)), said)

    return Cases(sentence, [case(unit) for unit in chosen.index[:MOST]], [case(unit) for unit in missed.index[:MOST]])


def _methods(study: Study, cohort: str) -> list[Method]:
    """The best method of every arm, in display order."""
    sign = 1 if METRICS[study.metric].higher_is_better else -1
    best: dict[str, tuple[float, Method]] = {}
    for method, row in study.estimates(cohort).items():
        if method.is_control or numbers.is_missing(row["estimate"]):
            continue
        value = sign * float(row["estimate"])
        if method.arm not in best or value > best[method.arm][0]:
            best[method.arm] = (value, method)
    return [method for _, method in best.values()]


def _words(study: Study, cohort: str, method: Method) -> pd.DataFrame | None:
    """What a method said of every case: columns ``label``, ``said`` and ``true_score``, by the case's id."""
    rows = study.predictions(cohort, method)
    if rows is None:
        return None
    unit = rows[IMAGE if IMAGE in rows else "subject_id"].astype(str)
    scores = [name for name in map(str, rows) if name.startswith(SCORE)]
    classes = np.array([name.removeprefix(SCORE) for name in scores])
    means = rows[scores].groupby(unit).mean()
    votes = pd.crosstab(unit, rows["predicted"].astype(str)).reindex(index=means.index, columns=classes, fill_value=0)
    # Where two classes were named equally often, the higher score decides.
    order = np.argsort(np.argsort(means.to_numpy(), axis=1), axis=1) / len(classes)
    label = rows["label"].astype(str).groupby(unit).first()
    true = means.to_numpy()[np.arange(len(means)), np.searchsorted(classes, label.to_numpy())]
    said = classes[(votes.to_numpy() + order).argmax(axis=1)]
    return pd.DataFrame({"label": label, "said": said, "true_score": true}, index=means.index)


def _rows(study: Study, cohort: str) -> dict[str, int]:
    """Row of the image that stands for each case: an image itself, or the middle one of a subject."""
    manifest = study.manifest(cohort).reset_index(drop=True)
    if study.metrics_of(cohort) == "image":
        return {str(image): row for row, image in enumerate(manifest["image_id"])}
    groups = manifest.groupby("subject_id", sort=False).indices
    return {str(subject): int(own[len(own) // 2]) for subject, own in groups.items()}


def _picture(study: Study, cohort: str, row: int | None) -> str | None:
    images = study.images(cohort)
    return None if images is None or row is None or row >= len(images) else picture([np.asarray(images[row])])
