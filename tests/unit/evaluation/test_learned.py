import numpy as np
import pandas as pd
import pytest

from sixgig.errors import LeakageError
from sixgig.evaluation.learned import check_training
from sixgig.runtime.digests import row_sha256
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.training import SEEN

ROLES = {"p": "pretraining", "q": "pretraining", "e": "evaluation", "f": "evaluation", "t": "test"}


def _study(per_subject=2):
    """Two slices of one volume of each subject; images and volumes, all different."""
    rows = [(f"{s}{k}", s, "a", f"{s}_v", None, k, 0, "f") for s in ROLES for k in range(per_subject)]
    manifest = MANIFEST.check(pd.DataFrame(rows, columns=MANIFEST.column_names[:8]), "manifest")
    splits = [(s, "a", role, *((0, 0) if role == "evaluation" else (None, None))) for s, role in ROLES.items()]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (len(manifest), 4, 4, 3), dtype=np.uint8)
    volumes = rng.normal(size=(len(ROLES), 4, 4, 4, 1)).astype(np.float16)
    return manifest, SPLITS.check(pd.DataFrame(splits, columns=SPLITS.column_names), "splits"), images, volumes


def _seen(kind, array, rows):
    return SEEN.check(pd.DataFrame([(kind, r, row_sha256(array[r])) for r in rows], columns=SEEN.column_names), "seen")


@pytest.mark.parametrize(
    ("rows", "scope", "subjects"),
    [
        ([0, 1, 2, 3], "inductive", ""),
        ([0], "inductive", ""),
        ([0, 1, 2, 3, 4, 7], "transductive", ""),
        ([0, 1, 4], "inductive", "1 rows that it may not see: row 4 is of subject e"),
        ([7, 8], "inductive", "2 rows that it may not see: row 7 is of subject f; row 8 is of subject t"),
        ([0, 9], "transductive", "1 rows that it may not see: row 9 is of subject t"),
    ],
)
def test_images_are_those_of_subjects_that_may_be_seen(rows, scope, subjects):
    manifest, splits, images, _ = _study()
    seen = _seen("images", images, rows)
    if not subjects:
        facts = check_training("vit", seen, manifest, splits, images, scope)
        assert facts == {"passed": True, "n_seen": len(rows), "n_allowed": 4 if scope == "inductive" else 8}
        return
    with pytest.raises(LeakageError, match=subjects):
        check_training("vit", seen, manifest, splits, images, scope)


def test_volumes_are_compared_by_content_and_not_by_row():
    manifest, splits, _, volumes = _study()
    assert check_training("mim", _seen("volumes", volumes, [0, 1]), manifest, splits, volumes, "inductive") == {
        "passed": True, "n_seen": 2, "n_allowed": 2,
    }  # fmt: skip
    # The rows are those of p and q, and what was read there is e's volume.
    shifted = np.roll(volumes, -2, axis=0)
    with pytest.raises(LeakageError, match="row 0 is of subject e; row 1 is of subject f"):
        check_training("mim", _seen("volumes", shifted, [0, 1]), manifest, splits, volumes, "inductive")


def test_content_of_another_cohort_is_found():
    manifest, splits, images, _ = _study()
    with pytest.raises(LeakageError, match="row 1 is of no subject of the cohort"):
        check_training("vit", _seen("images", 255 - images, [1]), manifest, splits, images, "inductive")


def test_more_volumes_than_names_cannot_be_told_apart():
    manifest, splits, _, volumes = _study()
    more = np.concatenate([volumes, volumes[:1] + 1])
    with pytest.raises(LeakageError, match="6 rows cannot be assigned to 5 names"):
        check_training("mim", _seen("volumes", more, [0]), manifest, splits, more, "inductive")


def test_blank_rows_show_nothing_and_a_failed_training_saw_nothing():
    manifest, splits, images, _ = _study()
    images[[0, 4]] = 0
    assert check_training("vit", _seen("images", images, [0]), manifest, splits, images, "inductive")["passed"]
    empty = _seen("images", images, [])
    assert check_training("vit", empty, manifest, splits, images, "inductive")["n_seen"] == 0
