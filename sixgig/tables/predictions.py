"""Predictions of one method on one cohort."""

from __future__ import annotations

import pandas as pd

from sixgig.tables.format import SUBJECT, Column, Table

#: Prefix of the columns that hold class scores.
SCORE = "score_"
#: Column that predictions of images have, and those of subjects have not.
IMAGE = "image_id"
PREDICTIONS = Table(
    "predictions",
    "out-of-fold predictions, one row per evaluation subject and repeat; where the cohort's labels_of is image, one "
    "per labelled image of these subjects and repeat",
    (
        SUBJECT,
        Column(IMAGE, "string", "image, where the cohort's labels_of is image", rare=True),
        Column("repeat", "integer", "repeat of the cross-validation, from 0"),
        Column("fold", "integer", "fold in which the subject was tested, from 0"),
        Column("label", "string", "true class"),
        Column(
            "predicted",
            "string",
            "predicted class, decided with classes weighed alike; where scores are probabilities it need not have the "
            "highest",
        ),
    ),
    extra_prefix=SCORE,
)


def no_predictions(of_images: bool = False) -> pd.DataFrame:
    """Return a table of predictions without rows, with the column of images where they are of images."""
    return pd.DataFrame(columns=[column.name for column in PREDICTIONS.columns if of_images or not column.rare])
