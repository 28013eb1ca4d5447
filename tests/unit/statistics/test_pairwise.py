import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from sixgig.errors import ConfigError
from sixgig.statistics.detectable import detectable_difference
from sixgig.statistics.pairwise import compare_pairs, weigh_pairs
from sixgig.statistics.resampled import corrected_resampled_t_test
from sixgig.tables.scores import METRICS


def scores(means, cohort="elpv", metric="balanced_accuracy", noise=0.02, seed=0):
    """Return fold scores of one method per mean, 3 repeats of 5 folds; a mean of None is a failed arm."""
    generator = np.random.default_rng(seed)
    rows = [
        (cohort, arm, "svm", metric, repeat, fold, np.nan if mean is None else mean + noise * generator.normal())
        for arm, mean in means.items()
        for repeat in range(3)
        for fold in range(5)
    ]
    return pd.DataFrame(rows, columns=METRICS.column_names)


def test_all_pairs_of_a_cohort_with_holm_over_them():
    table = scores({"vit_pure": 0.8, "baseline_cnn": 0.79, "vit_sparse": 0.6, "majority_class": 0.5})
    pairs = compare_pairs(
        table.sample(frac=1, random_state=1).sort_values("arm", kind="stable"), "balanced_accuracy", 0.25
    )
    assert len(pairs) == 6
    row = pairs[(pairs["arm_a"] == "baseline_cnn") & (pairs["arm_b"] == "vit_pure")].iloc[0]
    wide = table.pivot(index=["repeat", "fold"], columns="arm", values="value")
    expected = corrected_resampled_t_test((wide["baseline_cnn"] - wide["vit_pure"]).to_numpy(), 0.25)
    assert (row["t"], row["p_value"], row["ci_low"]) == pytest.approx((expected.t, expected.p_value, expected.ci_low))
    assert pairs["p_holm"].to_numpy() == pytest.approx(multipletests(pairs["p_value"], method="holm")[1])
    assert (pairs["df"] == 14).all()
    assert (pairs["n_scores"] == 15).all()
    verdicts = pairs.set_index(["arm_a", "arm_b"])["verdict"]
    assert verdicts["baseline_cnn", "vit_pure"] == "within noise"
    assert verdicts["majority_class", "vit_pure"] == "b better"
    assert verdicts["vit_pure", "vit_sparse"] == "a better"


def test_holm_by_hand():
    pairs = compare_pairs(scores({"a": 0.60, "b": 0.61, "c": 0.64}, seed=3), "balanced_accuracy", 0.25)
    ordered = pairs.sort_values("p_value")
    raw = ordered["p_value"].to_numpy()
    by_hand = np.minimum(np.maximum.accumulate(raw * [3, 2, 1]), 1.0)
    np.testing.assert_allclose(ordered["p_holm"], by_hand)
    assert raw[1] < by_hand[1]


def test_each_cohort_is_a_family_of_its_own():
    one = scores({"a": 0.60, "b": 0.62})
    both = pd.concat([one, scores({"a": 0.5, "b": 0.6, "c": 0.7}, cohort="acdc", seed=1)])
    pairs = compare_pairs(both, "balanced_accuracy", 0.25)
    assert pairs["cohort"].tolist() == ["elpv", "acdc", "acdc", "acdc"]
    assert pairs["p_holm"][0] == pairs["p_value"][0]


def test_a_lower_brier_score_is_better():
    pairs = compare_pairs(scores({"good": 0.2, "bad": 0.5}, metric="brier"), "brier", 0.25)
    assert pairs["difference"][0] < 0
    assert pairs["verdict"].tolist() == ["a better"]


def test_classifiers_of_one_arm_are_methods_too():
    table = pd.concat([scores({"a": 0.6}), scores({"a": 0.9}, seed=1).assign(classifier="src")])
    row = compare_pairs(table, "balanced_accuracy", 0.25).iloc[0]
    assert (row["classifier_a"], row["classifier_b"], row["verdict"]) == ("svm", "src", "b better")


def test_failed_methods_are_left_out_and_undefined_folds_are_not_paired():
    table = scores({"a": 0.6, "b": 0.7, "failed": None})
    table.loc[(table["arm"] == "a") & (table["fold"] == 0), "value"] = np.nan
    pairs = compare_pairs(table, "balanced_accuracy", 0.25)
    assert pairs[["arm_a", "arm_b", "n_scores", "df"]].to_numpy().tolist() == [["a", "b", 12, 11]]


def test_a_pair_without_shared_folds_is_reported(caplog):
    table = scores({"a": 0.6, "b": 0.7})
    table.loc[(table["arm"] == "a") == (table["fold"] < 3), "value"] = np.nan
    assert len(compare_pairs(table, "balanced_accuracy", 0.25)) == 0
    assert "share fewer than two folds" in caplog.text


