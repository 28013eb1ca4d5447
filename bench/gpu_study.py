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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

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
        entry["source"] = {"file": random_weights(folder / f"{name}.safetensors", entry["model"])}
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


def random_weights(path: Path, model: str) -> dict[str, str]:
    """Write random weights of a timm model, and return ``path`` and ``sha256`` for a study file."""
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
        study: ``results/gpu_study``; it need not be finished: what is measured is what ran.
        facts: What :func:`prepare` wrote.
        plan: What ``sixgig plan --json`` printed; it need not exist.
        wall: Seconds that Snakemake took.
    """
    given = json.loads(facts.read_text())
    planned = _planned(plan)
    rows: dict[str, _Row] = defaultdict(_Row)
    for file in sorted(study.glob("benchmarks/*/*.tsv")):
        rule, (cohort, _, name) = file.parent.name, file.stem.partition(".")
        arm = name.split(".")[0] or "cohorts and weights"
        with file.open() as stream:
            measured = list(csv.DictReader(stream, delimiter="\t"))[-1]
        cost = planned.get((rule, file.stem), {})
        rows[arm].add(rule, measured, cost, _grown(rule, cohort, given), _card(file, study))
    lines = [_Row.HEADER, *(f"{name:22}{row}" for name, row in rows.items())]
    seconds, told = (sum(getattr(row, name) for row in rows.values()) for name in ("seconds", "planned"))
    whole = sum(row.whole for row in rows.values())
    lines += [
        f"{wall:.0f} s from start to end with {given['subjects']} subjects a cohort and {given['steps_fraction']:.0%} "
        f"of the steps; the jobs take {seconds:.0f} s, planned {told:.0f} s: ratio {told / seconds:.2f}",
        f"all jobs one after another, with 369 and 150 subjects and all steps: {whole / 60:.0f} min",
    ]
    return "\n".join(lines)


@dataclass
class _Row:
    """What the jobs of one arm took together, and what was planned; seconds, MiB and per cent."""

    HEADER: ClassVar = (
        f"{'':22}{'train':>8}{'encode':>8}{'rest':>8}{'planned':>9}{'VRAM':>8}{'planned':>9}{'RAM':>8}{'planned':>9}"
        f"{'idle %':>8}{'whole':>8}"
    )
    train: float = 0.0
    encode: float = 0.0
    rest: float = 0.0
    planned: float = 0.0
    vram: float = 0.0
    vram_planned: float = 0.0
    rss: float = 0.0
    rss_planned: float = 0.0
    whole: float = 0.0
    loads: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Seconds of all jobs that ran."""
        return self.train + self.encode + self.rest

    def add(
        self, rule: str, measured: Mapping[str, str], cost: Mapping[str, float], factor: float, card: _Card
    ) -> None:
        """Count one job."""
        seconds = float(measured["s"])
        stage = {"pretrain_arm": "train", "encode_images": "encode"}.get(rule, "rest")
        setattr(self, stage, getattr(self, stage) + seconds)
        self.planned += cost.get("seconds", 0.0)
        self.whole += seconds * factor
        self.vram, self.vram_planned = max(self.vram, card.memory_mb), max(self.vram_planned, cost.get("vram_mb", 0.0))
        self.rss = max(self.rss, float(measured["max_rss"]) if measured["max_rss"] not in ("-", "NA") else 0.0)
        self.rss_planned = max(self.rss_planned, cost.get("rss_mb", 0.0))
        self.loads += card.loads

    def __str__(self) -> str:
        idle = f"{100 - sum(self.loads) / len(self.loads):.0f}" if self.loads else "-"
        return (
            f"{self.train:8.0f}{self.encode:8.0f}{self.rest:8.0f}{self.planned:9.0f}{self.vram:8.0f}"
            f"{self.vram_planned:9.0f}{self.rss:8.0f}{self.rss_planned:9.0f}{idle:>8}{self.whole:8.0f}"
        )


@dataclass(frozen=True)
class _Card:
    """Most memory that torch took of the card in a job, in MiB, and the card's load in per cent, second by second."""

    memory_mb: float = 0.0
    loads: tuple[float, ...] = ()


def _card(benchmark: Path, study: Path) -> _Card:
    series = benchmark.with_suffix(".gpu.csv")
    if not series.is_file():
        return _Card()
    cohort, _, arm = benchmark.stem.partition(".")
    stage = "pretraining" if benchmark.parent.name == "pretrain_arm" else "features"
    sidecar = study / stage / cohort / f"{arm}.json"
    facts = json.loads(sidecar.read_text()) if sidecar.is_file() else {}
    cost = facts.get("pretraining", {}).get("cost", {}) if stage == "pretraining" else facts
    with series.open() as stream:
        loads = tuple(float(row["utilisation"]) for row in csv.DictReader(stream) if row["utilisation"])
    return _Card(float(cost.get("peak_vram_mb", 0.0)), loads)


def _grown(rule: str, cohort: str, given: dict[str, Any]) -> float:
    """By how much a job of the whole study is longer: by its steps, or by its subjects; its start counts with them."""
    if rule == "pretrain_arm":
        return 1 / float(given["steps_fraction"])
    return REAL[cohort] / float(given["subjects"]) if cohort in REAL else 1.0


def _planned(plan: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """What ``sixgig plan --json`` says of every job, by rule and wildcards."""
    if not plan.is_file() or not plan.stat().st_size:
        return {}
    return {(job["rule"], job["name"]): job["cost"] for job in json.loads(plan.read_text())["jobs"]}


def main() -> None:
    """Run one of the two parts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parts = parser.add_subparsers(dest="part", required=True)
    first = parts.add_parser("prepare")
    first.add_argument("folder", type=Path)
    first.add_argument("--subjects", type=int, default=60, help="at least 40: ACDC has five classes, for five folds")
    first.add_argument("--steps", type=float, default=0.3, help="share of the laptop study's training steps")
    first.add_argument("--small", action="store_true", help="small volumes and networks, to try the script")
    second = parts.add_parser("measure")
    for name in ("study", "facts", "plan"):
        second.add_argument(name, type=Path)
    second.add_argument("wall", type=float)
    given = parser.parse_args()
    if given.part == "prepare":
        given.folder.mkdir(parents=True, exist_ok=True)
        if given.subjects < 40:
            parser.error(f"--subjects {given.subjects}: ACDC's five classes need at least 40 for five folds")
        print(prepare(given.folder, given.subjects, given.steps, given.small))
    else:
        print(measure(given.study, given.facts, given.plan, given.wall))


if __name__ == "__main__":
    main()
