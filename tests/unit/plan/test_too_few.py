"""Fractions of the labels and concatenated features that a cohort cannot give are refused before training."""

from pathlib import Path

import pandas as pd
import pytest

from sixgig.cohorts.base import Item, Record
from sixgig.errors import CohortError, ConfigError
from sixgig.evaluation.checks import check_folds
from sixgig.evaluation.gate import split_subjects
from sixgig.plan.bags import check_concat
from sixgig.plan.early import _simulated
from sixgig.tables.cohorts import MANIFEST

EVALUATION = {"folds": 5, "inner_folds": 3, "pretraining_fraction": 0.0, "fractions": [0.1, 1.0]}
BRATS = {"kind": "brats", "subjects": 40, "shape": [32, 32, 16], "spacing": 4.0, "seed": 1}
DRAW = {"folds": 2, "repeats": 1, "pretraining_fraction": 0.0, "scope": "inductive", "seed": 0, "hold_out": False}


def record(name, label, *items):
    own = tuple(Item(f"{name}.{n}", {}, None, item) for n, item in enumerate(items))
    return Record(Path(), name, label, own)


def test_a_simulated_cohort_is_known_before_it_is_written():
    found = _simulated(BRATS).records
    assert [len(found), found[0].subject_id, len(found[0].items)] == [40, "BraTS20_Training_001", 1]
    heart = _simulated({**BRATS, "kind": "acdc", "subjects": 10}).records
    assert [item.frame for item in heart[0].items] == ["ED", "ES"]
    assert sorted(one.label for one in heart) == sorted(2 * ["NOR", "MINF", "DCM", "HCM", "RV"])
    with pytest.raises(ConfigError, match=r"evaluation.fractions: holds 0.1, which leaves \d subjects of class 'LGG'"):
        check_folds(found, EVALUATION, {"labels_of": "subject"}, "brats")


def test_fractions_of_images_with_classes_of_their_own():
    records = [record(f"s{n:02}", None, "ill" if n < 12 else "well", "well") for n in range(60)]
    stanza = {"labels_of": "image"}
    check_folds(records, EVALUATION | {"fractions": [0.9]}, stanza, "eyes")
    with pytest.raises(ConfigError, match=r"holds 0.1, which leaves [012] subjects of class 'ill' of cohort eyes"):
        check_folds(records, EVALUATION, stanza, "eyes")


def test_concatenation_of_different_numbers_is_refused_while_planning():
    records = [record(name, "ill", *[None] * number) for name, number in (("a", 2), ("b", 2), ("c", 3))]
    message = r"arms.rad.pooling: is concat, and subject c of cohort x has 3 images where most have 2 \(1 of 3 differ\)"
    with pytest.raises(ConfigError, match=message):
        check_concat({"rad": False}, records, {}, "x", deep=False)
    check_concat({"rad": False}, records, {"slices": {"every": 2}}, "x", deep=True)  # slices are not known yet
    check_concat({"rad": False}, records[:2], {}, "x", deep=False)


@pytest.fixture
def manifest(tmp_path):
    rows = [
        {"subject_id": f"s{n}", "image_id": f"s{n}.{i}", "label": "ab"[n % 2], "frame": None,
         "volume_id": f"s{n}", "source": "x"}
        for n in range(12) for i in range(3 if n == 5 else 2)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    for name in MANIFEST.column_names:
        if name not in table:
            table[name] = None
    path = tmp_path / "manifest.csv"
    table[MANIFEST.column_names].to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"concat": ["image"]}, CohortError, "subject s5 has 3 images and most have 2"),
        ({"fractions": [0.3], "inner_folds": 2}, ConfigError, "holds 0.3, which leaves 1 subjects of class 'a'"),
    ],
)
def test_the_job_that_splits_refuses_both(manifest, asked, error, message):
    given = {"fractions": [], "inner_folds": 0, "concat": ["volume"]}
    arguments = ("x", manifest, DRAW | {"labels_of": "subject"}, None, None, None)
    assert len(split_subjects(*arguments, given)) == 12
    with pytest.raises(error, match=message):
        split_subjects(*arguments, given | asked)
