"""A study of eight encoders and four classifiers on two cohorts: three real networks, five random ones.

``.venv/bin/python -m bench.encoders_study FOLDER`` writes random weights and the study file into FOLDER, and prints the
file's name; then ``.venv/bin/sixgig run FILE``. Real are DINOv2 ViT-S/14, EfficientNet-Lite0 and a 3D ResNet-152 for
chest CT. No network was made for these simulated cohorts: the study shows that all of it runs, not which is better.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import yaml

from bench.gpu_study import ROOT, random_weights

#: Random networks: name -> kind, model and options of the arm.
RANDOM: dict[str, tuple[str, str, dict[str, Any]]] = {
    "resnet18": ("baseline_cnn", "resnet18.a1_in1k", {}),
    "convnext": ("baseline_cnn", "convnext_atto.d2_in1k", {}),
    "vit_tiny": ("vit_pure", "vit_tiny_patch16_224.augreg_in21k", {"token": "cls_mean"}),
    "swin_tiny": ("vit_pure", "swin_tiny_patch4_window7_224.ms_in1k", {"token": "mean"}),
    "resnet18_3d": ("volume_network", "monai:resnet18", {"channels": "first"}),
}
_ONE_CHANNEL = {"n_input_channels": 1}
_CROPS = {"brats_phantom": {"crop": [32, 64, 64]}, "acdc_phantom": {"crop": [16, 64, 64]}}


def prepare(folder: Path, subjects: int) -> Path:
    """Write weights and study file.

    Args:
        folder: Where they go.
        subjects: Subjects of each cohort.

    Returns:
        The study file.
    """
    default = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    cohorts = {name: default["cohorts"][name] for name in ("brats_phantom", "acdc_phantom")}
    for cohort in cohorts.values():
        cohort["source"]["phantom"]["subjects"] = subjects
    cohorts["brats_phantom"]["volume"]["size"] = [32, 64, 64]
    weights = dict(default["weights"])
    arms: dict[str, dict[str, Any]] = {
        "dinov2": {"kind": "vit_pure", "weights": "dinov2_vits14", "title": "DINOv2 ViT-S/14"},
        "lite0": {"kind": "baseline_cnn", "weights": "efficientnet_lite0", "title": "EfficientNet-Lite0"},
        "chest_ct": {"kind": "volume_network", "weights": "astra", "title": "I3ResNet-152 of chest CT"},
    }
    arms["chest_ct"] |= {"channels": "first", "orientation": "SRA", "per_cohort": _CROPS}
    weights["astra"] = yaml.safe_load((ROOT / "config" / "volumes.yaml").read_text())["weights"]["astra_ct"]
    for name, (kind, model, options) in RANDOM.items():
        in_3d = kind == "volume_network"
        make = _random_volume_weights if in_3d else random_weights
        weights[name] = {"source": {"file": make(folder / f"{name}.safetensors", model)}, "model": model}
        arms[name] = {"kind": kind, "weights": name, "title": f"{name.replace('_', ' ')}, untrained", **options}
        if in_3d:
            weights[name]["options"] = _ONE_CHANNEL
            arms[name]["per_cohort"] = _CROPS
    study = {
        "study": "encoders",
        "title": "Eight encoders and four classifiers on two simulated cohorts",
        "device": "auto",
        "image": {"size": 112},
        "cohorts": cohorts,
        "weights": weights,
        "arms": arms,
        "classifiers": {"svm": {}, "src": {}, "logistic": {}, "knn": {}},
        "evaluation": {"folds": 4, "repeats": 2},
    }
    file = folder / "encoders.yaml"
    file.write_text(yaml.safe_dump(study, sort_keys=False))
    return file


def _random_volume_weights(path: Path, model: str) -> dict[str, str]:
    from safetensors.torch import save_file

    from sixgig.runtime.digests import file_sha256
    from sixgig.weights.monai_networks import build_network

    save_file(
        {name: value.contiguous() for name, value in build_network(model, _ONE_CHANNEL).state_dict().items()}, path
    )
    return {"path": str(path.resolve()), "sha256": file_sha256(path)}


def main() -> None:
    """Write the study."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--subjects", type=int, default=80)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    print(prepare(given.folder, given.subjects))


if __name__ == "__main__":
    main()
