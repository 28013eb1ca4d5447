"""The look that every figure and table shares: one colour per arm, one marker per classifier, readable titles.

Colours are those of Okabe and Ito (2008, "Color universal design"), which people with the common forms of colour
blindness can tell apart; controls are grey and black. Nothing here imports matplotlib until a figure is made.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

from sixgig.classifiers import registry as classifiers
from sixgig.words.language import tr

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

#: What the id of a mark starts with that has something to say.
_TELLS = "tells: "
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


def marker(classifier: str) -> str:
    """The classifier's marker, the same in every figure."""
    look = classifiers.looks().get(classifier)
    return look.marker if look else "^"


def line_style(classifier: str) -> str | tuple[float, tuple[float, ...]]:
    """The classifier's line style, the same in every figure."""
    look = classifiers.looks().get(classifier)
    return look.line if look else "-."


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


def tell(mark: Artist, words: str) -> None:
    """Let a mark say something when a reader points at it; see :func:`with_titles`."""
    mark.set_gid(_TELLS + words)


def with_titles(svg: str) -> str:
    """Turn what marks have to say into the titles that browsers show.

    Args:
        svg: What matplotlib wrote, with the words of :func:`tell` as ids.
    """
    return re.sub(rf'<g id="{_TELLS}([^"]*)">', r'<g class="tells"><title>\1</title>', svg)


def empty_figure(title: str, reason: str, width: float = 7.5) -> Figure:
    """A figure that says why there is nothing to draw.

    Args:
        title: What the figure would have shown.
        reason: Why it does not, in words for the reader.
        width: Inches.
    """
    import textwrap

    with style():
        figure = new_figure(width, 2.2)
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_title(title, loc="left")
        axes.text(
            0.5,
            0.5,
            tr("Nothing to draw: ") + "\n".join(textwrap.wrap(reason, round(80 * width / 7.5))),
            ha="center",
            va="center",
            color="#555",
        )
    return figure
