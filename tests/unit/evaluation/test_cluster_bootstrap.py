"""Intervals over images: subjects are drawn with all their images."""

import numpy as np
import pandas as pd
import pytest

from sixgig.evaluation.bootstrap import bootstrap_intervals
from sixgig.evaluation.clusters import Clusters
from sixgig.evaluation.metrics import fold_metrics
from sixgig.evaluation.summary import summarise
from sixgig.tables.cohorts import SPLITS

SETTINGS = {"n_resamples": 400, "seed": 5}


def of_subjects(n=40, seed=0):
    rng = np.random.default_rng(seed)
    true = np.arange(n) % 2
    parts = []
    for repeat in range(2):
        score = np.clip(rng.normal(0.3 + 0.4 * true, 0.25), 0.01, 0.99)
        part = pd.DataFrame({"subject_id": [f"s{row:02d}" for row in range(n)], "repeat": repeat, "fold": 0})
        part["label"] = np.array(["a", "b"])[true]
        part["predicted"] = np.array(["a", "b"])[(score > 0.5).astype(int)]
        parts.append(part.assign(score_a=1 - score, score_b=score))
    return pd.concat(parts, ignore_index=True)


def copies(table, number, own_subject=False):
    """Give every subject this many equal images; or make each of them a subject of its own."""
    parts = [table.assign(image_id=table["subject_id"] + f"_{index}") for index in range(number)]
    found = pd.concat(parts, ignore_index=True)
    return found.assign(subject_id=found.pop("image_id")) if own_subject else found


def same(one, other):
    assert one.keys() == other.keys()
    for name, interval in one.items():
        expected = [other[name].estimate, other[name].low, other[name].high]
        assert [interval.estimate, interval.low, interval.high] == pytest.approx(expected, nan_ok=True), name
        assert interval.method == other[name].method


def test_one_image_a_subject_gives_the_intervals_of_subjects():
    table = of_subjects()
    one, other = bootstrap_intervals(copies(table, 1), **SETTINGS), bootstrap_intervals(table, **SETTINGS)
    assert one == other


def test_equal_images_of_a_subject_tell_nothing_more_than_one():
    """Four equal images a subject: the intervals are those of one image, and twice as wide as if drawn one by one."""
    table = of_subjects()
    found = bootstrap_intervals(copies(table, 4), **SETTINGS)
    same(found, bootstrap_intervals(table, **SETTINGS))
    one_by_one = bootstrap_intervals(copies(table, 4, own_subject=True), **SETTINGS)
    for name, interval in found.items():
        width = one_by_one[name].high - one_by_one[name].low
        assert (interval.high - interval.low) / width == pytest.approx(2, rel=0.15), name


def test_every_fold_metric_counts_images():
    table = copies(of_subjects(n=6), 1)
    more = pd.concat([table, table[table["subject_id"] == "s00"].assign(image_id="s00_x", predicted="b")])
    values = fold_metrics(more, "c", "arm", "svm").set_index(["metric", "repeat"])["value"]
    right = (more[more["repeat"] == 0]["label"] == more[more["repeat"] == 0]["predicted"]).mean()
    assert values["accuracy", 0] == pytest.approx(right)
    assert len(more[more["repeat"] == 0]) == 7


def test_subjects_of_several_classes_are_drawn_among_each_other():
    subjects = np.array(["p", "p", "q", "q", "r", "s", "t", "u", "v"])
    classes = np.array(["a", "b", "a", "b", "a", "a", "b", "b", "c"])
    found = Clusters.of(subjects, classes)
    # v is alone in its class: it joins p and q, so that it is not in every resample.
    assert found.strata.tolist() == [" + ", " + ", "a", "a", "b", "b", " + "]
    assert found.members.tolist() == [0, 0, 1, 1, 2, 3, 4, 5, 6]
    assert found.only(6) == "c"
    alone = Clusters.of(subjects[[0, 1, 4, 5, 5]], np.array(["a", "b", "a", "a", "a"]))
    assert alone.strata.tolist() == ["a", "a", "a"]
    pure = Clusters.of(np.array(["p", "q", "q"]), np.array(["a", "b", "b"]))
    assert pure.strata.tolist() == ["a", "b"]


def test_a_class_that_one_subject_holds_has_no_interval_and_is_named():
    table = copies(of_subjects(), 2)
    table.loc[table["image_id"] == "s00_1", "label"] = "c"
    table["score_c"] = 0.0
    found = bootstrap_intervals(table, **SETTINGS)
    assert found["balanced_accuracy"].method == "none: class 'c' has one subject"
    assert found["accuracy"].method == "bca"


def test_resamples_without_a_class_are_left_out_while_they_are_few():
    """Class c is on images of k of 20 mixed subjects; a resample misses it with a chance of (1 - k / 20)^20."""
    table = copies(of_subjects(), 2)
    table["score_c"] = 0.0
    rare = lambda k: table.assign(  # noqa: E731
        label=table["label"]
        .where(~table["image_id"].isin([f"s{row:02d}_1" for row in range(k)]), "c")
        .where(~table["image_id"].isin([f"s{row:02d}_1" for row in range(k, 20)]), "b")
    )
    few = bootstrap_intervals(rare(5), **SETTINGS)["balanced_accuracy"]
    assert few.method == "bca"
    assert few.low < few.estimate < few.high
    many = bootstrap_intervals(rare(2), **SETTINGS)["balanced_accuracy"]
    assert many.method.startswith("none: 1")
    assert many.method.endswith("% of the resamples lack a class")


def test_the_summary_counts_subjects_and_images():
    table = copies(of_subjects(), 3)
    rows = table[["subject_id", "label", "repeat", "fold"]].drop_duplicates().assign(role="evaluation")
    splits = SPLITS.check(rows[SPLITS.column_names], "splits")
    found = summarise(table, "c", "arm", "svm", splits=splits, n_resamples=100, labels_of="image")
    assert set(found["n_subjects"]) == {40}
    assert set(found["n_images"]) == {120}
    assert "n_images" not in summarise(of_subjects(), "c", "arm", "svm", splits=splits, n_resamples=100)


def test_a_failed_method_has_the_metrics_of_the_classes_of_images():
    rows = [("p", "a + b", 0), ("q", "a", 0), ("r", "b", 1)]
    splits = SPLITS.check(
        pd.DataFrame([{"subject_id": s, "label": c, "role": "evaluation", "repeat": 0, "fold": f} for s, c, f in rows]),
        "splits",
    )
    found = summarise(None, "c", "arm", "svm", "failed: no", splits=splits, labels_of="image")
    assert "sensitivity" in set(found["metric"])
