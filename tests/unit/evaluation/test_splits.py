from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sixgig.errors import CohortError, ConfigError, LeakageError, SixgigError
from sixgig.evaluation.splits import check_splits, make_splits, read_own_splits
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.roles import SCOPES, evaluation_subjects, held_out_fold, pretraining_subjects


def _manifest(counts: dict[str | None, int], images: int = 2) -> pd.DataFrame:
    rows = [
        {"image_id": f"{label}{number}_{image}", "subject_id": f"{label}{number}", "label": label, "source": "f"}
        for label, count in counts.items()
        for number in range(count)
        for image in range(images)
    ]
    return MANIFEST.check(pd.DataFrame(rows, columns=MANIFEST.column_names), "manifest")


def _split(manifest: pd.DataFrame, **more: object) -> pd.DataFrame:
    arguments = {"folds": 3, "repeats": 2, "pretraining_fraction": 0.25, "scope": "inductive", "seed": 1} | more
    return make_splits(manifest, **arguments)  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(4, 25), min_size=2, max_size=4),
    unlabelled=st.integers(0, 5),
    folds=st.integers(2, 4),
    seed=st.integers(0, 2**32),
)
def test_every_subject_has_one_place(sizes: list[int], unlabelled: int, folds: int, seed: int) -> None:
    counts: dict[str | None, int] = {f"c{i}": size for i, size in enumerate(sizes)} | {None: unlabelled}
    manifest = _manifest(counts)
    splits = _split(manifest, folds=folds, pretraining_fraction=0.0, seed=seed)
    assert set(splits["subject_id"]) == set(manifest["subject_id"])
    pretraining = splits[splits["role"] == "pretraining"]
    assert len(pretraining) == unlabelled
    assert pretraining[["label", "repeat", "fold"]].isna().all(axis=None)
    evaluation = splits[splits["role"] == "evaluation"]
    assert not evaluation.duplicated(["subject_id", "repeat"]).any()
    table = evaluation.groupby(["repeat", "label", "fold"]).size().unstack(fill_value=0)
    assert table.shape == (2 * len(sizes), folds)
    assert (table.max(axis=1) - table.min(axis=1)).max() <= 1
    totals = evaluation.groupby(["repeat", "fold"]).size()
    assert totals.max() - totals.min() <= 1
    pd.testing.assert_frame_equal(check_splits(splits, manifest), splits)


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, [0, 0]), (0.25, [5, 3]), (0.5, [10, 5])])
def test_the_pretraining_fraction_is_stratified(fraction: float, expected: list[int]) -> None:
    splits = _split(_manifest({"a": 20, "b": 10, None: 4}), pretraining_fraction=fraction)
    pretraining = splits[splits["role"] == "pretraining"]
    assert [(pretraining["label"] == name).sum() for name in "ab"] == expected
    assert pretraining["label"].isna().sum() == 4
    assert len(evaluation_subjects(splits)) == 30 - sum(expected)


def test_the_draw_depends_on_the_seed_and_not_on_row_order() -> None:
    manifest = _manifest({"a": 20, "b": 12})
    splits = _split(manifest)
    pd.testing.assert_frame_equal(splits, _split(manifest.sample(frac=1, random_state=0)))
    assert not splits.equals(_split(manifest, seed=2))
    folds = splits[splits["role"] == "evaluation"].pivot(index="subject_id", columns="repeat", values="fold")
    assert (folds[0] != folds[1]).any()
    # A further repeat leaves the roles and the earlier repeats as they are.
    longer = _split(manifest, repeats=3)
    pd.testing.assert_frame_equal(longer[longer["repeat"].fillna(-1) < 2].reset_index(drop=True), splits)


def test_what_an_arm_may_learn_from() -> None:
    manifest = _manifest({"a": 8, "b": 8, None: 2})
    splits = _split(manifest)
    inductive, transductive = (pretraining_subjects(splits, scope) for scope in ("inductive", "transductive"))
    assert not set(inductive) & set(evaluation_subjects(splits))
    assert len(inductive) == 2 + 2 + 2
    assert transductive == sorted(set(manifest["subject_id"]))
    pd.testing.assert_frame_equal(splits, _split(manifest, scope="transductive"))
    with pytest.raises(ConfigError, match="scope: is 'all'"):
        pretraining_subjects(splits, "all")


def test_a_class_with_fewer_subjects_than_folds() -> None:
    with pytest.raises(CohortError) as caught:
        _split(_manifest({"a": 20, "rare": 4}), folds=5)
    assert str(caught.value) == (
        "class 'rare': has 3 evaluation subjects (and 1 for pretraining); 5 folds need 5\n"
        "  Next step: set evaluation.folds to at most 3, or add subjects of this class (or raise the cohort's limit), "
        "or make evaluation.pretraining_fraction (now 0.25) smaller"
    )


