"""Writes a small study of made-up numbers: three cohorts, one failed arm, one fallback, every file of DESIGN.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from sixgig.runtime.atomic import write_json
from sixgig.tables.cohorts import MANIFEST, QUARANTINE, REMARKS, SPLITS
from sixgig.tables.costs import COSTS
from sixgig.tables.pairs import PAIRWISE
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import METRICS as METRICS_TABLE
from sixgig.tables.scores import SUMMARY
from tests.unit.reporting.fake_tables import (
    FOLDS,
    compare,
    write_contrasts,
    write_further_tests,
    write_over_cohorts,
    write_rows,
)
from tests.unit.reporting.fake_training import write_training

REPOSITORY = Path(__file__).parents[3]
COHORTS = {
    "elpv": {"classes": {"defect": 30, "functional": 60}, "adapter": "elpv", "simulated": False, "dimensions": 2},
    "brats_phantom": {"classes": {"HGG": 26, "LGG": 22}, "adapter": "brats", "simulated": True, "dimensions": 3},
    "acdc_phantom": {
        "classes": dict.fromkeys(["DCM", "HCM", "MINF", "NOR", "RV"], 12),
        "adapter": "acdc",
        "simulated": True,
        "dimensions": 3,
    },
}
#: How far apart the classes lie for each arm, in standard deviations of the noise, per cohort.
SKILL = {
    "elpv": {"baseline_cnn": 1.1, "vit_pure": 2.4, "vit_sparse": 1.2, "control_random_vit": 0.3},
    "brats_phantom": {"baseline_cnn": 1.2, "vit_pure": 1.1, "vit_sparse": None, "control_random_vit": 1.0},
    "acdc_phantom": {"baseline_cnn": 2.6, "vit_pure": 1.5, "vit_sparse": 1.4, "control_random_vit": 0.6},
}
FAILURE = "failed: the dictionary has 128 atoms, but only 24 pretraining images exist <lower atoms>"
FALLBACK = "fallback: batch size 16 -> 8 after running out of GPU memory"
REPEATS = 3


def status_of(cohort: str, arm: str) -> str:
    if cohort == "brats_phantom" and arm == "vit_sparse":
        return FAILURE
    return FALLBACK if (cohort, arm) == ("acdc_phantom", "vit_pure") else "ok"


def write_fake_study(
    folder: Path,
    scope: str = "inductive",
    cohorts: tuple[str, ...] = tuple(COHORTS),
    title: str | None = None,
    skills: dict[str, dict[str, float | None]] = SKILL,
    classifiers: tuple[str, ...] = ("svm", "src"),
    arms: dict[str, Any] | None = None,
) -> Path:
    """Write the study and return its folder.

    Args:
        folder: Where it goes.
        scope: Its scope.
        cohorts: Some of ``COHORTS``.
        title: Its title.
        skills: How far apart the classes lie for each arm, per cohort; the order of the arms.
        classifiers: The classifiers.
        arms: The arms of its config; those of the default study when None.
    """
    rng = np.random.default_rng(3)
    metrics, summary, costs, pairwise = [], [], [], []
    for cohort in cohorts:
        splits = _write_cohort(folder, cohort, rng)
        scores: dict[tuple[str, str], np.ndarray] = {}
        for arm, skill in [*skills[cohort].items(), ("control_majority_class", 0.0)]:
            status = status_of(cohort, arm)
            if arm != "control_majority_class":
                _write_sidecar(folder, cohort, arm, status)
                costs.append(
                    (cohort, arm, "encode", 0.0 if skill is None else 40 + 25 * skill, 31.5, 0.0, 1410.0, 16, "cpu")
                )
            own = ("majority_class",) if arm == "control_majority_class" else classifiers
            for place, classifier in zip(range(len(own) - 1, -1, -1), own, strict=True):
                if skill is None:
                    summary += [(cohort, arm, classifier, name, None, None, None, 48, status, None) for name in METRICS]
                    continue
                predictions = _predict(splits, skill + 0.2 * place, arm, rng)
                path = folder / "predictions" / cohort / f"{arm}.{classifier}.csv"
                PREDICTIONS.write(predictions, path)
                folds = _per(predictions, ["repeat", "fold"])
                for (repeat, fold), values in folds.items():
                    metrics += [(cohort, arm, classifier, name, repeat, fold, values[name]) for name in METRICS]
                scores[arm, classifier] = np.array([values["balanced_accuracy"] for values in folds.values()])
                repeats = _per(predictions, ["repeat"])
                n = predictions["subject_id"].nunique()
                for name in METRICS:
                    estimate = float(np.mean([values[name] for values in repeats.values()]))
                    half = 1.96 * np.sqrt(max(estimate * (1 - estimate), 0.0) / n)
                    low, high = max(estimate - half, 0.0), min(estimate + half, 1.0)
                    if low == high:  # the bootstrap gives no interval to what it cannot vary
                        low = high = None
                    how = "bca" if low is not None else "none: every resample gives the same value"
                    summary.append((cohort, arm, classifier, name, estimate, low, high, n, status, how))
                costs.append(
                    (
                        cohort,
                        arm,
                        f"classify:{classifier}",
                        3.0 + 9 * (classifier == "src"),
                        None,
                        0.0,
                        402.0,
                        None,
                        "cpu",
                    )
                )
        write_training(folder, cohort)
        costs.append((cohort, None, "prepare", 12.4, None, 0.0, 350.0, None, "cpu"))
        pairwise += compare(cohort, scores)
    write_rows(METRICS_TABLE, metrics, folder / "metrics.csv")
    write_rows(SUMMARY, summary, folder / "summary.csv")
    held_out = [("elpv", *row[1:7], 40, *row[8:]) for row in summary if row[0] == "elpv" and row[1] != "vit_sparse"]
    write_rows(SUMMARY, held_out, folder / "test_summary.csv")
    write_rows(COSTS, costs, folder / "costs.csv")
    write_rows(PAIRWISE, pairwise, folder / "statistics" / "pairwise.csv")
    write_further_tests(folder, cohorts, [*skills[cohorts[0]]], classifiers)
    write_contrasts(folder)
    write_over_cohorts(folder)
    config = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    config["cohorts"] = {name: config["cohorts"][name] for name in cohorts}
    if arms is not None:
        config |= {"arms": arms, "classifiers": {name: {} for name in classifiers}}
    config |= {"study": "fake", "scope": scope, "title": title or "A fake study for the tests"}
    write_json(
        folder / "study.json",
        {
            "config": config,
            "seed": 2026,
            "versions": {
                "python": "3.11.7",
                "torch": "2.10.0",
                "timm": "1.0.31",
                "sklearn": "1.9.1",
                "snakemake": "9.27.0",
            },
            "machine": {
                "system": "Linux",
                "processor": "x86_64",
                "cores": 2,
                "memory_gb": 7.8,
                "gpu": {"name": "none", "reason": "no driver"},
            },
            "source": {"commit": "0123456789abcdef", "changed": True},
            "command": "snakemake --cores 2 --configfile config/config.yaml",
        },
    )
    return folder


METRICS = ("balanced_accuracy", "accuracy", "macro_f1", "macro_auc")


def _measure(truth: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Metrics of class indices ``truth`` [n] against scores ``values`` [n, n_classes], in plain numpy for speed."""
    classes = values.shape[1]
    counts = np.bincount(truth * classes + values.argmax(1), minlength=classes**2).reshape(classes, classes)
    hits, of_class, called = np.diag(counts), counts.sum(1), counts.sum(0)
    ranks = values.argsort(0).argsort(0) + 1  # ties do not matter here
    area = [
        (ranks[truth == k, k].sum() - n * (n + 1) / 2) / (n * (len(truth) - n)) if (n := of_class[k]) else 0.5
        for k in range(classes)
    ]
    return {
        "balanced_accuracy": float(np.mean(hits / np.maximum(of_class, 1))),
        "accuracy": float(hits.sum() / len(truth)),
        "macro_f1": float(np.mean(2 * hits / np.maximum(of_class + called, 1))),
        "macro_auc": float(np.mean(area)),
    }


