import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from sixgig.errors import TableError
from sixgig.evaluation import bootstrap
from sixgig.evaluation.bootstrap import bca_limits, bootstrap_intervals, subject_weights


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
    without_one = [table[table["subject_id"] != name] for name in first["subject_id"]]
    jackknife = {
        "balanced_accuracy": [
            np.mean([balanced_accuracy_score(p["label"], p["predicted"]) for _, p in part.groupby("repeat")])
            for part in without_one
        ],
        "macro_auc": [
            np.mean([roc_auc_score(p["label"] == "c1", p["score_c1"]) for _, p in part.groupby("repeat")])
            for part in without_one
        ],
    }
    labels = first["label"].to_numpy(dtype=str)
    for name, resampled in values.items():
        low, high = bca_limits(
            np.array([found[name].estimate]), np.array([resampled]), np.array([jackknife[name]]), labels, 0.95
        )
        assert [found[name].low, found[name].high] == pytest.approx([low[0], high[0]])
        assert found[name].method == "bca"
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


def skewed(*samples, axis=-1):
    """A statistic of two samples that is neither symmetric nor linear."""
    return sum(np.log(np.mean(sample**2, axis=axis)) for sample in samples)


@pytest.mark.parametrize(("sizes", "confidence"), [((40,), 0.95), ((25, 40), 0.8), ((6, 9), 0.95)])
def test_bca_equals_scipy_on_the_same_resamples(sizes, confidence):
    generator = np.random.default_rng(0)
    samples = [generator.lognormal(size=n) for n in sizes]
    reference = stats.bootstrap(
        samples, skewed, n_resamples=999, confidence_level=confidence, method="BCa", rng=np.random.default_rng(1)
    )
    labels = np.repeat([f"c{index}" for index in range(len(sizes))], sizes)
    jackknife = [
        skewed(*(np.delete(sample, row) if index == own else sample for index, sample in enumerate(samples)))
        for own, n in enumerate(sizes)
        for row in range(n)
    ]
    low, high = bca_limits(
        np.array([skewed(*samples)]),
        reference.bootstrap_distribution[None],
        np.array([jackknife]),
        labels,
        confidence,
    )
    assert (low[0], high[0]) == pytest.approx(tuple(reference.confidence_interval), rel=1e-9)


def test_the_whole_interval_equals_scipy_up_to_chance():
    table = predictions(n=90, repeats=1, n_classes=3)
    scores = table[[f"score_c{index}" for index in range(3)]].to_numpy()
    truth = table["label"].str[1].astype(int).to_numpy()
    errors = ((scores - np.eye(3)[truth]) ** 2).sum(axis=1)
    samples = [errors[truth == index] for index in range(3)]
    reference = stats.bootstrap(
        samples,
        lambda *parts, axis: np.mean(np.concatenate(parts, axis=axis), axis=axis),
        n_resamples=20_000,
        method="BCa",
        rng=np.random.default_rng(1),
    ).confidence_interval
    found = bootstrap_intervals(table, n_resamples=20_000, seed=1)["brier"]
    width = reference.high - reference.low
    assert (found.low, found.high) == pytest.approx(tuple(reference), abs=0.03 * width)


@pytest.mark.parametrize(("sizes", "hit"), [((25, 35), 0.65), ((25, 35), 0.9), ((15, 25, 60), 0.8)])
def test_intervals_of_balanced_accuracy_cover_the_truth_about_as_often_as_they_say(sizes, hit):
    """2,000 cohorts whose subjects are hit with the same probability in three repeats that agree for the most part."""
    labels = np.repeat([f"c{index}" for index in range(len(sizes))], sizes)
    members = np.eye(len(sizes))[np.repeat(np.arange(len(sizes)), sizes)]
    generator = np.random.default_rng(7)
    skill = stats.beta(4 * hit, 4 * (1 - hit)).rvs(size=(2000, len(labels)), random_state=generator)
    hits = generator.binomial(3, skill) / 3

    def balanced_accuracy(weights):
        counts = weights @ members
        return np.mean(
            [hits @ (weights * column).T / count for column, count in zip(members.T, counts.T, strict=True)], axis=0
        )

    [weights] = subject_weights(labels, 1000, 3)
    [left_out] = bootstrap._leave_one_out(len(labels))
    [estimates] = balanced_accuracy(np.ones((1, len(labels)))).T
    low, high = bca_limits(estimates, balanced_accuracy(weights), balanced_accuracy(left_out), labels, 0.95)
    covered = (low <= hit) & (hit <= high)
    assert 0.90 <= covered.mean() <= 0.99
    # Misses fall on both sides, as they should: below and above each have a share of their own.
    assert (hit < low).mean() < 0.06
    assert (high < hit).mean() < 0.06


