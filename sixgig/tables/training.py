"""The loss curve of an arm that is trained."""

from __future__ import annotations

from sixgig.tables.format import Column, Table

TRAINING = Table(
    "training.csv",
    "loss of every step while an arm learned from the pretraining subjects",
    (
        Column("step", "integer", "step, from 1"),
        Column("stage", "string", "part of the training, such as global or local"),
        Column("loss", "number", "loss of the step's batch"),
        Column("learning_rate", "number", "learning rate of the step"),
    ),
)

SEEN = Table(
    "seen.csv",
    "what an arm learned from, by content",
    (
        Column("array", "string", "images or volumes: the file of the cohort that was read"),
        Column("row", "integer", "row of that file"),
        Column("sha256", "string", "sha256 of the row's content"),
    ),
)
