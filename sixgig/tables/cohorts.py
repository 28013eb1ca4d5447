"""Tables of a prepared cohort: its images, the roles and folds of its subjects, and the inputs left out."""

from __future__ import annotations

from sixgig.tables.format import SUBJECT, Column, Table

#: Column of splits.csv with what is tested as a whole.
SITE = "group"

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
            "index in the volume in RAS orientation, from 0, along the axis that image_id names: z (axial slices), y "
            "(coronal) or x (sagittal); empty for 2D cohorts",
            required=False,
        ),
        Column(
            "partition",
            "integer",
            "equal part of the slices, from 0 at the first; empty for 2D",
            required=False,
        ),
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
        Column(
            SITE,
            "string",
            "with the cohort's group_by, the subject's site (or what else it names): whole groups are tested together",
            required=False,
            rare=True,
        ),
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

COPIES = Table(
    "copies.csv",
    "images of different subjects that are copies of each other (volumes, in cohorts of volumes), and what was done",
    (
        Column("image_id", "string", "the image, or the volume_id of a volume"),
        Column("subject_id", "string", "subject (patient) before anything was done"),
        Column("label", "string", "class that the image came with; empty when unknown", required=False),
        Column("official", "string", "training or test where the cohort's authors published sets", required=False),
        Column(
            "group",
            "integer",
            "copies of one picture, counted from 1; empty for what goes with a subject that is left out",
            required=False,
        ),
        Column("copy_of", "string", "earlier image that it is most like; empty for the first", required=False),
        Column("kind", "string", "identical (same pixels) or near", required=False),
        Column("orientation", "string", "how copy_of has to be turned to lie as this image does", required=False),
        Column("r", "number", "correlation with copy_of in that orientation", required=False),
        Column(
            "action",
            "string",
            "none, kept, dropped, dropped: contradictory labels, or the subject that the image is now of",
        ),
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
