from typing import Any

import numpy as np
import pytest

from sixgig.cohorts.duplicates import Settled, settle_copies
from sixgig.errors import CohortError
from tests.unit.cohorts.tiny_copies import cohort, recompressed, scenes

PICTURES = scenes(12)


def _settle(rows: list[dict[str, Any]], images: np.ndarray, policy: str, **options: Any) -> Settled:
    return settle_copies(rows, images, cohort="mine", policy=policy, **{"hold_out": False, **options})


def _actions(settled: Settled) -> dict[str, str]:
    return dict(zip(settled.table["image_id"], settled.table["action"], strict=True))


def _subjects(settled: Settled) -> list[tuple[str, str, str | None]]:
    return [(row["image_id"], row["subject_id"], row["label"]) for row in settled.rows]


def _four() -> Any:
    """i0 and i2 identical, i1 and i3 near copies; all of other subjects, and of one class."""
    pictures = [PICTURES[0], PICTURES[1], PICTURES[0], recompressed(np.fliplr(PICTURES[1])), PICTURES[2]]
    return cohort(pictures, ["p", "q", "r", "s", "t"], ["a"] * 5)


def test_a_cohort_without_copies_is_left_as_it_is() -> None:
    rows, images = cohort(list(PICTURES), [f"s{i}" for i in range(12)], ["a", "b"] * 6)
    for policy in ("stop", "group", "drop"):
        settled = _settle(rows, images, policy)
        assert (settled.rows, settled.kept.all(), len(settled.table)) == (rows, True, 0)
        assert {name: value for name, value in settled.facts.items() if value} == {"policy": policy}


def test_stop_changes_nothing_and_lists_all() -> None:
    rows, images = _four()
    settled = _settle(rows, images, "stop")
    assert settled.rows == rows
    table = settled.table.set_index("image_id")
    assert table["group"].to_dict() == {"i0": 1, "i2": 1, "i1": 2, "i3": 2}
    assert set(table["action"]) == {"none"}
    assert table.loc["i2", ["copy_of", "kind", "orientation", "r"]].tolist() == ["i0", "identical", "as it is", 1.0]
    assert table.loc["i3", ["copy_of", "kind", "orientation"]].tolist() == ["i1", "near", "mirrored left-right"]
    assert 0.98 < table.loc["i3", "r"] < 1
    assert {name: settled.facts[name] for name in ("groups", "identical", "near")} == {
        "groups": 2, "identical": 2, "near": 2,
    }  # fmt: skip


def test_group_makes_copies_one_subject() -> None:
    settled = _settle(*_four(), "group")
    assert _subjects(settled) == [
        ("i0", "p", "a"),
        ("i1", "q", "a"),
        ("i2", "p", "a"),
        ("i3", "q", "a"),
        ("i4", "t", "a"),
    ]
    assert _actions(settled) == {"i0": "kept", "i2": "now of subject p", "i1": "kept", "i3": "now of subject q"}
    assert settled.facts["subjects_joined"] == 2


def test_drop_keeps_the_first() -> None:
    settled = _settle(*_four(), "drop")
    assert [row["image_id"] for row in settled.rows] == ["i0", "i1", "i4"]
    assert settled.kept.tolist() == [True, True, False, False, True]
    assert _actions(settled) == {"i0": "kept", "i2": "dropped", "i1": "kept", "i3": "dropped"}
    assert settled.facts["dropped"] == 2


def test_group_joins_subjects_that_hang_together_over_a_third() -> None:
    pictures = [PICTURES[0], PICTURES[1], PICTURES[0], PICTURES[1], PICTURES[2]]
    rows, images = cohort(pictures, ["p", "q", "r", "r", "t"], ["a"] * 5)
    assert [row["subject_id"] for row in _settle(rows, images, "group").rows] == ["p", "p", "p", "p", "t"]


@pytest.mark.parametrize("policy", ["group", "drop"])
def test_contradictory_labels_leave_on_both_sides(policy: str) -> None:
    pictures = [PICTURES[0], PICTURES[0], PICTURES[1], np.rot90(PICTURES[1]), PICTURES[2]]
    rows, images = cohort(pictures, ["p", "q", "r", "s", "t"], ["a", "b", "a", "b", "b"])
    settled = _settle(rows, images, policy)
    assert [row["image_id"] for row in settled.rows] == ["i4"]
    assert set(_actions(settled).values()) == {"dropped: contradictory labels"}
    assert (settled.facts["contradictory"], settled.facts["contradictory_pairs"]) == (4, 2)


def test_contradictory_near_copies_do_not_stop_but_are_counted() -> None:
    rows, images = cohort([PICTURES[0], np.fliplr(PICTURES[0]), PICTURES[1]], ["p", "q", "r"], ["a", "b", "a"])
    assert _settle(rows, images, "stop").facts["contradictory_pairs"] == 1


