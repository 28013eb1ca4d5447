"""What the workflow asks about the arms of a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sixgig.arms.base import Arm, FeatureArm, PlainArm, PretrainedArm
from sixgig.arms.instances import Instance, instances, seeded
from sixgig.arms.registry import looks
from sixgig.arms.seeds import arm_and_seed, seed_name, seed_of
from sixgig.errors import ConfigError, SixgigError
from sixgig.plan.config import source_of
from sixgig.plan.of_cohorts import CohortLookups
from sixgig.runtime.atomic import read_json
from sixgig.runtime.interpreters import Interpreter, find_interpreter
from sixgig.runtime.paths import user_path
from sixgig.weights.entries import CONVERTERS


class ArmLookups(CohortLookups):
    """The arms of a study on its cohorts: their classes, options, weights, files and environments.

    Args:
        config: The complete study file.
        conda: Whether Snakemake builds the environments with conda.

    Raises:
        EnvironmentMissingError: An arm needs an environment that is not there, and its stanza says to stop then.
    """

    def __init__(self, config: Mapping[str, Any], conda: bool) -> None:
        super().__init__(config)
        own = instances(self.config)
        #: The arms and the controls with features, in the order of tables.
        self.arms: list[str] = list(own)
        #: Their runs by the name of their files: several where ``evaluation.seeds`` trains an arm more than once.
        self.instances: dict[str, Instance] = seeded(own, int(self.config["evaluation"].get("seeds", 1)))
        self.runs: list[str] = list(self.instances)
        self.feature_arms = self._arms_of(FeatureArm)
        self.plain_arms = self._arms_of(PlainArm)
        self.image_arms = [name for name in self.runs if name not in (*self.feature_arms, *self.plain_arms)]
        self.pretrained_arms = self._arms_of(PretrainedArm)
        #: Interpreters of the environments that arms need beside sixgig's own, by the environment's name.
        self.environments: dict[str, Interpreter] = self._find_environments(conda)

    def runs_of(self, arm: str) -> list[str]:
        """Return the runs of an arm, the first seed's first; most arms have one, of their own name."""
        return [run for run in self.runs if arm_and_seed(run)[0] == arm]

    def seed_for(self, run: str) -> int:
        """Return the seed that a run of an arm trains and encodes with."""
        return seed_of(self.seed, self.instances[run].seed)

    def arm_class(self, arm: str) -> type[Arm]:
        """Return the class of an arm."""
        return self.instances[arm].arm

    def arm_kind(self, arm: str) -> str:
        """Return the kind of an arm, which is the name of its folder."""
        return self.instances[arm].kind

    def arm_module(self, arm: str) -> str:
        """Return the module of an arm's class."""
        return self.arm_class(arm).__module__

    def is_random(self, arm: str) -> bool:
        """Whether an arm is a control whose network has random weights."""
        return self.instances[arm].stands_for is not None

    def arm_options(self, arm: str, cohort: str | None = None) -> dict[str, Any]:
        """Return what decides an arm's results in its stanza, as it applies to one cohort.

        A control has the options of the arm that it stands for.
        """
        found, options = self.arm_class(arm), dict(self.instances[arm].options)
        return options if cohort is None else found.options_for(options, cohort, self.config["cohorts"][cohort])

    def volumes_file(self, cohort: str, arm: str) -> list[str]:
        """Return the volumes that an arm trains on and encodes; none for arms that see images."""
        takes = self.arm_class(arm).takes_volumes(self.arm_options(arm, cohort))
        return [f"results/{self.study}/cohorts/{cohort}/volumes.npy"] if takes else []

    def learned_file(self, cohort: str, arm: str) -> str:
        """Return the array that a trained arm learns from."""
        return next(iter(self.volumes_file(cohort, arm)), f"results/{self.study}/cohorts/{cohort}/images.npy")

    def training_gate(self, cohort: str, arm: str) -> list[str]:
        """Return the file that says that a trained arm has seen what it may see; none for other arms."""
        return [f"results/{self.study}/pretraining/{cohort}/{arm}.gate.json"] if arm in self.pretrained_arms else []

    def training_modules(self, arm: str) -> list[str]:
        """Return the modules that train an arm."""
        found = self.arm_class(arm)
        return [self.arm_module(arm), *(found.process_modules if issubclass(found, PretrainedArm) else ())]

    def users_files(self, cohort: str, arm: str) -> list[str]:
        """Return the user's files that an arm without a network reads for a cohort; none for most."""
        found = self.arm_class(arm)
        assert issubclass(found, PlainArm)
        return [str(user_path(path)) for path in found.files_of(self.arm_options(arm, cohort))]

    def check_own_files(self, arm: str, sha256: Callable[[Path], str]) -> None:
        """Look at the user's files that an arm without a network reads.

        Args:
            arm: The arm.
            sha256: Returns that of a file.

        Raises:
            SixgigError: One is not what the study file says; the place is a key of it.
        """
        found, key = self.arm_class(arm), f"arms.{arm}"
        assert issubclass(found, PlainArm)
        try:
            found.check_files(self.arm_options(arm), key, sha256)
        except ConfigError:
            raise
        except SixgigError as error:
            raise ConfigError(f"config key {key}", f"{error.place}: {error.reason}", error.next_step) from None

    def key_table_for(self, cohort: str, arm: str) -> str:
        """Return the table of a cohort's pseudonyms, where an arm without a network has to know them; else nothing."""
        found = self.arm_class(arm)
        assert issubclass(found, PlainArm)
        return self.key_table(cohort) if found.reads_key_table(self.arm_options(arm, cohort)) else ""

    def source_arm(self, arm: str) -> str:
        """Return the arm whose image features a feature arm reads, of the same seed where it has several."""
        found = self.instances[arm]
        source = source_of(self.config, found)
        same = seed_name(source, found.seed)
        return same if same in self.instances else source

    def source_of_volumes(self, cohort: str, arm: str) -> bool:
        """Whether the arm that a feature arm reads has features of a cohort's volumes, and not of its images."""
        return bool(self.volumes_file(cohort, self.source_arm(arm)))

    def concatenated(self, cohort: str) -> list[str]:
        """Return of which units, ``image`` or ``volume``, an arm concatenates the features of a subject."""
        own = [arm for arm in self.arms if self.concatenates(arm)]
        return sorted({"volume" if self.encodes_volumes(cohort, arm) else "image" for arm in own})

    def concatenates(self, arm: str) -> bool:
        """Whether an arm has features of images or volumes, and concatenates those of a subject."""
        options = self.arm_options(arm)
        plain = arm in self.plain_arms and not self.arm_class(arm).has_image_features(options)
        return options.get("pooling") == "concat" and not plain

    def encodes_volumes(self, cohort: str, arm: str) -> bool:
        """Whether an arm has a feature of every volume of a cohort, and not of every image."""
        return bool(self.volumes_file(cohort, self.source_arm(arm) if arm in self.feature_arms else arm))

    def weights_file(self, arm: str) -> str:
        """Return the file of the weights stage that an image arm encodes with or begins its training with."""
        return f"results/{self.study}/weights/{self.arm_options(arm)['weights']}.safetensors"

    def encoder_file(self, cohort: str, arm: str) -> str:
        """Return the weights file that an image arm encodes a cohort with."""
        if arm in self.pretrained_arms:
            return f"results/{self.study}/pretraining/{cohort}/{arm}.safetensors"
        return self.weights_file(arm)

    def provenance_file(self, weights: str) -> str:
        """Return the file that says where weights come from."""
        return str(Path(weights).with_suffix(".json"))

    def converter_module(self, weights: str) -> str:
        """Return the module that converts an entry of ``weights``."""
        return CONVERTERS[self.config["weights"][weights]["converter"]]

    @property
    def pretraining_fraction(self) -> float:
        """Share of labelled subjects that are set aside for arms that learn; none when no arm does."""
        learns = any(self.arm_class(name).learns for name in self.arms)
        return float(self.config["evaluation"]["pretraining_fraction"]) if learns else 0.0

    @property
    def pictured_arms(self) -> list[str]:
        """The trained arms that leave pictures of what they filled in."""
        return [arm for arm in self.pretrained_arms if looks()[self.instances[arm].kind].pictures]

    @property
    def leaves_pictures(self) -> bool:
        """Whether an arm is trained that leaves pictures of what it learned."""
        return bool(self.pictured_arms)

    def environment_check(self, arm: str) -> list[str]:
        """Return the file that says what an arm's own environment can do; none for most arms."""
        found = self.arm_class(arm)
        environment = found.environment
        needed = environment and found.needs_environment(self.arm_options(arm))
        return [f"results/{self.study}/{environment}.json"] if needed else []

    def environment_python(self, arm: str) -> list[str]:
        """Return the file that holds the path of that environment's interpreter; none for most arms."""
        return [path.replace(".json", ".python") for path in self.environment_check(arm)]

    def environment_state(self, environment: str) -> str:
        """Return what makes the check of an environment run again; always, while it is unusable."""
        state, found = self.environments[environment].state, Path(f"results/{self.study}/{environment}.json")
        if found.exists() and not read_json(found).get("usable"):
            return f"{state}, unusable at {found.stat().st_mtime_ns}"
        return state

    def environment_module(self, environment: str) -> str:
        """Return the ``__main__`` that runs in an environment."""
        arm = self.arm_class(self._arms_in(environment)[0])
        assert issubclass(arm, PretrainedArm)
        return arm.process_modules[0]

    def stops_without(self, environment: str) -> bool:
        """Whether the study stops when an environment cannot be used."""
        return any(self.arm_options(arm)["on_missing_environment"] == "fail" for arm in self._arms_in(environment))

    def _arms_of(self, kind: type[Arm]) -> list[str]:
        return [name for name in self.runs if issubclass(self.arm_class(name), kind)]

    def _arms_in(self, environment: str) -> list[str]:
        own = [arm for arm in self.arms if self.arm_class(arm).environment == environment]
        return [arm for arm in own if self.environment_check(arm)]

    def _find_environments(self, conda: bool) -> dict[str, Interpreter]:
        """The interpreters of the environments that arms need; the first arm's setting counts."""
        found: dict[str, Interpreter] = {}
        for arm in self.arms:
            environment = self.arm_class(arm).environment
            if environment is None or not self.environment_check(arm):
                continue
            options = self.arm_options(arm)
            interpreter = find_interpreter(environment, options["interpreter"], conda, f"arms.{arm}")
            found.setdefault(environment, interpreter)
            if options["on_missing_environment"] == "fail":
                interpreter.require()
        return found
