"""The look that every figure and table shares: one colour per arm, one marker per classifier, readable titles.

Colours are those of Okabe and Ito (2008, "Color universal design"), which people with the common forms of colour
blindness can tell apart; controls are grey and black. Nothing here imports matplotlib until a figure is made.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

from sixgig.language import tr
from sixgig.metrics import METRICS
from sixgig.study import Method

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ARM_TITLES = {
    "baseline_cnn": "Baseline CNN",
    "vit_pure": "Pure ViT",
    "vit_contrastive": "Contrastive ViT",
    "vit_mim": "MIM ViT",
    "vit_sparse": "Sparse ViT",
    "control_random_vit": "Random ViT",
    "control_majority_class": "Majority class",
}
_ARM_COLOURS = {
    "baseline_cnn": "#E69F00",
    "vit_pure": "#0072B2",
    "vit_contrastive": "#009E73",
    "vit_mim": "#D55E00",
    "vit_sparse": "#CC79A7",
    "control_random_vit": "#8C8C8C",
    "control_majority_class": "#000000",
}
_CLASSIFIER_TITLES = {"svm": "SVM", "src": "SRC", "majority_class": "majority class"}
_CLASSIFIER_MARKERS = {"svm": "o", "src": "s", "majority_class": "D"}
_CLASSIFIER_LINES = {"svm": "-", "src": "--", "majority_class": ":"}
#: For an arm added later: the two Okabe-Ito colours that no arm has yet.
_OTHER_COLOURS = ("#56B4E9", "#B8AE14")

_RC: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sixgig",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica", "sans-serif"],
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.dpi": 150,
}


def arm_title(arm: str) -> str:
    """The arm's name for people; a control says that it is one."""
    return short_arm_title(arm) + (tr(" (control)") if arm.startswith("control_") else "")


def short_arm_title(arm: str) -> str:
    """The arm's name for narrow places in a figure."""
    return tr(_ARM_TITLES.get(arm, arm.removeprefix("control_").replace("_", " ")))


def classifier_title(classifier: str) -> str:
    """The classifier's name for people."""
    return tr(_CLASSIFIER_TITLES.get(classifier, classifier.replace("_", " ")))


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
    return arm if method.classifier == "majority_class" else f"{arm} + {classifier_title(method.classifier)}"


def arm_colour(arm: str) -> str:
    """The arm's colour, the same in every figure."""
    return _ARM_COLOURS.get(arm, _OTHER_COLOURS[sum(arm.encode()) % len(_OTHER_COLOURS)])


def marker(classifier: str) -> str:
    """The classifier's marker, the same in every figure."""
    return _CLASSIFIER_MARKERS.get(classifier, "^")


def line_style(classifier: str) -> str:
    """The classifier's line style, the same in every figure."""
    return _CLASSIFIER_LINES.get(classifier, "-.")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in this style, drawn by Agg whatever display there is.

    Args:
        width: Inches.
        height: Inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
    return figure


def style() -> AbstractContextManager[None]:
    """Context manager under which figures are drawn and saved."""
    import matplotlib as mpl

    return mpl.rc_context(cast("Any", _RC))  # its stubs list the names of all settings as literals


def empty_figure(title: str, reason: str) -> Figure:
    """A figure that says why there is nothing to draw.

    Args:
        title: What the figure would have shown.
        reason: Why it does not, in words for the reader.
    """
    import textwrap

    with style():
        figure = new_figure(7.5, 2.2)
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_title(title, loc="left")
        axes.text(
            0.5,
            0.5,
            tr("Nothing to draw: ") + "\n".join(textwrap.wrap(reason, 80)),
            ha="center",
            va="center",
            color="#555",
        )
    return figure
