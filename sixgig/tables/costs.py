"""What each stage of a study took."""

from __future__ import annotations

from sixgig.tables.format import COHORT, Column, Table

COSTS = Table(
    "costs.csv",
    "what each stage took",
    (
        COHORT,
        Column("arm", "string", "arm; empty for work shared by all arms", required=False),
        Column(
            "stage",
            "string",
            "prepare, pretrain, encode, classify:<classifier>, or fractions:<classifier> (its label-fraction curve)",
        ),
        Column("seconds", "number", "wall time"),
        Column("images_per_second", "number", "images over seconds; empty when no images were encoded", required=False),
        Column("peak_vram_mb", "number", "peak GPU memory in MiB; 0 on a CPU"),
        Column("peak_rss_mb", "number", "peak resident host memory of the process in MiB"),
        Column("batch_size", "integer", "batch size used; empty when there is none", required=False),
        Column("device", "string", "cuda or cpu"),
        Column(
            "seed",
            "integer",
            "number of the seed, from 0; empty for work shared by all arms, absent where every arm has one",
            required=False,
            rare=True,
        ),
    ),
)
