"""What a study consists of: the lists and look-ups from which the workflow builds its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.arms.seeds import arm_and_seed
from sixgig.classifiers.registry import alone, classifier_module, gives_probabilities, takes_bags
from sixgig.figures.base import Kind
from sixgig.figures.catalogue import kinds_of
from sixgig.figures.catalogue import module_of as figure_module
from sixgig.plan.config import complete, methods_of
from sixgig.plan.contrasts import planned_contrasts
from sixgig.plan.files import check_files
from sixgig.plan.of_external import ExternalLookups
from sixgig.plan.study_file import Study
from sixgig.plan.tracking import StudyTracking
from sixgig.reporting import exports
from sixgig.runtime.recorded_hashes import OUTPUTS
from sixgig.tables.use import HELD_OUT

#: Tables of tests between two methods of one cohort, under ``statistics/``.
PAIR_TESTS = ("pairwise", "bayesian", "mcnemar", "delong", "test_pairs")
#: Tables of what clinicians ask, likewise.
CLINICAL_TABLES = ("clinical", "decision_curve")
#: Tables over all cohorts, likewise.
OVER_COHORTS = ("omnibus", "ranks", "factors", "budget", "feature_map")
#: Arms whose features are mapped in two dimensions.
MOST_MAPPED = 6
#: Tables of the planned contrasts and of the arms as procedures, likewise.
CONTRASTS = ("contrasts", "arm_summary", "arm_scores")


class Plan(ExternalLookups):
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
        super().__init__(complete(config), conda)
        self.classifiers: list[str] = list(self.config["classifiers"])
        self.bag_classifiers = [name for name in self.classifiers if takes_bags(name)]
        self.vector_classifiers = [name for name in self.classifiers if not takes_bags(name)]
        #: Where the study is recorded in MLflow.
        self.tracking = StudyTracking(Path(f"results/{self.study}"), self.config["tracking"])
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
        """Cohort and arm of every training, those with other seeds included."""
        return [(cohort, arm) for cohort in self.cohorts for arm in self.pretrained_arms]

    @property
    def arm_keys(self) -> list[tuple[str, str]]:
        """Cohort and arm of every set of features."""
        return [(cohort, arm) for cohort in self.cohorts for arm in self.arms]

    @property
    def arm_runs(self) -> list[tuple[str, str]]:
        """The same of every seed: an arm that is trained with several has a run of each."""
        return [(cohort, run) for cohort in self.cohorts for run in self.runs]

    @property
    def method_keys(self) -> list[tuple[str, str, str]]:
        """Cohort, arm and classifier of every set of predictions."""
        return [(cohort, *method) for cohort in self.cohorts for method in self.methods]

    @property
    def method_runs(self) -> list[tuple[str, str, str]]:
        """The same of every seed."""
        return [(cohort, run, name) for cohort, arm, name in self.method_keys for run in self.runs_of(arm) or [arm]]

    @property
    def fractions(self) -> list[float]:
        """Shares of the training subjects that have labels, below 1, smallest first; none without a curve."""
        return sorted(float(share) for share in self.config["evaluation"].get("fractions", ()) if share < 1)

    @property
    def fraction_keys(self) -> list[tuple[str, str, str]]:
        """Cohort, arm and classifier of every label-fraction curve: of methods that read features."""
        return [key for key in self.method_keys if self.has_fractions and alone(key[2]) is None]

    @property
    def test_set_keys(self) -> list[tuple[str, str, str, str]]:
        """Cohort, test set, arm and classifier of all predictions of subjects that no method has seen, every seed's."""
        held_out = [(cohort, HELD_OUT, run, classifier) for cohort, run, classifier in self.method_runs]
        return held_out + self.external_method_keys

    @property
    def test_set_files(self) -> list[str]:
        """The predictions of :attr:`test_set_keys`, in their order."""
        return self.predictions("test.csv", seeds=True) + self.external_predictions("csv")

    @property
    def contrasts(self) -> list[tuple[str, str, str]]:
        """Question, a and b of every planned contrast, the same for all cohorts."""
        return planned_contrasts(self.config)

    @property
    def mapped_arms(self) -> list[tuple[str, str]]:
        """Cohort and arm of every map of features: the first arms of the study file, controls apart."""
        first = [arm for arm in self.config["arms"] if arm in self.runs][:MOST_MAPPED]
        return [(cohort, arm) for cohort in self.cohorts for arm in first]

    @property
    def has_majority(self) -> bool:
        """Whether the control that sees no features is asked for."""
        return any(alone(classifier) for _, classifier in self.methods)

    def classifiers_of(self, arm: str) -> list[str]:
        """Return the classifiers that are fitted to an arm's features, or to those of one of its runs."""
        return [name for name in self.classifiers if (arm_and_seed(arm)[0], name) in self.methods]

    @property
    def probability_classifiers(self) -> list[str]:
        """Classifiers whose scores are probabilities."""
        return sorted({name for _, name in self.methods if gives_probabilities(name)})

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

    def targets(self, stage: str) -> list[str]:
        """Return the files that a stage ends with.

        Args:
            stage: cohorts, features, classify, statistics or report.
        """
        root = f"results/{self.study}"
        if stage == "cohorts":
            return [f"{root}/cohorts/{cohort}/leakage.json" for cohort in self.cohorts]
        if stage == "features":
            return self.features("npz", seeds=True)
        if stage == "classify":
            held_in = self.predictions("csv", seeds=True)
            return held_in + self.external_predictions("csv") + self.fraction_predictions("csv")
        if stage == "statistics":
            names = ["metrics.csv", "summary.csv", "test_summary.csv", "costs.csv"]
            names += [f"statistics/{name}.csv" for name in (*CONTRASTS, *PAIR_TESTS, *OVER_COHORTS, *CLINICAL_TABLES)]
            names += ["fractions.csv"] if self.has_fractions else []
            names += ["statistics/groups.csv"] if self.grouped_cohorts else []
            return [f"{root}/{name}" for name in names]
        if stage == "report":
            tracking = [f"{root}/mlflow.json"] if self.config["tracking"]["mlflow"] else []
            return [f"{root}/report.html", f"{root}/verdicts.csv", *tracking, *self.tables(), f"{root}/{OUTPUTS}"]
        raise ValueError(f"no stage {stage}")

    def trainings(self, suffix: str, cohort: str | None = None) -> list[str]:
        """Return what every training leaves under a suffix, on one cohort or on all; see :attr:`trained_keys`."""
        keys = [key for key in self.trained_keys if cohort in (None, key[0])]
        return [f"results/{self.study}/pretraining/{own}/{arm}.{suffix}" for own, arm in keys]

    def features(self, suffix: str, seeds: bool = False) -> list[str]:
        """Return the features of every arm on every cohort (npz), or their sidecars (json).

        See :attr:`arm_keys`, and with ``seeds``, :attr:`arm_runs`.
        """
        keys = self.arm_runs if seeds else self.arm_keys
        return [f"results/{self.study}/features/{cohort}/{arm}.{suffix}" for cohort, arm in keys]

    def predictions(self, suffix: str, cohort: str | None = None, seeds: bool = False) -> list[str]:
        """Return what every method leaves under a suffix, on one cohort or on all.

        See :attr:`method_keys`, and with ``seeds``, :attr:`method_runs`.
        """
        keys = [key for key in (self.method_runs if seeds else self.method_keys) if cohort in (None, key[0])]
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
        trained, groups = bool(self.pretrained_arms), bool(self.grouped_cohorts)
        return kinds_of(over_cohorts, trained, self.leaves_pictures, self.has_fractions, groups)

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
        # Maps of features show the groups of subjects, too.
        info += [f"results/{self.study}/cohorts/{cohort}/groups.csv"] if cohort in self.grouped_cohorts else []
        trainings = [file for name in suffixes for file in self.trainings(name, cohort)]
        return self.predictions("csv", cohort) + trainings + info

    def tables(self) -> list[str]:
        """Return every table that is exported for a paper.

        The study's name is no wildcard in them: Snakemake tries every output that begins as a file does, for each of
        the files of a study, and these are many.
        """
        own = {c: exports.cohort_tables(self.has_fractions, c in self.grouped_cohorts) for c in self.cohorts}
        names = [*exports.STUDY_TABLES, *(f"{cohort}.{name}" for cohort in self.cohorts for name in own[cohort])]
        return [f"results/{self.study}/tables/{name}.{suffix}" for name in names for suffix in exports.SUFFIXES]

    def classifier_module(self, classifier: str) -> str:
        """Return the module that builds a classifier."""
        return classifier_module(classifier)
