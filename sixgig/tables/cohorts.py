"""Tables of a prepared cohort: its images, the roles and folds of its subjects, and the inputs left out."""

from __future__ import annotations

from sixgig.tables.format import SUBJECT, Column, Table

MANIFEST = Table(
    "manifest.csv",
    "one row per image; row i describes row i of images.npy",
    (
        Column("image_id", "string", "unique name of the image"),
        SUBJECT,
        Column(
            "label",
            "string",
            "class of the subject, or of the image where the cohort's labels_of is image; empty when unknown",
            required=False,
        ),
        Column("volume_id", "string", "volume the slice was cut from; empty for 2D cohorts", required=False),
        Column("frame", "string", "cardiac frame, ED or ES; empty when there is none", required=False),
        Column(
            "slice",
            "integer",
            "axial index in the volume in RAS orientation, from 0; empty for 2D cohorts",
            required=False,
        ),
        Column("partition", "integer", "equal axial partition, from 0 at the bottom; empty for 2D", required=False),
        Column("source", "string", "input file, relative to the cohort's folder"),
        Column(
            "official",
            "string",
            "training or test where the cohort's authors published sets; else empty",
            required=False,
            optional=True,
        ),
    ),
)

SPLITS = Table(
    "splits.csv",
    "one row per subject and repeat; pretraining and test subjects have one row without repeat and fold",
    (
        SUBJECT,
        Column(
            "label",
            "string",
            "class of the subject; where labels_of is image, the classes of its images in sorted order with ' + ' "
            "between them; empty when unknown",
            required=False,
        ),
        Column("role", "string", "pretraining, evaluation, or test (held out, scored once)"),
        Column("repeat", "integer", "repeat of the cross-validation, from 0", required=False),
        Column("fold", "integer", "fold in which the subject is tested, from 0", required=False),
    ),
)

QUARANTINE = Table(
    "quarantine.csv",
    "inputs left out",
    (
        Column("file", "string", "input file, relative to the cohort's folder"),
        Column("subject_id", "string", "subject (patient)", required=False),
        Column("reason", "string", "why the input cannot be used"),
    ),
)

REMARKS = Table(
    "remarks.csv",
    "what is to be known of inputs that were used, and of files that were passed over on purpose",
    (
        Column("file", "string", "input file, relative to the cohort's folder"),
        Column("subject_id", "string", "subject (patient)", required=False),
        Column("kind", "string", "not read, geometry, intensity, label or copy"),
        Column("remark", "string", "what is to be known"),
    ),
)

PSEUDONYMS = Table(
    "pseudonyms",
    "which pseudonym of a cohort stands for what; outside the study's folder, for its owner alone",
    (
        Column("pseudonym", "string", "what stands in the study's files"),
        Column("kind", "string", "subject or file"),
        Column("name", "string", "the subject (patient) or file that it stands for"),
    ),
)
