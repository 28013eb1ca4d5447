"""Folds of whole sites."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from sixgig.errors import CohortError, LeakageError
from sixgig.evaluation.cross_validation import cross_validate
from sixgig.evaluation.fold_ratio import fold_ratio
from sixgig.evaluation.site_folds import GroupBy, check_sites, make_site_splits


def cohort(sizes):
    """A manifest and sites: site -> class -> number of subjects."""
    rows, site_of = [], {}
    for site, classes in sizes.items():
        for label, number in classes.items():
            for index in range(number):
                name = f"{site}{label}{index:02d}"
                rows.append((name, label))
                site_of[name] = site
    return pd.DataFrame(rows, columns=["subject_id", "label"]), site_of


EVEN = {site: {"x": 8, "y": 8} for site in "ABCD"}


def splits_of(sizes, learned=(), fraction=0.25, seed=1):
    manifest, site_of = cohort(sizes)
    group_by = GroupBy("site", site_of, tuple(learned))
    return make_site_splits(manifest, group_by, pretraining_fraction=fraction, scope="inductive", seed=seed)


def test_every_site_is_tested_once_in_one_repeat_and_each_class_of_it_is_learned_from():
    splits = splits_of(EVEN)
    tested = splits[splits["role"] == "evaluation"]
    assert dict(zip(tested["fold"], tested["group"], strict=True)) == {0: "A", 1: "B", 2: "C", 3: "D"}
    assert set(tested["repeat"]) == {0}
    assert Counter(zip(tested["group"], tested["label"], strict=True)) == Counter(dict.fromkeys(
        [(site, label) for site in "ABCD" for label in "xy"], 6))  # fmt: skip
    assert check_sites(splits, cohort(EVEN)[1]) == {"n_sites": 4, "n_sites_learned_from": 4}


def test_sites_that_are_learned_from_are_never_tested():
    splits = splits_of(EVEN, learned=["D"])
    assert set(splits.loc[splits["role"] == "pretraining", "group"]) == {"D"}
    assert Counter(splits.loc[splits["role"] == "evaluation", "group"]) == {"A": 16, "B": 16, "C": 16}
    assert check_sites(splits, cohort(EVEN)[1]) == {"n_sites": 3, "n_sites_learned_from": 0}


def test_subjects_drawn_depend_on_the_seed_and_not_on_the_order_of_rows():
    manifest, site_of = cohort(EVEN)
    draw = {"pretraining_fraction": 0.25, "scope": "inductive"}
    one = make_site_splits(manifest, GroupBy("site", site_of), seed=1, **draw)
    again = make_site_splits(manifest[::-1], GroupBy("site", site_of), seed=1, **draw)
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(make_site_splits(manifest, GroupBy("site", site_of), seed=2, **draw))


@pytest.mark.parametrize(
    ("sizes", "learned", "said"),
    [
        ({"A": {"x": 5, "y": 5}, "B": {"x": 5, "y": 5}}, (), r"leaves 2 to be tested \(A, B\).*needs 3"),
        (EVEN, ["A", "B"], r"leaves 2 to be tested \(C, D\)"),
        (EVEN, ["Z"], "names 'Z', and no subject has this site\n.*A, B, C, D"),
        ({**{s: {"x": 5} for s in "AB"}, "C": {"x": 5, "y": 5}}, (), "class 'y': has 0 subjects outside the site C"),
    ],
)
def test_sites_that_cannot_be_left_out_are_refused(sizes, learned, said):
    with pytest.raises(CohortError, match=said):
        splits_of(sizes, learned)


def test_a_subject_with_a_class_and_no_site_is_named():
    manifest, site_of = cohort(EVEN)
    del site_of["Ax00"]
    with pytest.raises(CohortError, match="not known of 1 subjects with a class.*Ax00"):
        make_site_splits(manifest, GroupBy("site", site_of), pretraining_fraction=0, scope="inductive", seed=1)


def test_a_site_without_a_class_is_named_and_its_fold_has_no_balanced_accuracy(caplog):
    with caplog.at_level("WARNING"):
        splits = splits_of({**EVEN, "D": {"x": 6}}, fraction=0)
    assert "the site D has no subject of y" in caplog.text
    assert Counter(splits.loc[splits["group"] == "D", "label"]) == {"x": 6}


def test_the_gate_finds_a_site_on_both_sides():
    splits = splits_of(EVEN)
    moved = splits.index[splits["group"] == "A"][-1]
    splits.loc[moved, "fold"] = 1
    with pytest.raises(LeakageError, match="the site A is in 2 folds of repeat 0"):
        check_sites(splits, cohort(EVEN)[1])


def test_unequal_folds_have_the_mean_of_their_ratios():
    splits = splits_of({"A": {"x": 2, "y": 2}, "B": {"x": 4, "y": 4}, "C": {"x": 8, "y": 8}}, fraction=0)
    assert fold_ratio(splits) == pytest.approx((4 / 24 + 8 / 20 + 16 / 12) / 3)
    assert fold_ratio(splits_of(EVEN)) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("sizes", "whole"),
    [(EVEN, "4 of 4"), ({"A": {"x": 8, "y": 8}, "B": {"x": 8, "y": 8}, "C": {"x": 8}}, "1 of 3")],
)
def test_the_inner_search_keeps_sites_whole_where_it_can(sizes, whole, caplog):
    """Without A (or B), the site C would be an inner part without y: its inner folds are of subjects."""
    splits = splits_of(sizes, fraction=0)
    names = sorted(splits["subject_id"])
    X = np.random.default_rng(0).normal(size=(len(names), 3)) + np.array(["x" in n for n in names])[:, None]
    with caplog.at_level("INFO"):
        predictions, _ = cross_validate(
            X, names, splits, "svm", {"kernels": ["linear"], "C": [0.1, 1.0]}, inner_folds=2, seed=1
        )
    assert len(predictions) == len(names)
    assert f"kept sites whole in {whole} folds" in caplog.text
