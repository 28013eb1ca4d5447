"""Stages of the default study.

Seconds that the jobs of a stage took in the last run of the default study on this machine, from its benchmark files
(`make`, or `--study FOLDER` of another finished study). They include starting Python for each job.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from bench.harness import BenchError, Limit

TITLE = "The default study"
#: Variable that names the study's folder.
FOLDER = "SIXGIG_BENCH_STUDY"
#: Rules of a stage, and the most seconds that all of its jobs may take.
_STAGES: dict[str, tuple[tuple[str, ...], float | None]] = {
    "statistics": (
        (
            "score_predictions", "compare_methods", "weigh_contrasts", "compare_subjects", "collect_costs",
            "compare_cohorts", "explain_variance", "weigh_budget", "compare_groups", "compare_test_sets",
            "weigh_clinical_use", "map_features",
        ),
        15.0,
    ),
    "figures": (("draw_figures", "draw_comparisons"), None),
    "report and tables": (("write_report", "export_tables"), None),
}  # fmt: skip


def rows(quick: bool) -> Iterator[Limit]:
    """Yield the seconds of each stage."""
    study = Path(os.environ.get(FOLDER, "results/default"))
    if not (study / "benchmarks").is_dir():
        if quick:
            return
        raise BenchError(study, "holds no finished study", "run `make` first, or give --study FOLDER")
    for stage, (rules, most) in _STAGES.items():
        files = [file for rule in rules for file in _files(study / "benchmarks", rule)]
        if not files:
            raise BenchError(study, f"has no benchmark of its {stage}", "run the whole study: `make`")
        yield Limit(f"{stage}, {len(files)} jobs together", [sum(map(_seconds, files))], "s", most)


def _files(benchmarks: Path, rule: str) -> list[Path]:
    single = benchmarks / f"{rule}.tsv"
    return [single] if single.is_file() else sorted((benchmarks / rule).glob("*.tsv"))


def _seconds(file: Path) -> float:
    with file.open() as stream:
        return float(list(csv.DictReader(stream, delimiter="\t"))[-1]["s"])
