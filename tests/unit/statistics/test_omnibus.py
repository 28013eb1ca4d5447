import numpy as np
import pandas as pd
import pytest

from sixgig.errors import ConfigError
from sixgig.statistics.omnibus import compare_over_cohorts
from sixgig.tables.over_cohorts import OMNIBUS, RANKS
from sixgig.tables.scores import SUMMARY
from tests.unit.statistics.demsar import SCORES

FOUR = ("baseline_cnn", "vit_pure", "vit_contrastive", "vit_sparse")


def summary(scores, arms=FOUR, metric="balanced_accuracy"):
    """Rows of summary.csv from scores [n_cohorts, n_arms]; a NaN is a failed arm."""
    rows = [
        (f"cohort{c}", arm, "svm", metric, None if np.isnan(value) else value, None, None, 40,
         "failed: why" if np.isnan(value) else "ok")
        for c, row in enumerate(np.asarray(scores, dtype=float))
        for arm, value in zip(arms, row, strict=True)
    ]  # fmt: skip
    return SUMMARY.check(pd.DataFrame(rows, columns=SUMMARY.column_names[:9]), "summary")


def compare(scores, arms=FOUR, alpha=0.05, metric="balanced_accuracy"):
    omnibus, ranks = compare_over_cohorts(summary(scores, arms, metric), metric, alpha)
    return omnibus.iloc[0], ranks


def test_demsar_2006_as_a_study_of_fourteen_cohorts():
    row, ranks = compare(SCORES, alpha=0.10)
    assert (row["test"], row["n_methods"], row["n_cohorts"]) == ("friedman", 4, 14)
    assert (row["status"], row["verdict"]) == ("ok", "difference found")
    assert row["critical_difference"] == pytest.approx(1.12, abs=5e-3)
    assert row["cd_share"] == pytest.approx(1.12 / 3, abs=5e-3)
    assert ranks["arm"].tolist() == ["vit_sparse", "vit_pure", "vit_contrastive", "baseline_cnn"]
    assert ranks["average_rank"].to_numpy() == pytest.approx([1.964, 2.0, 2.893, 3.143], abs=5e-4)
    assert ranks["groups"].tolist() == ["1", "1", "1 2", "2"]
    assert (ranks["best_rank"].tolist(), ranks["worst_rank"].tolist()) == ([1, 1, 1, 1], [4, 3, 4, 4])


def test_groups_need_the_test_over_cohorts_to_find_something():
    scores = np.random.default_rng(0).normal(size=(6, 4))
    row, ranks = compare(scores)
    assert (row["status"], row["verdict"]) == ("ok", "within noise")
    assert set(ranks["groups"]) == {"1"}


@pytest.mark.parametrize("n_cohorts", [1, 2, 4])
def test_few_cohorts_have_ranks_but_no_verdict(n_cohorts):
    row, ranks = compare(SCORES[:n_cohorts])
    assert row["status"] == f"not enough cohorts: {n_cohorts} of at least 5"
    assert row["verdict"] == "no verdict"
    assert pd.isna(row["p_value"])
    assert ranks["groups"].isna().all()
    assert ranks["average_rank"].notna().all()
    assert row["critical_difference"] > 0
    assert pd.isna(row["kendall_w"]) == (n_cohorts == 1)
    assert pd.isna(row["power"]) == (n_cohorts == 1)


def test_ten_methods_on_three_cohorts_can_find_nothing():
    arms = [f"arm{number}" for number in range(10)]
    row, _ = compare(np.random.default_rng(1).normal(size=(3, 10)), arms)
    assert row["critical_difference"] == pytest.approx(7.82, abs=5e-3)
    assert row["cd_share"] == pytest.approx(7.82 / 9, abs=1e-3)
    assert row["power"] < 0.2
    assert row["cohorts_for_power"] > 15


def test_a_lower_brier_score_ranks_first():
    _, ranks = compare([[0.1, 0.4, 0.3, 0.2]] * 5, metric="brier")
    assert ranks["arm"].tolist() == ["baseline_cnn", "vit_sparse", "vit_contrastive", "vit_pure"]


