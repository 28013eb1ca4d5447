"""What the jobs of each stage take. One function per rule that computes more than a constant."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sixgig.errors import ArmError
from sixgig.forecast.amounts import CohortAmount, cohort_amount
from sixgig.forecast.base import JobCost
from sixgig.forecast.constants import (
    BACKGROUND,
    BOOTSTRAP,
    CUDA_MB,
    CUDA_START,
    HASHED_MB,
    MAPPED_MB,
    MEMORY_BYTES,
    PASS_SECONDS,
    PICTURE_SECONDS,
    RESIZE_SECONDS,
    SKLEARN_MB,
    SMALL,
    TORCH_MB,
    VOXELS_PER_SECOND,
)
from sixgig.forecast.rates import Machine
from sixgig.forecast.works import image_work, work_of
from sixgig.gpu.work import CONTEXT_MB, Amount, NetworkSize, Work
from sixgig.plan.asking import answer, learn
from sixgig.plan.questions import size_question, size_questions
from sixgig.runtime.places import PACKAGE

if TYPE_CHECKING:
    from sixgig.plan.plan import Plan

_MIB = 2**20
#: Threads that rules ask for, by rule; all others ask for one.
THREADS = {
    "obtain_cohort": 4, "prepare_cohort": 4, "pretrain_arm": 4, "encode_images": 4, "code_features": 2,
    "compute_features": 4, "encode_external": 4, "code_external": 2, "score_predictions": 4, "score_fractions": 4,
    "prepare_shard": 4, "encode_shard": 4,
}  # fmt: skip
#: Rules that ask for the card, whether there is one or not.
ON_THE_CARD = ("check_environment", "pretrain_arm", "encode_images", "encode_shard", "encode_external")


@dataclass(frozen=True)
class Stages:
    """A study on a machine.

    Args:
        plan: The study.
        machine: Its rates.
        prepared: Whether to look at what is already prepared of the cohorts.
    """

    plan: Plan
    machine: Machine
    prepared: bool = True
    _sizes: dict[str, NetworkSize] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def cuda(self) -> bool:
        """Whether networks run on a card."""
        return self.machine.card is not None and self.plan.config["device"] != "cpu"

    @cached_property
    def compiled(self) -> bool:
        """Whether machine code of compiled loops is kept from earlier runs."""
        folders = [PACKAGE / "sparse_coding" / "__pycache__", Path(os.environ.get("NUMBA_CACHE_DIR") or os.devnull)]
        return any(True for folder in folders for _ in folder.rglob("*.nbi"))

    @cached_property
    def amounts(self) -> dict[str, CohortAmount]:
        """How much every cohort holds."""
        return {cohort: cohort_amount(self.plan, cohort, self.prepared) for cohort in self.plan.cohorts}

    def threads(self, rule: str) -> int:
        """Return the threads that a rule's job gets."""
        return min(THREADS.get(rule, 1), self.machine.cores)

    def small(self, rule: str) -> JobCost:
        """Return the cost of a job without network or search."""
        small, methods = SMALL[rule], len(self.plan.method_keys)
        if rule == "draw_figures":  # of one cohort, and what trainings show
            methods = len(self.plan.methods) + 3 * len(self.plan.pretrained_arms)
        seconds = small.seconds + small.per_cohort * len(self.plan.cohorts) + small.per_method * methods
        return self._job(rule, seconds, rss_mb=small.rss_mb, disk_mb=small.disk_mb, basis="assumed")

    def obtain(self, cohort: str) -> JobCost:
        """Return the cost of fetching or writing a cohort."""
        found, threads = self.amounts[cohort], self.threads("obtain_cohort")
        seconds = found.write_seconds / threads * 1.05
        writer = 80.0 + 12 * found.voxels / max(found.files, 1) / _MIB
        wait = found.download_mb / self.machine.download_mb_s + found.obtain_mb / self.machine.disk_mb_s
        return self._job(
            "obtain_cohort", seconds, wait=wait, rss_mb=90.0 + (threads * writer if found.write_seconds else 0.0),
            disk_mb=found.obtain_mb, download_mb=found.download_mb, basis=found.basis,
        )  # fmt: skip

    def prepare(self, cohort: str) -> JobCost:
        """Return the cost of reading, resampling and writing a cohort."""
        found, threads = self.amounts[cohort], self.threads("prepare_cohort")
        amount, area = found.amount, (found.amount.image_size / 112) ** 2
        seconds = found.voxels / VOXELS_PER_SECOND + amount.images * (PICTURE_SECONDS + RESIZE_SECONDS * area)
        unpacked = found.voxels * 2 / _MIB if found.voxels > 1e8 or amount.volumetric else 0.0
        seconds += unpacked / (BACKGROUND * self.machine.gunzip_mb_s) * self.machine.scalar
        written = self.images_mb(amount) + self.volumes_mb(amount)
        one = 10 + 8.0 * found.voxels / max(found.files, 1) / _MIB
        return self._job(
            "prepare_cohort", 0.5 + seconds / threads, wait=written / self.machine.disk_mb_s,
            rss_mb=(195 + one) * (threads + 1), disk_mb=written, basis=found.basis,
        )  # fmt: skip

    def leakage(self, cohort: str) -> JobCost:
        """Return the cost of the leakage gate, which hashes every image."""
        found, small = self.amounts[cohort], SMALL["check_leakage"]
        held = self.images_mb(found.amount) + self.volumes_mb(found.amount)
        return self._job("check_leakage", small.seconds + held / HASHED_MB, rss_mb=small.rss_mb, basis=found.basis)

    def weights(self, name: str) -> JobCost:
        """Return the cost of fetching and converting weights."""
        spec = self.plan.config["weights"][name]
        size = self.network(name).parameters * 4 / _MIB
        fetched = 0.0 if "file" in spec["source"] else 1.15 * size
        if self._is_there(spec["source"]):
            fetched = 0.0
        wait = self.machine.torch_start_s - self.machine.start_s + fetched / self.machine.download_mb_s
        return self._job(
            "build_weights",
            2.3 + size / 200, wait=wait + size / self.machine.disk_mb_s,
            rss_mb=TORCH_MB + 3.5 * size, disk_mb=size, download_mb=fetched,
        )  # fmt: skip

    def pretrain(self, cohort: str, arm: str) -> JobCost:
        """Return the cost of a training."""
        found, options = self.amounts[cohort], self.plan.arm_options(arm, cohort)
        network = self.network(options["weights"])
        dtype = self._dtype(options)
        module = work_of(self.plan.arm_module(arm))
        try:
            work: Work = module.training(options, found.amount, network, dtype)  # type: ignore[union-attr]
        except (AttributeError, ArmError):  # an arm that tells nothing, or that will say what does not fit
            return self._job("pretrain_arm", 600.0, rss_mb=TORCH_MB + 600, basis="assumed")
        return self._compute("pretrain_arm", work, found, network, dtype, arm)

    def encode(self, cohort: str, arm: str) -> JobCost:
        """Return the cost of encoding a cohort."""
        found, options = self.amounts[cohort], self.plan.arm_options(arm, cohort)
        network, dtype = self.network(options["weights"]), self._dtype(options)
        module = work_of(self.plan.arm_module(arm))
        work: Work | None = None
        if module is not None and hasattr(module, "encoding"):
            with suppress(ArmError):  # the arm will say what does not fit
                work = module.encoding(options, found.amount, network, dtype)
        if work is None:
            work = image_work(found.amount, network, dtype, int(options["batch_size"]))
        return self._compute("encode_images", work, found, network, dtype, arm)

    def check(self, cohort: str, arm: str) -> JobCost:
        """Return the cost of checking what a training has seen."""
        cost = self.small("check_training")
        return replace(cost, rss_mb=cost.rss_mb + self._mapped_mb(cohort, arm))

    def _mapped_mb(self, cohort: str, arm: str) -> float:
        """Return what a job maps of the array that an arm reads, as far as it counts, in MiB."""
        amount = self.amounts[cohort].amount
        takes = arm in self.plan.pretrained_arms and self.plan.volumes_file(cohort, arm)
        return min(self.volumes_mb(amount) if takes else self.images_mb(amount), MAPPED_MB)

    def code(self, cohort: str, arm: str) -> JobCost:
        """Return the cost of computing features from another arm's."""
        found, options = self.amounts[cohort], self.plan.arm_options(arm, cohort)
        amount, features = found.amount, self.features(self.plan.source_arm(arm))
        module = work_of(self.plan.arm_module(arm))
        learning = round(amount.images * amount.pretraining)
        seconds = module.coding_seconds(options, amount.images, learning, features) if module else 10.0
        seconds += self._compiling(module, cohort == self.plan.cohorts[0])
        held = 4 * amount.images * features * 8 / _MIB
        return self._job(
            "code_features", 1.4 + seconds, rss_mb=315 + held, disk_mb=amount.images * 4 * 100 / _MIB, basis=found.basis
        )

    def compute(self, cohort: str, arm: str) -> JobCost:
        """Return the cost of features that need no network."""
        found, options = self.amounts[cohort], self.plan.arm_options(arm, cohort)
        module, threads = work_of(self.plan.arm_module(arm)), self.threads("compute_features")
        assert module is not None
        written = found.amount.images * module.length(options, found.amount) * 4 / _MIB
        return self._job(
            "compute_features", 0.8 + module.seconds(options, found.amount) / threads, rss_mb=210.0 + 3 * written,
            disk_mb=2 * written, basis=found.basis,
        )  # fmt: skip

    def classify(self, cohort: str, arm: str, classifier: str) -> JobCost:
        """Return the cost of a nested search."""
        seconds, held = self._searching(cohort, arm, classifier)
        module = work_of(self.plan.classifier_module(classifier))
        first = (cohort, arm) == (self.plan.cohorts[0], self.plan.arms[0])
        seconds += self._compiling(module, first)
        rule = self.plan.classify_rule(classifier)
        return self._job(rule, 0.8 + seconds, rss_mb=SKLEARN_MB + held, basis=self.amounts[cohort].basis)

    def classify_fractions(self, cohort: str, arm: str, classifier: str) -> JobCost:
        """Return the cost of the nested searches with fractions of the labels."""
        parts = [self._searching(cohort, arm, classifier, share) for share in self.plan.fractions]
        seconds, held = sum(part[0] for part in parts), max((part[1] for part in parts), default=0.0)
        return self._job(
            self.plan.fractions_rule(classifier),
            0.8 + seconds,
            rss_mb=SKLEARN_MB + held,
            basis=self.amounts[cohort].basis,
        )

    def external_gate(self, cohort: str, other: str) -> JobCost:
        """Return the cost of looking for images of a cohort in another one."""
        costs = [self.leakage(name) for name in (cohort, other)]
        return replace(costs[0], seconds=costs[0].seconds + costs[1].seconds, disk_mb=0.1)

    def external_features(self, arm: str, other: str) -> JobCost:
        """Return the cost of an arm's features of another cohort: about that of its own features of it."""
        return self.encode(other, arm) if arm in self.plan.external_trained else self.code(other, arm)

    def external_fit(self, cohort: str, arm: str, classifier: str) -> JobCost:
        """Return the cost of one search on all evaluation subjects of a cohort."""
        if arm not in self.plan.runs:
            return self.small("predict_majority")
        evaluation = self.plan.config["evaluation"]
        seconds, held = self._searching(cohort, arm, classifier)
        seconds /= int(evaluation["folds"]) * int(evaluation["repeats"])
        return self._job("classify_external", 0.8 + seconds, rss_mb=SKLEARN_MB + held, basis=self.amounts[cohort].basis)

    def _searching(self, cohort: str, arm: str, classifier: str, share: float = 1.0) -> tuple[float, float]:
        """Return seconds and MiB of a nested search with a share of the labels."""
        found, evaluation = self.amounts[cohort], self.plan.config["evaluation"]
        amount = found.amount
        rows = amount.images if self.plan.labels_of(cohort) == "image" else amount.subjects
        samples = max(10, round(share * rows * (1 - self.plan.pretraining_fraction)))
        features, folds = self.features(arm), int(evaluation["folds"]) * int(evaluation["repeats"])
        module = work_of(self.plan.classifier_module(classifier))
        seconds, held = 5.0, 50.0
        if module is not None:
            options, inner = self.plan.config["classifiers"][classifier], int(evaluation["inner_folds"])
            bags = {}
            if classifier in self.plan.bag_classifiers:
                of_volumes = self.plan.volumes_file(cohort, arm)
                bags["images"] = (amount.volumes if of_volumes else amount.images) / max(1, amount.subjects)
            seconds = module.seconds(options, samples, features, folds, inner, amount.classes, **bags)
            held = module.memory_mb(samples, features, **bags)
        return seconds, held

    def score(self) -> JobCost:
        """Return the cost of metrics and their intervals."""
        return self._scoring("score_predictions", 1)

    def score_fractions(self) -> JobCost:
        """Return the same for the fractions of the labels."""
        return self._scoring("score_fractions", len(self.plan.fractions))

    def _scoring(self, rule: str, times: int) -> JobCost:
        samples = int(self.plan.config["evaluation"]["bootstrap_samples"])
        subjects = sum(found.amount.subjects for found in self.amounts.values()) * len(self.plan.methods)
        each = samples * subjects / 100 * BOOTSTRAP + 0.1 * len(self.plan.method_keys)
        return self._job(rule, 1.5 + times * each / self.threads(rule), rss_mb=212.0)

    def hashes(self, written_mb: float) -> JobCost:
        """Return the cost of reading everything that was written, for its sha256."""
        return self._job("hash_outputs", 0.1, wait=written_mb / HASHED_MB, rss_mb=60.0)

    def network(self, weights: str) -> NetworkSize:
        """Return how large the network of an entry of ``weights`` is at the study's images."""
        entry = self.plan.config["weights"][weights]
        if weights not in self._sizes:
            learn(size_questions(self.plan.config))  # all of them at once
            self._sizes[weights] = NetworkSize(**answer(size_question(entry, int(self.plan.config["image"]["size"]))))
        return self._sizes[weights]

    def features(self, arm: str) -> int:
        """Return the length of an arm's features."""
        options = self.plan.arm_options(arm)
        if arm in self.plan.feature_arms:
            atoms = options.get("atoms", 256)
            return int(atoms) if isinstance(atoms, int) else 256  # as many as the data allow: at most 256
        if arm in self.plan.plain_arms:
            module = work_of(self.plan.arm_module(arm))
            assert module is not None
            return max(module.length(options, found.amount) for found in self.amounts.values())
        found = self.network(options["weights"]).features
        return 2 * found if options.get("token") == "cls_mean" else found

    def _compiling(self, module: ModuleType | None, first: bool) -> float:
        """Return what making machine code takes in the first of a kind of job, when none is kept from earlier."""
        return 0.0 if self.compiled or not first else float(getattr(module, "COMPILE_SECONDS", 0.0))

    @staticmethod
    def images_mb(amount: Amount) -> float:
        """Return the size of images.npy in MiB."""
        return amount.images * 3 * amount.image_size**2 / _MIB

    @staticmethod
    def volumes_mb(amount: Amount) -> float:
        """Return the size of volumes.npy in MiB."""
        voxels = 1
        for side in amount.volume_size:
            voxels *= side
        return amount.volumes * voxels * amount.channels * 2 / _MIB if amount.volume_size else 0.0

    def _is_there(self, source: Mapping[str, Any]) -> bool:
        wheels = source.get("wheels") or [source["wheel"]] if "wheel" in source or "wheels" in source else []
        names = [str(wheel["package"]).replace("-", "_") for wheel in wheels]
        return bool(names) and all(any(Path("results/downloads").glob(f"*{name}*")) for name in names)

    def _dtype(self, options: Mapping[str, Any]) -> str:
        if not self.cuda:
            return "float32"
        asked = str(options.get("precision", "auto"))
        assert self.machine.card is not None
        return asked if asked != "auto" else "bfloat16" if self.machine.card.bfloat16 else "float16"

    def _compute(
        self, rule: str, work: Work, found: CohortAmount, network: NetworkSize, dtype: str, arm: str
    ) -> JobCost:
        """Return the cost of a job with a network, on the card or on the processor."""
        machine, threads = self.machine, self.threads(rule)
        host = TORCH_MB + work.host_mb + self._mapped_mb(found.cohort, arm)
        waits = machine.torch_start_s - machine.start_s + work.written_mb / machine.disk_mb_s
        batch: int | None = work.batch
        vram = 0.0
        if self.cuda:
            assert machine.card is not None
            limit = min(float(self.plan.config["gpu"]["memory_limit_mb"]), machine.card.memory_mb - CONTEXT_MB)
            batch = work.batch_within(limit)
            if batch:
                vram = work.vram_mb(batch)
                # The card computes while one thread starts its kernels and another reads ahead: the slowest counts.
                computing = work.flops / machine.card.flops(dtype)
                computing += (work.moved + work.streamed) / machine.card.bytes_per_second
                starting = work.passes * work.batch / batch * PASS_SECONDS / machine.scalar
                waits += CUDA_START + max(computing, starting, work.host_seconds / machine.scalar)
                return self._job(
                    rule, 0.0, wait=waits, rss_mb=host + CUDA_MB, vram_mb=vram, disk_mb=work.kept_mb,
                    basis=found.basis, batch_size=batch,
                )  # fmt: skip
            batch = 1  # not even one fits: the processor computes
        rate = machine.flops(work.kind, threads) * work.share
        waits += work.flops / rate + work.moved / MEMORY_BYTES
        host += network.parameters * 4 / _MIB + work.state_mb + work.batch * work.item_mb
        return self._job(
            rule, work.host_seconds, wait=waits, rss_mb=host, disk_mb=work.kept_mb, basis=found.basis, batch_size=batch
        )

    def _job(
        self, rule: str, seconds: float, *, wait: float = 0.0, rss_mb: float, vram_mb: float = 0.0,
        disk_mb: float = 0.1, download_mb: float = 0.0, basis: str = "computed", batch_size: int | None = None,
    ) -> JobCost:  # fmt: skip
        """Return a cost: the start of Python, seconds of the reference machine's core, and what is waited for."""
        return JobCost(
            seconds=self.machine.start_s + seconds / self.machine.scalar + wait,
            rss_mb=rss_mb, vram_mb=vram_mb, disk_mb=disk_mb, download_mb=download_mb,
            threads=self.threads(rule), gpu=rule in ON_THE_CARD, basis=basis, batch_size=batch_size,
        )  # fmt: skip
