"""An encoding that has begun: what it loads, how it goes down the ladder, what it keeps for the next run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from sixgig.arms.base import Encoder, ImageArm, NetworkArm, VolumeEncoder
from sixgig.arms.encode_job import EncodeJob
from sixgig.arms.encoding import PartialFeatures, encode
from sixgig.arms.fitting import fitting_batch
from sixgig.arms.kept import KeptFeatures
from sixgig.arms.naming import naming
from sixgig.arms.network_input import describe_input
from sixgig.arms.registry import get_arm
from sixgig.arms.rounding import prove_rounding
from sixgig.gpu.alone import card_alone
from sixgig.gpu.device import Device, choose_device
from sixgig.gpu.ladder import Rung, climb_down, rungs
from sixgig.runtime import checkpoints
from sixgig.runtime.attempts import fallbacks as memory_fallbacks
from sixgig.runtime.attempts import fewer
from sixgig.runtime.digests import file_sha256
from sixgig.runtime.monitor import peak_rss_mb, peak_vram_mb
from sixgig.runtime.pages import keep_pages
from sixgig.runtime.progress import Progress
from sixgig.runtime.stopping import saving
from sixgig.weights.loading import data_config

_LOG = logging.getLogger(__name__)
#: Encodes some rows of what there is (None: all) with a rung, in a type, keeping features and counting what is done.
Work = Callable[[Any, Rung, str, Any, Callable[[int], None]], np.ndarray]


class Encoding:
    """An encoding that has begun: its device, and what an earlier run has left of it.

    Attributes:
        images: The images of the cohort.
        facts: What is written down about it.
    """

    def __init__(self, job: EncodeJob) -> None:
        import torch

        torch.set_num_threads(max(1, job.threads))
        self._job = job
        self._device = choose_device(job.device, job.options["precision"], job.memory_limit_mb)
        if self._device.kind == "cpu":
            keep_pages()
        self.facts: dict[str, Any] = {"batch_size_used": int(job.options["batch_size"]), "device": self._device.kind}
        self.facts |= {"dtype": self._device.dtype, "device_name": self._device.name}
        self.facts["fallbacks"] = list(self._device.fallbacks)
        self.images = np.load(job.images, mmap_mode="r")
        self._inputs = _inputs(job)
        self._kept = KeptFeatures(job, self._inputs, job.place)
        self._earlier = self._kept.read()

    def rows(self, table: pd.DataFrame) -> np.ndarray:
        """Return the features of every image or volume that the job encodes.

        Raises:
            SixgigError: The arm fails.
        """
        job, facts = self._job, self.facts
        if self._earlier is not None:
            rows, self.facts = self._earlier
            return rows
        chosen = job.rows(len(table))
        if job.part and chosen.start == chosen.stop:  # there are fewer batches than parts
            return np.zeros((0, 0), np.float32)
        arm = cast("NetworkArm", get_arm(job.kind_name)())
        load = arm.load_random if job.random_weights else arm.load
        with naming(job.kind_name, job.arm):
            encoder = load(job.weights, self.images.shape[1], job.options, job.seed)
        facts |= {"backbone": encoder.backbone, "weights": dict(encoder.weights)}
        facts["fallbacks"] += encoder.weights.get("pretraining", {}).get("fallbacks", [])
        with naming(job.kind_name, job.arm):
            return _encode(job, arm, encoder, self.images, table, self._device, self._inputs, facts)

    def keep(self, image_features: Path) -> None:
        """Keep what was encoded for the next run; what went wrong is tried again."""
        if not self.facts.get("status") and not self.facts["fallbacks"]:
            self._kept.write(image_features, self.facts)


def _inputs(job: EncodeJob) -> dict[str, Any]:
    """Return what decides the features, besides the machine."""
    return {
        "options": dict(job.options),
        "weights": file_sha256(job.weights),
        "source": file_sha256(job.volumes or job.images),
        "image": [job.image_filter, job.image_crop],
        "seed": job.seed,
        "digest": job.digest,
    } | ({"part": list(job.part)} if job.part else {})


def _encode(
    job: EncodeJob,
    arm: NetworkArm,
    encoder: Encoder | VolumeEncoder,
    images: np.ndarray,
    table: pd.DataFrame,
    device: Device,
    inputs: Mapping[str, Any],
    facts: dict[str, Any],
) -> np.ndarray:
    """Encode images, or volumes when that is what the network takes."""
    if isinstance(encoder, VolumeEncoder):
        assert job.volumes is not None
        volumes = np.load(job.volumes, mmap_mode="r")
        facts["input"] = (
            describe_input(data_config(job.weights), volumes.shape, job.image_filter, job.image_crop)
            if encoder.describe is None
            else encoder.describe(volumes.shape)
        )
        names = list(table["volume_id"])[job.rows(len(volumes))]

        def work_on_volumes(
            chosen: Any, rung: Rung, dtype: str, partial: Any, advance: Callable[[int], None]
        ) -> np.ndarray:
            some, their = (own, names) if chosen is None else (own[chosen], [names[row] for row in chosen])
            rows: np.ndarray = encoder.encode(some, rung, dtype, partial, advance, their)
            return rows

        own = volumes[job.rows(len(volumes))]
        asked = int(job.options["batch_size"])
        return _down_the_ladder(job, work_on_volumes, len(own), "volumes", device, inputs, facts, asked)

    assert isinstance(arm, ImageArm)
    facts["input"] = describe_input(data_config(job.weights), images.shape, job.image_filter, job.image_crop)

    def work_on_images(chosen: Any, rung: Rung, dtype: str, partial: Any, advance: Callable[[int], None]) -> np.ndarray:
        some = own_images if chosen is None else own_images[chosen]
        return encode(arm, encoder, some, job.options, rung, dtype, partial, advance)

    own_images = images[job.rows(len(images))]
    batch, given_up = fitting_batch(
        int(job.options["batch_size"]), encoder.backbone, images.shape[1], device, job.memory_limit_mb
    )
    facts["fallbacks"] += given_up
    return _down_the_ladder(job, work_on_images, len(own_images), "images", device, inputs, facts, batch)


def _down_the_ladder(
    job: EncodeJob,
    work: Work,
    number: int,
    unit: str,
    device: Device,
    inputs: Mapping[str, Any],
    facts: dict[str, Any],
    batch_size: int,
) -> np.ndarray:
    """Encode down the ladder from a batch size; what was used and what was given up is noted in ``facts``."""
    import torch

    def run(rung: Rung) -> np.ndarray:
        dtype = device.dtype_on(rung.device)
        if rung.device == "cpu" and dtype != "float32":
            facts["rounding"] = prove_rounding(
                f"arms.{job.arm}.precision",
                lambda chosen, used, kept: work(chosen, rung, used, kept, lambda _: None), number, unit, dtype,
            )  # fmt: skip
        # A checkpoint is continued only at the same batch size and type: both change the last bits of a feature.
        key = {**inputs, "batch_size": rung.batch_size, "device": rung.device, "dtype": dtype}
        folder = checkpoints.checkpoint_folder(job.checkpoints, job.place, key)
        partial = PartialFeatures(folder, number)
        if partial.done:
            _LOG.info("resumed at %d of %d %s", partial.done, number, unit)
        with Progress(f"{job.label} on {rung.device}", number, unit, _memory, partial.done) as progress, saving():

            def advance(count: int) -> None:
                progress.advance(count)
                watch.cool_down()

            rows = work(None, rung, dtype, partial, advance)
        checkpoints.drop(folder)
        return rows

    with card_alone(device.card, job.label, job.series) as watch:
        batch_size = fewer(int(job.options["batch_size"]))
        facts["fallbacks"] += memory_fallbacks()
        ladder = rungs(batch_size, device.kind, trains=False)
        rows, rung, fallbacks = climb_down(run, ladder, clean_up=torch.cuda.empty_cache)
    facts["fallbacks"] += fallbacks
    facts |= {"batch_size_used": rung.batch_size, "device": rung.device, "gpu": watch.summary()}
    facts["dtype"] = device.dtype_on(rung.device)
    return rows


def _memory() -> str:
    vram = peak_vram_mb()
    return f"RAM {peak_rss_mb():.0f} MiB" + (f", VRAM {vram:.0f} MiB" if vram else "")
