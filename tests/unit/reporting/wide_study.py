"""A finished study of made-up numbers with twenty methods and label-fraction curves: does it stay readable?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sixgig.runtime.atomic import read_json, write_json
from sixgig.tables.fractions import FRACTIONS
from sixgig.tables.scores import SUMMARY
from tests.unit.reporting.fake_study import write_fake_study

TWO = ("elpv", "acdc_phantom")
SHARES = (0.1, 0.25, 0.5)
#: Arms as a study of encoders names them, with titles as long as people write them.
ARMS: dict[str, dict[str, Any]] = {
    "dinov2_small": {"kind": "vit_pure", "weights": "dinov2_vits14", "title": "DINOv2 ViT-S/14"},
    "dinov3_base": {"kind": "vit_pure", "weights": "dinov2_vits14", "title": "DINOv3 ViT-B/16"},
    "siglip2": {"kind": "vit_pure", "weights": "dinov2_vits14", "title": "SigLIP 2 So400m"},
    "biomedclip": {"kind": "vit_pure", "weights": "dinov2_vits14", "title": "BiomedCLIP ViT-B/16"},
    "rad_dino": {"kind": "vit_pure", "weights": "dinov2_vits14", "title": "RAD-DINO (chest X-rays)"},
    "radimagenet": {"kind": "baseline_cnn", "weights": "efficientnet_lite0", "title": "RadImageNet ResNet-50"},
    "convnext": {"kind": "baseline_cnn", "weights": "efficientnet_lite0", "title": "ConvNeXt V2 Tiny"},
    "efficientnet": {"kind": "baseline_cnn", "weights": "efficientnet_lite0", "title": "EfficientNet-Lite0"},
    "mae_base": {"kind": "vit_pure", "weights": "dinov2_vits14", "title": "MAE ViT-B/16"},
    "clip_large": {"kind": "vit_pure", "weights": "dinov2_vits14", "title": "CLIP ViT-L/14"},
}


def write_wide_study(
    folder: Path, cohorts: tuple[str, ...] = TWO, classifiers: tuple[str, ...] = ("svm", "src"), n_arms: int = 10
) -> Path:
    """Write the study and return its folder: two methods lie close together everywhere, as they do in real studies."""
    arms = dict(list(ARMS.items())[:n_arms])
    skills: dict[str, dict[str, float | None]] = {
        cohort: {arm: 0.9 + 0.12 * ((3 * place + shift) % 10) for place, arm in enumerate(arms)}
        for shift, cohort in enumerate(cohorts)
    }
    write_fake_study(folder, cohorts=cohorts, skills=skills, classifiers=classifiers, arms=arms)
    info = read_json(folder / "study.json")
    info["config"]["evaluation"]["fractions"] = [*SHARES, 1.0]
    info["config"]["title"] = "Twenty methods"
    write_json(folder / "study.json", info)
    write_fractions(folder)
    return folder


def write_fractions(folder: Path, seed: int = 4) -> None:
    """Write fractions.csv: estimates grow with the labels to those of summary.csv."""
    rng = np.random.default_rng(seed)
    summary = SUMMARY.read(folder / "summary.csv")
    summary = summary[summary["classifier"] != "majority_class"]
    parts = []
    for share in (*SHARES, 1.0):
        rows = summary.assign(fraction=share, n_labelled=72 * share)
        if share < 1:
            lost = 0.09 * -np.log2(share) * rng.uniform(0.5, 1.1, len(rows))
            for name in ("estimate", "ci_low", "ci_high"):
                rows[name] = (rows[name] - lost).clip(lower=0.02)
        parts.append(rows)
    FRACTIONS.write(pd.concat(parts, ignore_index=True), folder / "fractions.csv")