def _write_cohort(folder: Path, cohort: str, rng: np.random.Generator) -> pd.DataFrame:
    facts = COHORTS[cohort]
    own = folder / "cohorts" / cohort
    per_subject = 1 if facts["dimensions"] == 2 else 3
    manifest, splits, images = [], [], []
    number = 0
    for label, size in facts["classes"].items():
        for i in range(size):
            number += 1
            subject = f"{cohort}-{number:03d}"
            volume = None if per_subject == 1 else f"{subject}/flair.nii.gz"
            for s in range(per_subject):
                frame = ["ED", "ES"][s % 2] if cohort == "acdc_phantom" else None
                cut = None if volume is None else 10 + 4 * s
                part = None if cut is None else s
                manifest.append((f"{subject}-{s}", subject, label, volume, frame, cut, part, f"{subject}.png", None))
                images.append(_image(number, s, len(label), facts["dimensions"] == 3, rng))
            splits += [(subject, label, "evaluation", r, (i + r) % FOLDS) for r in range(REPEATS)]
    for i in range(8):
        splits.append((f"{cohort}-pre{i}", None, "pretraining", None, None))
    write_rows(MANIFEST, manifest, own / "manifest.csv")
    write_rows(SPLITS, splits, own / "splits.csv")
    bad = (
        [("scan_017/flair.nii.gz", "scan_017", "the file ends early: 1,204 of 9,600 bytes")]
        if cohort == "brats_phantom"
        else []
    )
    write_rows(QUARANTINE, bad, own / "quarantine.csv")
    passed = [(f"{cohort}/atlas{i}.nii.gz", None, "not read", "the study file excludes it") for i in range(3)]
    write_rows(REMARKS, passed if cohort == "brats_phantom" else [], own / "remarks.csv")
    np.save(own / "images.npy", np.stack(images))
    write_json(
        own / "cohort.json",
        {
            "adapter": facts["adapter"],
            "dimensions": facts["dimensions"],
            "subject_note": "image-level split: no module ids exist, so each image counts as a subject"
            if cohort == "elpv"
            else "",
            "n_subjects": number + 8,
            "classes": facts["classes"],
            "title": f"{facts['adapter']} images",
            "modalities": ["flair", "t1ce", "t2"] if cohort == "brats_phantom" else [],
            "simulated": facts["simulated"],
            "n_quarantined": len(bad),
        },
    )
    write_json(
        own / "leakage.json",
        {
            "passed": True,
            "n_subjects": number + 8,
            "n_images": len(images),
            "n_blank_images": 0,
            "duplicates_within_subject": [],
            "duplicates_within_fold": [["a-0", "b-0"]],
        },
    )
    frame = pd.DataFrame(splits, columns=SPLITS.column_names)
    return frame[frame["role"] == "evaluation"]


