"""Tests of fitted models where arms have several seeds: every seed its own, and how many agree; constants left out."""

import numpy as np
import pandas as pd
import pytest

from sixgig.evaluation.paired_bootstrap import metric_of, paired_difference, resample_metric
from sixgig.statistics.delong import delong_test
from sixgig.statistics.mcnemar import exact_mcnemar
from sixgig.statistics.seed_verdicts import of_seed, seeds_in, tell_agreement
from sixgig.statistics.subjects import compare_subjects
from sixgig.statistics.test_sets import compare_on_test_sets
from sixgig.tables.predictions import PREDICTIONS

N = 60
LABELS = np.array(["x", "y"])[np.arange(N) % 2]


def frame(score, predicted=None):
    rows = {"subject_id": [f"s{place:02d}" for place in range(N)], "repeat": 0, "fold": np.arange(N) % 3}
    predicted = np.where(score > 0.5, "y", "x") if predicted is None else predicted
    return pd.DataFrame(rows | {"label": LABELS, "predicted": predicted, "score_x": 1 - score, "score_y": score})


def skilled(skill, seed):
    logit = np.random.default_rng(seed).normal(size=N) + skill * np.where(LABELS == "y", 1, -1)
    return frame(1 / (1 + np.exp(-logit)))


@pytest.fixture
def files(tmp_path):
    """A frozen arm, and one of three trainings: two that are much better and one that is not."""
    made = {"frozen": skilled(0.1, 0), "vit": skilled(4, 1), "vit-seed1": skilled(0.1, 2), "vit-seed2": skilled(4, 3)}
    for name, rows in made.items():
        PREDICTIONS.write(rows, tmp_path / f"{name}.csv")
    return {("c", name, "svm"): tmp_path / f"{name}.csv" for name in made}


def right(rows):
    return (rows["predicted"] == rows["label"]).to_numpy(bool)


def test_the_first_seed_is_shown_and_seeds_with_its_verdict_are_counted(files):
    found = compare_subjects(files)
    assert len(found.mcnemar) == len(found.delong) == 1
    row = found.mcnemar.iloc[0]
    assert (row["arm_a"], row["arm_b"], row["verdict"]) == ("frozen", "vit", "b better")
    frozen, first = (PREDICTIONS.read(files["c", name, "svm"]) for name in ("frozen", "vit"))
    assert row["p_value"] == pytest.approx(exact_mcnemar(right(frozen), right(first)).p_value)
    for table in found:
        assert table[["n_seeds", "seeds_agree"]].to_numpy().tolist() == [[3, 2]]


def test_with_one_seed_there_is_no_such_column(files):
    found = compare_subjects({key: path for key, path in files.items() if "seed" not in key[1]})
    assert not {"n_seeds", "seeds_agree"} & {*found.mcnemar, *found.delong}


def test_a_seed_that_failed_is_not_counted(files, tmp_path):
    PREDICTIONS.write(skilled(1, 1).iloc[:0].drop(columns=["score_x", "score_y"]), tmp_path / "vit.csv")
    found = compare_subjects(files).mcnemar.iloc[0]
    frozen, second = (PREDICTIONS.read(files["c", name, "svm"]) for name in ("frozen", "vit-seed1"))
    assert found["p_value"] == pytest.approx(exact_mcnemar(right(frozen), right(second)).p_value)
    assert (found["n_seeds"], found["seeds_agree"]) == (2, 1)


def test_on_test_sets_the_bootstrap_is_of_means_over_seeds_with_their_spread(files):
    tests = {(key[0], "held_out", *key[1:]): path for key, path in files.items()}
    summary = pd.DataFrame(
        {"cohort": "c", "arm": ["vit", "frozen"], "classifier": "svm", "metric": "accuracy", "estimate": 0.5}
    )
    known = {"n_resamples": 500, "seed": 1, "positives": {}, "metrics_of": {}}
    found = compare_on_test_sets(tests, summary, "accuracy", 0.05, **known).set_index("test")
    own = [metric_of(PREDICTIONS.read(path), "accuracy") for (_, arm, _), path in files.items() if arm != "frozen"]
    against = metric_of(PREDICTIONS.read(files["c", "frozen", "svm"]), "accuracy")
    row = found.loc["bootstrap"]
    assert row["difference"] == pytest.approx(np.mean(own) - against)
    assert row["n_seeds"] == 3
    assert pd.isna(row["seeds_agree"])
    whole = pd.concat(
        [PREDICTIONS.read(files["c", f"vit{name}", "svm"]).assign(repeat=place) for place, name in
         enumerate(("", "-seed1", "-seed2"))]
    )  # fmt: skip
    a, b = (resample_metric(rows, "accuracy", n_resamples=500, seed=1) for rows in
            (whole, PREDICTIONS.read(files["c", "frozen", "svm"])))  # fmt: skip
    plain, variance = paired_difference(a, b), np.var(own, ddof=1) / 3
    total = plain.standard_error**2 + variance
    df = total**2 / (plain.standard_error**4 / plain.df + variance**2 / 2)
    assert (row["ci_high"] - row["ci_low"]) ** 2 / 4 / total == pytest.approx(_t(df) ** 2)
    assert found.loc["mcnemar", ["n_seeds", "seeds_agree"]].tolist() == [3, 2]
    assert found.loc["delong", ["n_seeds", "seeds_agree"]].tolist() == [3, 2]


def _t(df):
    from scipy import stats

    return stats.t.ppf(0.975, df)


def test_delong_leaves_out_a_method_that_gives_every_fold_one_score(tmp_path):
    """The score differs between folds with the training subjects: pooled it seems to rank, and ranks nothing.

    Its area would be 0.5 here as labels are dealt evenly; without it there is one pair, whose p value Holm leaves as
    it is. McNemar's test, which is about predictions, keeps all three pairs.
    """
    constant = frame(0.4 + 0.01 * (np.arange(N) % 3), np.full(N, "x"))
    made = {"good": skilled(0.8, 1), "constant": constant, "poor": skilled(0.4, 2)}
    for name, rows in made.items():
        PREDICTIONS.write(rows, tmp_path / f"{name}.csv")
    found = compare_subjects({("c", name, "svm"): tmp_path / f"{name}.csv" for name in made})
    assert found.delong[["arm_a", "arm_b"]].to_numpy().tolist() == [["good", "poor"]]
    expected = delong_test(made["good"]["score_y"].to_numpy(), made["poor"]["score_y"].to_numpy(), LABELS == "y")
    row = found.delong.iloc[0]
    assert row["p_value"] == row["p_holm"] == pytest.approx(expected.p_value, rel=1e-6)
    assert row["difference"] == pytest.approx(expected.difference)
    assert len(found.mcnemar) == 3


def test_a_method_with_one_seed_has_it_in_every_seed():
    assert [of_seed({0: "only"}, seed) for seed in (None, 0, 2)] == ["only"] * 3
    assert [of_seed({1: "b", 2: "c"}, seed) for seed in (None, 0, 2)] == ["b", None, "c"]
    assert seeds_in([{0: 1}, {0: 1, 2: 1}]) == [0, 2]
    assert seeds_in([{0: 1}, {0: 1}]) == []
    verdicts = {None: "a better", 0: "a better", 1: "within noise"}
    (row,) = tell_agreement(lambda seed: {"pair": {"verdict": verdicts[seed]}}, [0, 1])
    assert row == {"verdict": "a better", "n_seeds": 2, "seeds_agree": 1}
