"""Readable names of cohorts, arms, classifiers, methods and metrics, and the colours of arms."""

from __future__ import annotations

from sixgig.arms.registry import control_key, is_control
from sixgig.classifiers import registry as classifiers
from sixgig.evaluation.metrics import METRICS
from sixgig.results.study import Method
from sixgig.tables.use import HELD_OUT
from sixgig.words.language import current, tr
from sixgig.words.showing import look_of, title_of

#: For arms of older studies that are not here any more: the two Okabe-Ito colours that no arm has.
_OTHER_COLOURS = ("#56B4E9", "#B8AE14")


def cohort_title(cohort: str) -> str:
    """The cohort's name for people; tables have its key."""
    return tr(title_of(cohort))


def place_title(tested_on: str) -> str:
    """What methods were tested on, inside a sentence: a held-out test set, or another cohort."""
    return tr("the held-out test set") if tested_on == HELD_OUT else cohort_title(tested_on)


def arm_title(arm: str) -> str:
    """The arm's name for people; a control says that it is one."""
    return short_arm_title(arm) + (tr(" (control)") if is_control(arm) else "")


def short_arm_title(arm: str) -> str:
    """The arm's name for narrow places in a figure."""
    look = look_of(arm)
    return look.titles.get(current(), look.title) if look else control_key(arm).replace("_", " ")


def classifier_title(classifier: str) -> str:
    """The classifier's name for people."""
    look = classifiers.looks().get(classifier)
    return look.titles.get(current(), look.title) if look else classifier.replace("_", " ")


def metric_title(metric: str) -> str:
    """The metric's name for people, with a word where lower is better."""
    if metric not in METRICS:
        return metric.replace("_", " ").capitalize()
    return tr(METRICS[metric].title) + ("" if METRICS[metric].higher_is_better else tr(" (lower is better)"))


def metric_words(metric: str) -> str:
    """The metric's name inside a sentence."""
    return lower_case(metric_title(metric))


def lower_case(title: str) -> str:
    """A title inside a sentence: ``balanced accuracy``, but ``ROC`` and ``F1`` keep their capitals."""
    return " ".join(word.lower() if word[1:].islower() else word for word in title.split(" "))


def method_title(method: Method) -> str:
    """Arm and classifier for people: ``Pure ViT + SVM``; a control says that it is one."""
    return short_method_title(method) + (tr(" (control)") if method.is_control else "")


def short_method_title(method: Method) -> str:
    """A method's title for narrow places in a figure; the majority class has no choice of classifier."""
    arm = short_arm_title(method.arm)
    return f"{arm} + {classifier_title(method.classifier)}" if method.reads_features else arm


def arm_colour(arm: str) -> str:
    """The arm's colour, the same in every figure and table."""
    look = look_of(arm)
    return look.colour if look else _OTHER_COLOURS[sum(arm.encode()) % len(_OTHER_COLOURS)]
