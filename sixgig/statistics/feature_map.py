"""Two dimensions of an arm's features, for a picture: do the classes lie apart, or the sites?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.feature_map import FEATURE_MAP
from sixgig.tables.features import read_features
from sixgig.tables.roles import EVALUATION


def components(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project features on their first two principal components (Pearson 1901), each feature with unit variance first.

    The solver draws no random numbers, and the sign of a component is fixed by its largest loading, so equal features
    give equal maps. A component that does not exist, as where all samples are equal, is 0.

    Args:
        features: float [n_samples, d], finite.

    Returns:
        float64 [n_samples, 2], and the share of the variance that each component holds, [2].
    """
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit_transform(np.asarray(features, dtype=np.float64))
    places, shares = np.zeros((len(scaled), 2)), np.zeros(2)
    n = min(2, len(scaled) - 1, scaled.shape[1])
    if n < 1 or not scaled.any():
        return places, shares
    # The one that does less work: a matrix of d x d, or a decomposition of n x d.
    solver = "covariance_eigh" if len(scaled) > scaled.shape[1] else "full"
    found = PCA(n_components=n, svd_solver=solver).fit(scaled)
    places[:, :n], shares[:n] = found.transform(scaled), found.explained_variance_ratio_
    return places, shares


def map_features(files: Mapping[tuple[str, str], Path], cohorts: Mapping[str, Path]) -> pd.DataFrame:
    """Map the evaluation samples of every cohort and arm.

    Args:
        files: ``features/<cohort>/<arm>.npz`` by cohort and arm; one without rows is of an arm that failed.
        cohorts: Folder of every cohort, with ``manifest.csv`` and ``splits.csv``.

    Returns:
        Rows of ``tables.FEATURE_MAP`` in the order of ``files`` and of the samples.
    """
    samples = {cohort: _samples(folder) for cohort, folder in cohorts.items()}
    found = []
    for (cohort, arm), path in files.items():
        features, names = read_features(path)
        if not len(features):
            continue
        known = samples[cohort].set_index("sample")
        kept = np.isin(names.astype(str), known.index)
        if kept.any():
            places, shares = components(features[kept])
            rows = known.loc[names[kept].astype(str)]
            frame = pd.DataFrame({"cohort": cohort, "arm": arm, "x": places[:, 0], "y": places[:, 1]})
            frame["share_x"], frame["share_y"] = shares
            for name in ("subject_id", "image_id", "label"):
                frame[name] = rows[name].to_numpy()
            found.append(frame)
    table = pd.concat(found) if found else pd.DataFrame(columns=FEATURE_MAP.column_names)
    return FEATURE_MAP.check(table[FEATURE_MAP.column_names], FEATURE_MAP.name)


def _samples(folder: Path) -> pd.DataFrame:
    """Evaluation samples by the names that files of features may have for them: subjects, and labelled images."""
    splits = SPLITS.read(folder / "splits.csv")
    subjects = splits[splits["role"] == EVALUATION].drop_duplicates("subject_id")[["subject_id", "label"]]
    images = MANIFEST.read(folder / "manifest.csv")[["subject_id", "image_id", "label"]]
    images = images[images["subject_id"].isin(subjects["subject_id"])]
    both = [subjects.assign(image_id=None, sample=subjects["subject_id"]), images.assign(sample=images["image_id"])]
    table = pd.concat(both)
    return table[table["label"].notna()].drop_duplicates("sample")
