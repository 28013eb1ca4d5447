"""Map the features of some arms of every cohort in two dimensions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.runtime.jobs import job
from sixgig.runtime.running import study_folder
from sixgig.statistics.feature_map import map_features
from sixgig.tables.feature_map import FEATURE_MAP


def main(
    features: Mapping[tuple[str, str], Path],
    cohorts: Mapping[str, Path],
    output: Path,
) -> None:
    """Map the features of some arms of every cohort in two dimensions."""
    FEATURE_MAP.write(map_features(features, cohorts), output)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        root = study_folder(snakemake.log[0])
        main(
            features={
                (cohort, arm): root / "features" / cohort / f"{arm}.npz" for cohort, arm in snakemake.params.arms
            },
            cohorts={cohort: root / "cohorts" / cohort for cohort, _ in snakemake.params.arms},
            output=Path(snakemake.output.map),
        )
