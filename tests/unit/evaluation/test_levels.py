"""Subjects by what their images say."""

import pandas as pd
import pytest

from sixgig.errors import ConfigError, TableError
from sixgig.evaluation.levels import at_level, check_subject_level
from sixgig.evaluation.scoring import ScoredFiles, score_study
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.predictions import PREDICTIONS


def of_images(rows):
    """Predictions of images from (subject, image, label, predicted, scores by class)."""
    columns = [
        {"subject_id": s, "image_id": i, "repeat": 0, "fold": 1, "label": label, "predicted": predicted}
        | {f"score_{name}": score for name, score in scores.items()}
        for s, i, label, predicted, scores in rows
    ]
    return PREDICTIONS.check(pd.DataFrame(columns), "predictions")


TWO = of_images(
    [
        ("p1", "a", "no", "no", {"no": 0.9, "yes": 0.1}),
        ("p1", "b", "yes", "no", {"no": 0.6, "yes": 0.4}),
        ("p2", "c", "no", "yes", {"no": 0.3, "yes": 0.7}),
        ("p2", "d", "no", "no", {"no": 0.8, "yes": 0.2}),
        ("p3", "e", "no", "no", {"no": 0.55, "yes": 0.45}),
    ]
)


def test_of_two_classes_any_positive_image_makes_the_subject_positive():
    found = at_level(TWO, "subject").set_index("subject_id")
    assert list(found.columns) == ["repeat", "fold", "label", "predicted", "score_no", "score_yes"]
    assert found["label"].to_dict() == {"p1": "yes", "p2": "no", "p3": "no"}
    assert found["predicted"].to_dict() == {"p1": "no", "p2": "yes", "p3": "no"}
    assert found["score_yes"].to_dict() == {"p1": 0.4, "p2": 0.7, "p3": 0.45}
    assert found["score_no"].to_dict() == {"p1": 0.6, "p2": 0.3, "p3": 0.55}
    assert set(found["fold"]) == {1}


def test_the_positive_class_is_the_one_of_the_study_file():
    found = at_level(TWO, "subject", "no").set_index("subject_id")
    assert set(found["label"]) == {"no"}
    assert found["score_no"].to_dict() == {"p1": 0.9, "p2": 0.8, "p3": 0.55}


def test_images_stay_images():
    assert at_level(TWO, "image") is TWO


def test_of_more_classes_scores_are_means():
    table = of_images(
        [
            ("p", "a", "x", "x", {"x": 0.6, "y": 0.4, "z": 0.0}),
            ("p", "b", "x", "z", {"x": 0.0, "y": 0.4, "z": 0.6}),
            ("q", "c", "y", "y", {"x": 0.3, "y": 0.4, "z": 0.3}),
        ]
    )
    found = at_level(table, "subject").set_index("subject_id")
    assert found["label"].to_dict() == {"p": "x", "q": "y"}
    assert found["predicted"].to_dict() == {"p": "y", "q": "y"}
    assert found.loc["p", ["score_x", "score_y", "score_z"]].tolist() == pytest.approx([0.3, 0.4, 0.3])


def test_of_more_classes_a_mixed_subject_stands_for_none():
    rows = [("p", name, name, name, {"x": 0.5, "y": 0.3, "z": 0.2}) for name in "xy"]
    with pytest.raises(TableError, match=r"subject 'p' has images of several of 3 classes(.|\n)*metrics_of: image"):
        at_level(of_images(rows), "subject")


def splits(rows):
    table = [
        {"subject_id": name, "label": label, "role": "evaluation", "repeat": 0, "fold": fold}
        for name, label, fold in rows
    ]
    return SPLITS.check(pd.DataFrame(table), "splits")


def test_mixed_subjects_of_more_classes_are_refused_before_arms_run():
    table = splits([("p", "x + y", 0), ("q", "z", 1)])
    with pytest.raises(
        ConfigError, match=r"cohorts.c.metrics_of: is subject, and subject p has images of x \+ y: of 3"
    ):
        check_subject_level(table, "c")
    check_subject_level(splits([("p", "x", 0), ("q", "z", 1), ("r", "y", 1)]), "c")


def test_a_fold_whose_subjects_are_all_positive_is_refused():
    table = splits([("p", "no + yes", 0), ("q", "no + yes", 0), ("r", "no", 1), ("s", "yes", 1)])
    with pytest.raises(ConfigError, match="every subject of fold 0 in repeat 0 has an image of class 'yes'"):
        check_subject_level(table, "c")
    with pytest.raises(ConfigError, match="every subject of fold 0 in repeat 0 has an image of class 'no'"):
        check_subject_level(table, "c", "no")
    check_subject_level(splits([("p", "no + yes", 0), ("q", "no", 0), ("r", "no", 1), ("s", "yes", 1)]), "c")


def test_a_study_that_counts_subjects_checks_that_it_can(tmp_path):
    SPLITS.write(splits([("p1", "no + yes", 1), ("p2", "no", 1), ("p3", "no", 0)]), tmp_path / "splits.csv")
    PREDICTIONS.write(TWO, tmp_path / "arm.svm.csv")
    file, key = tmp_path / "arm.svm.csv", ("c", "arm", "svm")
    files = ScoredFiles({key: file}, {key: file}, {("c",): tmp_path / "splits.csv"}, {})
    with pytest.raises(ConfigError, match="cohorts.c.metrics_of: is subject, and every subject of fold 0"):
        score_study(files, {"c": None}, 100, 1, 1, {"c": "subject"})
    assert len(score_study(files, {"c": None}, 100, 1, 1, {"c": "image"}).summary) == 8


def test_of_probabilities_the_class_predicted_most_often_counts():
    """A rare class is predicted at a probability of 0.2: its mean probability is never the highest."""
    table = of_images(
        [
            ("p", "a", "x", "x", {"x": 0.2, "y": 0.7, "z": 0.1}),
            ("p", "b", "x", "x", {"x": 0.3, "y": 0.6, "z": 0.1}),
            ("p", "c", "x", "y", {"x": 0.1, "y": 0.8, "z": 0.1}),
            ("q", "d", "y", "x", {"x": 0.2, "y": 0.7, "z": 0.1}),
            ("q", "e", "y", "z", {"x": 0.1, "y": 0.6, "z": 0.3}),
        ]
    )
    found = at_level(table, "subject").set_index("subject_id")
    assert found["predicted"].to_dict() == {"p": "x", "q": "z"}  # equal votes: z has the higher mean score
    assert found.loc["p", "score_x"] == pytest.approx(0.2)
