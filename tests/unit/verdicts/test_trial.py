"""Verdicts on trial: constructed cases with the level and the words that a careful reader would expect."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sixgig.verdicts.judging import judge
from tests.unit.verdicts.by_hand import CNN, FAILED, MAJORITY, MIM, PURE, RANDOM, by_hand, by_scores

NAN = float("nan")
GOOD = {CNN: 0.70, PURE: 0.80, MIM: 0.75, RANDOM: 0.60, MAJORITY: 0.50}
#: Each arm is shown to be better than the random network.
CONTROLS = [("control", arm, RANDOM, "a better") for arm in (CNN, PURE, MIM)]
OTHER = "control_random_efficientnet"
GONE = f"not testable: {RANDOM} without scores"


def against(pure: str, mim: str = "undecided", controls: list = CONTROLS) -> list:
    """Return contrasts of the two ViTs with the CNN, and the controls."""
    return [("baseline", PURE, CNN, pure), ("baseline", MIM, CNN, mim), *controls]


def control(cnn: str, pure: str, mim: str) -> list:
    """Return the contrasts with the random network."""
    return [("control", arm, RANDOM, word) for arm, word in zip((CNN, PURE, MIM), (cnn, pure, mim), strict=True)]


def own_controls(vits: str) -> list:
    """Return the contrasts of each arm with its own random network, where that of the CNN is not beaten."""
    return [("control", CNN, OTHER, "undecided"), ("control", PURE, RANDOM, vits), ("control", MIM, RANDOM, vits)]


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "the highest beats the baseline": (
        {"estimates": GOOD, "contrasts": against("a better")},
        "better",
        "Use Pure ViT: it is better than Baseline CNN.",
    ),
    "it beats every other arm": (
        {"estimates": GOOD, "contrasts": [*against("a better"), ("start", MIM, PURE, "b better")]},
        "better",
        "Use Pure ViT: it is better than every other arm.",
    ),
    "nothing is shown": (
        {"estimates": GOOD, "contrasts": against("undecided")},
        "undecided",
        "No arm is shown to be better than Baseline CNN, the cheapest; Pure ViT scored highest.",
    ),
    "the baseline leads and nothing is shown": (
        {"estimates": GOOD | {CNN: 0.85}, "contrasts": against("undecided")},
        "undecided",
        "Use Baseline CNN, the cheapest: no other arm is shown to be better.",
    ),
    "the baseline beats all": (
        {"estimates": GOOD | {CNN: 0.9}, "contrasts": against("b better", "b better")},
        "better",
        "Use Baseline CNN: it is better than every other arm.",
    ),
    "the baseline beats one": (
        {"estimates": GOOD | {CNN: 0.9}, "contrasts": against("undecided", "b better")},
        "better",
        "Use Baseline CNN: it is better than MIM ViT.",
    ),
    "the second is shown to be better, the highest is not": (
        {"estimates": GOOD, "contrasts": against("undecided", "a better")},
        "better",
        "Use MIM ViT: it is better than Baseline CNN.",
    ),
    "two that tie are both better": (
        {"estimates": GOOD | {MIM: 0.80}, "contrasts": against("a better", "a better")},
        "better",
        "Use any of Pure ViT and MIM ViT, which score the same: each is better than Baseline CNN.",
    ),
    "two that differ in the last digit tie": (
        {"estimates": GOOD | {PURE: 0.7743055556, MIM: 0.7743055555}, "contrasts": against("a better", "a better")},
        "better",
        "Use any of Pure ViT and MIM ViT, which score the same: each is better than Baseline CNN.",
    ),
    "three tie and nothing is shown": (
        {"estimates": GOOD | {CNN: 0.8, MIM: 0.8}, "contrasts": against("undecided")},
        "undecided",
        "Use Baseline CNN, the cheapest: no other arm is shown to be better.",
    ),
    "a better one that lost to a third": (
        {"estimates": GOOD, "contrasts": [*against("a better", "undecided"), ("start", MIM, PURE, "a better")]},
        "undecided",
        "No arm is shown to be better than Baseline CNN, the cheapest; Pure ViT scored highest.",
    ),
    "equivalent to the cheapest": (
        {"estimates": GOOD | {PURE: 0.701, MIM: 0.6}, "contrasts": against("equivalent", "b better")},
        "equivalent",
        "Use Baseline CNN: it is as good as Pure ViT.",
    ),
    "equivalent for a third of the time": (
        {
            "estimates": GOOD | {PURE: 0.701, MIM: 0.6},
            "contrasts": against("equivalent", "b better"),
            "seconds": {CNN: 100.0, PURE: 300.0},
        },
        "equivalent",
        "Use Baseline CNN: it is as good as Pure ViT, for 33% of the time.",
    ),
    "the baseline leads, and one arm is open": (
        {"estimates": GOOD | {CNN: 0.81}, "contrasts": against("equivalent", "undecided")},
        "undecided",
        "Use Baseline CNN, the cheapest: no other arm is shown to be better.",
    ),
    "one rival failed": (
        {
            "estimates": GOOD | {MIM: FAILED},
            "contrasts": against("a better", f"not testable: {MIM} without scores"),
        },
        "better",
        "Use Pure ViT: it is better than Baseline CNN.",
    ),
    "two rivals failed": (
        {
            "estimates": {"handcrafted": FAILED} | GOOD | {MIM: FAILED},
            "contrasts": against("a better", f"not testable: {MIM} without scores"),
        },
        "better",
        "Use Pure ViT: it is better than Baseline CNN.",
    ),
    "the baseline failed": (
        {
            "estimates": GOOD | {CNN: FAILED},
            "contrasts": against(*[f"not testable: {CNN} without scores"] * 2),
        },
        "undecided",
        "No clear winner: Pure ViT scored highest, but is not shown to be better.",
    ),
    "all failed": (
        {"estimates": {CNN: FAILED, PURE: FAILED, RANDOM: 0.6}, "contrasts": []},
        "failed",
        "No arm finished on this cohort.",
    ),
    "the cohort failed": (
        {"estimates": {CNN: FAILED}, "contrasts": [], "failure": "no subject has a class"},
        "failed",
        "This cohort failed, and nothing was computed on it: no subject has a class.",
    ),
    "the control failed": (
        {"estimates": GOOD | {RANDOM: FAILED}, "contrasts": against("a better", controls=control(GONE, GONE, GONE))},
        "undecided",
        "Undecided: Pure ViT did better than Baseline CNN, but without a control that finished nothing shows that it "
        "learned anything.",
    ),
    "no controls": (
        {"estimates": {arm: GOOD[arm] for arm in (CNN, PURE, MIM)}, "contrasts": against("a better", controls=[])},
        "undecided",
        "Undecided: Pure ViT did better than Baseline CNN, but without a control that finished nothing shows that it "
        "learned anything.",
    ),
    "no controls and below chance": (
        {"estimates": {CNN: 0.30, PURE: 0.42, MIM: 0.31}, "contrasts": against("a better", controls=[])},
        "control",
        "No arm is shown to be better than guessing.",
    ),
    "below chance, and better than its control": (
        {"estimates": {CNN: 0.2, PURE: 0.42, MIM: 0.3, RANDOM: 0.1}, "contrasts": against("a better")},
        "control",
        "No arm is shown to be better than guessing.",
    ),
    "the highest may be at chance": (
        {"estimates": {CNN: 0.50, PURE: 0.53, MIM: 0.5, RANDOM: 0.4}, "contrasts": against("undecided")},
        "control",
        "No arm is shown to be better than guessing.",
    ),
    "no arm beats the random network": (
        {"estimates": GOOD, "contrasts": against("undecided", controls=control(*["undecided"] * 3))},
        "control",
        "No arm is shown to be better than the same network with random weights.",
    ),
    "no arm beats its own random network": (
        {
            "estimates": GOOD | {OTHER: 0.5},
            "contrasts": against("undecided", controls=own_controls("undecided")),
        },
        "control",
        "No arm is shown to be better than the same networks with random weights.",
    ),
    "the random network of the others is beaten": (
        {
            "estimates": GOOD | {CNN: 0.82, OTHER: 0.5},
            "contrasts": against("undecided", controls=own_controls("a better")),
        },
        "control",
        "No arm is shown to be better than Random EfficientNet.",
    ),
    "the better one does not beat the random network, another does": (
        {"estimates": GOOD, "contrasts": against("a better", controls=control("a better", "undecided", "undecided"))},
        "control",
        "Pure ViT scored highest, but is not shown to be better than the same network with random weights.",
    ),
    "of two better ones the second passes its control": (
        {
            "estimates": GOOD,
            "contrasts": against("a better", "a better", control("a better", "undecided", "a better")),
        },
        "better",
        "Use MIM ViT: it is better than Baseline CNN.",
    ),
    "the control scores as high": (
        {"estimates": GOOD | {RANDOM: 0.80}, "contrasts": against("a better")},
        "control",
        "No arm is shown to be better than the same network with random weights.",
    ),
    "the control is equivalent": (
        {"estimates": GOOD, "contrasts": against("a better", controls=control(*["equivalent"] * 3))},
        "control",
        "No arm is shown to be better than the same network with random weights.",
    ),
    "a score without variance": (
        {"estimates": GOOD | {PURE: 1.0}, "contrasts": against("a better"), "half": NAN},
        "better",
        "Use Pure ViT: it is better than Baseline CNN.",
    ),
    "constant differences": (
        {
            "estimates": GOOD,
            "contrasts": against("not testable: every fold shows the same difference"),
        },
        "undecided",
        "No arm is shown to be better than Baseline CNN, the cheapest; Pure ViT scored highest.",
    ),
    "an undefined metric": (
        {"estimates": GOOD | {PURE: NAN}, "contrasts": against(f"not testable: {PURE} without scores", "a better")},
        "better",
        "Use MIM ViT: it is better than Baseline CNN.",
    ),
    "one arm": (
        {"estimates": {PURE: 0.8, RANDOM: 0.6}, "contrasts": [("control", PURE, RANDOM, "a better")]},
        "undecided",
        "Pure ViT is the only arm, with nothing to compare it with.",
    ),
    "a metric without a level of guessing, and no majority class": (
        {
            "estimates": {arm: GOOD[arm] for arm in (CNN, PURE, MIM, RANDOM)},
            "contrasts": against("a better"),
            "metric": "accuracy",
        },
        "undecided",
        "Undecided: Pure ViT did better than Baseline CNN, but without a control that finished nothing shows that it "
        "learned anything.",
    ),
    "95:5, and accuracy no better than the majority class": (
        {"estimates": {CNN: 0.93, PURE: 0.95, MIM: 0.94, RANDOM: 0.9, MAJORITY: 0.95}, "metric": "accuracy",
         "contrasts": against("a better")},
        "control",
        "No arm is shown to be better than guessing or always naming the largest class.",
    ),
    "named contrasts": (
        {"estimates": GOOD, "contrasts": [("named", PURE, MIM, "a better"), *CONTROLS]},
        "better",
        "Use Pure ViT: it is better than MIM ViT.",
    ),
    "named contrasts, and the one that wins is not the highest": (
        {"estimates": GOOD, "contrasts": [("named", MIM, CNN, "a better"), *CONTROLS]},
        "undecided",
        "No clear winner: Pure ViT scored highest, but is not shown to be better.",
    ),
    "named and equivalent, the second is cheaper": (
        {
            "estimates": GOOD | {MIM: 0.799},
            "contrasts": [("named", PURE, MIM, "equivalent"), *CONTROLS],
            "seconds": {PURE: 300.0, MIM: 60.0},
        },
        "equivalent",
        "Use MIM ViT: it is as good as Pure ViT, for 20% of the time.",
    ),
    "an external set agrees": (
        {"estimates": GOOD, "contrasts": against("a better"), "test_pairs": [("site_b", CNN, PURE, "b better")]},
        "better",
        "Use Pure ViT: it is better than Baseline CNN.",
    ),
    "an external set disagrees": (
        {"estimates": GOOD, "contrasts": against("a better"), "test_pairs": [("site_b", CNN, PURE, "a better")]},
        "undecided",
        "Undecided: cross-validation finds Pure ViT better than Baseline CNN, and a test set shows the opposite.",
    ),
    "an external set shows nothing": (
        {"estimates": GOOD, "contrasts": against("a better"), "test_pairs": [("site_b", PURE, CNN, "within noise")]},
        "better",
        "Use Pure ViT: it is better than Baseline CNN.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_verdict(name):
    given, level, headline = CASES[name]
    found = judge(by_hand(**given))
    assert (found.level, found.headline) == (level, headline)


def said(name: str) -> str:
    return " ".join(judge(by_hand(**CASES[name][0])).sentences)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two rivals failed", "Hand-made features failed and has no result: the disk was full."),
        ("two rivals failed", "MIM ViT failed and has no result: the disk was full."),
        ("the control failed", "Random ViT (control) has no result, so nothing shows what Pure ViT owes to its"),
        ("no controls", "Pure ViT has no control in this study"),
        ("two that tie are both better", "Pure ViT and MIM ViT share the highest balanced accuracy: 0.800"),
        ("an undefined metric", "Pure ViT has no defined score and no result."),
        ("an external set agrees", "On site_b, too, Pure ViT is better than Baseline CNN."),
        ("an external set disagrees", "On site_b it is the other way round: Baseline CNN is better than Pure ViT."),
        ("an external set shows nothing", "On site_b the difference between Pure ViT and Baseline CNN is not shown."),
        ("constant differences", "could not be compared: every fold shows the same difference."),
        ("equivalent to the cheapest", "Pure ViT is as good as Baseline CNN: they differ by less than 0.010"),
        ("nothing is shown", "About 400 subjects would be needed to find a true difference of 0.050 between Pure ViT"),
    ],
)
def test_sentences_tell_it(name, words):
    assert words in said(name)


def test_the_winners_estimate_is_marked_as_selected():
    found = judge(by_hand(GOOD, against("a better"), best=0.77))
    assert (
        "It was picked as the best of 3 arms, which flatters it: choosing the arm inside as well gives 0.770 (95% "
        "interval 0.730 to 0.810)." in found.sentences
    )


def test_one_training_run_of_the_arm_that_lost_says_so():
    given = by_hand(GOOD, against("a better", "b better"), learning=frozenset([MIM]))
    found = judge(given)
    assert found.headline == "Use Pure ViT: it is better than Baseline CNN."
    assert not any("trained network" in said for said in found.sentences)
    given = by_hand(GOOD, [("named", PURE, MIM, "a better"), *CONTROLS], learning=frozenset([MIM]))
    assert any(said.startswith("MIM ViT: all of this is about this trained network") for said in judge(given).sentences)


@pytest.mark.parametrize(("seeds", "words"), [(None, "this trained network"), (3, "means over 3 training runs")])
def test_one_training_run_says_so(seeds, words):
    given = by_hand(GOOD | {MIM: 0.9}, against("a better", "a better"), n_seeds=seeds, learning=frozenset([MIM]))
    assert any(sentence.startswith("MIM ViT: ") and words in sentence for sentence in judge(given).sentences)


def test_intervals_follow_alpha():
    found = judge(by_hand(GOOD, against("a better"), alpha=0.01))
    assert "99% interval 0.760 to 0.840" in found.sentences[0]


def noisy(mean: float, seed: int, n: int, sd: float = 0.03) -> list[float]:
    return list(np.clip(mean + sd * np.random.default_rng(seed).normal(size=n), 0, 1))


def test_one_repeat_of_a_real_study_of_brain_mr_beats_the_random_network():
    """599 subjects, 4 classes, 5 folds once: arms 0.76, random ViT 0.55. Nobody would call these the same."""
    values = {
        (arm, classifier): noisy(mean, place, 5, 0.02)
        for place, (arm, classifier, mean) in enumerate(
            (arm, classifier, mean - 0.01 * (classifier == "src"))
            for arm, mean in ((CNN, 0.76), (PURE, 0.76), (MIM, 0.75), (RANDOM, 0.55))
            for classifier in ("svm", "src")
        )
    }
    planned = [("baseline", PURE, CNN), ("baseline", MIM, CNN), ("start", MIM, PURE)]
    planned += [("control", arm, RANDOM) for arm in (CNN, PURE, MIM)]
    tables = by_scores(values, planned, n_subjects=599, n_classes=4)
    controls = tables.contrasts[tables.contrasts["question"] == "control"]
    assert set(controls["verdict"]) == {"a better"}
    found = judge(tables)
    assert found.level == "undecided"
    assert "the cheapest" in found.headline
    assert any("is better than Random ViT (control)" in sentence for sentence in found.sentences)


def test_three_folds_once_prove_nothing_and_say_what_would():
    values = {(CNN, "svm"): noisy(0.7, 1, 3), (PURE, "svm"): noisy(0.74, 2, 3), (RANDOM, "svm"): noisy(0.66, 3, 3)}
    planned = [("baseline", PURE, CNN), ("control", CNN, RANDOM), ("control", PURE, RANDOM)]
    found = judge(by_scores(values, planned, folds=3))
    assert found.level == "control"
    assert any("subjects would be needed" in sentence for sentence in found.sentences)


def test_constant_predictions_are_never_better():
    values = {(CNN, "svm"): [0.5] * 15, (PURE, "svm"): [0.5] * 15, (MAJORITY, "majority_class"): [0.5] * 15}
    planned = [("baseline", PURE, CNN), ("control", PURE, MAJORITY)]
    found = judge(by_scores(values, planned))
    assert (found.level, found.headline) == (
        "control",
        "No arm is shown to be better than guessing or always naming the largest class.",
    )


def test_opposite_cohorts_get_opposite_verdicts():
    def one(high: str, low: str) -> str:
        values = {(high, "svm"): noisy(0.9, 1, 15), (low, "svm"): noisy(0.7, 2, 15), (RANDOM, "svm"): noisy(0.6, 3, 15)}
        planned = [("baseline", PURE, CNN), ("control", CNN, RANDOM), ("control", PURE, RANDOM)]
        return judge(by_scores(values, planned)).headline

    assert one(PURE, CNN) == "Use Pure ViT: it is better than Baseline CNN."
    assert one(CNN, PURE) == "Use Baseline CNN: it is better than Pure ViT."
