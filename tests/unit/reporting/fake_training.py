"""What the trained arms of the fake study leave behind: provenance, loss curve, pictures."""

from pathlib import Path

import numpy as np
import pandas as pd

from sixgig.runtime.atomic import write_json
from sixgig.tables.training import TRAINING


def _write_masked_modelling(folder: Path, cohort: str) -> None:
    """An arm that fills in masked patches: of volumes (acdc), of images (elpv), or that failed (brats)."""
    own = folder / "pretraining" / cohort
    failed, volumes = cohort == "brats_phantom", cohort == "acdc_phantom"
    facts: dict = {"status": "failed: the loss is not finite" if failed else "ok", "fallbacks": [], "cost": {}}
    pictures = {}
    if not failed:
        errors = {"mean_of_visible": 0.2, "nearest_visible_patch": 0.18}
        facts |= {
            "framework": "PyTorch 2.10.0",
            "device": "cpu",
            "loss": "mae",
            "mode": "volume" if volumes else "slices",
            "init": "inflate",
            "steps": 20,
            "heldout_loss": {"before": 0.4, "after": 0.1, "subjects": "evaluation"},
            "reconstruction": {"before": {"network": 0.4, **errors}, "after": {"network": 0.1, **errors}},
        }
        for name in ("original", "masked", "reconstruction"):
            for plane in range(3 if volumes else 1):
                pictures[f"{name}_{plane}"] = np.full((2, 1 if volumes else 3, 12, 16), 40 * plane, np.uint8)
    write_json(own / "vit_mim.json", {"model": "vit_small_patch14_dinov2", "pretraining": facts})
    np.savez(own / "vit_mim.npz", **pictures)
    curve = [] if failed else [(i + 1, "mim", 0.4 - 0.01 * i, 3e-4) for i in range(20)]
    _write_curve(curve, own / "vit_mim.csv")


def write_training(folder: Path, cohort: str) -> None:
    """A contrastive arm that was trained with partitions (acdc), on single images (elpv), or failed (brats)."""
    failed = cohort == "brats_phantom"
    measure = "view" if cohort == "elpv" else "partition"
    facts = {
        "status": "failed: the loss is not finite at step 17" if failed else "ok",
        "fallbacks": [],
        "cost": {"seconds": 75.0},
    }
    if not failed:
        facts |= {
            "framework": "TensorFlow 1.15.5",
            "device": "cpu",
            "dtype": "float32",
            "loss": "g_r" if cohort == "elpv" else "g_d",
            "steps": 40,
            "stopped_early": cohort == "elpv",
            "heldout_loss": {
                "before": 2.61,
                "after": 1.9,
                "subjects": "pretraining" if cohort == "elpv" else "evaluation",
            },
            "evidence": {"measure": measure, "before": 0.41, "after": 0.66, "chance": 0.25, "n_images": 200},
            "notes": ["the cohort has no volumes: G^R instead of G^D"] if cohort == "elpv" else [],
        }
    own = folder / "pretraining" / cohort
    write_json(own / "vit_contrastive.json", {"model": "vit_small_patch14_dinov2", "pretraining": facts})
    curve = [] if failed else [(i + 1, "global" if i < 30 else "local", 3 - 0.02 * i, 1e-5) for i in range(40)]
    _write_curve(curve, own / "vit_contrastive.csv")
    _write_masked_modelling(folder, cohort)


def _write_curve(rows: list[tuple], path: Path) -> None:
    TRAINING.write(pd.DataFrame(rows, columns=TRAINING.column_names), path)
