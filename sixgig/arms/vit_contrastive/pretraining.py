"""Prepare and run the contrastive training of one cohort: its pools of images, its backend, its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sixgig.arms.base import Trained
from sixgig.arms.vit_contrastive.backends import Training, train_here, train_in_tensorflow1
from sixgig.contrastive.regions import PUBLISHED_GRID, shared_patches
from sixgig.contrastive.sampling import Pool, check_pool, choose_loss
from sixgig.contrastive.settings import Settings
from sixgig.errors import SKIPPED, ArmError, EnvironmentMissingError
from sixgig.runtime.atomic import read_json
from sixgig.weights.export import export_vit, import_vit
from sixgig.weights.loading import load_backbone
from sixgig.weights.storage import read_provenance

if TYPE_CHECKING:
    from sixgig.arms.pretrain_job import PretrainJob

_STANZA = "arms.vit_contrastive"
_ENVIRONMENT = "the TensorFlow 1 environment"


def pretrain(job: PretrainJob) -> Trained:
    """Train the ViT of the weights file on the cohort's pretraining subjects.

    Raises:
        ArmError: The backbone is not a plain ViT, there are too few pretraining subjects, or training failed.
        EnvironmentMissingError: The TensorFlow 1 environment cannot be used, and the study file says to stop then.
    """
    network = load_backbone(job.weights, job.load_images().shape[1])
    data_config = read_provenance(job.weights)["data_config"]
    arrays, architecture = export_vit(network, tuple(data_config["mean"]), tuple(data_config["std"]))
    training = _prepare(job, arrays, architecture)
    backend, found, fallbacks = choose_backend(job)
    if backend == "tensorflow1":
        assert job.python is not None
        trained, facts, folder = train_in_tensorflow1(training, job.python.read_text().strip(), found)
    else:
        trained, facts, folder = train_here(training, network)
    import_vit(network, trained)
    history = facts.pop("history")
    facts |= {"fallbacks": [*fallbacks, *facts["fallbacks"]], "settings": training.settings.as_dict()}
    facts["batch_size_used"] = training.settings.batch_size
    return Trained(network.state_dict(), facts, history, folder, rows=training.pretraining.row.tolist())


def choose_backend(job: PretrainJob) -> tuple[str, Mapping[str, Any], list[str]]:
    """Decide what trains, after what the check of the TensorFlow 1 environment found.

    Returns:
        ``tensorflow1`` or ``torch``, the check's findings, and what was given up, in words.

    Raises:
        ArmError: The environment cannot be used and ``on_missing_environment`` is ``skip``.
        EnvironmentMissingError: The same, and it is ``fail``.
    """
    if job.options["backend"] == "torch":
        return "torch", {}, []
    assert job.environment is not None
    found: dict[str, Any] = read_json(job.environment)
    if not found["usable"]:
        reason = str(found["reason"])
    elif job.device == "cuda" and found["device"] != "cuda":
        reason = f"TensorFlow {found['versions']['tensorflow']} cannot use the GPU"
        reason += f" ({'; '.join(found['fallbacks'])})" if found["fallbacks"] else ""
    else:
        return "tensorflow1", found, list(found["fallbacks"])
    action = job.options["on_missing_environment"]
    if action == "torch":
        return "torch", found, [f"trained with PyTorch instead of TensorFlow 1: {reason}"]
    if action == "skip":
        raise ArmError(_ENVIRONMENT, f"{reason} ({SKIPPED})", "run `make setup`")
    raise EnvironmentMissingError(
        _ENVIRONMENT,
        reason,
        f"run `make setup`, or set {_STANZA}.on_missing_environment to torch (the same method in PyTorch) or skip",
    )


def _prepare(job: PretrainJob, arrays: Mapping[str, np.ndarray], architecture: Mapping[str, Any]) -> Training:
    """Check what can be checked before training starts."""
    options = job.options
    learn, evaluate = job.pools()
    both = pd.concat([learn, evaluate])
    subjects, volumes = _numbers(both["subject_id"]), _numbers(both["volume_id"].dropna())
    pretraining, evaluation = (_pool(rows, subjects, volumes) for rows in (learn, evaluate))
    partitions = int(job.cohort_options["partitions"])
    loss, note = choose_loss(pretraining, options["loss"], partitions)
    frozen, depth = int(options["frozen_blocks"]), int(architecture["depth"])
    if frozen >= depth:
        raise ArmError(
            f"{_STANZA}.frozen_blocks", f"is {frozen}, and the backbone has {depth} blocks", f"use {depth - 1} or less"
        )
    own = {
        "loss": loss,
        "partitions": partitions,
        "contrast_low": 1 - float(options["contrast"]),
        "contrast_high": 1 + float(options["contrast"]),
        "precision": "float32",
        "reference_batching": bool(options["reference_batching"]) and loss == "g_d",
        "seed": job.seed,
        "threads": job.threads,
    }
    settings = Settings.from_dict({name: options[name] for name in Settings._fields if name in options} | own, _STANZA)
    check_pool(pretraining, loss, settings.batch_size, partitions, settings.reference_batching)
    notes = [*([note] if note else []), *_local_notes(settings, architecture["grid"])]
    return Training(job, dict(arrays), dict(architecture), pretraining, evaluation, settings, notes)


def _local_notes(settings: Settings, grid: Sequence[int]) -> list[str]:
    """Return what is to be known of the local stage, in words."""
    if not settings.local_steps:
        return []
    shared = shared_patches(grid, settings.reference_regions)
    notes = []
    if min(grid) < PUBLISHED_GRID:
        notes.append(
            f"the local loss is on a grid of {grid[0]} x {grid[1]} patches, the published one on {PUBLISHED_GRID} x "
            f"{PUBLISHED_GRID}: here a negative shares {shared:.1f} of 9 patches with its anchor on average, which "
            "pushes apart what is the same; a larger image.size makes the grid larger"
        )
    if settings.reference_regions:
        notes.append(
            "reference_regions: the local stage trains its heads alone, as published (a ViT has no decoder), so the "
            "features are those of the global stage"
        )
    return notes


def _numbers(names: pd.Series) -> dict[str, int]:
    return {str(name): number for number, name in enumerate(sorted(names.unique()))}


def _pool(rows: pd.DataFrame, subjects: Mapping[str, int], volumes: Mapping[str, int]) -> Pool:
    """Turn manifest rows into the arrays that cross to the other environment."""
    return Pool(
        row=rows.index.to_numpy(dtype=np.int64),
        subject=rows["subject_id"].map(subjects).to_numpy(dtype=np.int64),
        volume=rows["volume_id"].map(volumes).fillna(-1).to_numpy(dtype=np.int64),
        partition=rows["partition"].fillna(-1).to_numpy(dtype=np.int64),
    )
