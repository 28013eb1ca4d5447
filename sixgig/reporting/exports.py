"""The report's tables as files for a paper: CSV, LaTeX (booktabs) and Markdown, with the numbers of the page.

They are made from the same views as the page, so that no number can differ from it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

from sixgig.reporting import budget, comparisons, over_cohorts, results
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Study
from sixgig.runtime.atomic import write_text
from sixgig.words.language import speaking

#: Tables of each cohort, by the part of their file name after the cohort's name.
COHORT_TABLES: dict[str, Callable[[Study, str], TableView]] = {
    "metrics": results.all_metrics,
    "pairs": comparisons.pairs,
    "tests": comparisons.tests,
}
#: Tables of the study, by file name.
STUDY_TABLES: dict[str, Callable[[Study], TableView]] = {
    "results": results.overview,
    "held_out": results.held_out,
    "omnibus": over_cohorts.omnibus,
    "ranks": over_cohorts.ranks,
    "factors": over_cohorts.factors,
    "budget": budget.budget,
    "costs": results.costs,
    "arms": results.arms,
}
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\N{MINUS SIGN}": "$-$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
}


def table_views(study: Study) -> Iterator[tuple[str, TableView]]:
    """Yield the name and the view of every table that is exported."""
    for name, make in STUDY_TABLES.items():
        yield name, make(study)
    for cohort in study.cohorts:
        for name, make_one in COHORT_TABLES.items():
            yield f"{cohort}.{name}", make_one(study, cohort)


def write_tables(study: Study, folder: Path) -> None:
    """Write every table as ``<name>.csv``, ``<name>.tex`` and ``<name>.md``.

    Args:
        study: The study, with every table written.
        folder: Where the files go.

    Raises:
        TableError: A table of the study is missing or damaged.
    """
    with speaking(study.language):
        views = list(table_views(study))
    for name, view in views:
        write_text(folder / f"{name}.csv", to_csv(view))
        write_text(folder / f"{name}.tex", to_latex(view))
        write_text(folder / f"{name}.md", to_markdown(view))


def to_csv(view: TableView) -> str:
    """A view as CSV, each cell as the page shows it; the study's own tables hold the full numbers."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(view.columns)
    writer.writerows([cell.text for cell in row] for row in view.rows)
    return stream.getvalue()


def to_markdown(view: TableView) -> str:
    """A view as a Markdown table with its caption above; what stands out is bold."""

    def text(cell: Cell) -> str:
        plain = cell.text.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")
        return f"**{plain}**" if cell.strong else plain

    numeric = _numeric_columns(view)
    lines = [
        "| " + " | ".join(column.replace("|", "\\|") for column in view.columns) + " |",
        "|" + "|".join("---:" if right else "---" for right in numeric) + "|",
        *("| " + " | ".join(text(cell) for cell in row) + " |" for row in view.rows),
    ]
    return f"{view.caption}\n\n" + "\n".join(lines) + "\n"


def to_latex(view: TableView) -> str:
    r"""A view as a LaTeX ``table`` that needs ``\usepackage{booktabs}``; what stands out is bold."""

    def text(cell: Cell) -> str:
        return rf"\textbf{{{escape(cell.text)}}}" if cell.strong else escape(cell.text)

    columns = "".join("r" if right else "l" for right in _numeric_columns(view))
    rows = [" & ".join(text(cell) for cell in row) + r" \\" for row in view.rows]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            r"\begin{table}",
            rf"\caption{{{escape(view.caption)}}}",
            rf"\label{{tab:{view.name.replace('_', '-')}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(escape(column) for column in view.columns) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def escape(text: str) -> str:
    """Text with LaTeX's special characters escaped."""
    return "".join(_LATEX.get(character, character) for character in text)


def _numeric_columns(view: TableView) -> list[bool]:
    return [any(row[index].numeric for row in view.rows) for index in range(len(view.columns))]
