"""What every arm declares and what it receives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sixgig.errors import ArmError
from sixgig.weights.storage import read_provenance

if TYPE_CHECKING:
    from torch import nn

    from sixgig.arms.plain_job import PlainJob
    from sixgig.arms.pretrain_job import PretrainJob


class Arm(ABC):
    """What the workflow asks about every kind of arm.

    Subclass :class:`NetworkArm` or :class:`ImageArm`, :class:`FeatureArm` or :class:`PlainArm`.

    Title, colour and place in tables stand in ``look.yaml`` beside the class, options in ``options.yaml``. A study may
    hold many arms of one kind, each with a name and options of its own; a class is told both. Messages may name the
    stanza of the kind, ``arms.<kind>``: the arm's name replaces it (:mod:`sixgig.arms.naming`).

    Attributes:
        name: The kind: the name of the class's folder.
        learns: Whether the arm is trained on the pretraining subjects.
        hardware: ``gpu`` (uses a GPU when there is one) or ``cpu``.
        seed_batch_size: Batch size the arm starts with when the config names none.
        image_features: Whether it writes features of every image (or volume), which other arms can read.
        has_random_control: Whether a control with random weights is made for the family of its network.
        control_kind: For an arm that learns, the kind that encodes with such a network as it is, and so the control of
            a family that only such arms use; empty where the arm's own kind does.
        environment: An environment of its own that the arm needs, of :mod:`sixgig.runtime.interpreters`. The arm's
            stanza then has the keys ``interpreter`` and ``on_missing_environment``.
        library: Whose networks it takes: ``timm``, or ``monai`` for 3D ones.
    """

    name: ClassVar[str]
    learns: ClassVar[bool] = False
    hardware: ClassVar[str] = "gpu"
    seed_batch_size: ClassVar[int] = 16
    image_features: ClassVar[bool] = False
    has_random_control: ClassVar[bool] = False
    control_kind: ClassVar[str] = ""
    environment: ClassVar[str | None] = None
    library: ClassVar[str] = "timm"

    @classmethod
    def check(cls, config: Mapping[str, Any], name: str) -> None:
        """Refuse a study that an arm of this kind cannot be part of, as far as a schema cannot tell.

        Messages that grow long go into a module ``checks`` of the arm's folder, on which no result depends.

        Args:
            config: The study file, with defaults; it has a stanza for this arm.
            name: The arm's name, under which its stanza stands.

        Raises:
            ConfigError: Options contradict each other or the cohorts.
        """
        return  # most arms have nothing to add

    @classmethod
    def check_network(cls, options: Mapping[str, Any], model: str, image_size: int, place: str) -> None:
        """Refuse a network that this arm cannot use, before anything is fetched.

        Args:
            options: The arm's stanza in the config.
            model: Name of the network.
            image_size: Side of the square images in pixels.
            place: The arm's key in the study file, such as ``config key arms.rad``.

        Raises:
            SixgigError: It does not take such images, or gives what the arm cannot read or train.
        """
        return  # an arm that takes what there is

    @classmethod
    def options_for(cls, options: Mapping[str, Any], cohort: str, cohort_options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arm's stanza as it applies to one cohort.

        Args:
            options: The stanza in the study file, with defaults.
            cohort: Name of the cohort.
            cohort_options: The cohort's stanza.
        """
        return dict(options)

    @classmethod
    def has_image_features(cls, options: Mapping[str, Any]) -> bool:
        """Whether the arm, with this stanza, writes features of every image (or volume), which other arms can read."""
        return cls.image_features

    @classmethod
    def takes_volumes(cls, options: Mapping[str, Any]) -> bool:
        """Whether the arm reads a cohort's volumes, by its stanza for that cohort; else it reads images."""
        return False

    @classmethod
    def needs_environment(cls, options: Mapping[str, Any]) -> bool:
        """Whether the arm, with this stanza, runs in an environment of its own."""
        return cls.environment is not None


@dataclass(frozen=True)
class Encoder:
    """A network ready to encode, and how it wants its images.

    Attributes:
        network: In evaluation mode; maps [n, 3, H, W] to features [n, d] through :meth:`ImageArm.features_of`.
        mean: Per channel, subtracted from images in [0, 1].
        std: Per channel, divides them.
        backbone: Name of the architecture in timm.
        weights: Name, sha256 and source of the weights, for the sidecar.
    """

    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    backbone: str
    weights: Mapping[str, Any]


