"""Test the planned contrasts of each cohort between arms that choose their classifier inside."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sixgig.evaluation.fold_ratio import fold_ratios
from sixgig.runtime.jobs import job
from sixgig.statistics.contrasts import Settings, weigh_contrasts
from sixgig.statistics.selection import score_procedures, summarise_procedures
from sixgig.tables.contrasts import ARM_SCORES, ARM_SUMMARY, CONTRASTS
from sixgig.tables.scores import METRICS, SUMMARY


def main(
    metrics: Path,
    summary: Path,
    planned: Sequence[tuple[str, str, str]],
    metric: str,
    settings: Settings,
    contrasts: Path,
    arm_summary: Path,
    arm_scores: Path,
) -> None:
    """Test the planned contrasts of each cohort between arms that choose their classifier inside."""
    scores = METRICS.read(metrics)
    most = SUMMARY.read(summary).groupby("cohort")["n_subjects"].max()
    n_subjects = {str(cohort): int(n) for cohort, n in most.items()}
    procedures = score_procedures(scores, metric)
    ratio, alpha = settings.n_test_over_n_train, settings.alpha
    found = weigh_contrasts(procedures, planned, metric, settings, n_subjects, scores)
    CONTRASTS.write(found, contrasts)
    ARM_SUMMARY.write(summarise_procedures(procedures, scores, metric, ratio, alpha), arm_summary)
    ARM_SCORES.write(procedures, arm_scores)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            metrics=Path(snakemake.input.metrics),
            summary=Path(snakemake.input.summary),
            planned=snakemake.params.contrasts,
            metric=snakemake.params.metric,
            settings=Settings(
                fold_ratios(
                    snakemake.params.folds,
                    snakemake.params.cohorts,
                    dict(zip(snakemake.params.site_cohorts, map(Path, snakemake.input.site_splits), strict=True)),
                ),
                snakemake.params.alpha,
                snakemake.params.rope,
                snakemake.params.relevant_difference,
            ),
            contrasts=Path(snakemake.output.contrasts),
            arm_summary=Path(snakemake.output.arm_summary),
            arm_scores=Path(snakemake.output.arm_scores),
        )
