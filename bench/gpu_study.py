"""The laptop study on simulated cohorts of the true sizes: what it takes under the 6 GB limit, beside the plan.

``bench/gpu_study.sh FOLDER`` runs the three parts one after another on a machine with a GPU:

- ``prepare`` writes random weights of the study's networks and the study file;
- Snakemake runs the study;
- ``measure`` prints time, GPU memory and share of idle time of every arm, the plan beside it, and the whole study
  scaled to 369 and 150 subjects and to the steps of ``config/laptop.yaml``.

Weights are random because the hub need not be reachable: they cost what trained ones cost.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
LAPTOP = ROOT / "config" / "laptop.yaml"
#: Subjects of the real cohorts.
REAL = {"brats2020": 369, "acdc": 150}
#: Matrix and spacing of the real cohorts, and of a small trial.
SHAPES = {
    "true": {"brats2020": ([240, 240, 155], 1.0), "acdc": ([216, 240, 10], 1.5)},
    "small": {"brats2020": ([64, 64, 48], 3.0), "acdc": ([96, 96, 10], 1.5)},
}
#: Keys of an arm that count its training steps.
STEPS = "steps"


def prepare(folder: Path, subjects: int, steps_fraction: float, small: bool) -> Path:
    """Write weights and study file.

    Args:
        folder: Where they go.
        subjects: Subjects of each cohort.
        steps_fraction: Share of the training steps of ``config/laptop.yaml`` that are taken.
        small: Small volumes and small networks on any device, to try the script.

    Returns:
        The study file.
    """
    study = yaml.safe_load(LAPTOP.read_text())
    study |= {"study": "gpu_study", "title": "The laptop study on simulated cohorts of the true sizes"}
    study["tracking"] = {"mlflow": False}
    shapes = SHAPES["small" if small else "true"]
    for name, cohort in study["cohorts"].items():
        shape, spacing = shapes[name]
        phantom = {"kind": cohort["adapter"], "subjects": subjects, "shape": shape, "spacing": spacing}
        cohort["source"] = {"phantom": phantom}
        if small:
            cohort["volume"]["size"] = [16, 64, 64] if name == "acdc" else [32, 32, 32]
    if small:
        study["device"], study["image"] = "auto", {"size": 64}
        study["arms"]["vit_mim"] |= {"crop": [32, 32, 32], "decoder": {"width": 64, "depth": 1, "heads": 2}}
        study["arms"]["vit_mim"]["per_cohort"]["acdc"]["crop"] = [16, 64, 64]
        study["weights"]["resnet50"]["model"] = "resnet10t.c3_in1k"
        study["weights"]["vit_base"]["model"] = "vit_tiny_patch16_224.augreg_in21k"
    for name, entry in study["weights"].items():
        entry["source"] = {"file": _random_weights(folder / f"{name}.safetensors", entry["model"])}
    for name, options in study["arms"].items():
        whole = laptop_steps(name)
        if whole:
            options[STEPS] = max(5, round(whole * steps_fraction))
            options["warmup_steps"] = min(options[STEPS] - 1, 20)
    file = folder / "gpu_study.yaml"
    file.write_text(yaml.safe_dump(study, sort_keys=False))
    facts = {"subjects": subjects, "steps_fraction": steps_fraction, "small": small}
    (folder / "gpu_study.json").write_text(json.dumps(facts))
    return file


def laptop_steps(arm: str) -> int:
    """Return the training steps of an arm in ``config/laptop.yaml``; 0 for an arm that is not trained in steps."""
    from sixgig.plan.config import complete

    study = complete(yaml.safe_load(LAPTOP.read_text()))
    return int(study["arms"][arm].get(STEPS, 0))


def _random_weights(path: Path, model: str) -> dict[str, str]:
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    network = timm.create_model(model, pretrained=False)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)
    return {"path": str(path.resolve()), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def measure(study: Path, facts: Path, plan: Path, wall: float) -> str:
    """Return the tables: every arm's time, memory and idle share, the plan beside it, and the whole study scaled.

    Args:
        study: ``results/gpu_study``.
        facts: What :func:`prepare` wrote.
        plan: What ``sixgig plan --json`` printed; it need not exist.
        wall: Seconds that Snakemake took.
    """
    given = json.loads(facts.read_text())
    planned = _planned(plan)
    rows = list(csv.DictReader((study / "costs.csv").open()))
    arms: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in rows:
        arm = arms[row["arm"] or "cohorts"]
        seconds = float(row["seconds"])
        stage = row["stage"].partition(":")[0]
        arm[stage] += seconds
        arm["whole"] += seconds * _grown(row, given)
        arm["vram"] = max(arm["vram"], float(row["peak_vram_mb"] or 0))
        arm["rss"] = max(arm["rss"], float(row["peak_rss_mb"] or 0))
    busy = _busy(study)
    lines = ["arm, train s, encode s, classify s, peak VRAM MiB, peak RAM MiB, card idle %, planned s, whole study s"]
    for name, arm in arms.items():
        idle = f"{100 - busy[name]:.0f}" if name in busy else "-"
        told = f"{planned[name]:.0f}" if name in planned else "-"
        values = [arm["pretrain"], arm["encode"], arm["classify"], arm["vram"], arm["rss"]]
        numbers = ", ".join(f"{value:.1f}" for value in values)
        lines.append(f"{name}, {numbers}, {idle}, {told}, {arm['whole']:.0f}")
    total = sum(arm["whole"] for arm in arms.values())
    lines += [
        f"wall time of this run: {wall:.0f} s with {given['subjects']} subjects a cohort and "
        f"{given['steps_fraction']:.0%} of the steps; planned: {planned.get('total', float('nan')):.0f} s",
        f"all jobs one after another at 369 and 150 subjects and all steps: {total / 3600:.2f} h",
    ]
    return "\n".join(lines)


def _grown(row: dict[str, str], given: dict[str, Any]) -> float:
    """By how much a job of the whole study is longer: by its steps, or by its subjects."""
    if row["stage"].startswith("pretrain"):
        return 1 / float(given["steps_fraction"])
    return REAL.get(row["cohort"], sum(REAL.values()) / len(REAL)) / float(given["subjects"])


def _busy(study: Path) -> dict[str, float]:
    """Mean load of the card in per cent, by arm, over its jobs on the card."""
    seen: dict[str, list[float]] = defaultdict(list)
    for file in [*study.glob("features/*/*.json"), *study.glob("pretraining/*/*.json")]:
        facts = json.loads(file.read_text())
        watched = facts.get("gpu") or facts.get("pretraining", {}).get("gpu") or {}
        if "utilisation_mean_percent" in watched:
            seen[file.stem].append(float(watched["utilisation_mean_percent"]))
    return {name: sum(values) / len(values) for name, values in seen.items()}


def _planned(plan: Path) -> dict[str, float]:
    """Seconds by arm, and the total, from the JSON of ``sixgig plan``."""
    if not plan.is_file() or not plan.stat().st_size:
        return {}
    told = json.loads(plan.read_text())
    found = {str(arm["arm"]): float(arm["seconds"]) for arm in told.get("arms", [])}
    return found | {"total": float(told["totals"]["wall_seconds"])}


def main() -> None:
    """Run one of the two parts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parts = parser.add_subparsers(dest="part", required=True)
    first = parts.add_parser("prepare")
    first.add_argument("folder", type=Path)
    first.add_argument("--subjects", type=int, default=60)
    first.add_argument("--steps", type=float, default=0.3, help="share of the laptop study's training steps")
    first.add_argument("--small", action="store_true", help="small volumes and networks, to try the script")
    second = parts.add_parser("measure")
    for name in ("study", "facts", "plan"):
        second.add_argument(name, type=Path)
    second.add_argument("wall", type=float)
    given = parser.parse_args()
    if given.part == "prepare":
        given.folder.mkdir(parents=True, exist_ok=True)
        print(prepare(given.folder, given.subjects, given.steps, given.small))
    else:
        print(measure(given.study, given.facts, given.plan, given.wall))


if __name__ == "__main__":
    main()