@dataclass(frozen=True)
class VolumeEncoder:
    """A network ready to encode volumes.

    Attributes:
        encode: Maps volumes [n_volumes, D, H, W, M], a :class:`sixgig.gpu.ladder.Rung`, a computation type, the
            features kept so far (:class:`sixgig.arms.encoding.PartialFeatures`), a function that counts volumes done,
            and the volumes' names to features float32 [n_volumes, d].
        backbone: Name of the architecture.
        weights: Name, sha256 and source of the weights, for the sidecar.
        describe: Compares, for the shape of the volumes, what the network was made for and what it is given, as
            :func:`sixgig.arms.network_input.describe_input` does; None where that function says it.
    """

    encode: Callable[..., Any]
    backbone: str
    weights: Mapping[str, Any]
    describe: Callable[[tuple[int, ...]], dict[str, Any]] | None = None


class NetworkArm(Arm):
    """An arm whose features of an image, or a volume, depend on it and on weights alone."""

    image_features = True
    has_random_control = True

    @abstractmethod
    def load(self, weights: Path, image_size: int, options: Mapping[str, Any], seed: int) -> Encoder | VolumeEncoder:
        """Build the network.

        Args:
            weights: File written by the weights stage.
            image_size: Side of the square images in pixels.
            options: The arm's stanza in the config.
            seed: The study's seed.
        """

    def load_random(
        self, weights: Path, image_size: int, options: Mapping[str, Any], seed: int
    ) -> Encoder | VolumeEncoder:
        """Build the network with random weights, for the control of its family; see :meth:`load`.

        Of the weights file only architecture and normalisation are read.
        """
        return random_encoder(weights, image_size, seed)


class ImageArm(NetworkArm):
    """An arm whose network sees images; with some options it may see volumes instead."""

    channels_last: ClassVar[bool] = False

    @abstractmethod
    def features_of(self, network: nn.Module, batch: Any, options: Mapping[str, Any]) -> Any:
        """Compute features [n, d] of a normalised batch [n, 3, H, W]."""


@dataclass(frozen=True)
class Trained:
    """What an arm learned from a cohort.

    Attributes:
        state: Tensors under the network's own names.
        facts: What the sidecar tells about the training: ``device``, ``dtype``, ``batch_size_used``, ``fallbacks``
            (list of sentences) and whatever else the arm has to say, all JSON.
        history: Rows of :data:`sixgig.tables.training.TRAINING`.
        checkpoints: Folder of checkpoints that may go once the outputs are written.
        pictures: Arrays that show what was learned, for the report; see
            :meth:`sixgig.results.training.TrainingFiles.pictures`.
        array: What was learned from, ``images`` or ``volumes``.
        rows: Rows of images.npy or volumes.npy that batches were drawn from.
    """

    state: Mapping[str, Any]
    facts: Mapping[str, Any]
    history: Sequence[tuple[int, str, float, float]]
    checkpoints: Path | None = None
    pictures: Mapping[str, Any] = field(default_factory=dict)
    array: Literal["images", "volumes"] = "images"
    rows: Sequence[int] = ()


class PretrainedArm(ImageArm):
    """An arm whose network is first trained further on a cohort's pretraining subjects, and then encodes as it is.

    Attributes:
        process_modules: Modules that training runs in a process of its own, which no import shows. With an
            environment of its own, the first is a ``__main__`` with a command ``check``.
    """

    learns = True
    has_random_control = False
    process_modules: ClassVar[tuple[str, ...]] = ()

    def load(self, weights: Path, image_size: int, options: Mapping[str, Any], seed: int) -> Encoder | VolumeEncoder:
        """Build the network with the weights that :meth:`pretrain` led to.

        Raises:
            ArmError: Training failed.
        """
        training_facts(weights)
        return pretrained_encoder(weights, image_size)

    @abstractmethod
    def pretrain(self, job: PretrainJob) -> Trained:
        """Train the network.

        Raises:
            ArmError: The arm cannot be trained on this cohort, or training failed.
        """


