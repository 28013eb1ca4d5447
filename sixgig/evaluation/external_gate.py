"""The gate before a cohort's methods are tested on another cohort: same classes, and nobody in both."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sixgig.cohorts.copies import NEAR, Link, find_copies
from sixgig.cohorts.looks import Looks, look
from sixgig.errors import CohortError, LeakageError, SixgigError
from sixgig.runtime.atomic import write_json
from sixgig.runtime.faults import as_outcome
from sixgig.runtime.jobs import say_failed, say_left_out
from sixgig.runtime.outcomes import failed_cohort
from sixgig.tables.classes import single_classes
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.roles import EVALUATION

_SHOWN = 5
_LOG = logging.getLogger(__name__)


class CohortFiles(NamedTuple):
    """Files of a prepared cohort.

    Attributes:
        name: Its name.
        manifest: manifest.csv.
        images: images.npy.
        splits: splits.csv.
        gate: leakage.json.
    """

    name: str
    manifest: Path
    images: Path
    splits: Path
    gate: Path


def check_external(own: CohortFiles, other: CohortFiles, labels_of: str, output: Path) -> None:
    """Write what the gate found, or as ``status`` why nothing of a cohort is tested on another one.

    Args:
        own: The cohort whose subjects methods are trained on.
        other: The cohort that they are tested on.
        labels_of: What has a class: ``subject`` or ``image``.
        output: JSON file.
    """
    status = failed_cohort(own.name, own.gate) or failed_cohort(other.name, other.gate)
    if status:
        say_left_out("a cohort failed, see its own line")
        write_json(output, {"passed": False, "status": status, "left_out": True})
        return
    try:
        write_json(output, _found(own, other, labels_of))
    except SixgigError as error:
        status = as_outcome(error)
        _LOG.exception("%s cannot be tested on %s", own.name, other.name)
        say_failed(status)
        write_json(output, {"passed": False, "status": status})


def _found(own: CohortFiles, other: CohortFiles, labels_of: str) -> dict[str, Any]:
    splits, others = SPLITS.read(own.splits), SPLITS.read(other.splits)
    known = classes_of(splits[splits["role"] == EVALUATION], labels_of)
    check_same_classes(own.name, known, other.name, classes_of(others, labels_of))
    mine, its = MANIFEST.read(own.manifest), MANIFEST.read(other.manifest)
    looks = [look(table, np.load(files.images, mmap_mode="r")) for table, files in ((mine, own), (its, other))]
    return check_apart(own.name, looks[0], other.name, looks[1]) | {"classes": sorted(known)}


def classes_of(splits: pd.DataFrame, labels_of: str) -> set[str]:
    """Return the classes of rows of splits.csv; those of images where these have classes of their own."""
    labels = {str(label) for label in splits["label"].dropna()}
    return {name for label in labels for name in single_classes(label)} if labels_of == "image" else labels


def check_same_classes(own: str, classes: Collection[str], other: str, others: Collection[str]) -> None:
    """Refuse two cohorts with different classes.

    Raises:
        CohortError: A class is in one of the two only; the reason names it.
    """
    sides = ((own, sorted(set(classes) - set(others))), (other, sorted(set(others) - set(classes))))
    alone = [f"only {name} has {', '.join(names)}" for name, names in sides if names]
    if alone:
        raise CohortError(
            f"config key cohorts.{own}.evaluate_on",
            f"the classes of {own} and {other} differ: {'; '.join(alone)}",
            "give the same things the same names with `classes` in the stanza of one of them, or remove the cohort",
        )


def check_apart(own: str, looks: Looks, other: str, others: Looks) -> dict[str, Any]:
    """Check that no image of one cohort is in the other.

    All subjects of the first cohort count, since arms learn from those that are not evaluated; of the second one those
    that have a class, which are those that are tested. Names of subjects say nothing: two hospitals number alike.

    Args:
        own: Name of the first cohort.
        looks: Its images.
        other: Name of the second one.
        others: Its images.

    Returns:
        Numbers of images, and ``near_copies``: pairs of image_id that are alike in one of eight orientations.
        ``passed`` is false where there are any.

    Raises:
        LeakageError: An image is in both cohorts; the reason names images and subjects.
    """
    links = copies_across(looks, others)
    shown = [_said(own, looks, other, others, link) for link in links]
    same = [text for text, link in zip(shown, links, strict=True) if link.kind != NEAR]
    if same:
        raise LeakageError(
            f"config key cohorts.{own}.evaluate_on",
            f"{len(same)} images of {other} are in {own}, too: {'; '.join(same[:_SHOWN])}",
            f"leave these subjects out of one of the two with `exclude`, or remove {other}",
        )
    if shown:
        _LOG.warning("%d near copies are in %s and in %s: %s", len(shown), own, other, "; ".join(shown[:_SHOWN]))
    names, places = looks.items["image_id"], others.items["image_id"]
    near = [[str(names[link.first]), str(places[link.second - len(names)])] for link in links]
    return {"passed": not near, "n_images": [len(looks.digest_of), len(others.digest_of)], "near_copies": near}


def copies_across(looks: Looks, others: Looks) -> list[Link]:
    """Return the copies between two cohorts; the second one's items are numbered after the first one's."""
    n_items = len(looks.items)
    n_rows = sum(len(rows) for rows in looks.rows)
    labelled = others.items["label"].notna().to_numpy(dtype=bool)
    alike = looks.small.shape[1:] == others.small.shape[1:]
    joined = Looks(
        items=pd.concat(
            [frame.assign(subject_id=[f"{side} {name}" for name in frame["subject_id"]])
             for side, frame in enumerate((looks.items, others.items))],
            ignore_index=True,
        ),
        rows=[*looks.rows, *(rows + n_rows for rows in others.rows)],
        digest_of=looks.digest_of | {row + n_rows: digest for row, digest in others.digest_of.items()},
        small=np.concatenate([looks.small, others.small]) if alike else looks.small[:0],
        seen=np.concatenate([looks.seen, others.seen + n_items]) if alike else looks.seen[:0],
        n_blank=looks.n_blank + others.n_blank,
    )  # fmt: skip
    found = (link for link in find_copies(joined) if link.first < n_items <= link.second)
    return [link for link in found if labelled[link.second - n_items]]


def _said(own: str, looks: Looks, other: str, others: Looks, link: Link) -> str:
    first, second = looks.items.iloc[link.first], others.items.iloc[link.second - len(looks.items)]
    return (
        f"{second['image_id']} (subject {second['subject_id']} of {other}) is {first['image_id']} "
        f"(subject {first['subject_id']} of {own})"
        + ("" if link.kind != NEAR else f" {link.orientation}, r = {link.r:.3f}")
    )
