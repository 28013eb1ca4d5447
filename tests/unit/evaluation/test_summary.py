import numpy as np
import pandas as pd
import pytest

from sixgig.errors import TableError
from sixgig.evaluation.bootstrap import bootstrap_intervals
from sixgig.evaluation.intervals import procedure_intervals
from sixgig.evaluation.metrics import metric_names
from sixgig.evaluation.summary import summarise


def study(n=20, n_classes=2):
    subjects = [f"s{row:02d}" for row in range(n)]
    labels = [f"c{row % n_classes}" for row in range(n)]
    splits = pd.DataFrame({"subject_id": subjects, "label": labels, "role": "evaluation", "repeat": 0, "fold": 0})
    splits = pd.concat([splits, splits.assign(repeat=1), pd.DataFrame({"subject_id": ["p"], "role": ["pretraining"]})])
    table = splits[splits["role"] == "evaluation"].drop(columns="role").reset_index(drop=True)
    generator = np.random.default_rng(0)
    scores = generator.dirichlet(np.ones(n_classes), size=len(table))
    table["predicted"] = [f"c{index}" for index in scores.argmax(axis=1)]
    return table.assign(**{f"score_c{index}": scores[:, index] for index in range(n_classes)}), splits


def test_rows_hold_estimates_and_intervals():
    table, splits = study()
    rows = summarise(
        table, "elpv", "vit_pure", "svm", "fallback: cpu", splits=splits, n_resamples=100, seed=3, positive="c0"
    )
    expected = bootstrap_intervals(table, n_resamples=100, seed=3, positive="c0")
    assert rows["metric"].tolist() == metric_names(2)
    for row in rows.itertuples():
        assert (row.pooled, row.pooled_low, row.pooled_high) == pytest.approx(
            (expected[row.metric].estimate, expected[row.metric].low, expected[row.metric].high)
        )
    assert set(rows["pooled_method"]) == {"bca"}
    procedure = procedure_intervals(table, positive="c0", seed=3)
    for row in rows.itertuples():
        own = procedure[row.metric]
        assert (row.estimate, row.ci_low, row.ci_high) == pytest.approx((own.estimate, own.low, own.high))
    assert set(rows["ci_method"]) == {"jeffreys", "dirichlet", "newcombe", "log-normal"}
    assert (rows["n_subjects"] == 20).all()
    assert (rows["status"] == "fallback: cpu").all()


def test_a_method_that_makes_no_mistake_has_an_interval_but_no_pooled_one():
    table, splits = study()
    rows = summarise(table.assign(predicted=table["label"]), "c", "a", "svm", splits=splits, n_resamples=100)
    row = rows.set_index("metric").loc["balanced_accuracy"]
    assert row["estimate"] == 1.0
    assert row["ci_low"] < 0.95
    assert row["ci_high"] == 1.0
    assert row[["pooled_low", "pooled_high"]].isna().all()
    assert row["pooled_method"] == "none: every resample gives the same value"


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_failed_method_keeps_its_rows(n_classes):
    _, splits = study(n_classes=n_classes)
    rows = summarise(None, "elpv", "vit_mim", "svm", "failed: out of memory", splits=splits)
    assert rows["metric"].tolist() == metric_names(n_classes)
    assert rows[["estimate", "ci_low", "ci_high", "ci_method"]].isna().all(axis=None)
    assert (rows["status"] == "failed: out of memory").all()
    assert (rows["n_subjects"] == 20).all()


def test_missing_predictions_need_a_reason():
    _, splits = study()
    with pytest.raises(TableError, match=r"vit_mim, svm: there are none, but the status is 'ok'"):
        summarise(None, "elpv", "vit_mim", "svm", splits=splits)


def test_predictions_of_other_subjects_are_refused():
    table, splits = study()
    with pytest.raises(TableError, match="subject 's03' is in the predictions or in the evaluation, but not in both"):
        summarise(table[table["subject_id"] != "s03"], "elpv", "vit_pure", "svm", splits=splits)