class FeatureArm(Arm):
    """An arm that computes its image features from those of another arm, which its option ``source`` names.

    Attributes:
        default_source: The kind of which it reads the first arm, when it names none.
    """

    default_source: ClassVar[str]
    hardware: ClassVar[str] = "cpu"

    @abstractmethod
    def transform(
        self, features: Any, may_learn: Any, options: Mapping[str, Any], seed: int
    ) -> tuple[Any, Mapping[str, Any]]:
        """Compute image features [n, d'] from another arm's [n, d].

        Args:
            features: float32 [n_images, d].
            may_learn: bool [n_images], true for images of subjects the arm may learn from.
            options: The arm's stanza in the config.
            seed: The study's seed.

        Returns:
            Features float32 [n_images, d'], and facts about what was learned, for the sidecar.
        """


@dataclass(frozen=True)
class Computed:
    """Features that an arm computed without a network.

    Attributes:
        rows: float32 [n_images, d], row i of the manifest; or [n_subjects, d] with ``of_subjects``.
        facts: What the sidecar tells about them, all JSON. ``backbone`` is what tables call their origin; it may not
            be the name of an arm.
        of_subjects: str [n_subjects], the subjects of the rows; None when rows are images.
    """

    rows: Any
    facts: Mapping[str, Any]
    of_subjects: Any = None


class PlainArm(Arm):
    """An arm without a network: it computes features from images, or reads them from files of the user's.

    It has no control with random weights. ``work.py`` beside it has ``seconds(options, amount)`` and
    ``length(options, amount)``.
    """

    hardware: ClassVar[str] = "cpu"
    image_features = True

    @classmethod
    def check_files(cls, options: Mapping[str, Any], key: str, sha256: Callable[[Path], str]) -> None:
        """Look at the user's files while the study is planned, as far as that takes no time.

        Args:
            options: The arm's stanza.
            key: Its place in the study file.
            sha256: Returns that of a file.

        Raises:
            SixgigError: A file is not what the stanza says.
        """
        return  # most arms read none

    @classmethod
    def files_of(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the user's files that the arm reads for a cohort, by its stanza for that cohort."""
        return []

    @classmethod
    def reads_key_table(cls, options: Mapping[str, Any]) -> bool:
        """Whether the arm has to know whom a pseudonym stands for."""
        return False

    @abstractmethod
    def compute(self, job: PlainJob) -> Computed:
        """Compute or read the features of a cohort.

        Raises:
            SixgigError: They cannot be; the reason becomes the arm's status.
        """


def training_facts(weights: Path) -> dict[str, Any]:
    """Return what is recorded about the training that led to a weights file.

    Raises:
        ArmError: Training failed.
    """
    facts: dict[str, Any] = read_provenance(weights).get("pretraining", {})
    status = str(facts.get("status", "failed: no training is recorded"))
    if status.startswith("failed"):
        raise ArmError("training", status.removeprefix("failed: "), f"read {weights.with_suffix('.json')}")
    return facts


def pretrained_encoder(weights: Path, image_size: int) -> Encoder:
    """Build the network of a weights file, with the normalisation that its weights expect.

    Args:
        weights: File written by the weights stage.
        image_size: Side of the square images in pixels.

    Raises:
        WeightsError: The file is missing, changed, or does not fit the network or the image size.
    """
    from sixgig.weights.loading import load_backbone

    facts = read_provenance(weights)
    config = facts["data_config"]
    network = load_backbone(weights, image_size)
    return Encoder(network, tuple(config["mean"]), tuple(config["std"]), facts["model"], facts)


def random_encoder(weights: Path, image_size: int, seed: int) -> Encoder:
    """Build the network of a weights file with random weights, and with the normalisation of the file.

    Args:
        weights: File written by the weights stage.
        image_size: Side of the square images in pixels.
        seed: Seed of the weights.
    """
    from sixgig.weights.loading import random_backbone

    provenance = read_provenance(weights)
    config, model = provenance["data_config"], provenance["model"]
    facts = {"name": "random", "sha256": "", "source": f"random initialisation, seed {seed}", "model": model}
    return Encoder(random_backbone(model, image_size, seed), tuple(config["mean"]), tuple(config["std"]), model, facts)
