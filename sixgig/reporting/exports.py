"""The report's tables as files for a paper: CSV, LaTeX (booktabs) and Markdown, with the numbers of the page.

They are made from the same views as the page, so that no number can differ from it. Views are looked up by name when
they are written, because the plan of a study asks for the names and need not wait for what makes the tables.
"""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sixgig.runtime.atomic import write_text
from sixgig.tables.formulas import FORMULA
from sixgig.words.showing import showing

if TYPE_CHECKING:
    from sixgig.reporting.views import Cell, TableView
    from sixgig.results.study import Study

#: Tables of each cohort: the part of their file name after the cohort's name, and module and function of the view.
COHORT_TABLES = {
    "metrics": ("sixgig.reporting.results", "all_metrics"),
    "pairs": ("sixgig.reporting.comparisons", "pairs"),
    "tests": ("sixgig.reporting.comparisons", "tests"),
    "clinical": ("sixgig.reporting.clinical", "clinical"),
}
#: Further tables of each cohort of a study with label-fraction curves.
FRACTION_TABLES = {"fractions": ("sixgig.reporting.fractions", "estimates")}
#: Further tables of each cohort with groups of subjects.
GROUP_TABLES = {"groups": ("sixgig.reporting.groups", "every")}
#: Tables of the study: their file name, and module and function of the view.
STUDY_TABLES = {
    "verdicts": ("sixgig.reporting.verdict_table", "verdicts"),
    "results": ("sixgig.reporting.results", "overview"),
    "held_out": ("sixgig.reporting.results", "held_out"),
    "test_pairs": ("sixgig.reporting.test_sets", "pairs"),
    "omnibus": ("sixgig.reporting.over_cohorts", "omnibus"),
    "ranks": ("sixgig.reporting.over_cohorts", "ranks"),
    "factors": ("sixgig.reporting.over_cohorts", "factors"),
    "budget": ("sixgig.reporting.budget", "budget"),
    "costs": ("sixgig.reporting.results", "costs"),
    "arms": ("sixgig.reporting.results", "arms"),
    "tripod_ai": ("sixgig.reporting.checklists.tables", "tripod_ai"),
    "claim": ("sixgig.reporting.checklists.tables", "claim"),
}
_EVERY = (COHORT_TABLES, FRACTION_TABLES, GROUP_TABLES, STUDY_TABLES)
#: Modules that make the tables.
MODULES = sorted({module for tables in _EVERY for module, _ in tables.values()})
#: File types of every table.
SUFFIXES = ("csv", "tex", "md")
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


def cohort_tables(fractions: bool, groups: bool) -> dict[str, tuple[str, str]]:
    """Return the tables of a cohort, with or without label-fraction curves and groups of subjects."""
    return COHORT_TABLES | (FRACTION_TABLES if fractions else {}) | (GROUP_TABLES if groups else {})


def table_views(study: Study) -> Iterator[tuple[str, TableView]]:
    """Yield the name and the view of every table that is exported."""
    for name, (module, view) in STUDY_TABLES.items():
        yield name, getattr(importlib.import_module(module), view)(study)
    for cohort in study.cohorts:
        for name, (module, view) in cohort_tables(study.has_fractions, bool(study.groups_of(cohort))).items():
            yield f"{cohort}.{name}", getattr(importlib.import_module(module), view)(study, cohort)


def write_tables(study: Study, folder: Path) -> None:
    """Write every table as ``<name>.csv``, ``<name>.tex`` and ``<name>.md``.

    Args:
        study: The study, with every table written.
        folder: Where the files go.

    Raises:
        TableError: A table of the study is missing or damaged.
    """
    with showing(study):
        views = list(table_views(study))
    for name, view in views:
        write_text(folder / f"{name}.csv", to_csv(view))
        write_text(folder / f"{name}.tex", to_latex(view))
        write_text(folder / f"{name}.md", to_markdown(view))


def to_csv(view: TableView) -> str:
    """A view as CSV, each cell as the page shows it, formulas as text; the study's own tables hold the full numbers."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(view.columns)
    writer.writerows([FORMULA.sub("'", cell.text) for cell in row] for row in view.rows)
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