def test_the_same_scores_twice_are_within_noise():
    one = scores({"a": 0.6})
    row = compare_pairs(pd.concat([one, one.assign(arm="copy")]), "balanced_accuracy", 0.25).iloc[0]
    assert (row["p_holm"], row["verdict"]) == (1.0, "within noise")
    assert pd.isna(row["t"])


def test_alpha_decides_the_verdict():
    table = scores({"a": 0.60, "b": 0.62}, seed=2)
    p_value = compare_pairs(table, "balanced_accuracy", 0.25)["p_holm"][0]
    for factor, verdict in ((0.9, "within noise"), (1.1, "b better")):
        assert compare_pairs(table, "balanced_accuracy", 0.25, alpha=p_value * factor)["verdict"][0] == verdict


def test_an_unknown_metric_is_refused():
    with pytest.raises(ConfigError, match=r"metric 'auc'.*\n.*macro_auc"):
        compare_pairs(scores({"a": 0.6}), "auc", 0.25)


def with_constant_control():
    """A perfect method beside the majority class: the same difference in every fold."""
    return scores({"perfect": 1.0, "constant": 0.5}, noise=0)


def test_the_same_difference_in_every_fold_is_not_testable_and_not_counted():
    table = pd.concat([with_constant_control(), scores({"a": 0.60, "b": 0.64})])
    pairs = compare_pairs(table, "balanced_accuracy", 0.25).set_index(["arm_a", "arm_b"])
    untestable = pairs.loc[("perfect", "constant")]
    assert (untestable["difference"], untestable["verdict"]) == (0.5, "not testable")
    assert untestable[["t", "p_value", "p_holm", "ci_low", "ci_high", "detectable"]].isna().all()
    others = pairs.drop(index=[("perfect", "constant")])
    assert others["p_holm"].to_numpy() == pytest.approx(multipletests(others["p_value"], method="holm")[1])


def test_detectable_difference_is_at_bonferronis_level_over_the_testable_pairs():
    table = pd.concat([with_constant_control(), scores({"a": 0.60, "b": 0.64})])
    pairs = compare_pairs(table, "balanced_accuracy", 0.25, alpha=0.1).set_index(["arm_a", "arm_b"])
    row = pairs.loc[("a", "b")]
    assert row["detectable"] == pytest.approx(detectable_difference(row["difference"] / row["t"], 14, 0.1, 5))


def test_posterior_of_every_pair_minds_the_direction_of_the_metric():
    higher = weigh_pairs(scores({"a": 0.8, "b": 0.6, "failed": None}), "balanced_accuracy", 0.25, 0.02)
    assert higher[["arm_a", "arm_b", "rope"]].to_numpy().tolist() == [["a", "b", 0.02]]
    assert higher["p_a_better"][0] > 0.99
    lower = weigh_pairs(scores({"a": 0.8, "b": 0.6}, metric="brier"), "brier", 0.25, 0.02)
    assert lower["p_b_better"][0] == pytest.approx(higher["p_a_better"][0])
    assert weigh_pairs(with_constant_control(), "balanced_accuracy", 0.25)["p_equivalent"].isna().all()


@pytest.mark.parametrize("compare", [compare_pairs, weigh_pairs])
def test_one_method_alone_is_in_no_pair(compare):
    assert len(compare(scores({"a": 0.6, "failed": None}), "balanced_accuracy", 0.25)) == 0
    assert len(compare(scores({}), "balanced_accuracy", 0.25)) == 0


def test_an_arm_that_only_one_cohort_has_is_compared_there():
    both = pd.concat([scores({"a": 0.6, "b": 0.7}), scores({"a": 0.6, "c": 0.7}, cohort="acdc")])
    pairs = compare_pairs(both, "balanced_accuracy", 0.25)
    assert pairs[["cohort", "arm_a", "arm_b"]].to_numpy().tolist() == [["elpv", "a", "b"], ["acdc", "a", "c"]]


def test_pairs_on_three_folds_share_the_deviation_of_their_family():
    """A pair whose three differences are nearly equal by chance is not called different."""
    values = {"a": [0.6, 0.7, 0.8], "b": [0.5, 0.6, 0.7001], "c": [0.7, 0.6, 0.75]}
    parts = [scores({name: 0.5}).iloc[:3].assign(repeat=0, fold=[0, 1, 2], value=own) for name, own in values.items()]
    row = compare_pairs(pd.concat(parts), "balanced_accuracy", 0.5).iloc[0]
    assert (row["arm_a"], row["arm_b"], row["verdict"]) == ("a", "b", "within noise")
    assert row["p_value"] > 0.2
    alone = compare_pairs(pd.concat(parts[:2]), "balanced_accuracy", 0.5).iloc[0]
    assert alone["verdict"] == "a better"
