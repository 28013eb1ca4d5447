import json
import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from threadpoolctl import threadpool_info

from sixgig.errors import ClassifierError, ConfigError
from sixgig.evaluation import cross_validation as evaluation
from sixgig.evaluation.bootstrap import bootstrap_intervals
from sixgig.evaluation.cross_validation import CHOICE_COLUMNS, cross_validate, predict_held_out
from sixgig.evaluation.metrics import fold_metrics

SMALL = {"svm": {"C": [0.1, 10.0], "gamma": [1.0]}, "src": {"n_nonzero": [5], "alpha": [0.1]}, "majority_class": {}}


def study(n=60, n_features=12, n_classes=2, repeats=2, folds=3, shift=1.5, seed=0, pretraining=4):
    """Return features, subject names and splits; names are not in order and some subjects only pretrain."""
    generator = np.random.default_rng(seed)
    classes = np.arange(n) % n_classes
    features = (
        generator.normal(size=(n, n_features)) + shift * (generator.normal(size=(n_classes, n_features)))[classes]
    )
    subjects = [f"subject{number:03d}" for number in generator.permutation(n)]
    rows = []
    for repeat in range(repeats):
        for label in range(n_classes):
            for place, row in enumerate(generator.permutation(np.flatnonzero(classes == label))):
                rows.append((subjects[row], f"class{label}", "evaluation", repeat, place % folds))
    rows += [(f"pre{number}", None, "pretraining", None, None) for number in range(pretraining)]
    features = np.vstack([features, np.zeros((pretraining, n_features))]).astype(np.float32)
    splits = pd.DataFrame(rows, columns=["subject_id", "label", "role", "repeat", "fold"])
    splits[["repeat", "fold"]] = splits[["repeat", "fold"]].astype("Int64")
    return features, [*subjects, *(f"pre{number}" for number in range(pretraining))], splits


def run(features, subjects, splits, classifier="svm", **changes):
    arguments = {"inner_folds": 3, "seed": 1, "threads": 1} | changes
    return cross_validate(features, subjects, splits, classifier, SMALL[classifier], **arguments)


@pytest.mark.parametrize("classifier", SMALL)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_evaluation_subject_is_predicted_once_per_repeat_in_its_own_fold(classifier, n_classes):
    features, subjects, splits = study(n_classes=n_classes)
    predictions, choices = run(features, subjects, splits, classifier)
    merged = predictions.merge(splits, on=["subject_id", "repeat"], suffixes=("", "_split"))
    assert len(predictions) == len(merged) == 120
    assert (merged["fold"] == merged["fold_split"]).all()
    assert (merged["label"] == merged["label_split"]).all()
    scores = predictions[[f"score_class{index}" for index in range(n_classes)]].to_numpy()
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)
    predicted = np.array([f"class{index}" for index in scores.argmax(axis=1)])
    assert (predictions["predicted"] == predicted).all()
    assert list(choices.columns) == CHOICE_COLUMNS
    assert choices[["n_train", "n_test"]].sum(axis=1).tolist() == [60] * 6
    accuracy = balanced_accuracy_score(predictions["label"], predictions["predicted"])
    assert accuracy == pytest.approx(1 / n_classes) if classifier == "majority_class" else accuracy > 0.8


def test_choices_hold_the_parameters_as_json():
    _, choices = run(*study(), "svm")
    chosen = [json.loads(text) for text in choices["parameters"]]
    assert {parameters["C"] for parameters in chosen} <= {0.1, 10.0}
    assert choices["inner_score"].between(0, 1).all()


@pytest.mark.parametrize("classifier", ["svm", "src"])
def test_threads_row_order_and_repetition_change_nothing(classifier):
    features, subjects, splits = study(shift=0.5)
    expected, expected_choices = run(features, subjects, splits, classifier)
    order = np.random.default_rng(5).permutation(len(subjects))
    shuffled = features[order], [subjects[row] for row in order], splits.sample(frac=1, random_state=3)
    for arguments, threads in (((features, subjects, splits), 4), (shuffled, 1)):
        predictions, choices = run(*arguments, classifier, threads=threads)
        pd.testing.assert_frame_equal(predictions, expected, check_exact=True)
        pd.testing.assert_frame_equal(choices, expected_choices, check_exact=True)


@pytest.mark.parametrize("classifier", ["svm", "src"])
def test_labels_without_meaning_give_chance_level_in_high_dimension(classifier):
    """Anything fitted on test subjects would find structure in 400 features of noise."""
    features, subjects, splits = study(n=100, n_features=400, shift=0.0, repeats=1, folds=5)
    predictions, _ = run(features, subjects, splits, classifier)
    assert 0.3 < balanced_accuracy_score(predictions["label"], predictions["predicted"]) < 0.7


