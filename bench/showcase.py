"""Puts results and pictures of the default study into ``docs/`` and ``README.md`` (``make showcase``).

Reads a finished study: ``.venv/bin/python -m bench.showcase results/default``.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sixgig.errors import SixgigError
from sixgig.results.study import Method
from sixgig.words.numbers import with_interval
from sixgig.words.titles import method_title

Rows = list[dict[str, str]]

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "config" / "config.yaml"
RESULTS = ROOT / "docs" / "results.csv"
README = ROOT / "README.md"
METRIC = "balanced_accuracy"
#: The cohort whose intervals the README shows.
PICTURED = "acdc_phantom"
COLUMNS = ["cohort", "arm", "classifier", "metric", "estimate", "ci_low", "ci_high", "n_subjects", "status"]
#: Between these lines of the README stands the table.
MARKS = ("<!-- results: make showcase writes this table from docs/results.csv -->", "<!-- end of results -->")


def main(study: Path) -> None:
    """Write ``docs/results.csv``, the pictures and the README's table from a finished study."""
    with RESULTS.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(select(study / "summary.csv"))
    shutil.copyfile(study / "figures" / PICTURED / "intervals.png", ROOT / "docs" / "intervals.png")
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    README.write_text(with_table(text, table(read(RESULTS), config)), encoding="utf-8")
    print("[showcase] docs/results.csv, docs/intervals.png and the table in README.md are those of", study)
    draw_rules(ROOT / "docs" / "dag.svg")


def select(summary: Path) -> Rows:
    """The rows and columns of ``summary.csv`` that are shown, with three decimals.

    Three decimals are what the report shows, and they do not change with the last digits of a float.
    """
    rows = [{name: row[name] for name in COLUMNS} for row in read(summary) if row["metric"] == METRIC]
    for row in rows:
        row |= {name: f"{float(row[name]):.3f}" for name in ("estimate", "ci_low", "ci_high") if row[name]}
    return rows


def read(path: Path) -> Rows:
    """A CSV file as text, one dictionary per row."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def table(rows: Rows, config: Mapping[str, Any]) -> str:
    """The README's table: one line per method under the report's name, one column per cohort."""
    cohorts = {row["cohort"]: row["n_subjects"] for row in rows}
    heads = []
    for cohort, number in cohorts.items():
        simulated = ", simulated" if "phantom" in config["cohorts"][cohort]["source"] else ""
        heads.append(f"{cohort} ({number} subjects{simulated})")
    lines = [["method", *heads], ["---"] * (len(cohorts) + 1)]
    for method in dict.fromkeys(Method(row["arm"], row["classifier"]) for row in rows):
        cells = {row["cohort"]: _cell(row) for row in rows if (row["arm"], row["classifier"]) == method}
        lines.append([method_title(method), *(cells.get(cohort, "") for cohort in cohorts)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(row: dict[str, str]) -> str:
    estimate, low, high = (float(row[name]) if row[name] else None for name in ("estimate", "ci_low", "ci_high"))
    return with_interval(estimate, low, high) + ("" if row["status"] == "ok" else f" ({row['status']})")


def with_table(text: str, new: str) -> str:
    """The README's text with another table between its two marks.

    Raises:
        SixgigError: A mark is missing.
    """
    start, end = MARKS
    before, found, rest = text.partition(start)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        raise SixgigError(README, "the two marks of the results table are missing", f"add {start!r} and {end!r}")
    return f"{before}{start}\n\n{new}\n{end}{after}"


def draw_rules(picture: Path) -> None:
    """Draw the rules of the default study, where Graphviz is installed."""
    if shutil.which("dot") is None:
        print(f"[showcase] {picture.name} is left as it was: Graphviz (dot) is not installed")
        return
    snakemake = str(Path(sys.executable).with_name("snakemake"))
    command = [snakemake, "--rulegraph", "--forceall", "--configfile", str(CONFIG)]
    graph = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout
    # tred, a part of Graphviz, leaves out arrows that a longer way implies.
    reduced = subprocess.run(["tred"], input=graph, check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["dot", "-Tsvg", "-o", str(picture)], input=reduced, check=True)
    print(f"[showcase] {picture.name} shows the rules as they are now")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", type=Path, nargs="?", default=ROOT / "results" / "default")
    main(parser.parse_args().study)