def test_bca_is_undefined_rather_than_wrong():
    labels = np.repeat("a", 4)
    influence, resampled = np.arange(4.0)[None], np.linspace(1, 2, 50)[None]

    def limits(estimate, resampled=resampled, jackknife=influence):
        return np.array(bca_limits(np.array([estimate]), resampled, jackknife, labels, 0.95)).ravel()

    assert np.isfinite(limits(1.5)).all()
    assert np.isnan(limits(0.5)).all()  # all resamples lie above it
    assert np.isnan(limits(2.5)).all()
    assert np.isnan(limits(1.5, jackknife=np.ones((1, 4)))).all()  # nobody has any influence
    assert np.isnan(limits(1.5, jackknife=np.array([[1.0, 2.0, np.nan, 4.0]]))).all()


def test_percentiles_where_bca_is_not_defined(monkeypatch):
    table = predictions()
    nothing = (np.full(8, np.nan), np.full(8, np.nan))
    monkeypatch.setattr(bootstrap, "bca_limits", lambda *arguments: nothing)
    [weights] = subject_weights(table["label"][:60].to_numpy(dtype=str), 80, 4)
    hits = (table["label"] == table["predicted"]).to_numpy(dtype=float).reshape(2, 60).mean(axis=0)
    found = bootstrap_intervals(table, n_resamples=80, seed=4)["accuracy"]
    assert found.method == "percentile"
    assert [found.low, found.high] == pytest.approx(np.percentile(weights @ hits / 60, [2.5, 97.5]))


def test_a_method_without_a_mistake_has_no_interval_rather_than_one_of_no_width():
    found = bootstrap_intervals(predictions(hit=1.0), n_resamples=100, seed=0)
    for name in ("balanced_accuracy", "macro_f1", "accuracy", "mcc", "macro_auc", "sensitivity"):
        assert found[name].estimate == 1.0
        assert np.isnan([found[name].low, found[name].high]).all()
        assert found[name].method == "none: every resample gives the same value"
    assert found["brier"].method == "bca"


def test_scores_that_are_all_equal():
    table = predictions().assign(predicted="c0", score_c0=0.5, score_c1=0.5)
    found = bootstrap_intervals(table, n_resamples=100, seed=0)
    chance = {"balanced_accuracy": 0.5, "macro_auc": 0.5, "mcc": 0.0, "brier": 0.5, "sensitivity": 0.0}
    assert {name: found[name].estimate for name in chance} == pytest.approx(chance)
    assert {interval.method for interval in found.values()} == {"none: every resample gives the same value"}


def test_the_only_subject_of_a_class_cannot_be_resampled():
    table = predictions(repeats=1)
    table = table[(table["label"] == "c0") | (table["subject_id"] == "s001")]
    found = bootstrap_intervals(table, n_resamples=200, seed=0)
    alone = {name for name, interval in found.items() if interval.method == "none: class 'c1' has one subject"}
    assert alone == {"balanced_accuracy", "macro_f1", "macro_auc", "sensitivity"}
    assert all(np.isnan(found[name].low) and np.isfinite(found[name].estimate) for name in alone)
    assert found["specificity"].method == found["accuracy"].method == "bca"


def test_a_class_that_no_subject_has_leaves_averages_over_classes_undefined():
    found = bootstrap_intervals(predictions(n_classes=3).replace({"label": {"c2": "c1"}}), n_resamples=50, seed=0)
    undefined = {name for name, interval in found.items() if np.isnan(interval.estimate)}
    assert undefined == {"balanced_accuracy", "macro_f1", "macro_auc"}
    assert {found[name].method for name in undefined} == {""}
    assert found["accuracy"].method == "bca"


def test_repeats_move_together_so_more_of_them_do_not_pretend_to_be_more_subjects():
    one = predictions(repeats=1)
    same = pd.concat([one.assign(repeat=repeat) for repeat in range(5)])
    expected = bootstrap_intervals(one, n_resamples=200, seed=1)
    for name, interval in bootstrap_intervals(same, n_resamples=200, seed=1).items():
        assert (interval.low, interval.high) == pytest.approx((expected[name].low, expected[name].high)), name


def test_predictions_with_a_missing_subject_are_refused():
    with pytest.raises(TableError, match="repeat 1 does not hold every evaluation subject exactly once"):
        bootstrap_intervals(predictions()[:-1], n_resamples=5, seed=0)
    with pytest.raises(TableError, match="there are no rows"):
        bootstrap_intervals(predictions()[:0], n_resamples=5, seed=0)