def test_methods_missing_on_a_cohort_are_left_out_and_named():
    scores = SCORES[:6].copy()
    scores[2, 3] = scores[4, 3] = np.nan
    row, ranks = compare(scores)
    assert row["n_methods"] == 3
    last = ranks.iloc[-1]
    assert (last["arm"], last["status"]) == ("vit_sparse", "left out: no estimate on cohort2, cohort4")
    assert pd.isna(last["average_rank"])
    three, _ = compare(SCORES[:6, :3], FOUR[:3])
    assert row["p_value"] == three["p_value"]


def test_cohorts_with_different_arms_share_what_they_share():
    rows = summary(SCORES[:6])
    absent = (rows["cohort"] == "cohort0") & (rows["arm"] == "vit_pure")
    omnibus, ranks = compare_over_cohorts(rows[~absent], "balanced_accuracy")
    assert omnibus["n_methods"].tolist() == [3]
    assert ranks["status"].tolist()[-1] == "left out: no estimate on cohort0"


def test_a_cohort_without_any_estimate_is_no_block():
    scores = SCORES[:6].copy()
    scores[5] = np.nan
    row, ranks = compare(scores)
    assert (row["n_cohorts"], row["n_methods"]) == (5, 4)
    assert set(ranks["status"]) == {"ok"}


def test_controls_change_no_rank_and_show_their_place():
    arms = (*FOUR, "control_random_vit")
    floor = np.column_stack([SCORES[:6], np.zeros(6)])
    row, ranks = compare(floor, arms)
    alone, expected = compare(SCORES[:6])
    assert row["p_value"] == alone["p_value"]
    pd.testing.assert_frame_equal(ranks.iloc[:4], expected)
    control = ranks.iloc[4]
    assert (control["role"], control["average_rank"]) == ("control", 5.0)
    assert pd.isna(control["groups"])


def test_equal_scores_have_no_test():
    row, ranks = compare(np.full((6, 4), 0.7))
    assert row["status"] == "undefined: all methods are equal on every cohort"
    assert row["verdict"] == "no verdict"
    assert ranks["average_rank"].tolist() == [2.5] * 4


@pytest.mark.parametrize(("n_cohorts", "verdict", "groups"), [(5, "within noise", "1"), (6, "difference found", "2")])
def test_two_methods_are_compared_by_signed_ranks(n_cohorts, verdict, groups):
    """With five cohorts the smallest p value is 0.0625, with six 0.03125."""
    scores = np.column_stack([0.8 + 0.01 * np.arange(n_cohorts), np.full(n_cohorts, 0.7)])
    row, ranks = compare(scores, FOUR[:2])
    assert row["test"] == "wilcoxon"
    assert row["p_value"] == pytest.approx(2 / 2**n_cohorts)
    assert pd.isna(row["critical_difference"])
    assert (row["verdict"], ranks["groups"].tolist()) == (verdict, ["1", groups])


def test_the_same_ranking_everywhere_has_a_p_value_and_no_f():
    row, _ = compare([[0.9, 0.8, 0.7, 0.6]] * 5)
    assert pd.isna(row["f"])
    assert row["p_value"] == pytest.approx(24.0**-4)
    assert row["verdict"] == "difference found"


@pytest.mark.parametrize("scores", [[[0.7]] * 6, [[np.nan]] * 6])
def test_one_method_or_none_is_no_comparison(scores):
    row, _ = compare(scores, FOUR[:1])
    assert row["status"] == "undefined: fewer than two methods have an estimate on every cohort"
    assert row["test"] == "none"


def test_an_unknown_metric_is_named():
    with pytest.raises(ConfigError, match="metric 'auc': there is no such metric"):
        compare_over_cohorts(summary(SCORES), "auc")


def test_tables_survive_their_files(tmp_path):
    omnibus, ranks = compare_over_cohorts(summary(SCORES[:3]), "balanced_accuracy")
    for table, frame in ((OMNIBUS, omnibus), (RANKS, ranks)):
        table.write(frame, tmp_path / table.name)
        table.write(table.read(tmp_path / table.name), tmp_path / "again.csv")
        assert (tmp_path / table.name).read_bytes() == (tmp_path / "again.csv").read_bytes()
