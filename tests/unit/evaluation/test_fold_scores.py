import pandas as pd
import pytest

from sixgig.errors import ConfigError
from sixgig.evaluation.fold_scores import fold_scores


def rows(*values: tuple[int, int, float | None], arm: str = "a", metric: str = "macro_auc") -> pd.DataFrame:
    own = pd.DataFrame(values, columns=["repeat", "fold", "value"])
    return own.assign(cohort="c", arm=arm, classifier="svm", metric=metric)


def test_scores_are_those_of_the_method_in_order_of_repeat_and_fold() -> None:
    metrics = pd.concat(
        [
            rows((1, 0, 0.3), (0, 1, 0.2), (0, 0, 0.1)),
            rows((0, 0, 0.9), arm="b"),
            rows((0, 0, 0.8), metric="accuracy"),
        ]
    )
    found = fold_scores(metrics, "c", "a", "svm", "macro_auc")
    assert found.to_dict("list") == {"repeat": [0, 0, 1], "fold": [0, 1, 0], "value": [0.1, 0.2, 0.3]}


def test_undefined_folds_are_left_out_and_seeds_averaged() -> None:
    metrics = pd.concat(
        [rows((0, 0, 0.2), (0, 1, None)).assign(seed=0), rows((0, 0, 0.4), (0, 1, None)).assign(seed=1)]
    )
    found = fold_scores(metrics, "c", "a", "svm", "macro_auc")
    assert found["value"].tolist() == [pytest.approx(0.3)]
    assert fold_scores(metrics, "c", "x", "svm", "macro_auc").empty


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no such metric"):
        fold_scores(rows((0, 0, 0.2)), "c", "a", "svm", "auc")