def test_two_folds_leave_two_subjects_of_a_class_to_train_on() -> None:
    with pytest.raises(CohortError, match=r"has 3 evaluation subjects \(and 1 for pretraining\); 2 folds need 4"):
        _split(_manifest({"a": 20, "rare": 4}), folds=2)
    _split(_manifest({"a": 20, "rare": 5}), folds=2)


@pytest.mark.parametrize(
    ("counts", "more", "message"),
    [
        ({"a": 9}, {}, r"labels: 1 class found \(a\), and a classifier needs two"),
        ({None: 9}, {}, r"labels: 0 class found \(none\)"),
        ({"a": 9, "b": 9}, {"folds": 1}, "evaluation.folds: is 1"),
        ({"a": 9, "b": 9}, {"repeats": 0}, "evaluation.repeats: is 0"),
        ({"a": 9, "b": 9}, {"pretraining_fraction": 1.0}, "evaluation.pretraining_fraction: is 1.0"),
        ({"a": 9, "b": 9}, {"scope": "both"}, "write inductive or transductive"),
    ],
)
def test_what_cannot_be_split(counts: dict[str | None, int], more: dict[str, object], message: str) -> None:
    with pytest.raises(SixgigError, match=message):
        _split(_manifest(counts), **more)


def test_a_subject_with_two_labels() -> None:
    manifest = _manifest({"a": 9, "b": 9})
    manifest.loc[0, "label"] = "b"
    with pytest.raises(CohortError, match="subject a0: has several labels: a, b"):
        _split(manifest)


def _first(splits: pd.DataFrame, role: str) -> int:
    return int(splits.index[splits["role"] == role][0])


def _two_folds(splits: pd.DataFrame) -> None:
    splits.loc[len(splits)] = splits.loc[_first(splits, "evaluation")]
    splits.loc[len(splits) - 1, "fold"] = (splits.loc[len(splits) - 1, "fold"] + 1) % 3


def _wrong_label(splits: pd.DataFrame) -> None:
    splits.loc[splits["subject_id"] == "a0", "label"] = "b"


def _one_missing(splits: pd.DataFrame) -> None:
    splits.drop(splits.index[splits["subject_id"] == "b3"], inplace=True)


def _one_repeat_missing(splits: pd.DataFrame) -> None:
    splits.drop(splits.index[-1], inplace=True)


def _unlabelled_evaluated(splits: pd.DataFrame) -> None:
    row = splits.index[splits["label"].isna()][0]
    splits.loc[row, ["role", "repeat", "fold"]] = ["evaluation", 0, 0]


def _no_fold(splits: pd.DataFrame) -> None:
    splits.loc[_first(splits, "evaluation"), "fold"] = pd.NA


def _fold_while_pretraining(splits: pd.DataFrame) -> None:
    splits.loc[_first(splits, "pretraining"), "fold"] = 0


def _unknown_role(splits: pd.DataFrame) -> None:
    splits.loc[0, "role"] = "validation"


def _fold_gap(splits: pd.DataFrame) -> None:
    splits.loc[splits["fold"] == 2, "fold"] = 5


def _repeat_gap(splits: pd.DataFrame) -> None:
    splits.loc[splits["repeat"] == 1, "repeat"] = 2


def _class_in_one_fold(splits: pd.DataFrame) -> None:
    splits.loc[(splits["role"] == "evaluation") & (splits["label"] == "b"), "fold"] = 1


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (_two_folds, LeakageError, "in two folds .* within a repeat: "),
        (_wrong_label, CohortError, "subject a0 has label b, in the manifest a"),
        (_one_missing, CohortError, "subjects of the cohort have no row: b3"),
        (_one_repeat_missing, CohortError, "repeat 1 lacks evaluation subjects: "),
        (_unlabelled_evaluated, CohortError, "is for evaluation or test and has no label"),
        (_no_fold, CohortError, "evaluation rows need repeat and fold"),
        (_fold_while_pretraining, CohortError, "other rows have neither"),
        (_unknown_role, CohortError, "unknown roles: validation"),
        (_fold_gap, CohortError, r"folds of repeat 0 are \[0, 1, 5\], not 0 to 2"),
        (_repeat_gap, CohortError, r"repeats are \[0, 2\]"),
        (_class_in_one_fold, CohortError, "repeat 0: all subjects of class b are in fold 1"),
    ],
)
def test_a_wrong_splits_file(spoil: object, kind: type[SixgigError], message: str) -> None:
    manifest = _manifest({"a": 12, "b": 12, None: 2})
    splits = _split(manifest)
    spoil(splits)  # type: ignore[operator]
    with pytest.raises(kind, match=message):
        check_splits(splits.reset_index(drop=True), manifest)


def test_two_roles_are_leakage() -> None:
    manifest = _manifest({"a": 12, "b": 12})
    splits = _split(manifest)
    row = splits.loc[_first(splits, "evaluation")].copy()
    row[["role", "repeat", "fold"]] = ["pretraining", pd.NA, pd.NA]
    with pytest.raises(LeakageError, match=f"have two roles: {row['subject_id']}"):
        check_splits(pd.concat([splits, row.to_frame().T]), manifest)


