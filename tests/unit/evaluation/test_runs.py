"""Runs of a method with several seeds: scores of each, and what is said of them together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

from sixgig.evaluation.fold_scores import fold_scores
from sixgig.evaluation.runs import Run, runs_of, status_of
from sixgig.evaluation.scoring import ScoredFiles, score_study
from sixgig.runtime.atomic import write_json
from sixgig.statistics.budget import method_costs
from sixgig.statistics.costs import collect_costs
from sixgig.statistics.fold_differences import fold_differences
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.predictions import PREDICTIONS, no_predictions
from sixgig.tables.scores import METRICS, SUMMARY

NAMES, LABELS = [f"s{i}" for i in range(16)], ["x", "y"] * 8
REPEATS, FOLDS = 2, 2


def predictions(wrong):
    """Out-of-fold predictions with so many mistakes, in order of the subjects, in each of two repeats."""
    rows = []
    for repeat in range(REPEATS):
        for place, (name, label) in enumerate(zip(NAMES, LABELS, strict=True)):
            said = ("y" if label == "x" else "x") if place < wrong[repeat] else label
            rows.append((name, repeat, place % 4 // 2, label, said, float(said == "x"), float(said == "y")))
    return pd.DataFrame(rows, columns=["subject_id", "repeat", "fold", "label", "predicted", "score_x", "score_y"])


def accuracy(wrong):
    """Mean over folds; these have equal numbers of subjects, so it is that over subjects."""
    return 1 - np.mean(wrong) / len(NAMES)


@pytest.fixture
def study(tmp_path):
    """Writes the files of a study: an arm of several seeds (mistakes by repeat; None: failed), and a frozen arm."""

    def make(seeds, test=False):
        rows = [
            (name, label, "evaluation", repeat, place % 4 // 2)
            for repeat in range(REPEATS)
            for place, (name, label) in enumerate(zip(NAMES, LABELS, strict=True))
        ]
        rows += [(f"t{i}", "xy"[i % 2], "test", None, None) for i in range(4)] if test else []
        SPLITS.write(pd.DataFrame(rows, columns=SPLITS.column_names), tmp_path / "splits.csv")
        own = {"learns": seeds[0]} | {f"learns-seed{number}": wrong for number, wrong in enumerate(seeds) if number}
        found = ScoredFiles({}, {}, {("c",): tmp_path / "splits.csv"}, {})
        for run, wrong in {**own, "frozen": (4, 4)}.items():
            key, stem = ("c", run, "svm"), tmp_path / run
            table = no_predictions() if wrong is None else predictions(wrong)
            PREDICTIONS.write(table, stem.with_suffix(".csv"))
            held_out = pd.DataFrame(
                [(f"t{i}", 0, 0, "xy"[i % 2], "x", 1.0, 0.0) for i in range(4)],
                columns=["subject_id", "repeat", "fold", "label", "predicted", "score_x", "score_y"],
            )
            PREDICTIONS.write(held_out if wrong is not None and test else no_predictions(), stem.with_suffix(".t.csv"))
            write_json(stem.with_suffix(".json"), {"status": "ok" if wrong is not None else "failed: no memory"})
            found.predictions[key] = stem.with_suffix(".csv")
            found.held_out[key] = stem.with_suffix(".t.csv")
            found.sidecars["c", run] = stem.with_suffix(".json")
        return score_study(found, {"c": None}, 100, 1, 1)

    return make


def row(table, arm, metric="accuracy"):
    (found,) = table[(table["arm"] == arm) & (table["metric"] == metric)].to_dict(orient="records")
    return found


def test_scores_have_a_seed_and_the_summary_is_their_mean_with_its_spread(study):
    wrong = [(0, 2), (4, 4), (6, 8)]  # means 1, 4 and 7 of 16
    scores = study(wrong)
    own = scores.metrics[(scores.metrics["arm"] == "learns") & (scores.metrics["metric"] == "accuracy")]
    assert set(own["seed"]) == {0, 1, 2}
    assert set(own["repeat"]) == {0, 1}
    assert len(own) == 3 * REPEATS * FOLDS
    by_seed = own.groupby("seed")["value"].mean()
    assert by_seed.tolist() == pytest.approx([accuracy(one) for one in wrong])
    found = row(scores.summary, "learns")
    assert found["estimate"] == pytest.approx(1 - 4 / 16)
    assert (found["n_seeds"], found["status"]) == (3, "ok")
    assert found["seed_sd"] == pytest.approx(3 / 16)
    frozen = row(scores.summary, "frozen")
    assert frozen["n_seeds"] == 1
    assert np.isnan(frozen["seed_sd"])
    assert set(scores.metrics.loc[scores.metrics["arm"] == "frozen", "seed"]) == {0}
    assert METRICS.check(scores.metrics, "x").columns[-1] == "seed"
    SUMMARY.check(scores.summary, "x")


def test_the_interval_holds_the_spread_between_seeds(study):
    scores = study([(0, 2), (4, 4), (6, 8)])
    found = row(scores.summary, "learns")
    frozen = row(scores.summary, "frozen")  # as many mistakes, and no seeds: the same estimate
    assert found["estimate"] == frozen["estimate"]
    added = (3 / 16) ** 2 / 3
    for side, end in ((-1, "ci_low"), (1, "ci_high")):
        error = abs(frozen[end] - 0.75) / norm.ppf(0.975)
        df = (error**2 + added) ** 2 / (added**2 / 2)
        assert found[end] == pytest.approx(min(0.75 + side * t.ppf(0.975, df) * np.sqrt(error**2 + added), 1.0))
    for name in scores.summary["metric"].unique():
        own, one = row(scores.summary, "learns", name), row(scores.summary, "frozen", name)
        if own["seed_sd"]:
            assert own["ci_high"] - own["ci_low"] > one["ci_high"] - one["ci_low"], name


def test_seeds_that_agree_give_the_interval_of_one_seed(study):
    one, several = (study([(4, 6)] * n).summary for n in (1, 3))
    columns = ["metric", "estimate", "ci_low", "ci_high", "ci_method"]
    rows = [table.loc[table["arm"] == "learns", columns].set_index("metric") for table in (one, several)]
    assert rows[0]["ci_low"].notna().all()
    pd.testing.assert_frame_equal(*rows)


def test_differences_over_folds_are_of_means_over_seeds(study):
    metrics = study([(0, 2), (4, 4), (6, 8)]).metrics
    ((pair, differences),) = fold_differences(metrics, "accuracy")
    assert (pair.a[0], pair.b[0]) == ("learns", "frozen")
    assert len(differences) == REPEATS * FOLDS
    assert differences.mean() == pytest.approx((1 - 4 / 16) - (1 - 4 / 16))
    own = fold_scores(metrics, "c", "learns", "svm", "accuracy")
    assert len(own) == REPEATS * FOLDS
    assert own.loc[own["repeat"] == 0, "value"].mean() == pytest.approx(1 - np.mean([0, 4, 6]) / 16)


def test_with_one_seed_the_tables_have_no_further_columns(study):
    scores = study([(0, 2)])
    assert "seed" not in scores.metrics
    assert not {"n_seeds", "seed_sd"} & set(scores.summary)


def test_a_failed_seed_is_named_and_the_others_count(study):
    scores = study([(0, 2), None, (6, 8)])
    found = row(scores.summary, "learns")
    assert found["n_seeds"] == 2
    assert found["estimate"] == pytest.approx(1 - 4 / 16)
    assert found["seed_sd"] == pytest.approx(np.std([1 / 16, 7 / 16], ddof=1))
    assert found["status"] == "fallback: 1 of 3 seeds failed (seed 1: no memory), and scores are of the other 2"
    assert set(scores.metrics.loc[scores.metrics["arm"] == "learns", "seed"]) == {0, 2}


def test_an_arm_whose_every_seed_failed_has_failed(study):
    found = row(study([None, None]).summary, "learns")
    assert found["status"] == "failed: no memory"
    assert np.isnan(found["estimate"])


def test_held_out_subjects_are_scored_by_every_seed(study):
    test = study([(0, 2), (4, 4), None], test=True).test
    found = row(test, "learns")
    assert found["estimate"] == pytest.approx(0.5)
    assert (found["n_seeds"], found["seed_sd"]) == (2, 0.0)


def test_what_a_seed_gave_up_is_said():
    some = predictions((0, 0))
    runs = [Run(0, some, "ok"), Run(1, some, "fallback: batch 2"), Run(2, some, "fallback: batch 2")]
    assert status_of(runs) == "fallback: batch 2"
    assert status_of(runs[:1]) == "ok"


def test_runs_belong_to_their_arm_in_the_order_of_seeds():
    keys = [("c", "a-seed10", "svm"), ("c", "a-seed2", "svm"), ("c", "b", "svm"), ("c", "a", "svm")]
    assert runs_of(keys) == {("c", "a", "svm"): [keys[3], keys[1], keys[0]], ("c", "b", "svm"): [keys[2]]}


def test_costs_have_a_row_for_every_seed_and_a_method_costs_their_mean(tmp_path):
    cost = {"images_per_second": 1.0, "peak_vram_mb": 0.0, "peak_rss_mb": 1.0, "device": "cpu", "batch_size": 1}
    encoded = cost | {"batch_size_used": 1}
    files = {}
    for name, facts in {
        "cohort": {"cost": cost | {"stage": "prepare", "seconds": 1.0}},
        "a": encoded | {"seconds": 2.0}, "a1": encoded | {"seconds": 4.0},
        "t": {"pretraining": {"cost": cost | {"stage": "pretrain", "seconds": 10.0}}},
        "t1": {"pretraining": {"cost": cost | {"stage": "pretrain", "seconds": 30.0}}},
        "p": {"cost": cost | {"stage": "classify:svm", "seconds": 1.0}},
    }.items():  # fmt: skip
        files[name] = tmp_path / f"{name}.json"
        write_json(files[name], facts)
    several = collect_costs(
        {("c",): files["cohort"]},
        {("c", "a"): files["t"], ("c", "a-seed1"): files["t1"]},
        {("c", "a"): files["a"], ("c", "a-seed1"): files["a1"]},
        {("c", "a", "svm"): files["p"], ("c", "a-seed1", "svm"): files["p"]},
    )
    trained = several[several["stage"] == "pretrain"]
    assert list(zip(trained["arm"], trained["seed"], trained["seconds"], strict=True)) == [
        ("a", 0, 10.0), ("a", 1, 30.0),
    ]  # fmt: skip
    assert several["seconds"].sum() == 1 + 10 + 30 + 2 + 4 + 1 + 1
    found = method_costs(several, "c", "a", "svm")
    assert (found["seconds"], found["seconds_train"], found["seconds_encode"]) == (24.0, 20.0, 3.0)
    one = collect_costs({("c",): files["cohort"]}, {}, {("c", "a"): files["a"]}, {})
    assert "seed" not in one
