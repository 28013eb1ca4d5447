"""What a study consists of: the lists and look-ups from which the workflow builds its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.arms.base import FeatureArm, PretrainedArm
from sixgig.arms.registry import get_arm, looks
from sixgig.classifiers.registry import classifier_module
from sixgig.cohorts.registry import load_adapter
from sixgig.figures.base import Kind
from sixgig.figures.catalogue import kinds_of
from sixgig.figures.catalogue import module_of as figure_module
from sixgig.plan.config import complete, methods_of, wanted_arms
from sixgig.plan.files import check_files
from sixgig.plan.inputs import CohortInput
from sixgig.plan.study_file import Study
from sixgig.plan.tracking import StudyTracking
from sixgig.reporting import exports
from sixgig.runtime.atomic import read_json
from sixgig.runtime.interpreters import Interpreter, find_interpreter
from sixgig.runtime.paths import user_path
from sixgig.runtime.recorded_hashes import OUTPUTS
from sixgig.tables.levels import labels_of, metrics_of
from sixgig.weights.build import CONVERTERS
from sixgig.weights.monai_networks import is_monai

#: Tables of tests between two methods of one cohort, under ``statistics/``.
PAIR_TESTS = ("pairwise", "bayesian", "mcnemar", "delong")


class Plan:
    """A checked study file and the names that follow from it.

    Args:
        config: What YAML gave, before defaults.
        conda: Whether Snakemake builds the environments with conda.
        study: The files that it was read from, for the lines in messages; None when there are none.
        look: Whether to look for the files that the study names.

    Raises:
        ConfigError: The study file is wrong, or a folder or file that it names does not exist.
        WeightsError: A weights file is not the one that the study file pins.
        EnvironmentMissingError: An arm needs an environment that is not there, and its stanza says to stop then.
    """

    def __init__(
        self, config: Mapping[str, Any], conda: bool = False, study: Study | None = None, look: bool = True
    ) -> None:
        self.config = complete(config)
        self.study: str = self.config["study"]
        self.cohorts: list[str] = list(self.config["cohorts"])
        self.arms: list[str] = wanted_arms(self.config)
        self.image_arms = [name for name in self.arms if not issubclass(get_arm(name), FeatureArm)]
        self.feature_arms = [name for name in self.arms if name not in self.image_arms]
        self.pretrained_arms = [name for name in self.arms if issubclass(get_arm(name), PretrainedArm)]
        self.classifiers: list[str] = list(self.config["classifiers"])
        #: The files of every cohort, by its name.
        self.inputs = {
            name: CohortInput(
                name, stanza, Path(f"results/{self.study}/cohorts/{name}"), Path(self.inventory_file(name)),
                named=not self.key_table(name),
            )
            for name, stanza in self.config["cohorts"].items()
        }  # fmt: skip
        #: Where the study is recorded in MLflow.
        self.tracking = StudyTracking(Path(f"results/{self.study}"), self.config["tracking"])
        #: Interpreters of the environments that arms need beside sixgig's own, by the environment's name.
        self.environments: dict[str, Interpreter] = self._find_environments(conda)
        if look:
            check_files(self.config, study or Study())

    @property
    def described_config(self) -> dict[str, Any]:
        """The study file as study.json and the report have it: what results follow from, not whom to tell of them."""
        return {key: value for key, value in self.config.items() if key not in ("hooks", "tracking")}

    @property
    def methods(self) -> list[tuple[str, str]]:
        """Pairs of arm and classifier, in the order of tables."""
        return methods_of(self.config)

    @property
    def trained_keys(self) -> list[tuple[str, str]]:
        """Cohort and arm of every training."""
        return [(cohort, arm) for cohort in self.cohorts for arm in self.pretrained_arms]

    @property
    def arm_keys(self) -> list[tuple[str, str]]:
        """Cohort and arm of every set of features."""
        return [(cohort, arm) for cohort in self.cohorts for arm in self.arms]

    @property
    def method_keys(self) -> list[tuple[str, str, str]]:
        """Cohort, arm and classifier of every set of predictions."""
        return [(cohort, *method) for cohort in self.cohorts for method in self.methods]

    @property
    def seed(self) -> int:
        """The study's seed."""
        return int(self.config["seed"])

    def arm_options(self, arm: str, cohort: str | None = None) -> dict[str, Any]:
        """Return an arm's stanza, as it applies to one cohort; a control has that of the arm it stands for."""
        found = get_arm(arm)
        options = dict(self.config["arms"][found.stands_for or arm])
        return options if cohort is None else found.options_for(options, cohort, self.config["cohorts"][cohort])

    def volumes_file(self, cohort: str, arm: str) -> list[str]:
        """Return the volumes that an arm trains on and encodes; none for arms that see images."""
        takes = get_arm(arm).takes_volumes(self.arm_options(arm, cohort))
        return [f"results/{self.study}/cohorts/{cohort}/volumes.npy"] if takes else []

    def learned_file(self, cohort: str, arm: str) -> str:
        """Return the array that a trained arm learns from."""
        return next(iter(self.volumes_file(cohort, arm)), f"results/{self.study}/cohorts/{cohort}/images.npy")

    def training_gate(self, cohort: str, arm: str) -> list[str]:
        """Return the file that says that a trained arm has seen what it may see; none for other arms."""
        return [f"results/{self.study}/pretraining/{cohort}/{arm}.gate.json"] if arm in self.pretrained_arms else []

    def source_arm(self, arm: str) -> str:
        """Return the arm whose image features a feature arm reads."""
        found = get_arm(arm)
        assert issubclass(found, FeatureArm)
        return found.source_arm

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

    def environment_check(self, arm: str) -> list[str]:
        """Return the file that says what an arm's own environment can do; none for most arms."""
        environment = get_arm(arm).environment
        needed = environment and get_arm(arm).needs_environment(self.arm_options(arm))
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
        arm = get_arm(self._arms_in(environment)[0])
        assert issubclass(arm, PretrainedArm)
        return arm.process_modules[0]

    def stops_without(self, environment: str) -> bool:
        """Whether the study stops when an environment cannot be used."""
        return any(self.arm_options(arm)["on_missing_environment"] == "fail" for arm in self._arms_in(environment))

    def cohort_options(self, cohort: str) -> dict[str, Any]:
        """Return a cohort's stanza."""
        return dict(self.config["cohorts"][cohort])

    def training_options(self, cohort: str) -> dict[str, Any]:
        """Return the part of a cohort's stanza that training depends on."""
        return {name: self.config["cohorts"][cohort][name] for name in ("partitions",)}

    def preparation_options(self, cohort: str) -> dict[str, Any]:
        """Return the part of a cohort's stanza that its preparation is told."""
        return {name: value for name, value in self.cohort_options(cohort).items() if name != "metrics_of"}

    def labels_of(self, cohort: str) -> str:
        """Return what has a class on a cohort: subject or image."""
        return labels_of(self.config["cohorts"][cohort])

    @property
    def metrics_of(self) -> dict[str, str]:
        """What metrics count on every cohort: subject or image."""
        return {name: metrics_of(cohort) for name, cohort in self.config["cohorts"].items()}

    def image_labels(self, cohort: str) -> list[str]:
        """Return the file with the class of each image, where images have classes of their own; else none."""
        manifest = f"results/{self.study}/cohorts/{cohort}/manifest.csv"
        return [manifest] if self.labels_of(cohort) == "image" else []

    @property
    def positives(self) -> dict[str, str | None]:
        """The positive class of every cohort, None for the default."""
        return {name: cohort.get("positive") for name, cohort in self.config["cohorts"].items()}

    def splits_file(self, cohort: str) -> list[str]:
        """Return the splits that the user gives for a cohort; none when they are drawn."""
        given = self.config["cohorts"][cohort].get("splits_file")
        return [str(user_path(given))] if given else []

    def changes(self) -> list[str]:
        """Say which cohorts have changed since they were prepared, and how."""
        return [
            f"cohort {name} has changed: {'; '.join(said)}"
            for name in self.cohorts
            if (said := self.inputs[name].changes())
        ]

    def key_table(self, cohort: str) -> str:
        """Return the table that says which pseudonym stands for whom; empty for a cohort without pseudonyms."""
        stanza = self.config["cohorts"][cohort]
        asked = stanza.get("pseudonyms")
        hidden = load_adapter(stanza["adapter"]).pseudonyms if asked is None else asked
        return f"results/pseudonyms/{self.study}.{cohort}.csv" if hidden else ""

    def inventory_file(self, cohort: str) -> str:
        """Return the file that keeps what a cohort was prepared from; it names patients, and lies where they may be."""
        table = self.key_table(cohort)
        if table:
            return str(Path(table).with_suffix(".inventory.json"))
        return f"results/{self.study}/cohorts/{cohort}/inventory.json"

    @property
    def pretraining_fraction(self) -> float:
        """Share of labelled subjects that are set aside for arms that learn; none when no arm does."""
        learns = any(get_arm(name).learns for name in self.arms)
        return float(self.config["evaluation"]["pretraining_fraction"]) if learns else 0.0

    def simulated(self, cohort: str) -> bool:
        """Whether sixgig wrote the cohort itself."""
        return "phantom" in self.config["cohorts"][cohort]["source"]

    def targets(self, stage: str) -> list[str]:
        """Return the files that a stage ends with.

        Args:
            stage: cohorts, features, classify, statistics or report.
        """
        root = f"results/{self.study}"
        if stage == "cohorts":
            return [f"{root}/cohorts/{cohort}/leakage.json" for cohort in self.cohorts]
        if stage == "features":
            return self.features("npz")
        if stage == "classify":
            return self.predictions("csv")
        if stage == "statistics":
            names = ["metrics.csv", "summary.csv", "test_summary.csv", "costs.csv"]
            names += [f"statistics/{name}.csv" for name in (*PAIR_TESTS, "omnibus", "ranks", "factors", "budget")]
            return [f"{root}/{name}" for name in names]
        if stage == "report":
            tracking = [f"{root}/mlflow.json"] if self.config["tracking"]["mlflow"] else []
            tables = [name.replace("{study}", self.study) for name in self.tables()]
            return [f"{root}/report.html", *tracking, *tables, f"{root}/{OUTPUTS}"]
        raise ValueError(f"no stage {stage}")

    def cohort_files(self, name: str) -> list[str]:
        """Return the file of this name of every cohort."""
        return [f"results/{self.study}/cohorts/{cohort}/{name}" for cohort in self.cohorts]

    def trainings(self, suffix: str, cohort: str | None = None) -> list[str]:
        """Return what every training leaves under a suffix, on one cohort or on all; see :attr:`trained_keys`."""
        keys = [key for key in self.trained_keys if cohort in (None, key[0])]
        return [f"results/{self.study}/pretraining/{own}/{arm}.{suffix}" for own, arm in keys]

    def features(self, suffix: str) -> list[str]:
        """Return the features of every arm on every cohort (npz), or their sidecars (json); see :attr:`arm_keys`."""
        return [f"results/{self.study}/features/{cohort}/{arm}.{suffix}" for cohort, arm in self.arm_keys]

    def predictions(self, suffix: str, cohort: str | None = None) -> list[str]:
        """Return what every method leaves under a suffix, on one cohort or on all; see :attr:`method_keys`."""
        keys = [key for key in self.method_keys if cohort in (None, key[0])]
        return [f"results/{self.study}/predictions/{own}/{arm}.{name}.{suffix}" for own, arm, name in keys]

    def kinds(self, over_cohorts: bool) -> list[Kind]:
        """Return the kinds of figure of every cohort, or those over all cohorts together."""
        return kinds_of(over_cohorts, bool(self.pretrained_arms), self.leaves_pictures)

    @property
    def leaves_pictures(self) -> bool:
        """Whether an arm is trained that leaves pictures of what it learned."""
        return bool(self.pictured_arms)

    def figures(self, suffix: str) -> list[str]:
        """Return every figure file of a type, ``svg``, ``png`` or ``pdf``."""
        root = f"results/{self.study}/figures"
        own = [f"{root}/{cohort}/{kind.name}" for cohort in self.cohorts for kind in self.kinds(over_cohorts=False)]
        names = [*(f"{root}/{kind.name}" for kind in self.kinds(over_cohorts=True)), *own]
        return [f"{name}.{suffix}" for name in names]

    def figure_modules(self, over_cohorts: bool | None = None) -> list[str]:
        """Return the modules that draw the figures of every cohort, those over all cohorts, or both (None)."""
        groups = (False, True) if over_cohorts is None else (over_cohorts,)
        return [figure_module(kind) for group in groups for kind in self.kinds(group)]

    def figure_tables(self, over_cohorts: bool) -> list[str]:
        """Return the tables that figures show, and study.json, which names metric and language."""
        names = dict.fromkeys(name for kind in self.kinds(over_cohorts) for name in kind.reads)
        return [f"results/{self.study}/{name}" for name in (*names, "study.json")]

    def figure_inputs(self, cohort: str) -> list[str]:
        """Return what the figures of one cohort show beside tables: its predictions, and what its training left."""
        suffixes = ("csv", "json", "npz") if self.leaves_pictures else ("csv", "json")
        # cohort.json says in which planes the volumes lie that the pictures are of.
        info = [f"results/{self.study}/cohorts/{cohort}/cohort.json"] if self.leaves_pictures else []
        trainings = [file for name in suffixes for file in self.trainings(name, cohort)]
        return self.predictions("csv", cohort) + trainings + info

    def tables(self) -> list[str]:
        """Return every table that is exported for a paper; the study's name stays a wildcard."""
        of_cohorts = [f"{cohort}.{name}" for cohort in self.cohorts for name in exports.COHORT_TABLES]
        names = [*exports.STUDY_TABLES, *of_cohorts]
        return [f"results/{{study}}/tables/{name}.{suffix}" for name in names for suffix in exports.SUFFIXES]

    def training_modules(self, arm: str) -> list[str]:
        """Return the modules that train an arm."""
        found = get_arm(arm)
        return [self.arm_module(arm), *(found.process_modules if issubclass(found, PretrainedArm) else ())]

    def arm_module(self, arm: str) -> str:
        """Return the module of an arm's class."""
        return get_arm(arm).__module__

    def classifier_module(self, classifier: str) -> str:
        """Return the module that builds a classifier."""
        return classifier_module(classifier)

    def adapter_module(self, cohort: str) -> str:
        """Return the module of the adapter that reads a cohort."""
        return load_adapter(self.config["cohorts"][cohort]["adapter"]).__module__

    @property
    def pictured_arms(self) -> list[str]:
        """The trained arms that leave pictures of what they filled in."""
        return [arm for arm in self.pretrained_arms if looks()[arm].pictures]

    def converter_module(self, weights: str) -> str:
        """Return the module that converts an entry of ``weights``."""
        entry = self.config["weights"][weights]
        return CONVERTERS["monai" if is_monai(entry["model"]) else entry["converter"]]

    def _arms_in(self, environment: str) -> list[str]:
        return [arm for arm in self.arms if get_arm(arm).environment == environment and self.environment_check(arm)]

    def _find_environments(self, conda: bool) -> dict[str, Interpreter]:
        """The interpreters of the environments that arms need; the first arm's setting counts."""
        found: dict[str, Interpreter] = {}
        for arm in self.arms:
            environment = get_arm(arm).environment
            if environment is None or not self.environment_check(arm):
                continue
            options = self.arm_options(arm)
            interpreter = find_interpreter(environment, options["interpreter"], conda, f"arms.{arm}")
            found.setdefault(environment, interpreter)
            if options["on_missing_environment"] == "fail":
                interpreter.require()
        return found
