"""A tiny study: 32-pixel images, timm's smallest networks with random weights, small phantoms, every arm."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def write_weights(folder: Path) -> Path:
    """Write timm's smallest ViTs and CNN with random values (one arm needs a plain ViT), and return ``folder``."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(5)
    for model in ("test_vit", "test_efficientnet", "vit_tiny_patch16_224"):
        save_file(timm.create_model(model, num_classes=0).state_dict(), folder / f"{model}.safetensors")
    return folder


def tiny_config(weights: Path) -> dict[str, Any]:
    """Return the study's config.

    Args:
        weights: Folder of :func:`write_weights`.
    """
    from sixgig.runtime.digests import file_sha256

    def entry(model):
        path = weights / f"{model}.safetensors"
        file = {"path": str(path), "sha256": file_sha256(path)}
        return {"source": {"file": file}, "converter": "timm", "model": model, "mean": [0.5] * 3, "std": [0.5] * 3}

    def phantom(kind, shape, spacing, subjects):
        size = {"kind": kind, "subjects": subjects, "shape": shape, "spacing": spacing, "seed": 3}
        modalities = {"modalities": ["flair", "t1ce", "t2"]} if kind == "brats" else {}
        slices = {"slices": {"count": 2}, "partitions": 2}
        return {"adapter": kind, "source": {"phantom": size}, **slices, **modalities}

    return {
        "study": "tiny",
        "seed": 7,
        "device": "cpu",
        "image": {"size": 32},
        "cohorts": {
            "brats_phantom": phantom("brats", [32, 32, 24], 6.0, 16) | {"volume": {"size": [8, 16, 16]}},
            "acdc_phantom": phantom("acdc", [40, 40, 10], 4.0, 25),
        },
        "weights": {
            "vit": entry("test_vit"),
            "cnn": entry("test_efficientnet"),
            "plain_vit": entry("vit_tiny_patch16_224"),
        },
        "arms": {
            "baseline_cnn": {"weights": "cnn", "batch_size": 8},
            "vit_pure": {"weights": "vit", "batch_size": 8},
            "vit_contrastive": {
                "weights": "plain_vit",
                "batch_size": 4,
                "steps": 3,
                "warmup_steps": 1,
                "frozen_blocks": 6,
            },
            "vit_mim": {
                "weights": "plain_vit",
                "batch_size": 4,
                "steps": 3,
                "warmup_steps": 1,
                "crop": [8, 16, 16],
                "patch": [4, 8, 8],
                "decoder": {"width": 32, "depth": 1, "heads": 2, "mlp_width": 64},
            },
            "vit_sparse": {"atoms": 6, "nonzeros": 2, "epochs": 2},
        },
        "classifiers": {"svm": {"kernels": ["linear"], "C": [1.0]}, "src": {"coding": ["omp"], "n_nonzero": [2]}},
        "evaluation": {"folds": 2, "repeats": 2, "inner_folds": 2, "bootstrap_samples": 100},
    }
