"""What cohort.json says of a prepared cohort: where it comes from, how it was prepared, and what it holds."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import pandas as pd

from sixgig.cohorts.base import Adapter
from sixgig.cohorts.recipe import Recipe
from sixgig.tables.planes import plane_of

_log = logging.getLogger(__name__)


def describe_cohort(manifest: pd.DataFrame, adapter: Adapter, recipe: Recipe, cohort: str) -> dict[str, Any]:
    """Return what follows from the manifest, the adapter and the recipe.

    Args:
        manifest: Rows of manifest.csv.
        adapter: What read the cohort.
        recipe: How it was prepared.
        cohort: Its name, for the log.
    """
    labels = manifest.groupby("subject_id", sort=False)["label"].first()
    per_image = adapter.options.get("labels_of") == "image"
    classes = Counter((manifest["label"] if per_image else labels).dropna())
    first_slices = manifest.dropna(subset=["volume_id"]).drop_duplicates("volume_id")["image_id"]
    planes = dict(sorted(Counter(map(plane_of, first_slices)).items()))
    if len(planes) > 1:
        said = ", ".join(f"{number} {plane}" for plane, number in planes.items())
        _log.warning("cohort %s: its volumes are sliced in several planes: %s", cohort, said)
    facts = {
        "adapter": adapter.name,
        "title": adapter.title,
        "dimensions": adapter.dimensions,
        "subject_note": adapter.subject_note,
        "modalities": list(adapter.modalities),
        "image_size": recipe.image_size,
        "image_filter": recipe.image_filter,
        "image_crop": recipe.image_crop,
        "volume_size": None if recipe.volume_size is None else list(recipe.volume_size),
        "n_subjects": len(labels),
        "n_unlabelled": int(labels.isna().sum()),
        "n_images": len(manifest),
        "n_volumes": int(manifest["volume_id"].nunique()),
        "planes": planes,
        "classes": {name: classes[name] for name in sorted(classes)},
    }
    if per_image:
        facts |= {"labels_of": "image", "n_unlabelled_images": int(manifest["label"].isna().sum())}
    return facts
