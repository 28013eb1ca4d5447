"""What a study consists of: the lists and look-ups from which the workflow builds its jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sixgig.arms.base import Arm, FeatureArm, PlainArm, PretrainedArm
from sixgig.arms.instances import Instance, instances
from sixgig.arms.registry import looks
from sixgig.classifiers.registry import alone, classifier_module, takes_bags
from sixgig.cohorts.registry import load_adapter
from sixgig.errors import ConfigError, SixgigError
from sixgig.figures.base import Kind
from sixgig.figures.catalogue import kinds_of
from sixgig.figures.catalogue import module_of as figure_module
from sixgig.plan.config import complete, methods_of, source_of
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
from sixgig.weights.entries import CONVERTERS

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
        #: The arms and the controls with features, by name in the order of tables.
        self.instances: dict[str, Instance] = instances(self.config)
        self.arms: list[str] = list(self.instances)
        self.feature_arms = self._arms_of(FeatureArm)
        self.plain_arms = self._arms_of(PlainArm)
        self.image_arms = [name for name in self.arms if name not in (*self.feature_arms, *self.plain_arms)]
        self.pretrained_arms = self._arms_of(PretrainedArm)
        self.classifiers: list[str] = list(self.config["classifiers"])
        self.bag_classifiers = [name for name in self.classifiers if takes_bags(name)]
        self.vector_classifiers = [name for name in self.classifiers if not takes_bags(name)]
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
    def fractions(self) -> list[float]:
        """Shares of the training subjects that have labels, below 1, smallest first; none without a curve."""
        return sorted(float(share) for share in self.config["evaluation"].get("fractions", ()) if share < 1)

    @property
    def fraction_keys(self) -> list[tuple[str, str, str]]:
        """Cohort, arm and classifier of every label-fraction curve: of methods that read features."""
        return [key for key in self.method_keys if self.has_fractions and alone(key[2]) is None]

    @property
    def has_majority(self) -> bool:
        """Whether the control that sees no features is asked for."""
        return any(alone(classifier) for _, classifier in self.methods)

    def classifiers_of(self, arm: str) -> list[str]:
        """Return the classifiers that are fitted to an arm's features."""
        return [name for name in self.classifiers if (arm, name) in self.methods]

    def classify_rule(self, classifier: str) -> str:
        """Return the rule that fits a classifier."""
        return "classify_bags" if classifier in self.bag_classifiers else "classify_subjects"

    def fractions_rule(self, classifier: str) -> str:
        """Return the rule that fits a classifier to fractions of the labels."""
        return "classify_bag_fractions" if classifier in self.bag_classifiers else "classify_fractions"

    def classifier_options(self, classifier: str) -> dict[str, Any]:
        """Return what decides a classifier's results in its stanza."""
        return {key: value for key, value in self.config["classifiers"][classifier].items() if key != "arms"}

    @property
    def has_fractions(self) -> bool:
        """Whether the study has label-fraction curves."""
        return "fractions" in self.config["evaluation"]

    @property
    def seed(self) -> int:
        """The study's seed."""
        return int(self.config["seed"])

    def arm_class(self, arm: str) -> type[Arm]:
        """Return the class of an arm."""
        return self.instances[arm].arm

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

    def arm_kind(self, arm: str) -> str:
        """Return the kind of an arm, which is the name of its folder."""
        return self.instances[arm].kind

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
        """Return the arm whose image features a feature arm reads."""
        return source_of(self.config, self.instances[arm])

    def source_of_volumes(self, cohort: str, arm: str) -> bool:
        """Whether the arm that a feature arm reads has features of a cohort's volumes, and not of its images."""
        return bool(self.volumes_file(cohort, self.source_arm(arm)))

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
        learns = any(self.arm_class(name).learns for name in self.arms)
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
            return self.predictions("csv") + self.fraction_predictions("csv")
        if stage == "statistics":
            names = ["metrics.csv", "summary.csv", "test_summary.csv", "costs.csv"]
            names += [f"statistics/{name}.csv" for name in (*PAIR_TESTS, "omnibus", "ranks", "factors", "budget")]
            names += ["fractions.csv"] if self.has_fractions else []
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

    def attention(self) -> list[str]:
        """Return what classifiers of bags say of the images that they looked at."""
        root = f"results/{self.study}/predictions"
        keys = [key for key in self.method_keys if key[2] in self.bag_classifiers]
        return [f"{root}/{cohort}/{arm}.{name}.attention.csv" for cohort, arm, name in keys]

    def fraction_predictions(self, suffix: str) -> list[str]:
        """Return what every method leaves of its label-fraction curve under a suffix; see :attr:`fraction_keys`."""
        return [f"results/{self.study}/fractions/{own}/{arm}.{name}.{suffix}" for own, arm, name in self.fraction_keys]

    def kinds(self, over_cohorts: bool) -> list[Kind]:
        """Return the kinds of figure of every cohort, or those over all cohorts together."""
        return kinds_of(over_cohorts, bool(self.pretrained_arms), self.leaves_pictures, self.has_fractions)

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
        own = exports.cohort_tables(self.has_fractions)
        names = [*exports.STUDY_TABLES, *(f"{cohort}.{name}" for cohort in self.cohorts for name in own)]
        return [f"results/{{study}}/tables/{name}.{suffix}" for name in names for suffix in exports.SUFFIXES]

    def training_modules(self, arm: str) -> list[str]:
        """Return the modules that train an arm."""
        found = self.arm_class(arm)
        return [self.arm_module(arm), *(found.process_modules if issubclass(found, PretrainedArm) else ())]

    def arm_module(self, arm: str) -> str:
        """Return the module of an arm's class."""
        return self.arm_class(arm).__module__

    def classifier_module(self, classifier: str) -> str:
        """Return the module that builds a classifier."""
        return classifier_module(classifier)

    def adapter_module(self, cohort: str) -> str:
        """Return the module of the adapter that reads a cohort."""
        return load_adapter(self.config["cohorts"][cohort]["adapter"]).__module__

    @property
    def pictured_arms(self) -> list[str]:
        """The trained arms that leave pictures of what they filled in."""
        return [arm for arm in self.pretrained_arms if looks()[self.instances[arm].kind].pictures]

    def converter_module(self, weights: str) -> str:
        """Return the module that converts an entry of ``weights``."""
        return CONVERTERS[self.config["weights"][weights]["converter"]]

    def _arms_of(self, kind: type[Arm]) -> list[str]:
        return [name for name in self.arms if issubclass(self.arm_class(name), kind)]

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
