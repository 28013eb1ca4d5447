"""The map of features, computed again from the features: within a tolerance, as linear algebra may round otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from sixgig.arms.instances import instances
from sixgig.plan.plan import MOST_MAPPED
from sixgig.results.study import Study
from sixgig.runtime.versions import study_versions
from sixgig.statistics.feature_map import map_features
from sixgig.verification.findings import DAMAGE, ERROR, NOTE, OK, Finding, reason_of

NAME = "statistics/feature_map.csv"
#: How far a place may be off, as a share of the largest coordinate of its arm's map.
TOLERANCE = 1e-6
#: Packages whose other version may explain another map.
_BEHIND = ("scikit-learn", "numpy", "scipy")


def check_feature_map(study: Study) -> Iterator[Finding]:
    """Compute the map of features again; where it differs and a library behind it is another one, that is said."""
    # Tables have the order of the study file, which study.json names for arms, and the summary has for cohorts.
    order = dict.fromkeys((*(study.info.get("arms") or ()), *study.config["arms"]))
    arms = [arm for arm in order if arm in study.config["arms"] and arm in instances(study.config)][:MOST_MAPPED]
    files = {
        (cohort, arm): study.folder / "features" / cohort / f"{arm}.npz" for cohort in study.cohorts for arm in arms
    }
    absent = [path for path in files.values() if not path.is_file()]
    if absent:
        place = absent[0].relative_to(study.folder).as_posix()
        yield Finding("tables", NOTE, f"{NAME} is not computed again: {place} is not there", NAME)
        return
    try:
        again = map_features(files, {cohort: study.cohort_folder(cohort) for cohort in study.cohorts})
        there = study.feature_map
    except DAMAGE as error:
        yield Finding("tables", ERROR, f"{NAME} cannot be computed again: {reason_of(error)}", NAME)
        return
    wrong = difference(there, again)
    if not wrong:
        yield Finding("tables", OK, f"{NAME} follows from the features, within {TOLERANCE:g} of each map's size", NAME)
        return
    recorded, here = study.info.get("versions") or {}, study_versions()
    others = [f"{name} {recorded.get(name)} then, {here[name]} here" for name in _BEHIND
              if name in here and str(recorded.get(name)) != here[name]]  # fmt: skip
    text = f"{NAME} does not follow from the features: {wrong}"
    yield Finding("tables", NOTE if others else ERROR, text + (f" ({'; '.join(others)})" if others else ""), NAME)


def difference(there: pd.DataFrame, again: pd.DataFrame) -> str:
    """Say what differs first between two maps; empty where they are the same within :data:`TOLERANCE`.

    Args:
        there: Rows of ``tables.FEATURE_MAP`` as they were written.
        again: The same, computed again.
    """
    names = ["cohort", "arm", "subject_id", "image_id", "label"]
    first, second = (table[names].astype("string").fillna("").reset_index(drop=True) for table in (there, again))
    if not first.equals(second):
        return f"it has other samples, {len(first)} of them and not {len(second)}"
    for (cohort, arm), rows in again.reset_index(drop=True).groupby(["cohort", "arm"], sort=False):
        old = there.iloc[rows.index]
        size = max(float(rows[["x", "y"]].abs().to_numpy().max()), 1.0)
        for name, limit in (("x", size), ("y", size), ("share_x", 1.0), ("share_y", 1.0)):
            far = np.abs(old[name].to_numpy(float) - rows[name].to_numpy(float))
            if far.max() > TOLERANCE * limit:
                place = int(far.argmax())
                sample = rows["subject_id"].iloc[place]
                return (
                    f"{name} of {sample} of {arm} on {cohort} is {old[name].iloc[place]:g}, and would be "
                    f"{rows[name].iloc[place]:g}"
                )
    return ""
