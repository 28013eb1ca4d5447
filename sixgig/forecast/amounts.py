"""How much a cohort holds: from what was prepared, else from its files, else from what is published about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.cohorts.inventory import discover
from sixgig.cohorts.slices import choose_slices
from sixgig.errors import SixgigError
from sixgig.gpu.work import Amount
from sixgig.phantoms.amounts import phantom_amount
from sixgig.runtime.atomic import read_json
from sixgig.runtime.discovery import read_yaml

if TYPE_CHECKING:
    from sixgig.plan.plan import Plan

_MIB = 1024 * 1024
#: Numbers that a byte of a medical image unpacks to, at most.
_UNPACKED = 6.0
#: Share of a volume's slices that hold foreground, where nobody has looked.
_FOREGROUND = 0.9


@dataclass(frozen=True)
class CohortAmount:
    """What a cohort holds, and what it takes to get and to read it.

    Attributes:
        cohort: Its name.
        amount: Subjects, images, volumes.
        raw_mb: Size of its files in MiB.
        voxels: Numbers that preparation reads, in all.
        files: Files that preparation opens.
        write_seconds: Time of one core of the reference machine to write it, when it is simulated.
        download_mb: What is fetched, when it is not there.
        obtain_mb: What obtaining it leaves on the disk.
        basis: ``measured`` (prepared), ``computed`` (its files, or the study file alone) or ``assumed``.
        note: What is assumed, as a sentence; empty otherwise.
    """

    cohort: str
    amount: Amount
    raw_mb: float
    voxels: float
    files: int
    write_seconds: float = 0.0
    download_mb: float = 0.0
    obtain_mb: float = 0.0
    basis: str = "computed"
    note: str = ""


@dataclass(frozen=True)
class _Source:
    """Subjects of a source, with what each holds."""

    subjects: int
    volumes: float
    slices: float
    voxels: float
    channels: int
    mb: float
    classes: int
    basis: str
    note: str = ""
    write_seconds: float = 0.0
    write_mb: float = 0.0
    download_mb: float = 0.0
    found: int = 0


def cohort_amount(plan: Plan, cohort: str, look: bool = True) -> CohortAmount:
    """Return how much a cohort of a study holds. Nothing is read but lists of files and small tables.

    Args:
        plan: The study.
        cohort: Name of the cohort.
        look: Whether to look at what is already prepared.
    """
    stanza = plan.cohort_options(cohort)
    prepared = _prepared(Path(f"results/{plan.study}"), cohort, stanza) if look else {}
    source = _source(plan, cohort, stanza, walk=not prepared)
    subjects = min(source.subjects, stanza.get("limit") or source.subjects)
    volumes = round(subjects * source.volumes)
    per_volume = _slices(stanza, source.slices) if source.volumes else 1.0
    images = round((volumes or subjects) * per_volume)
    basis, note, classes = source.basis, source.note, source.classes
    if source.basis == "assumed" and subjects < source.subjects:  # the study takes fewer, whatever there is
        basis, note = "computed", ""
    if prepared:
        subjects, images, volumes = (int(prepared[f"n_{name}"]) for name in ("subjects", "images", "volumes"))
        classes = max(2, len(prepared.get("classes", {})))
        basis, note = "measured", ""
    channels = len(stanza.get("modalities") or []) or source.channels
    size = tuple(stanza["volume"]["size"]) if "volume" in stanza and volumes else ()
    amount = Amount(
        subjects=subjects,
        images=images,
        volumes=volumes if size else 0,
        pretraining=_learned_from(plan),
        volumetric=source.volumes > 0,
        image_size=int(plan.config["image"]["size"]),
        volume_size=size,
        channels=channels,
        partitions=int(stanza.get("partitions", 4)),
        classes=classes,
    )
    opened = (volumes or images) * (channels if volumes else 1)
    return CohortAmount(
        cohort=cohort,
        amount=amount,
        raw_mb=source.mb * (source.subjects if source.found == 0 else source.found),
        voxels=opened * source.voxels,
        files=opened,
        write_seconds=source.write_seconds,
        download_mb=source.download_mb,
        obtain_mb=source.write_mb or source.download_mb,
        basis=basis,
        note=note,
    )


def _learned_from(plan: Plan) -> float:
    return 1.0 if plan.config["scope"] == "transductive" else plan.pretraining_fraction


def _prepared(study: Path, cohort: str, stanza: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a prepared cohort; nothing when it was prepared by another stanza."""
    found = _json(study / "cohorts" / cohort / "cohort.json")
    then = _json(study / "study.json").get("config", {}).get("cohorts", {}).get(cohort, stanza)
    return found if found.get("n_images") and then == dict(stanza) else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _slices(stanza: Mapping[str, Any], foreground: float) -> float:
    """Return how many slices of a volume become images."""
    chosen = stanza.get("slices") or {}
    every, count = chosen.get("every"), chosen.get("count")
    if foreground < 1:
        return 1.0
    whole = int(foreground)
    few = len(choose_slices(whole, every=every, count=count))
    more = len(choose_slices(whole + 1, every=every, count=count))
    return few + (foreground - whole) * (more - few)


