"""Everything that a study writes and that another may want to check: what ``outputs.sha256`` lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixgig.figures.catalogue import FORMATS

if TYPE_CHECKING:
    from sixgig.plan.plan import Plan

_COHORT = (
    "source.json", "manifest.csv", "images.npy", "volumes.npy", "quarantine.csv", "copies.csv", "remarks.csv",
    "cohort.json", "splits.csv", "splits.json", "leakage.json",
)  # fmt: skip
_TRAINING = ("safetensors", "json", "csv", "npz", "seen.csv", "gate.json")


def hashed_files(plan: Plan) -> list[str]:
    """Return the files of a study by their path from the working directory, each once.

    Logs, benchmarks, checkpoints and MLflow's store are not among them: they are no results, and others write to them.
    """
    root = f"results/{plan.study}"
    weights = dict.fromkeys(plan.weights_file(arm) for arm in plan.image_arms)
    files = [
        f"{root}/study.json",
        *(f"{root}/{environment}.json" for environment in plan.environments),
        *(file for name in _COHORT for file in plan.cohort_files(name)),
        *plan.group_files(),
        *weights,
        *(plan.provenance_file(file) for file in weights),
        *(file for suffix in _TRAINING for file in plan.trainings(suffix)),
        *plan.features("npz", seeds=True),
        *plan.features("json", seeds=True),
        *(
            f"{root}/features/{cohort}/{arm}.images.npy"
            for cohort in plan.cohorts
            for arm in (*plan.image_arms, *plan.plain_arms)
        ),
        *(file for suffix in ("csv", "test.csv", "json") for file in plan.predictions(suffix, seeds=True)),
        *plan.attention(),
        *plan.external_gates(),
        *(file for suffix in ("npz", "json") for file in plan.external_features(suffix)),
        *(
            f"{plan.external_stem(cohort, arm, other)}.images.npy"
            for cohort, arm, other in plan.external_arm_keys
            if arm in plan.external_trained
        ),
        *(file for suffix in ("csv", "json") for file in plan.external_predictions(suffix)),
        *(file for suffix in ("csv", "json") for file in plan.fraction_predictions(suffix)),
        *plan.targets("statistics"),
        *(file for suffix in FORMATS for file in plan.figures(suffix)),
        *plan.tables(),
        f"{root}/report.html",
        f"{root}/verdicts.csv",
    ]
    return list(dict.fromkeys(files))