def test_subjects_in_quarantine_are_dropped_from_a_users_file(caplog: pytest.LogCaptureFixture) -> None:
    manifest = _manifest({"a": 12, "b": 12})
    splits = _split(manifest)
    lost = evaluation_subjects(splits)[0]
    checked = check_splits(splits, manifest[manifest["subject_id"] != lost])
    assert set(splits["subject_id"]) - set(checked["subject_id"]) == {lost}
    assert f"1 subjects of the splits file are not in the cohort: {lost}" in caplog.text


def _with_official_test(n: int = 40) -> pd.DataFrame:
    rows = [
        (f"i{number}", f"s{number:02d}", ("a", "b")[number % 2], None, None, None, None, "f", official)
        for number in range(n)
        for official in ["test" if number < 10 else "training"]
    ]
    frame = pd.DataFrame(rows, columns=MANIFEST.column_names)
    frame.loc[frame["subject_id"] == "s09", "label"] = None
    return frame


def _held_out(**changes: object) -> pd.DataFrame:
    options = {"folds": 5, "repeats": 2, "pretraining_fraction": 0.2, "scope": "inductive", "seed": 1, "hold_out": True}
    return make_splits(_with_official_test(), **(options | changes))


def test_an_official_test_set_is_held_out() -> None:
    splits = _held_out()
    test = splits[splits["role"] == "test"]
    assert test["subject_id"].tolist() == [f"s{number:02d}" for number in range(9)]
    assert test[["repeat", "fold"]].isna().all().all()
    # The one without a label is for pretraining; nobody is lost.
    assert splits.loc[splits["subject_id"] == "s09", "role"].tolist() == ["pretraining"]
    assert splits["subject_id"].nunique() == 40
    assert check_splits(splits, _with_official_test()).equals(splits)
    for scope in SCOPES:
        assert not set(test["subject_id"]) & set(pretraining_subjects(splits, scope))
    assert not set(test["subject_id"]) & set(evaluation_subjects(splits))


def test_a_subject_of_no_official_set_is_not_held_out() -> None:
    manifest = _with_official_test()
    manifest.loc[manifest["subject_id"].isin(["s00", "s20"]), "official"] = None
    splits = make_splits(
        manifest, folds=5, repeats=2, pretraining_fraction=0.0, scope="inductive", seed=1, hold_out=True
    )
    assert splits.loc[splits["role"] == "test", "subject_id"].tolist() == [f"s{number:02d}" for number in range(1, 9)]


def test_without_the_key_they_are_drawn_like_any_other() -> None:
    assert "test" not in set(_held_out(hold_out=False)["role"])


def test_nothing_to_hold_out() -> None:
    manifest = _with_official_test().assign(official=None)
    with pytest.raises(CohortError, match="official_splits: the cohort has no labelled subjects of an official test"):
        make_splits(manifest, folds=2, repeats=1, pretraining_fraction=0.0, scope="inductive", seed=1, hold_out=True)


def test_the_fold_that_tests_them() -> None:
    splits = _held_out()
    one = held_out_fold(splits)
    assert set(one["role"]) == {"evaluation"}
    assert set(one.loc[one["fold"] == 0, "subject_id"]) == set(splits.loc[splits["role"] == "test", "subject_id"])
    assert set(one.loc[one["fold"] == 1, "subject_id"]) == set(evaluation_subjects(splits))
    assert not len(held_out_fold(_held_out(hold_out=False)))


def test_own_splits_are_read_and_their_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    splits = _held_out()
    SPLITS.write(splits, path)
    assert read_own_splits(path, _with_official_test(), folds=5, repeats=2).equals(SPLITS.read(path))
    with pytest.raises(CohortError, match=r"mine\.csv: has 5 folds, and evaluation\.folds is 4"):
        read_own_splits(path, _with_official_test(), folds=4, repeats=2)
    SPLITS.write(splits.iloc[1:], path)
    with pytest.raises(CohortError, match=r"mine\.csv: subjects of the cohort have no row"):
        read_own_splits(path, _with_official_test(), folds=5, repeats=2)


@pytest.mark.parametrize("written", ["names", "pseudonyms"])
def test_a_splits_file_may_have_names_or_pseudonyms(tmp_path: Path, written: str) -> None:
    manifest, splits = _with_official_test(), _held_out()
    hidden = manifest.assign(subject_id="s-" + manifest["subject_id"])
    wanted = splits.assign(subject_id="s-" + splits["subject_id"])
    SPLITS.write(splits if written == "names" else wanted, tmp_path / "mine.csv")
    read = read_own_splits(tmp_path / "mine.csv", hidden, folds=5, repeats=2, rename=lambda name: f"s-{name}")
    assert read["subject_id"].tolist() == wanted["subject_id"].tolist()
