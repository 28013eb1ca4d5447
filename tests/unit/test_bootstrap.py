import time

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from sixgig import bootstrap
from sixgig.bootstrap import bootstrap_intervals, subject_weights
from sixgig.errors import TableError


def predictions(n=60, repeats=2, hit=0.75, seed=0, n_classes=2):
    generator = np.random.default_rng(seed)
    true = np.arange(n) % n_classes
    parts = []
    for repeat in range(repeats):
        predicted = np.where(generator.random(n) < hit, true, (true + 1) % n_classes)
        scores = generator.dirichlet(np.ones(n_classes), size=n) + np.eye(n_classes)[predicted]
        scores /= scores.sum(axis=1, keepdims=True)
        part = pd.DataFrame({"subject_id": [f"s{row:03d}" for row in range(n)], "repeat": repeat, "fold": 0})
        part["label"] = [f"c{index}" for index in true]
        part["predicted"] = [f"c{index}" for index in predicted]
        for index in range(n_classes):
            part[f"score_c{index}"] = scores[:, index]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def test_equals_a_loop_over_resampled_subjects():
    table = predictions()
    found = bootstrap_intervals(table, n_resamples=50, seed=4)
    first = table[table["repeat"] == 0].reset_index(drop=True)
    [weights] = subject_weights(first["label"].to_numpy(dtype=str), 50, 4)
    values = {"balanced_accuracy": [], "macro_auc": []}
    for counts in weights.astype(int):
        drawn = [part.iloc[np.repeat(np.arange(60), counts)] for _, part in table.groupby("repeat")]
        values["balanced_accuracy"].append(
            np.mean([balanced_accuracy_score(part["label"], part["predicted"]) for part in drawn])
        )
        values["macro_auc"].append(np.mean([roc_auc_score(part["label"] == "c1", part["score_c1"]) for part in drawn]))
    for name, resampled in values.items():
        assert [found[name].low, found[name].high] == pytest.approx(np.percentile(resampled, [2.5, 97.5]))
    assert found["balanced_accuracy"].estimate == pytest.approx(
        np.mean([balanced_accuracy_score(part["label"], part["predicted"]) for _, part in table.groupby("repeat")])
    )


def test_resamples_keep_class_sizes_and_do_not_depend_on_blocks(monkeypatch):
    labels = np.array(["a"] * 7 + ["b"] * 13)
    [weights] = subject_weights(labels, 30, 1)
    assert (weights[:, :7].sum(axis=1) == 7).all()
    assert (weights[:, 7:].sum(axis=1) == 13).all()
    np.testing.assert_allclose(np.concatenate(list(subject_weights(labels, 400, 1))).mean(axis=0), 1.0, atol=0.2)
    monkeypatch.setattr(bootstrap, "_MAX_WEIGHTS", 200)
    assert [len(block) for block in subject_weights(labels, 25, 1)] == [10, 10, 5]


def test_the_seed_decides_and_row_order_does_not():
    table = predictions()
    first = bootstrap_intervals(table, n_resamples=200, seed=1)
    assert bootstrap_intervals(table.sample(frac=1, random_state=0), n_resamples=200, seed=1) == first
    assert bootstrap_intervals(table, n_resamples=200, seed=2) != first


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    covered = []
    for seed in range(150):
        interval = bootstrap_intervals(predictions(n=80, repeats=1, hit=0.8, seed=seed), n_resamples=300, seed=seed)
        covered.append(interval["balanced_accuracy"].low <= 0.8 <= interval["balanced_accuracy"].high)
    assert 0.88 <= np.mean(covered) <= 0.99


def test_repeats_move_together_so_more_of_them_do_not_pretend_to_be_more_subjects():
    one = predictions(repeats=1)
    same = pd.concat([one.assign(repeat=repeat) for repeat in range(5)])
    expected = bootstrap_intervals(one, n_resamples=200, seed=1)
    for name, interval in bootstrap_intervals(same, n_resamples=200, seed=1).items():
        assert (interval.low, interval.high) == pytest.approx((expected[name].low, expected[name].high)), name


def test_a_study_sized_bootstrap_takes_seconds():
    table = predictions(n=400, repeats=3, n_classes=5)
    started = time.process_time()
    assert len(bootstrap_intervals(table, n_resamples=2000, seed=0)) == 6
    assert time.process_time() - started < 20  # about 2 s when the machine is idle


def test_predictions_with_a_missing_subject_are_refused():
    with pytest.raises(TableError, match="repeat 1 does not hold every evaluation subject exactly once"):
        bootstrap_intervals(predictions()[:-1], n_resamples=5, seed=0)
    with pytest.raises(TableError, match="there are no rows"):
        bootstrap_intervals(predictions()[:0], n_resamples=5, seed=0)
