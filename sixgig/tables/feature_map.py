"""A map of features: every evaluation sample of some arms in two dimensions."""

from __future__ import annotations

from sixgig.tables.format import ARM, COHORT, SUBJECT, Column, Table

FEATURE_MAP = Table(
    "feature_map.csv",
    "the first two principal components of standardised features, one row per arm and evaluation sample",
    (
        COHORT,
        ARM,
        SUBJECT,
        Column("image_id", "string", "image, where the cohort's labels_of is image; else empty", required=False),
        Column("label", "string", "class of the subject, or of the image"),
        Column("x", "number", "first principal component"),
        Column("y", "number", "second principal component"),
        Column("share_x", "number", "share of the features' variance that the first component holds"),
        Column("share_y", "number", "the same of the second component"),
    ),
)
