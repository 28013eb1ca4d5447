"""Prepare and run the masked-image-modelling training of one cohort: first weights, crops, GPU budget, outcome."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sixgig.arms.base import Trained
from sixgig.arms.torch_training import train_in_torch
from sixgig.errors import ArmError
from sixgig.gpu.device import Device, choose_device
from sixgig.gpu.ladder import Rung
from sixgig.gpu.work import largest_fitting
from sixgig.mim.budget import predict
from sixgig.mim.crops import ImageRows, Source, VolumeCrops, crop_channels
from sixgig.mim.encoding import encode_volumes
from sixgig.mim.evaluation import Network, fixed_items, pictures
from sixgig.mim.geometry import Geometry, Shape
from sixgig.mim.inflation import inflated_state, shape_of, source_of, timm_state
from sixgig.mim.network import TokenEncoder, build_network
from sixgig.mim.settings import STANZA, Settings
from sixgig.mim.training import train
from sixgig.runtime.attempts import fewer, shortages
from sixgig.runtime.digests import file_sha256
from sixgig.runtime.paths import user_path
from sixgig.training.checkpoints import CheckpointStore
from sixgig.weights.loading import load_backbone
from sixgig.weights.storage import read_provenance, read_weights

if TYPE_CHECKING:
    import pandas as pd

    from sixgig.arms.pretrain_job import PretrainJob
    from sixgig.training.run import Report

#: What a training may take of a CPU's memory, in MiB; the user has 5 GB free in all.
_CPU_BUDGET_MB = 1200.0
#: Evaluation items that the report shows.
_PICTURES = 3
#: Z-scores that pictures show as black and as white.
_SHOWN_SCORES = (-1.5, 3.5)


def pretrain(job: PretrainJob) -> Trained:
    """Train a ViT on the volumes or slices of the cohort's pretraining subjects.

    Returns:
        The encoder (under timm's names when it was trained on slices) and pictures: for planes k = 0, 1, 2 (one for
        slices) ``original_k``, ``masked_k`` and ``reconstruction_k``, uint8 [items, c, rows, columns].

    Raises:
        ArmError: The cohort or the backbone does not fit the settings, or training failed.
        GpuError: The study asks for a GPU that cannot be used.
    """
    options = job.options
    volumes = np.load(job.volumes, mmap_mode="r") if job.volumes is not None else None
    images = job.load_images()
    first = _first_network(job, volumes, images.shape[1])
    geometry, shape = first.encoder.geometry, first.encoder.shape
    ready = [first]  # the first rung takes it out: a copy to start again from would hold half a gigabyte
    del first
    device = choose_device(job.device, options["precision"], job.memory_limit_mb).for_training()
    settings = Settings.from_stanza(options, precision=device.dtype, seed=job.seed, threads=job.threads)
    train_on, measure_on = (_source(job, volumes, images, geometry, rows) for rows in job.pools())
    reference = bool(options["reference"])
    notes = [] if volumes is not None else [f"{job.cohort}: trained on slices (images of {images.shape[1]} px)"]
    if reference:
        notes.append("trained as published (reference): reconstruction errors are of z-scores, not of voxels in 0 to 1")
    if options["mode"] == "volume" and volumes is None:
        raise ArmError(f"{STANZA}.mode", "is volume, and the cohort has no volumes", "set it to auto or slices")
    folder = job.checkpoint_folder(
        settings=dataclasses.replace(settings, micro_batch_size=0, threads=1, gradient_checkpointing=False).as_dict(),
        geometry=list(geometry),
        first={name: options[name] for name in ("init", "encoder", "decoder", "modalities", "flips", "reference")},
        init_file=_init_digest(options),
        device=device.kind,
        torch=torch.__version__,
    )

    def attempt(rung: Rung, report: Report) -> tuple[tuple[Network, Settings], dict[str, Any]]:
        own = ready.pop() if ready else _first_network(job, volumes, images.shape[1])
        used = _on_rung(settings, rung, geometry, shape)
        return (own, used), train(own, train_on, measure_on, used, rung.device, CheckpointStore(folder), report)

    micro_batch = _fitting(settings, geometry, shape, device, job.memory_limit_mb, notes)
    (trained, used), facts = train_in_torch(job, device, micro_batch, settings.objective, notes, attempt)
    trained = trained.cpu().eval()
    facts |= {"batch_size_used": settings.batch_size, "micro_batch_size_used": used.micro_batch}
    facts |= {"predicted": _prediction(used, geometry, shape)}
    facts |= {"mode": "slices" if volumes is None else "volume", "init": options["init"], "settings": used.as_dict()}
    facts |= {"modalities": options["modalities"], "encoder": _describe(trained.encoder), "reference": reference}
    history = facts.pop("history")
    state = trained.encoder.state_dict() if volumes is not None else timm_state(trained.encoder)
    shown = _pictures(trained, measure_on, settings)
    return Trained(
        state, facts, history, folder, shown, "images" if volumes is None else "volumes", train_on.rows.tolist()
    )


def load_volume_encoder(weights: Path, described: Mapping[str, Any]) -> TokenEncoder:
    """Build the encoder of volumes that :func:`pretrain` trained.

    Args:
        weights: Its weights file.
        described: What the facts say about it under ``encoder``.

    Raises:
        WeightsError: The file is missing or changed.
        ArmError: The file does not hold this encoder.
    """
    sizes = described["geometry"]
    geometry = Geometry(tuple(sizes["crop"]), tuple(sizes["patch"]), int(sizes["channels"]))
    encoder = TokenEncoder(geometry, Shape(**described["shape"]), described["mean"], described["std"])
    state, _ = read_weights(weights)
    _load(encoder, state, weights)
    return encoder.eval()


def volume_encoding(weights: Path, described: Mapping[str, Any], modalities: str, token: str) -> Callable[..., Any]:
    """Return what encodes volumes with the encoder that :func:`pretrain` trained, see :class:`VolumeEncoder`."""
    return partial(encode_volumes, load_volume_encoder(weights, described), modalities, token)


def _load(encoder: TokenEncoder, state: Mapping[str, Any], place: object) -> None:
    try:
        encoder.load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        reason = "does not hold an encoder of this size: " + " ".join(str(error).split())[:300]
        raise ArmError(place, reason, f"use the file of an encoder with the same {STANZA} sizes") from error


def _first_network(job: PretrainJob, volumes: np.ndarray | None, image_size: int) -> Network:
    """Build the network that training begins with."""
    options, provenance = job.options, read_provenance(job.weights)
    mean, std = provenance["data_config"]["mean"], provenance["data_config"]["std"]
    flat = load_backbone(job.weights, image_size)
    source = source_of(flat, mean, std)
    decoder: dict[str, Any] = {f"decoder_{name}": int(value) for name, value in options["decoder"].items()}
    reference = bool(options["reference"])
    shape = dataclasses.replace(shape_of(flat), **decoder, reference=reference)
    if volumes is None:
        geometry = Geometry((image_size, image_size), source.patch, 3)
    else:
        channels = crop_channels(volumes, options["modalities"])
        geometry = Geometry(tuple(options["crop"]), tuple(options["patch"]), channels)
        # A class token attends to each patch of a slab separately: without it a 3D network can equal the 2D one.
        shape = dataclasses.replace(shape, class_token=False, register_tokens=0, prefix_positions=False)
        if channels != 3:
            mean, std = [float(statistics.fmean(mean))] * channels, [float(statistics.fmean(std))] * channels
        if reference:  # voxels are z-scores already
            mean, std = [0.0] * channels, [1.0] * channels
    if options["init"] == "scratch":
        sizes: dict[str, Any] = {name: int(value) for name, value in options["encoder"].items()}
        shape = dataclasses.replace(shape, **sizes)
    network = build_network(options["objective"], geometry, shape, mean, std, job.seed)
    if options["init"] == "inflate":
        inflated = inflated_state(flat.state_dict(), source, geometry, shape)
        if reference and volumes is not None:
            inflated |= {"mean": torch.tensor(mean), "std": torch.tensor(std)}
        _load(network.encoder, inflated, job.weights)
    elif options["init"] == "file":
        _load(network.encoder, _from_file(options), options["init_file"]["path"])
    return network


def _from_file(options: Mapping[str, Any]) -> dict[str, Any]:
    path = user_path(options["init_file"]["path"])
    found = file_sha256(path) if path.is_file() else "none: there is no such file"
    if found != options["init_file"]["sha256"]:
        raise ArmError(
            f"{STANZA}.init_file",
            f"{path} has sha256 {found}, not {options['init_file']['sha256']}",
            "name the right file, or correct the sha256",
        )
    state, provenance = read_weights(path)
    described = (provenance.get("pretraining") or {}).get("encoder") or {}
    trained = bool((described.get("shape") or {}).get("reference", False))
    if trained != bool(options["reference"]):
        was = "with" if trained else "without"
        raise ArmError(
            f"{STANZA}.reference",
            f"is {str(options['reference']).lower()}, and {path} was trained {was} it: its voxels, its norms and its "
            "masks are others",
            f"set it to {str(trained).lower()}, or name another file",
        )
    return dict(state)


def _init_digest(options: Mapping[str, Any]) -> str:
    return str(options["init_file"]["sha256"]) if options["init"] == "file" else ""


def _source(
    job: PretrainJob, volumes: np.ndarray | None, images: np.ndarray, geometry: Geometry, rows: pd.DataFrame
) -> Source:
    """Return where crops of the volumes (or images) of some manifest rows come from."""
    flips = [int(axis) for axis in job.options["flips"]]
    if len(rows) == 0:
        raise ArmError(
            "evaluation.pretraining_fraction",
            "there are no subjects to learn from or to measure on",
            f"raise it above 0, or leave out {STANZA}",
        )
    if volumes is None:
        return ImageRows(images, rows.index.to_numpy(), seed=job.seed, flips=flips)
    numbers = {name: number for number, name in enumerate(job.volume_names())}
    wanted = sorted({numbers[str(name)] for name in rows["volume_id"]})
    crops = {"modalities": str(job.options["modalities"]), "flips": flips, "z_scores": bool(job.options["reference"])}
    return VolumeCrops(volumes, wanted, geometry.crop, seed=job.seed, **crops)  # type: ignore[arg-type]


def _fitting(
    settings: Settings, geometry: Geometry, shape: Shape, device: Device, memory_limit_mb: float, notes: list[str]
) -> int:
    """Return the micro-batch to begin with on a card: what is predicted to fit; a note says when it is less."""
    asked = settings.micro_batch
    if device.kind != "cuda":
        return asked

    def memory(micro_batch: int) -> float:
        return _prediction(dataclasses.replace(settings, micro_batch_size=micro_batch), geometry, shape)["memory_mb"]

    fits = largest_fitting(asked, memory, memory_limit_mb) or asked  # none: the ladder has other ways
    if fits < asked:
        notes.append(f"{asked} at a time would take {memory(asked):.0f} of {memory_limit_mb:.0f} MiB: {fits} at a time")
    return fits


def _on_rung(settings: Settings, rung: Rung, geometry: Geometry, shape: Shape) -> Settings:
    """Return the settings for one way to run."""
    if rung.device == "cuda":
        checkpointing = settings.gradient_checkpointing or rung.gradient_checkpointing
        return dataclasses.replace(settings, micro_batch_size=rung.batch_size, gradient_checkpointing=checkpointing)
    micro_batch = fewer(settings.micro_batch)
    used = dataclasses.replace(settings, micro_batch_size=micro_batch, precision="float32")
    while micro_batch > 1 and _prediction(used, geometry, shape)["memory_mb"] > _CPU_BUDGET_MB / (1 + shortages()):
        micro_batch //= 2
        used = dataclasses.replace(used, micro_batch_size=micro_batch)
    return used


def _prediction(settings: Settings, geometry: Geometry, shape: Shape) -> dict[str, float]:
    found = predict(geometry, shape, settings)
    return {"memory_mb": found.memory_mb, "flops_per_micro_batch": found.flops_per_step, "parameters": found.parameters}


def _describe(encoder: TokenEncoder) -> dict[str, Any]:
    """Return what :func:`load_volume_encoder` needs to know."""
    return {
        "geometry": encoder.geometry._asdict(),
        "shape": dataclasses.asdict(encoder.shape),
        "mean": encoder.mean.flatten().tolist(),
        "std": encoder.std.flatten().tolist(),
    }


def _pictures(network: Network, source: Source, settings: Settings) -> dict[str, np.ndarray]:
    items = fixed_items(source, network.encoder.geometry, settings, 0, _PICTURES)
    low, high = _SHOWN_SCORES if settings.reference else (0.0, 1.0)
    shown = pictures(network, items.crops, (items.visible, items.masked), fill=(low + high) / 2)
    return {
        f"{name}_{plane}": np.round(np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)
        for name, planes in shown._asdict().items()
        for plane, values in enumerate(planes)
    }