class Spy(TransformerMixin, BaseEstimator):
    fitted: list = []  # noqa: RUF012 shared on purpose: clones must report to the test

    def fit(self, X, y=None):
        self.fitted.append(set(X[:, 0].astype(int)))
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X


def test_no_step_is_fitted_on_a_test_subject(monkeypatch):
    features, subjects, splits = study(repeats=1)
    features[:, 0] = np.arange(len(features))
    row = {subject: number for number, subject in enumerate(subjects)}

    class Scored(SVC):
        def predict_proba(self, X):
            return np.full((len(X), 2), 0.5)

    pipeline = Pipeline([("spy", Spy()), ("classifier", Scored())])
    monkeypatch.setattr(
        evaluation, "build_classifier", lambda name, options, seed: (pipeline, [{"classifier__C": [1.0, 2.0]}])
    )
    Spy.fitted.clear()
    run(features, subjects, splits)
    evaluated = splits[splits["role"] == "evaluation"]
    for fold in range(3):
        test = {row[name] for name in evaluated.loc[evaluated["fold"] == fold, "subject_id"]}
        train = {row[name] for name in evaluated.loc[evaluated["fold"] != fold, "subject_id"]}
        *inner, whole = Spy.fitted[4 * fold : 4 * fold + 4]
        assert whole == train
        assert all(part < train and not part & test for part in inner)
    assert len(Spy.fitted) == 12


@pytest.mark.parametrize("threads", [1, 3])
def test_folds_run_at_once_each_with_one_thread_of_linear_algebra(monkeypatch, threads):
    """More threads in all than were asked for would wait for each other."""
    together, libraries, running = [], [], []
    search, gate = evaluation.search, threading.Barrier(threads)

    def spy(*arguments, **more):
        gate.wait(timeout=60)  # broken, and the test fails, unless as many folds as threads are at work at once
        running.append(1)
        together.append(len(running))
        libraries.extend(info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas")
        found = search(*arguments, **more)
        running.pop()
        return found

    monkeypatch.setattr(evaluation, "search", spy)
    run(*study(), threads=threads)  # six folds
    assert max(together) <= threads
    assert libraries
    assert set(libraries) == {1}


@pytest.mark.parametrize("classifier", ["svm", "src"])
def test_a_class_missing_from_a_test_fold_is_undefined_there_and_nowhere_else(classifier):
    features, subjects, splits = study(repeats=1)
    evaluated = splits["role"].eq("evaluation")
    splits.loc[evaluated & splits["label"].eq("class1") & splits["fold"].eq(0), "fold"] = 1
    predictions, _ = run(features, subjects, splits, classifier)
    values = fold_metrics(predictions, "c", "a", classifier).set_index(["metric", "fold"])["value"]
    assert values.index[values.isna()].tolist() == [
        (name, 0) for name in ("balanced_accuracy", "macro_f1", "macro_auc", "sensitivity")
    ]
    found = bootstrap_intervals(predictions, n_resamples=100, seed=0)
    assert all(np.isfinite(interval.estimate) for interval in found.values())


@pytest.mark.parametrize("classifier", ["svm", "src"])
def test_a_constant_feature_changes_nothing(classifier):
    features, subjects, splits = study(repeats=1, shift=0.5)
    expected, _ = run(features, subjects, splits, classifier)
    more = np.column_stack([features, np.full(len(features), 7.0, dtype=np.float32)])
    found, _ = run(more, subjects, splits, classifier)
    scores = ["score_class0", "score_class1"]
    np.testing.assert_allclose(found[scores], expected[scores], atol=1e-6)
    assert (found["predicted"] == expected["predicted"]).all()


def test_inner_folds_shrink_to_the_smallest_class():
    features, subjects, splits = study(n=12, repeats=1)
    _, choices = run(features, subjects, splits, inner_folds=10)
    assert (choices["inner_folds"] == 4).all()


def test_all_features_constant_gives_chance_not_a_crash():
    features, subjects, splits = study(repeats=1)
    for classifier in ("svm", "src"):
        predictions, _ = run(np.ones_like(features), subjects, splits, classifier)
        assert len(predictions) == 60


def test_a_subject_with_nan_is_named():
    features, subjects, splits = study()
    features[7, 2:4] = np.nan
    with pytest.raises(
        ClassifierError, match=rf"features.npz: 2 of 12 features of subject '{subjects[7]}'.*\n.*device: cpu"
    ):
        run(features, subjects, splits, place="features.npz")
    features[7, 2:4] = 0.0
    features[-1] = np.inf  # a pretraining subject: not used
    assert len(run(features, subjects, splits)[0]) == 120


def _without_class(splits):
    few = splits["label"].eq("class1") & ~splits["subject_id"].isin(
        splits.loc[splits["label"] == "class1", "subject_id"][:1]
    )
    return splits[~few.fillna(False)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without_class, "repeat 0, fold .: class 'class1' has . subjects to train on"),
        (lambda splits: splits[splits["role"] == "pretraining"], "no evaluation subjects"),
        (lambda splits: splits.assign(label=None), "without label, repeat or fold"),
        (lambda splits: splits[splits["label"] == "class0"], "all evaluation subjects have the label 'class0'"),
        (
            lambda splits: pd.concat([splits, splits[:1].assign(fold=2 - splits["fold"][0])]),
            "in two folds of one repeat",
        ),
        (lambda splits: splits.assign(label=["class1", *splits["label"][1:]]), "has two labels"),
        (
            lambda splits: splits.replace(splits["subject_id"][0], "stranger"),
            "'stranger' is evaluated but has no features",
        ),
    ],
)
def test_splits_that_cannot_work_are_explained(change, message):
    features, subjects, splits = study()
    if splits["label"][0] == "class1":
        raise AssertionError("the first row is meant to be of class0")
    with pytest.raises(ClassifierError, match=message):
        run(features, subjects, change(splits))


