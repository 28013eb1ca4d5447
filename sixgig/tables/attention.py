"""What a classifier that takes bags of images looked at."""

from __future__ import annotations

from sixgig.tables.format import SUBJECT, Column, Table

ATTENTION = Table(
    "attention",
    "weights that attention pooling gave to the images of evaluation subjects that it had not learned from, one row "
    "per image and repeat; for an arm that encodes volumes, per volume",
    (
        SUBJECT,
        Column("image_id", "string", "image; the first image of a volume where the arm encodes volumes"),
        Column("repeat", "integer", "repeat of the cross-validation, from 0"),
        Column("fold", "integer", "fold in which the subject was tested, from 0"),
        Column("weight", "number", "weight of the image; those of a subject (of each frame of it) add up to 1"),
    ),
)
