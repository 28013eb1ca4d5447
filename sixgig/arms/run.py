"""Run one arm on one cohort and write its features and sidecar."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pandas as pd

from sixgig.arms.base import Encoder, FeatureArm, ImageArm, NetworkArm, VolumeEncoder
from sixgig.arms.encoding import PartialFeatures, encode
from sixgig.arms.fitting import fitting_batch
from sixgig.arms.job import Job
from sixgig.arms.kept import KeptFeatures
from sixgig.arms.naming import naming
from sixgig.arms.network_input import describe_input
from sixgig.arms.pooling import check_pooling, pool_samples
from sixgig.arms.registry import get_arm
from sixgig.arms.rounding import prove_rounding
from sixgig.arms.shards import Encoded, Part, read_shards, write_shard
from sixgig.errors import CohortFailedError, SixgigError
from sixgig.gpu.alone import card_alone
from sixgig.gpu.device import Device, choose_device
from sixgig.gpu.ladder import Rung, climb_down, rungs
from sixgig.runtime import checkpoints
from sixgig.runtime.atomic import atomic_path, write_json
from sixgig.runtime.attempts import fallbacks as memory_fallbacks
from sixgig.runtime.attempts import fewer, outcome
from sixgig.runtime.digests import file_sha256
from sixgig.runtime.jobs import say_failed, say_fallbacks
from sixgig.runtime.monitor import CostMeter, peak_rss_mb, peak_vram_mb
from sixgig.runtime.outcomes import require_cohort
from sixgig.runtime.pages import keep_pages
from sixgig.runtime.progress import Progress
from sixgig.runtime.stopping import saving
from sixgig.runtime.versions import encoding_versions
from sixgig.tables.cohorts import MANIFEST
from sixgig.tables.features import write_features
from sixgig.weights.loading import data_config

_LOG = logging.getLogger(__name__)
#: Encodes some rows of what there is (None: all) with a rung, in a type, keeping features and counting what is done.
Work = Callable[[Any, Rung, str, Any, Callable[[int], None]], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class EncodeJob(Job):
    """All that decides the features of one arm on one cohort.

    Attributes:
        labels_of: What has a class and is a row of the features: ``subject`` or ``image``.
        image_filter: How the images were resized, for the sidecar.
        image_crop: Share of the shorter side that they show, for the sidecar; None for all of it.
        random_weights: Whether the arm is a control, whose network keeps its random weights.
        part: The part of the cohort that it encodes; None for all of it.
    """

    rule: ClassVar[str] = "encode_images"

    labels_of: str = "subject"
    image_filter: str = "bicubic"
    image_crop: float | None = None
    random_weights: bool = False
    part: Part | None = None

    @property
    def label(self) -> str:
        """Name of the job for people."""
        part = f", shard {self.part.shard} of {self.part.of}" if self.part else ""
        return f"encode {self.cohort} {self.arm}{part}"

    @property
    def series(self) -> Path:
        """CSV of what the card says while the job runs; a shard has its own."""
        if self.part is None:
            return super().series
        folder = self.checkpoints.parent / "benchmarks" / "encode_shard"
        return folder / f"{self.cohort}.{self.arm}.{self.part.shard}.gpu.csv"

    @property
    def place(self) -> str:
        """Name of the folder of its checkpoints."""
        return f"encode-{self.cohort}-{self.arm}" + (f".{self.part.shard}" if self.part else "")

    def rows(self, n: int) -> slice:
        """Return which of ``n`` images or volumes it encodes."""
        return self.part.rows(n, int(self.options["batch_size"])) if self.part else slice(0, n)


def encode_cohort(job: EncodeJob, features: Path, image_features: Path) -> None:
    """Encode a cohort's images.

    Writes ``features`` (per subject, or per image), ``image_features`` (float32 [n_images, d]) and, next to the first,
    the sidecar ``.json``. When the arm fails with a known reason, the features have no rows and the sidecar's status
    says ``failed: reason``, so that the rest of the study goes on and the report shows it.

    Args:
        job: What to encode, with what.
        features: Output .npz.
        image_features: Output .npy.

    Raises:
        GpuError: The study asks for a GPU that cannot be used; no arm could run then.
        PassingError: What stopped the arm may pass by itself; what it has encoded is kept.
    """
    begun = _Encoding(job)
    with CostMeter("encode") as meter:
        try:
            table = _table(job)
            rows = begun.rows(table)
            pooled, subject_ids, image_ids = pool_samples(rows, table, job.options["pooling"], job.labels_of)
        except (SixgigError, RuntimeError) as error:
            rows, pooled, subject_ids, image_ids = _failed(job.arm, error, begun.facts)
    facts = begun.facts
    facts.setdefault("cost", _cost(meter, len(rows) or len(begun.images), facts))
    _write_all(job, features, image_features, rows, (pooled, subject_ids, image_ids), facts)
    begun.keep(image_features)


def encode_shard(job: EncodeJob, output: Encoded) -> None:
    """Encode a part of a cohort's images, ``job.part``, for :func:`gather_cohort`.

    When the arm fails with a known reason, there are no rows, and ``status`` says ``failed: reason``.

    Raises:
        GpuError: See :func:`encode_cohort`.
        PassingError: Likewise.
    """
    begun = _Encoding(job)
    with CostMeter("encode") as meter:
        try:
            rows = begun.rows(_table(job))
        except (SixgigError, RuntimeError) as error:
            rows, *_ = _failed(job.arm, error, begun.facts)
    begun.facts.setdefault("cost", _cost(meter, len(rows), begun.facts))
    write_shard(output, rows, begun.facts)
    begun.keep(output.rows)


def gather_cohort(job: EncodeJob, shards: Sequence[Encoded], features: Path, image_features: Path) -> None:
    """Write what :func:`encode_cohort` writes, from what shards have encoded.

    Args:
        job: What they encoded; its ``part`` is None.
        shards: Their files, in order.
        features: Output .npz.
        image_features: Output .npy.
    """
    asked = int(job.options["batch_size"])
    facts: dict[str, Any] = {"batch_size_used": asked, "device": "cpu", "dtype": "float32", "fallbacks": []}
    with CostMeter("encode") as meter:
        try:
            table = _table(job)
            rows, facts = read_shards(shards)
            if facts.get("status"):
                say_failed(facts["status"])
                pooled, subject_ids, image_ids = np.zeros((0, 0), np.float32), np.zeros(0, dtype=str), None
            else:
                pooled, subject_ids, image_ids = pool_samples(rows, table, job.options["pooling"], job.labels_of)
        except (SixgigError, RuntimeError) as error:
            rows, pooled, subject_ids, image_ids = _failed(job.arm, error, facts)
    facts.setdefault("cost", _cost(meter, len(rows), facts))
    _write_all(job, features, image_features, rows, (pooled, subject_ids, image_ids), facts)


class _Encoding:
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


def _write_all(
    job: EncodeJob,
    features: Path,
    image_features: Path,
    rows: np.ndarray,
    pooled: tuple[np.ndarray, np.ndarray, np.ndarray | None],
    facts: Mapping[str, Any],
) -> None:
    with atomic_path(image_features, rows.nbytes) as partial, partial.open("wb") as stream:
        np.save(stream, rows)
    write_features(features, *pooled)
    number = len(rows) or len(np.load(job.images, mmap_mode="r"))
    asked = int(job.options["batch_size"])
    _write_sidecar(features, job.arm, asked, number, pooled[0], len(set(pooled[1])), facts)


def _table(job: EncodeJob) -> pd.DataFrame:
    """Return what each row of the features belongs to: the manifest, or its first row of every volume.

    Raises:
        SixgigError: The cohort failed, or its features cannot be pooled as the arm asks.
    """
    require_cohort(job.cohort, job.gate)
    table = _rows_of(MANIFEST.read(job.manifest), volumes=job.volumes is not None)
    check_pooling(table, job.options["pooling"], job.labels_of)
    return table


def _rows_of(manifest: pd.DataFrame, *, volumes: bool) -> pd.DataFrame:
    return manifest.drop_duplicates("volume_id").reset_index(drop=True) if volumes else manifest


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


def transform_cohort(
    arm_name: str,
    kind: str,
    options: Mapping[str, Any],
    source: str,
    source_features: Path,
    manifest: Path,
    learn_from: set[str],
    features: Path,
    seed: int,
    labels_of: str = "subject",
    cohort: str = "",
    gate: Path | None = None,
    of_volumes: bool = False,
    other: tuple[Path, Path] | None = None,
) -> None:
    """Compute a cohort's features with a :class:`FeatureArm`.

    Args:
        arm_name: Name of the arm in the study.
        kind: Its kind.
        options: The arm's stanza in the config.
        source: Name of the arm whose features it computes from.
        source_features: Image features (.npy) of the arm's source arm; no rows when that arm failed.
        manifest: manifest.csv of the cohort.
        learn_from: Subjects the arm may learn from.
        features: Output .npz; the sidecar goes next to it.
        seed: The study's seed.
        labels_of: What has a class and is a row of the features: ``subject`` or ``image``.
        cohort: Name of the cohort.
        gate: leakage.json of the cohort; nothing is computed on a cohort that failed.
        of_volumes: Whether the source arm has a feature of every volume, and not of every image.
        other: Image features of another cohort and its manifest.csv: that cohort's features are written, computed with
            what the arm learned on this one.
    """
    arm = cast("FeatureArm", get_arm(kind)())
    facts: dict[str, Any] = {"fallbacks": [], "batch_size_used": int(options["batch_size"]), "dtype": "float32"}
    facts |= {"device": "cpu", "device_name": "CPU", "backbone": source, "source_arm": source, "weights": {}}
    table = _rows_of(MANIFEST.read(manifest), volumes=of_volumes)
    with CostMeter("encode") as meter:
        try:
            require_cohort(cohort, gate)
            check_pooling(table, options["pooling"], labels_of)
            rows = np.load(source_features)
            if len(rows) == 0 and len(table) > 0:
                raise SixgigError(source, "failed, and this arm needs its features", "see that arm's reason")
            may_learn = table["subject_id"].isin(learn_from).to_numpy(dtype=bool)
            own = 0
            if other is not None:
                own, table = len(rows), _rows_of(MANIFEST.read(other[1]), volumes=of_volumes)
                rows = _beside(rows, np.load(other[0]), source, len(table))
                may_learn = np.concatenate([may_learn, np.zeros(len(table), dtype=bool)])
            with naming(kind, arm_name):
                coded, learned = arm.transform(rows, may_learn, options, seed)
            coded = coded[own:]
            facts["learned"] = dict(learned)
            pooled, subject_ids, image_ids = pool_samples(coded, table, options["pooling"], labels_of)
        except (SixgigError, np.linalg.LinAlgError) as error:
            _, pooled, subject_ids, image_ids = _failed(arm_name, error, facts)
    facts["cost"] = _cost(meter, len(table), facts)
    write_features(features, pooled, subject_ids, image_ids)
    _write_sidecar(features, arm_name, int(options["batch_size"]), len(table), pooled, len(set(subject_ids)), facts)


def _beside(rows: np.ndarray, others: np.ndarray, source: str, n_others: int) -> np.ndarray:
    """Return image features of a cohort and of another one, one after the other.

    Raises:
        SixgigError: The source arm has none of the other cohort, or they are of another length.
    """
    if len(others) == 0 and n_others:
        raise SixgigError(source, "failed on the external cohort, and this arm needs its features", "see its reason")
    if rows.shape[1] != others.shape[1]:
        reason = f"has {rows.shape[1]} features of an image, and {others.shape[1]} on the external cohort"
        raise SixgigError(source, reason, "give both cohorts the same volumes")
    return np.concatenate([rows, others])


def _failed(arm_name: str, error: Exception, facts: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, None]:
    facts["status"] = outcome(error)
    _LOG.exception("arm %s failed", arm_name)
    say_failed(facts["status"], left_out=isinstance(error, CohortFailedError))
    return np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32), np.zeros(0, dtype=str), None


def _memory() -> str:
    vram = peak_vram_mb()
    return f"RAM {peak_rss_mb():.0f} MiB" + (f", VRAM {vram:.0f} MiB" if vram else "")


def _cost(meter: CostMeter, n_images: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    cost = meter.cost(n_images, facts["batch_size_used"], facts["device"])
    return {
        "seconds": cost.seconds,
        "images_per_second": cost.images_per_second if math.isfinite(cost.images_per_second or 0.0) else None,
        "peak_vram_mb": cost.peak_vram_mb,
        "peak_rss_mb": cost.peak_rss_mb,
        "versions": encoding_versions(),
    }


def _write_sidecar(
    features: Path,
    arm: str,
    asked: int,
    n_images: int,
    pooled: np.ndarray,
    n_subjects: int,
    facts: Mapping[str, Any],
) -> None:
    fallbacks = list(facts["fallbacks"])
    if not facts.get("status"):
        say_fallbacks(fallbacks)
    status = facts.get("status") or (f"fallback: {'; '.join(fallbacks)}" if fallbacks else "ok")
    sidecar = {
        "backbone": "",
        "weights": {},
        "device_name": "",
        "gpu": {},
        **{name: value for name, value in facts.items() if name != "cost"},
        **facts["cost"],
        "arm": arm,
        "fallbacks": fallbacks,
        "status": status,
        "batch_size_asked": asked,
        "n_images": n_images,
        "n_subjects": n_subjects,
        "n_features": int(pooled.shape[1]),
    }
    write_json(features.with_suffix(".json"), sidecar)
