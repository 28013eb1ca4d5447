"""Settings of one contrastive training, checked when they cross the border between the two environments."""

from __future__ import annotations

import math
from typing import Any, Callable, Mapping, NamedTuple, get_type_hints

from sixgig.contrastive.pairs import LOSSES
from sixgig.errors import TrainingError

TOKENS = ("cls", "mean", "cls_mean")
PRECISIONS = ("float32", "float16", "bfloat16")


class Settings(NamedTuple):
    """Everything that determines a training besides its data, its first weights and its backend.

    Attributes:
        loss: ``g_r``, ``g_d_minus`` or ``g_d`` (Chaitanya et al. 2020, arXiv 2006.10511).
        batch_size: Images B that the loss counts; a batch holds a few times as many (views, partners).
        partitions: Partitions S of a volume.
        steps: Steps of the global stage.
        local_steps: Steps of the local stage that follows; 0 leaves it out.
        learning_rate: Adam's, after the warm-up.
        warmup_steps: Steps at the start of a stage over which the learning rate grows linearly.
        temperature: Divides cosine similarities.
        crop_fraction: Side of the random crop as a share of the image's.
        brightness: Largest brightness offset, of images in [0, 1].
        contrast_low: Smallest contrast factor.
        contrast_high: Largest contrast factor.
        frozen_blocks: Lower blocks of the ViT that are not trained, with everything below them.
        micro_batch_size: Images per forward and backward pass; 0 for the whole batch. The gradient is the same.
        token: What is a feature: ``cls``, ``mean`` or ``cls_mean``.
        patience: A stage stops after this many steps without a better moving average of the loss; 0 for never.
        precision: ``float32``, ``float16`` or ``bfloat16``; a CPU computes in float32 whatever it says.
        reference_batching: Batches of G^D as published, defect included.
        seed: Of sampling, augmentation and projection heads.
        threads: CPU threads to compute with.
        evidence_images: Most evaluation images that the evidence is measured on.
        evidence_batches: Batches that the held-out loss is measured on.
        checkpoint_seconds: Time between two checkpoints.
        reference_regions: The local stage as published: its table of regions, its heads, and only these trained.
    """

    loss: str
    batch_size: int
    partitions: int
    steps: int
    local_steps: int
    learning_rate: float
    warmup_steps: int
    temperature: float
    crop_fraction: float
    brightness: float
    contrast_low: float
    contrast_high: float
    frozen_blocks: int
    micro_batch_size: int
    token: str
    patience: int
    precision: str
    reference_batching: bool
    seed: int
    threads: int
    evidence_images: int = 200
    evidence_batches: int = 4
    checkpoint_seconds: float = 60.0
    reference_regions: bool = False

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], place: str = "settings") -> Settings:
        """Check plain values, for instance from JSON, and return the settings.

        Args:
            values: One value per setting; those with a default may be left out.
            place: Where the values come from, for error messages.

        Raises:
            TrainingError: A setting is missing, unknown, of another type or out of its range.
        """
        types = get_type_hints(cls)
        missing = [name for name in types if name not in values and name not in cls._field_defaults]
        kinds = (("missing", missing), ("unknown", sorted(set(values) - set(types))))
        problems = ["{}: {}".format(kind, ", ".join(names)) for kind, names in kinds if names]
        if problems:
            raise TrainingError(place, "settings do not fit; " + "; ".join(problems), "correct these names")
        settings = cls(**{name: _typed(place, name, value, types[name]) for name, value in values.items()})
        if settings.contrast_low > settings.contrast_high:
            reason = f"is {settings.contrast_low}, above contrast_high {settings.contrast_high}"
            raise TrainingError(f"{place}: contrast_low", reason, "swap the two")
        return settings

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that :meth:`from_dict` takes, in the order of the fields."""
        return dict(self._asdict())


_Rule = Callable[[Any], bool]
_POSITIVE: _Rule = lambda value: value > 0  # noqa: E731 (a table of rules reads best as one line each)
_NOT_NEGATIVE: _Rule = lambda value: value >= 0  # noqa: E731
_RULES: Mapping[str, tuple[_Rule, str]] = {
    "loss": (lambda value: value in LOSSES, "one of " + ", ".join(LOSSES)),
    "batch_size": (_POSITIVE, "at least 1"),
    "partitions": (_POSITIVE, "at least 1"),
    "steps": (_POSITIVE, "at least 1"),
    "local_steps": (_NOT_NEGATIVE, "0 or more"),
    "learning_rate": (_POSITIVE, "above 0"),
    "warmup_steps": (_NOT_NEGATIVE, "0 or more"),
    "temperature": (_POSITIVE, "above 0"),
    "crop_fraction": (lambda value: 0 < value <= 1, "above 0 and at most 1"),
    "brightness": (_NOT_NEGATIVE, "0 or more"),
    "contrast_low": (_NOT_NEGATIVE, "0 or more"),
    "contrast_high": (_NOT_NEGATIVE, "0 or more"),
    "frozen_blocks": (_NOT_NEGATIVE, "0 or more"),
    "micro_batch_size": (_NOT_NEGATIVE, "0 or more"),
    "token": (lambda value: value in TOKENS, "one of " + ", ".join(TOKENS)),
    "patience": (_NOT_NEGATIVE, "0 or more"),
    "precision": (lambda value: value in PRECISIONS, "one of " + ", ".join(PRECISIONS)),
    "seed": (lambda value: 0 <= value < 2**32, "0 to 4294967295"),
    "threads": (_POSITIVE, "at least 1"),
    "evidence_images": (_POSITIVE, "at least 1"),
    "evidence_batches": (_POSITIVE, "at least 1"),
    "checkpoint_seconds": (_NOT_NEGATIVE, "0 or more"),
}


def _typed(place: str, name: str, value: Any, kind: type) -> Any:
    accepted = (int, float) if kind is float else (kind,)
    # To Python True is an int, and JSON as Python reads it may hold NaN.
    fits = isinstance(value, accepted) and (kind is bool or not isinstance(value, bool))
    if not fits or (kind is float and not math.isfinite(value)):
        raise TrainingError(f"{place}: {name}", f"is {value!r}, must be of type {kind.__name__}", "correct it")
    rule = _RULES.get(name)
    if rule is not None and not rule[0](value):
        raise TrainingError(f"{place}: {name}", f"is {value!r}, must be {rule[1]}", "correct it")
    return kind(value)