def _source(plan: Plan, cohort: str, stanza: Mapping[str, Any], *, walk: bool) -> _Source:
    """Return what a source holds; of files that were prepared nobody walks over the folder again."""
    phantom = stanza["source"].get("phantom")
    if phantom:
        return _phantom(phantom)
    published = _published(stanza, plan.inputs[cohort].adapter.dimensions)
    found = _files(plan, cohort, published) if walk else None
    return found or published


def _phantom(phantom: Mapping[str, Any]) -> _Source:
    found, subjects = phantom_amount(phantom), int(phantom["subjects"])
    return _Source(
        subjects, found.volumes, _FOREGROUND * phantom["shape"][2], found.voxels, found.channels, found.written_mb,
        found.classes, "computed", write_seconds=subjects * found.seconds, write_mb=subjects * found.written_mb,
    )  # fmt: skip


def _published(stanza: Mapping[str, Any], dimensions: int) -> _Source:
    """Return what is published about the cohorts of an adapter, or of a named data set."""
    known = published()
    dataset = str(stanza["source"].get("recipe", {}).get("dataset", ""))
    name = dataset if dataset in known else stanza["adapter"]
    if name not in known:
        name = "flat" if dimensions == 2 else "deep"
    values = dict(known[name])
    note = values.pop("note")
    fetched = not (stanza["source"].get("path") or stanza["source"].get("recipe", {}).get("folder"))
    download = float(values["mb"]) * int(values["subjects"]) if fetched else 0.0
    return _Source(**values, basis="assumed", note=f"assumed: {note}", download_mb=download)


@cache
def published() -> Mapping[str, Any]:
    """Return ``published.yaml``."""
    return read_yaml(Path(__file__).with_name("published.yaml"))


def _files(plan: Plan, cohort: str, typical: _Source) -> _Source | None:
    """Return what is found in the cohort's folder; None when it is not there, or cannot be understood."""
    given = plan.inputs[cohort]
    try:
        if given.root is None or not given.root.exists() or given.stock is None:
            return None
        found = discover(given.adapter, given.stock)
    except (SixgigError, OSError):
        return None
    subjects = len(found.records)
    if not subjects:
        return None
    items = sum(len(record.items) for record in found.records)
    size = sum(state.size for state in given.stock.files.values()) / _MIB
    deep = typical.volumes > 0
    classes = len({record.classes for record in found.records} - {None})
    return _Source(
        subjects=subjects,
        volumes=items / subjects if deep else 0,
        slices=typical.slices if deep else items / subjects,
        voxels=min(typical.voxels, _UNPACKED * size * _MIB / max(items, 1)),
        channels=typical.channels,
        mb=size / subjects,
        classes=max(2, classes),
        basis="computed",
        found=subjects,
    )
