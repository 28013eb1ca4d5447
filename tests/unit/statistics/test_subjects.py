import numpy as np
import pandas as pd
import pytest

from sixgig.errors import TableError
from sixgig.statistics.delong import delong_test
from sixgig.statistics.subjects import compare_subjects, mean_scores
from sixgig.tables.predictions import PREDICTIONS

N = 40
METHODS = [("good", "svm"), ("poor", "svm"), ("poor", "src"), ("failed", "svm")]


def predictions(skill, classes=("x", "y"), seed=0, repeats=3, n=N):
    """Scores of n subjects whose true class is higher by ``skill``; None is an arm that failed."""
    columns = PREDICTIONS.column_names
    if skill is None:
        return pd.DataFrame(columns=columns)
    generator = np.random.default_rng(seed)
    rows = []
    for repeat in range(repeats):
        for number in range(n):
            logits = generator.normal(size=len(classes))
            logits[number % len(classes)] += skill
            share = np.exp(logits) / np.exp(logits).sum()
            label = classes[number % len(classes)]
            rows.append((f"s{number:02d}", repeat, number % 5, label, classes[int(share.argmax())], *share))
    return pd.DataFrame(rows, columns=[*columns, *(f"score_{name}" for name in classes)])


def write(root, cohort, found):
    for method, frame in found.items():
        PREDICTIONS.write(frame, root / "predictions" / cohort / f"{'.'.join(method)}.csv")


def compare(root, cohorts, methods):
    keys = [(cohort, *method) for cohort in cohorts for method in methods]
    return compare_subjects({key: root / "predictions" / key[0] / f"{'.'.join(key[1:])}.csv" for key in keys})


def usual(**options):
    skills = dict(zip(METHODS, (4.0, 0.1, 0.1, None), strict=True))
    return {method: predictions(skill, seed=10 + i, **options) for i, (method, skill) in enumerate(skills.items())}


def test_each_subject_counts_once(tmp_path):
    write(tmp_path, "c", usual())
    tests = compare(tmp_path, ["c"], METHODS)
    counts = tests.mcnemar[["both_right", "only_a_right", "only_b_right", "both_wrong"]]
    assert (counts.sum(axis=1) == N).all()
    assert (tests.delong["n_subjects"] == N).all()


def test_verdicts_and_holm_over_the_pairs_of_the_cohort(tmp_path):
    write(tmp_path, "c", usual())
    for frame in compare(tmp_path, ["c"], METHODS):
        assert frame["verdict"].tolist() == ["a better", "a better", "within noise"]
        ordered = frame.sort_values("p_value")
        by_hand = np.minimum(np.maximum.accumulate(ordered["p_value"].to_numpy() * [3, 2, 1]), 1.0)
        assert ordered["p_holm"].to_numpy() == pytest.approx(by_hand)


def test_scores_are_averaged_before_a_class_is_chosen():
    """Two repeats say x by a little, the third says y by much: the mean says y."""
    columns = [*PREDICTIONS.column_names, "score_x", "score_y"]
    rows = [("s", 0, 0, "y", "x", 0.51, 0.49), ("s", 1, 0, "y", "x", 0.52, 0.48), ("s", 2, 0, "y", "y", 0.1, 0.9)]
    found = mean_scores(pd.DataFrame(rows, columns=columns))
    assert found.right.tolist() == [True]
    assert found.scores[0] == pytest.approx([1.13 / 3, 1.87 / 3])


def test_the_order_of_repeats_breaks_no_tie():
    """0.1 + 0.2 + 0.3 depends on the order of addition, in the last digit."""
    columns = [*PREDICTIONS.column_names, "score_x", "score_y"]
    shares = {"a": (0.1, 0.2, 0.3), "b": (0.3, 0.2, 0.1)}
    rows = [(s, r, 0, "x", "y", v, 1 - v) for s, values in shares.items() for r, v in enumerate(values)]
    scores = mean_scores(pd.DataFrame(rows, columns=columns)).scores
    assert scores[0].tolist() == scores[1].tolist()


def test_the_order_of_rows_changes_nothing(tmp_path):
    write(tmp_path, "c", usual())
    write(tmp_path, "shuffled", {m: f.sample(frac=1, random_state=1) if len(f) else f for m, f in usual().items()})
    for frame in compare(tmp_path, ["c", "shuffled"], METHODS):
        halves = [part.drop(columns="cohort").reset_index(drop=True) for _, part in frame.groupby("cohort")]
        pd.testing.assert_frame_equal(*halves)


def test_areas_are_of_the_alphabetically_last_class(tmp_path):
    write(tmp_path, "c", usual())
    row = compare(tmp_path, ["c"], METHODS).delong.iloc[0]
    a, b = mean_scores(predictions(4.0, seed=10)), mean_scores(predictions(0.1, seed=11))
    expected = delong_test(a.scores[:, 1], b.scores[:, 1], a.true == 1)
    assert (row["auc_a"], row["auc_b"], row["z"]) == pytest.approx((expected.auc_a, expected.auc_b, expected.z))


def test_three_classes_have_no_delong_test_beside_a_cohort_that_has(tmp_path):
    write(tmp_path, "two", usual())
    write(tmp_path, "three", usual(classes=("x", "y", "z")))
    tests = compare(tmp_path, ["three", "two"], METHODS)
    assert tests.delong["cohort"].tolist() == ["two"] * 3
    assert tests.mcnemar["cohort"].tolist() == ["three"] * 3 + ["two"] * 3


def test_one_method_alone_is_in_no_pair(tmp_path):
    write(tmp_path, "c", {("good", "svm"): predictions(1.0), ("failed", "svm"): predictions(None)})
    tests = compare(tmp_path, ["c"], [("good", "svm"), ("failed", "svm")])
    assert (len(tests.mcnemar), len(tests.delong)) == (0, 0)


def test_a_class_of_one_subject_is_not_testable_by_delong(tmp_path):
    found = {
        method: frame[(frame["label"] == "x") | (frame["subject_id"] == "s01")] for method, frame in usual().items()
    }
    write(tmp_path, "c", found)
    tests = compare(tmp_path, ["c"], METHODS)
    assert set(tests.delong["verdict"]) == {"not testable"}
    assert tests.delong["p_holm"].isna().all()
    assert tests.mcnemar["p_value"].notna().all()


def test_equal_scores_are_within_noise(tmp_path):
    write(tmp_path, "c", {("a", "svm"): predictions(1.0), ("b", "svm"): predictions(1.0)})
    for frame in compare(tmp_path, ["c"], [("a", "svm"), ("b", "svm")]):
        assert frame[["p_value", "p_holm", "verdict"]].to_numpy().tolist() == [[1.0, 1.0, "within noise"]]


def test_other_subjects_are_refused(tmp_path):
    write(tmp_path, "c", {("a", "svm"): predictions(1.0), ("b", "svm"): predictions(1.0, n=N - 1)})
    with pytest.raises(TableError, match=r"b\.svm\.csv: its subjects or their classes are not those(.|\n)*Next step"):
        compare(tmp_path, ["c"], [("a", "svm"), ("b", "svm")])