def _image(number: int, s: int, k: int, grey_round: bool, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    body = (
        ((x / (0.6 + 0.03 * (number % 5))) ** 2 + (y / 0.8) ** 2 < 1).astype(float)
        if grey_round
        else 0.6 + 0.2 * np.sin(9 * x)
    )
    spot = np.exp(-((x - 0.2 * (s - 1)) ** 2 + (y + 0.1 * k - 0.4) ** 2) / 0.03)
    value = np.clip(0.55 * body + 0.5 * spot + rng.normal(0, 0.05, x.shape), 0, 1)
    return np.repeat((255 * value).astype(np.uint8)[..., None], 3, axis=2)


def _input(arm: str) -> dict[str, Any]:
    own = (224, 0.875) if arm == "baseline_cnn" else (518, 1.0)
    return {
        "network": {"size": own[0], "filter": "bicubic", "crop": own[1]},
        "given": {"size": 112, "filter": "bicubic", "crop": 1.0},
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "deviations": [],
    }


def _write_sidecar(folder: Path, cohort: str, arm: str, status: str) -> None:
    model = "tf_efficientnet_lite0" if arm == "baseline_cnn" else "vit_small_patch14_dinov2"
    random = arm == "control_random_vit"
    write_json(
        folder / "features" / cohort / f"{arm}.json",
        {
            "arm": arm,
            "title": arm,
            "backbone": model,
            "weights": {"name": "random", "sha256": None, "source": "seed 2026"}
            if random
            else {"name": "dinov2_vits14", "sha256": "90a0b02e" + 56 * "f", "source": "wheel"},
            "device": "cpu",
            "dtype": "float32",
            "batch_size_asked": 16,
            "batch_size_used": 8 if status == FALLBACK else 16,
            "seconds": 88.1,
            "images_per_second": 31.5,
            "peak_vram_mb": 0.0,
            "peak_rss_mb": 1410.0,
            "fallbacks": [status.removeprefix("fallback: ")] if status == FALLBACK else [],
            "status": status,
            **({} if arm == "vit_sparse" else {"input": _input(arm)}),
            "n_images": 90,
            "n_features": {"baseline_cnn": 1280, "vit_sparse": 128}.get(arm, 384),
        },
    )


def _predict(splits: pd.DataFrame, skill: float, arm: str, rng: np.random.Generator) -> pd.DataFrame:
    classes = sorted(splits["label"].unique())
    shares = splits["label"].value_counts(normalize=True).reindex(classes).to_numpy()
    subjects = {name: rng.normal(size=len(classes)) for name in splits["subject_id"].unique()}
    rows = []
    for row in splits.itertuples():
        if arm == "control_majority_class":
            values = shares
        else:
            noise = subjects[row.subject_id] + 0.35 * rng.normal(size=len(classes))
            logits = noise + skill * (np.array(classes) == row.label)
            values = np.exp(logits) / np.exp(logits).sum()
        rows.append((row.subject_id, row.repeat, row.fold, row.label, classes[int(np.argmax(values))], *values))
    return pd.DataFrame(rows, columns=PREDICTIONS.column_names + [f"score_{name}" for name in classes])


def _per(predictions: pd.DataFrame, by: list[str]) -> dict[tuple, dict[str, float]]:
    score_columns = [name for name in predictions if name.startswith("score_")]
    truth = (
        predictions["label"].map({name.removeprefix("score_"): k for k, name in enumerate(score_columns)}).to_numpy()
    )
    values = predictions[score_columns].to_numpy()
    return {key: _measure(truth[rows], values[rows]) for key, rows in predictions.groupby(by).indices.items()}