def test_features_of_another_shape_are_refused():
    features, subjects, splits = study()
    with pytest.raises(ClassifierError, match=r"shape \(63, 12\) do not match 64 names"):
        run(features[:-1], subjects, splits)


def test_a_wrong_option_is_refused_before_anything_runs():
    with pytest.raises(ConfigError, match=r"classifiers\.svm\.D"):
        cross_validate(*study(), "svm", {"D": 1}, inner_folds=3, seed=0)


def hold_out(splits, n=12):
    """Give the first evaluation subjects of each class the role test."""
    names = splits.loc[splits["role"] == "evaluation", ["subject_id", "label"]].drop_duplicates()
    test = names.groupby("label").head(n // 2)["subject_id"]
    rows = splits[~splits["subject_id"].isin(test)]
    held = names[names["subject_id"].isin(test)].assign(role="test", repeat=pd.NA, fold=pd.NA)
    return pd.concat([rows, held], ignore_index=True).astype({"repeat": "Int64", "fold": "Int64"}), set(test)


@pytest.mark.parametrize("classifier", ["svm", "src", "majority_class"])
def test_held_out_subjects_are_predicted_once_by_what_saw_all_others(classifier, monkeypatch):
    features, subjects, splits = study()
    splits, test = hold_out(splits)
    seen = []
    search = evaluation.search
    monkeypatch.setattr(
        evaluation, "search", lambda pipe, grid, X, y, **more: seen.append(len(y)) or search(pipe, grid, X, y, **more)
    )
    found, chosen = predict_held_out(features, subjects, splits, classifier, SMALL[classifier], inner_folds=3, seed=1)
    assert set(found["subject_id"]) == test
    assert len(found) == len(test) == 12
    assert seen == [48]
    assert chosen[["n_train", "n_test"]].to_numpy().tolist() == [[48, 12]]
    if classifier == "svm":
        assert (found["predicted"] == found["label"]).mean() > 0.8


def test_cross_validation_never_sees_held_out_subjects():
    features, subjects, splits = study()
    splits, test = hold_out(splits)
    before, _ = run(features, subjects, splits)
    assert not test & set(before["subject_id"])
    changed = features.copy()
    changed[[subjects.index(name) for name in test]] = 1e3
    after, _ = run(changed, subjects, splits)
    pd.testing.assert_frame_equal(before, after)


def test_no_test_subjects_no_predictions():
    features, subjects, splits = study()
    found, chosen = predict_held_out(features, subjects, splits, "svm", SMALL["svm"], inner_folds=3, seed=1)
    assert not len(found)
    assert not len(chosen)


def test_a_test_subject_of_an_unknown_class():
    features, subjects, splits = study()
    splits, test = hold_out(splits)
    splits.loc[splits["subject_id"] == min(test), "label"] = "rare"
    with pytest.raises(ClassifierError, match="class 'rare' has 0 subjects to train on"):
        predict_held_out(features, subjects, splits, "svm", SMALL["svm"], inner_folds=3, seed=1)
