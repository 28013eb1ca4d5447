"""The words of the report, explained: what an arm is, what each arm and classifier of the study does."""

from __future__ import annotations

from sixgig.classifiers import registry as classifiers
from sixgig.results.study import Study
from sixgig.words.language import current, tr
from sixgig.words.titles import arm_title, classifier_title


def terms(study: Study) -> dict[str, str]:
    """Words of the page with what they mean, in the order of the glossary."""
    return {
        tr("Arm"): tr("One way of turning images into numbers (features); arms are what the study compares."),
        tr("Method"): tr("An arm together with the classifier that reads its features."),
        tr("Control"): tr("An arm that has learned nothing. What does not beat it has shown nothing."),
        tr("Cohort"): tr("A set of subjects with their images and classes."),
        tr("Fold"): tr("A part of the subjects that is left out of training and then predicted, each part in turn."),
        tr("Interval"): tr(
            "Values that the truth may well have: of many such studies, that share of intervals holds it."
        ),
        tr("Balanced accuracy"): tr(
            "Share of subjects classified rightly, taken in each class and averaged, so that a small class counts as "
            "much as a large one."
        ),
        "p (Holm)": tr(
            "How seldom chance alone would show such a difference, corrected for the number of comparisons."
        ),
        tr("On the front of"): tr("Costs by which no other arm is as good for less or better for as much."),
        tr("Equally good"): tr("The whole interval of the difference lies within what the study calls no difference."),
        tr("Undecided"): tr("The study is too small to tell; this does not prove that two methods are equal."),
    }


def names(study: Study) -> dict[str, str]:
    """Titles of the study's arms, controls and classifiers with what each does, in display order."""
    methods = [method for cohort in study.cohorts for method in study.methods(cohort)]
    found: dict[str, str] = {}
    for arm in sorted({method.arm for method in methods}, key=[*study.looks].index if study.looks else None):
        look = study.looks.get(arm)
        if look is not None and look.meanings:
            found[arm_title(arm)] = look.meanings[current()]
    looks = classifiers.looks()
    for name in sorted({method.classifier for method in methods if method.classifier in looks}, key=[*looks].index):
        if looks[name].meanings:
            found[classifier_title(name)] = looks[name].meanings[current()]
    return found
