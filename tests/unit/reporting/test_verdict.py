"""The sentences of the verdict, case by case, from tables of a few rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sixgig.reporting import verdict
from sixgig.results.study import Method, Study
from sixgig.runtime.atomic import write_json
from sixgig.tables.pairs import MCNEMAR, PAIRWISE
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import SUMMARY
from sixgig.words.showing import showing

BEST = {"baseline_cnn": 0.70, "vit_pure": 0.80, "control_random_vit": 0.60, "control_majority_class": 0.50}


def classifier_of(arm: str) -> str:
    return "majority_class" if arm == "control_majority_class" else "svm"


def make(
    folder: Path,
    estimates: dict[str, float] = BEST,
    better: tuple[tuple[str, str], ...] = (),
    status: dict[str, str] | None = None,
    p_value: float = 0.2,
    skip: tuple[str, str] | None = None,
    intervals: bool = True,
    constant: dict[tuple[str, str], tuple[int, int, float]] | None = None,
    detectable: float = 0.062,
) -> Study:
    """A study of one cohort; ``better`` names the pairs (winner, loser) that the test tells apart.

    ``constant`` names the pairs (in the order of ``estimates``) with one difference in all folds, and what McNemar's
    test says of them: subjects that only the first and only the second gets right, corrected p value.
    """
    rows = []
    for arm, value in estimates.items():
        given = (status or {}).get(arm, "ok")
        low, high = (None, None) if np.isnan(value) or not intervals else (value - 0.05, value + 0.05)
        rows.append(
            (
                "c",
                arm,
                classifier_of(arm),
                "balanced_accuracy",
                None if np.isnan(value) else value,
                low,
                high,
                40,
                given,
                None,
            )
        )
    SUMMARY.write(pd.DataFrame(rows, columns=SUMMARY.column_names), folder / "summary.csv")
    SUMMARY.write(pd.DataFrame(columns=SUMMARY.column_names), folder / "test_summary.csv")
    pairs, subjects = [], []
    arms = [arm for arm in estimates if not np.isnan(estimates[arm])]
    for i, a in enumerate(arms):
        for b in arms[i + 1 :]:
            if (a, b) == skip:
                continue
            d = estimates[a] - estimates[b]
            word = "a better" if (a, b) in better else "b better" if (b, a) in better else "within noise"
            p = (p_value, 0.6) if word == "within noise" else (0.001, 0.012)
            methods = (a, classifier_of(a), b, classifier_of(b))
            pairs.append(
                ("c", "balanced_accuracy", *methods, d, d - 0.1, d + 0.1, 1.0, 14, *p, 0.5, 15, detectable, word)
            )
            if (a, b) in (constant or {}):
                no = (None,) * 3
                pairs[-1] = (*pairs[-1][:7], *no, 14, None, None, None, 15, None, "not testable")
                only_a, only_b, p_holm = constant[a, b]
                found = "within noise" if p_holm >= 0.05 else "a better" if only_a > only_b else "b better"
                subjects.append(("c", *methods, 10, only_a, only_b, 5, p_holm, p_holm, found))
    PAIRWISE.write(pd.DataFrame(pairs, columns=PAIRWISE.column_names), folder / "statistics" / "pairwise.csv")
    MCNEMAR.write(pd.DataFrame(subjects, columns=MCNEMAR.column_names), folder / "statistics" / "mcnemar.csv")
    write_json(folder / "cohorts/c/leakage.json", {"passed": True})
    write_json(folder / "study.json", {"config": {"study": "s", "evaluation": {"alpha": 0.05}}})
    predictions = pd.DataFrame([("a", 0, 0, "x", "x"), ("b", 0, 0, "y", "x")], columns=PREDICTIONS.column_names)
    PREDICTIONS.write(predictions, folder / "predictions" / "c" / "vit_pure.svm.csv")
    return Study(folder)


CONTROLS = (("vit_pure", "control_random_vit"), ("vit_pure", "control_majority_class"))


def test_a_winner_needs_the_test_against_every_arm_and_control(tmp_path):
    found = verdict.judge(make(tmp_path, better=(("vit_pure", "baseline_cnn"), *CONTROLS)), "c")
    assert found.level == "better"
    assert found.headline == "Pure ViT + SVM is better than every other arm."
    assert found.sentences[0] == (
        "Pure ViT + SVM has the highest balanced accuracy: 0.800 (95% interval 0.750 to 0.850, 40 subjects, guessing "
        "gives 0.500)."
    )
    assert found.sentences[1] == (
        "It is better than Baseline CNN + SVM (difference +0.100, 95% interval 0.000 to +0.200, corrected p = 0.012)."
    )
    assert len(found.sentences) == 4


def test_an_estimate_without_an_interval_says_so(tmp_path):
    found = verdict.judge(make(tmp_path, better=CONTROLS, intervals=False), "c")
    assert found.sentences[0] == (
        "Pure ViT + SVM has the highest balanced accuracy: 0.800 (no 95% interval, because resampling cannot vary it, "
        "40 subjects, guessing gives 0.500)."
    )


def test_a_higher_estimate_alone_is_noise(tmp_path):
    found = verdict.judge(make(tmp_path, better=CONTROLS), "c")
    assert found.level == "noise"
    assert found.headline == "No clear winner: Pure ViT + SVM scored highest, but within noise of Baseline CNN."
    assert "within noise of Baseline CNN + SVM" in found.sentences[1]
    assert "does not show which of the two is better" in found.sentences[1]
    assert "before correction" not in found.sentences[1]


def test_what_only_correction_undid_is_said(tmp_path):
    found = verdict.judge(make(tmp_path, better=CONTROLS, p_value=0.01), "c")
    assert "p = 0.010 before correction for 6 comparisons" in found.sentences[1]


def test_an_arm_that_does_not_beat_the_random_vit_wins_nothing(tmp_path):
    better = (("vit_pure", "baseline_cnn"), ("vit_pure", "control_majority_class"))
    found = verdict.judge(make(tmp_path, better=better), "c")
    assert (found.level, found.headline) == (
        "control",
        "No arm is shown to be better than random weights in ViT.",
    )
    assert any("within noise of Random ViT + SVM (control)" in sentence for sentence in found.sentences)


def test_an_arm_that_does_not_beat_the_majority_class_wins_nothing(tmp_path):
    better = (("vit_pure", "baseline_cnn"), ("vit_pure", "control_random_vit"))
    found = verdict.judge(make(tmp_path, better=better), "c")
    assert (found.level, found.headline) == (
        "control",
        "No arm is shown to be better than always naming the largest class.",
    )


def test_only_the_best_method_fails_against_the_random_vit(tmp_path):
    better = (("baseline_cnn", "control_random_vit"), *((arm, "control_majority_class") for arm in BEST))
    found = verdict.judge(make(tmp_path, better=better), "c")
    assert found.level == "control"
    assert found.headline == (
        "Pure ViT + SVM scored highest, but is not shown to be better than random weights in ViT."
    )


def test_a_control_is_never_the_best(tmp_path):
    found = verdict.judge(make(tmp_path, estimates=BEST | {"control_random_vit": 0.95}), "c")
    assert found.level == "control"
    assert found.sentences[0].startswith("Pure ViT + SVM has the highest")


def test_the_test_may_contradict_the_estimate(tmp_path):
    found = verdict.judge(make(tmp_path, better=(("baseline_cnn", "vit_pure"), *CONTROLS)), "c")
    assert found.level == "noise"
    assert found.sentences[1].startswith("The paired test favours Baseline CNN + SVM over it")


def test_an_untested_pair_is_no_win(tmp_path):
    study = make(tmp_path, better=(("vit_pure", "baseline_cnn"), *CONTROLS), skip=("baseline_cnn", "vit_pure"))
    found = verdict.judge(study, "c")
    assert found.level == "noise"
    assert "It was not tested against Baseline CNN + SVM." in found.sentences


def test_the_pure_vit_is_compared_even_when_it_is_third(tmp_path):
    estimates = {"baseline_cnn": 0.8, "vit_pure": 0.6, "vit_sparse": 0.7, "control_random_vit": 0.5}
    found = verdict.judge(make(tmp_path, estimates=estimates), "c")
    assert ["Sparse ViT" in found.sentences[1], "Pure ViT" in found.sentences[2]] == [True, True]


def test_failures_and_fallbacks_are_named(tmp_path):
    estimates = BEST | {"vit_sparse": float("nan")}
    status = {"vit_sparse": "failed: too few images.", "vit_pure": "fallback: batch size 16 -> 8"}
    found = verdict.judge(make(tmp_path, estimates=estimates, status=status), "c")
    assert "Sparse ViT failed and has no result: too few images." in found.sentences
    assert "Pure ViT ran with a fallback: batch size 16 -> 8." in found.sentences


def test_no_arm_finished(tmp_path):
    estimates = {"vit_pure": float("nan"), "control_majority_class": 0.5}
    found = verdict.judge(make(tmp_path, estimates=estimates, status={"vit_pure": "failed: no weights"}), "c")
    assert (found.level, found.headline) == ("failed", "No arm finished on this cohort.")
    assert found.sentences == ["Pure ViT failed and has no result: no weights."]


def test_a_single_arm_has_nothing_to_win_against(tmp_path):
    found = verdict.judge(make(tmp_path, estimates={"vit_pure": 0.8}), "c")
    assert found.headline == "Pure ViT + SVM scored highest, with no other arm to compare it with."


def test_what_the_folds_could_not_have_seen_is_said_where_nothing_was_found(tmp_path):
    found = verdict.judge(make(tmp_path, better=CONTROLS), "c")
    assert found.sentences[1].endswith("With these folds a true difference below 0.062 may go unseen.")
    assert not any("unseen" in sentence for sentence in found.sentences[2:])


@pytest.mark.parametrize(
    ("detectable", "end"),
    [(1.3, "With these folds even the largest true difference may go unseen."), (None, "which of the two is better.")],
)
def test_few_folds_could_have_seen_nothing(tmp_path, detectable, end):
    found = verdict.judge(make(tmp_path, better=CONTROLS, detectable=detectable), "c")
    assert found.sentences[1].endswith(end)


PERFECT = {"baseline_cnn": 0.7, "vit_pure": 1.0, "control_majority_class": 0.5}
BEATEN = (("vit_pure", "baseline_cnn"), ("baseline_cnn", "control_majority_class"))


def test_mcnemar_carries_the_sentence_where_every_fold_shows_the_same_difference(tmp_path):
    constant = {("vit_pure", "control_majority_class"): (20, 0, 0.00001)}
    found = verdict.judge(make(tmp_path, PERFECT, BEATEN, constant=constant), "c")
    assert found.level == "better"
    assert found.sentences[2] == (
        "Every fold shows the same difference to Majority class (control), +0.500, so the t-test is not defined; "
        "McNemar's exact test finds that it is right about more subjects (it alone is right about 20 subjects, the "
        "other alone about 0, corrected p < 0.001)."
    )


def test_a_constant_difference_that_mcnemar_does_not_find_either_is_no_win(tmp_path):
    constant = {("vit_pure", "control_majority_class"): (4, 0, 0.125)}
    found = verdict.judge(make(tmp_path, PERFECT, BEATEN, constant=constant), "c")
    assert found.level == "control"
    assert found.headline == (
        "Pure ViT + SVM scored highest, but is not shown to be better than always naming the largest class."
    )
    assert "does not show which of the two is right about more subjects" in found.sentences[2]
    assert "corrected p = 0.125" in found.sentences[2]


def test_mcnemar_may_not_overrule_the_direction_of_the_folds(tmp_path):
    """Accuracy and balanced accuracy can disagree; then nothing is found."""
    constant = {("baseline_cnn", "vit_pure"): (9, 0, 0.004)}
    study = make(tmp_path, better=CONTROLS, constant=constant)
    a, b = (Method(arm, "svm") for arm in ("vit_pure", "baseline_cnn"))
    assert verdict.finding(study, "c", a, b) == verdict.finding(study, "c", b, a) == "not testable"
    found = verdict.judge(study, "c")
    assert found.level == "noise"
    assert found.headline == (
        "No clear winner: Pure ViT + SVM scored highest, but is not shown to be better than Baseline CNN."
    )
    assert "finds that Baseline CNN + SVM is right about more" in found.sentences[1]


def test_findings_read_the_same_from_both_sides(tmp_path):
    study = make(tmp_path, PERFECT, BEATEN, constant={("vit_pure", "control_majority_class"): (20, 0, 0.001)})
    a, b, c = Method("vit_pure", "svm"), Method("control_majority_class", "majority_class"), Method("vit_mim", "svm")
    assert (verdict.finding(study, "c", a, b), verdict.finding(study, "c", b, a)) == ("a better", "b better")
    assert verdict.finding(study, "c", a, c) == "not tested"


def test_only_testable_pairs_are_counted_as_comparisons(tmp_path):
    constant = {("vit_pure", "control_majority_class"): (20, 0, 0.001)}
    found = verdict.judge(make(tmp_path, better=CONTROLS, p_value=0.01, constant=constant), "c")
    assert "p = 0.010 before correction for 5 comparisons" in found.sentences[1]


def named(folder, arms, weights, estimates, better):
    """A study whose arms have names of their own."""
    study = make(folder, estimates=estimates, better=better)
    config = {"study": "s", "evaluation": {"alpha": 0.05}, "arms": arms, "weights": weights}
    write_json(folder / "study.json", {"config": config, "arms": list(arms)})
    return Study(study.folder)


OWN = {
    "rad": {"kind": "baseline_cnn", "weights": "r", "title": "RadImageNet"},
    "dino": {"kind": "vit_pure", "weights": "v"},
    "mae": {"kind": "vit_pure", "weights": "v"},
}  # fmt: skip
NETWORKS = {"r": {"model": "resnet50.a1_in1k"}, "v": {"model": "vit_small_patch14_dinov2"}}
SCORES = {
    "rad": 0.8, "mae": 0.75, "dino": 0.7, "control_random_resnet": 0.5, "control_random_vit": 0.6,
    "control_majority_class": 0.4,
}  # fmt: skip


def test_the_verdict_says_which_random_network_was_not_beaten(tmp_path):
    better = tuple(("rad", arm) for arm in SCORES if arm not in ("rad", "control_random_resnet"))
    study = named(tmp_path, OWN, NETWORKS, SCORES, better)
    with showing(study):
        found = verdict.judge(study, "c")
    assert found.headline == "No arm is shown to be better than random weights in resnet50."
    assert found.sentences[0].startswith("RadImageNet + SVM has the highest balanced accuracy")
    assert "Pure ViT mae + SVM" in found.sentences[1]
    assert "Pure ViT dino + SVM" in found.sentences[2]  # the first of the kind that is the reference
    assert "Random ResNet + SVM" in found.sentences[3]
    assert "Random ViT + SVM" in found.sentences[4]


def test_every_random_network_has_to_be_beaten(tmp_path):
    better = tuple(("rad", arm) for arm in SCORES if arm != "rad")
    study = named(tmp_path, OWN, NETWORKS, SCORES, better)
    with showing(study):
        assert verdict.judge(study, "c").headline == "RadImageNet + SVM is better than every other arm."


def test_the_verdict_names_every_control_that_nothing_beats(tmp_path):
    better = (("rad", "mae"), ("rad", "dino"), ("rad", "control_majority_class"))
    study = named(tmp_path, OWN, NETWORKS, SCORES, better)
    with showing(study):
        found = verdict.judge(study, "c")
    both = "random weights in resnet50 or random weights in vit_small_patch14_dinov2"
    assert found.headline == f"No arm is shown to be better than {both}."