def _official() -> Any:
    """i0 (training) has a copy i2 (test); i3 and i4 are copies in the test set, i1 and i5 in the training set."""
    pictures = [PICTURES[0], PICTURES[1], PICTURES[0], PICTURES[2], np.fliplr(PICTURES[2]), np.flipud(PICTURES[1])]
    official = ["training", "training", "test", "test", "test", "training"]
    return cohort(pictures, list("pqrstu"), ["a"] * 6, official=official)


def test_a_held_out_test_set_stays_whole() -> None:
    rows, images = _official()
    settled = _settle(rows, images, "drop", hold_out=True)
    assert [row["image_id"] for row in settled.rows] == ["i1", "i2", "i3", "i4"]
    # Two copies that are both tested cross no boundary.
    assert _actions(settled) == {
        "i0": "dropped", "i2": "kept", "i1": "kept", "i5": "dropped", "i3": "kept", "i4": "kept",
    }  # fmt: skip
    assert [row["image_id"] for row in _settle(rows, images, "drop").rows] == ["i0", "i1", "i3"]


def test_a_subject_of_the_test_set_takes_no_images_of_the_training_set() -> None:
    settled = _settle(*_official(), "group", hold_out=True)
    subjects = {row["image_id"]: row["subject_id"] for row in settled.rows}
    assert subjects == {"i1": "q", "i2": "r", "i3": "s", "i4": "s", "i5": "q"}
    assert _actions(settled)["i0"] == "dropped"


@pytest.mark.parametrize("hold_out", [False, True])
def test_stop_leaves_everything_to_the_gate(hold_out: bool) -> None:
    rows, images = _official()
    settled = _settle(rows, images, "stop", hold_out=hold_out)
    assert settled.rows == rows
    assert settled.facts["groups"] > 0


def test_a_copy_without_a_class_gets_it_or_leaves() -> None:
    pictures = [PICTURES[0], PICTURES[1], PICTURES[0]]
    rows, images = cohort(pictures, ["p", "p", "q"], [None, None, "b"])
    assert _subjects(_settle(rows, images, "group")) == [("i0", "p", "b"), ("i1", "p", "b"), ("i2", "p", "b")]
    assert [row["image_id"] for row in _settle(rows, images, "drop").rows] == ["i1", "i2"]


def test_a_subject_without_a_class_that_is_two_of_different_classes_leaves() -> None:
    rows, images = cohort([*PICTURES[:2], *PICTURES[:2]], ["u", "u", "p", "q"], [None, None, "a", "b"])
    assert _subjects(_settle(rows, images, "group")) == [("i2", "p", "a"), ("i3", "q", "b")]


def test_images_with_classes_of_their_own_make_one_subject_of_several() -> None:
    pictures = [PICTURES[0], PICTURES[1], PICTURES[2], PICTURES[0], PICTURES[3]]
    rows, images = cohort(pictures, ["p", "p", "p", "q", "q"], ["a", "b", None, "a", "b"])
    settled = _settle(rows, images, "group", per_image=True)
    assert [(row["subject_id"], row["label"]) for row in settled.rows] == [("p", label) for label in "ab"] + [
        ("p", None), ("p", "a"), ("p", "b"),
    ]  # fmt: skip


@pytest.mark.parametrize("policy", ["group", "drop"])
def test_nothing_but_contradictions_stops(policy: str) -> None:
    rows, images = cohort([PICTURES[0]] * 2, ["p", "q"], ["a", "b"])
    with pytest.raises(CohortError, match="holds nothing but copies whose labels contradict each other"):
        _settle(rows, images, policy)


def _volumes() -> Any:
    """Subjects p, q, r of two volumes; p's second is q's first, q's second is r's first."""
    stacks = [scenes(6, 32, seed) for seed in range(1, 6)]
    held = {"p1": 0, "p2": 1, "q1": 1, "q2": 2, "r1": 2, "r2": 3}
    names = [name for name in held for _ in range(6)]
    columns = {"volume_id": names, "slice": list(range(6)) * 6}
    pictures = [plane for stack in held.values() for plane in stacks[stack]]
    return cohort(pictures, [name[0] for name in names], ["a"] * 36, **columns)


def test_a_subject_of_volumes_leaves_whole_and_frees_its_other_copies() -> None:
    settled = _settle(*_volumes(), "drop")
    assert list(dict.fromkeys(row["volume_id"] for row in settled.rows)) == ["p1", "p2", "r1", "r2"]
    assert _actions(settled) == {"p2": "kept", "q1": "dropped", "q2": "dropped", "r1": "kept"}


def test_subjects_of_volumes_are_joined() -> None:
    settled = _settle(*_volumes(), "group")
    assert {row["subject_id"] for row in settled.rows} == {"p"}
    assert settled.kept.all()
