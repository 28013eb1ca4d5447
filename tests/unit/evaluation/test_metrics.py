import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from sixgig.errors import ConfigError, TableError
from sixgig.evaluation.metrics import METRICS, fold_metrics, metric_names, outcomes, weighted_auc, weighted_metrics
from sixgig.tables.scores import METRICS as METRICS_TABLE


def predictions(n_classes=3, n=60, repeats=2, folds=3, seed=0, ties=False):
    generator = np.random.default_rng(seed)
    classes = [f"class{index}" for index in range(n_classes)]
    parts = []
    for repeat in range(repeats):
        true = np.arange(n) % n_classes
        scores = generator.dirichlet(np.ones(n_classes), size=n) + 0.4 * np.eye(n_classes)[true]
        scores /= scores.sum(axis=1, keepdims=True)
        if ties:
            scores = np.round(scores, 1)
        part = pd.DataFrame({"subject_id": [f"s{row:03d}" for row in range(n)], "repeat": repeat})
        part["fold"] = (np.arange(n) // n_classes) % folds
        part["label"] = np.array(classes)[true]
        part["predicted"] = np.array(classes)[scores.argmax(axis=1)]
        for index, name in enumerate(classes):
            part[f"score_{name}"] = scores[:, index]
        parts.append(part)
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=seed)


def expected_metrics(part, n_classes, positive=None):
    true, predicted = part["label"], part["predicted"]
    classes = [f"class{index}" for index in range(n_classes)]
    scores = part[[f"score_{name}" for name in classes]].to_numpy()
    onehot = (true.to_numpy()[:, None] == np.array(classes)).astype(float)
    values = {
        "balanced_accuracy": reference.balanced_accuracy_score(true, predicted),
        "macro_f1": reference.f1_score(true, predicted, average="macro"),
        "accuracy": reference.accuracy_score(true, predicted),
        "mcc": reference.matthews_corrcoef(true, predicted),
        "macro_auc": np.mean([reference.roc_auc_score(onehot[:, k], scores[:, k]) for k in range(n_classes)]),
        "brier": ((scores - onehot) ** 2).sum(axis=1).mean(),
    }
    if n_classes == 2:
        positive = positive or classes[-1]
        column = classes.index(positive)
        values["macro_auc"] = reference.roc_auc_score(onehot[:, column], scores[:, column])
        values["sensitivity"] = reference.recall_score(true, predicted, pos_label=positive)
        values["specificity"] = reference.recall_score(true, predicted, pos_label=classes[1 - column])
    return values


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("ties", [False, True])
def test_fold_metrics_equal_scikit_learn(n_classes, ties):
    table = predictions(n_classes, ties=ties)
    rows = fold_metrics(table, "elpv", "vit_pure", "svm")
    assert len(rows) == len(metric_names(n_classes)) * 6
    for (repeat, fold), part in table.groupby(["repeat", "fold"]):
        here = rows[(rows["repeat"] == repeat) & (rows["fold"] == fold)].set_index("metric")["value"]
        assert here.to_dict() == pytest.approx(expected_metrics(part, n_classes))
    assert set(rows["cohort"]) == {"elpv"}
    assert list(rows.columns) == METRICS_TABLE.column_names


def test_the_positive_class_can_be_chosen():
    table = predictions(2)
    rows = fold_metrics(table, "c", "a", "svm", positive="class0")
    part = table[(table["repeat"] == 0) & (table["fold"] == 0)]
    here = rows[(rows["repeat"] == 0) & (rows["fold"] == 0)].set_index("metric")["value"]
    assert here.to_dict() == pytest.approx(expected_metrics(part, 2, "class0"))
    with pytest.raises(ConfigError, match=r"no class 'HGG'\n.*class0, class1"):
        fold_metrics(table, "c", "a", "svm", positive="HGG")


def test_sensitivity_needs_two_classes():
    assert "sensitivity" in metric_names(2)
    assert not {"sensitivity", "specificity"} & set(metric_names(3))


def test_a_fold_without_a_class_is_undefined_where_classes_are_averaged():
    table = predictions(2, repeats=1, folds=2)
    table.loc[table["fold"] == 0, "label"] = "class0"
    rows = fold_metrics(table, "c", "a", "svm")
    values = rows[rows["fold"] == 0].set_index("metric")["value"]
    undefined = set(values.index[values.isna()])
    assert undefined == {"balanced_accuracy", "macro_f1", "macro_auc", "sensitivity"}
    assert not rows[rows["fold"] == 1]["value"].isna().any()


def test_a_constant_prediction_has_chance_level_and_no_correlation():
    table = predictions(2).assign(predicted="class0", score_class0=0.5, score_class1=0.5)
    values = fold_metrics(table, "c", "a", "majority_class").groupby("metric")["value"].mean()
    assert values["balanced_accuracy"] == pytest.approx(0.5)
    assert values["macro_auc"] == pytest.approx(0.5)
    assert values["mcc"] == 0.0
    assert values["brier"] == pytest.approx(0.5)


def test_weights_count_as_repeated_rows():
    table = predictions(3, repeats=1)
    counts = np.random.default_rng(1).integers(0, 4, size=len(table))
    weighted = weighted_metrics(outcomes(table), counts[None, :].astype(float))
    repeated = weighted_metrics(outcomes(table.loc[table.index.repeat(counts)]), np.ones((1, counts.sum())))
    for name, value in weighted.items():
        assert value == pytest.approx(repeated[name]), name


def test_weighted_auc_with_ties_equals_scikit_learn():
    generator = np.random.default_rng(0)
    scores, positive = generator.integers(0, 5, 50).astype(float), generator.random(50) < 0.4
    weights = generator.integers(0, 3, (4, 50)).astype(float)
    expected = [reference.roc_auc_score(positive, scores, sample_weight=row) for row in weights]
    np.testing.assert_allclose(weighted_auc(scores, positive, weights), expected)
    assert np.isnan(weighted_auc(scores, np.zeros(50, dtype=bool), weights)).all()


def test_a_class_without_scores_is_refused():
    with pytest.raises(TableError, match="'predicted' holds the class 'other', which has no column 'score_other'"):
        outcomes(predictions().assign(predicted="other"))


def test_a_missing_score_is_refused_rather_than_ranked():
    table = predictions()
    table.loc[table["subject_id"] == "s007", "score_class1"] = np.nan
    with pytest.raises(TableError, match="subject 's007' lacks a class score"):
        fold_metrics(table, "c", "a", "svm")


def test_only_brier_is_better_when_lower():
    assert [name for name, metric in METRICS.items() if not metric.higher_is_better] == ["brier"]
    assert all(metric.title and metric.description for metric in METRICS.values())
