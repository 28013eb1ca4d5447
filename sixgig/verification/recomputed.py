"""The tables of a study, computed again from what is before them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import pandas as pd

from sixgig.arms.base import PretrainedArm
from sixgig.arms.instances import instances, seeded
from sixgig.classifiers.registry import alone, gives_probabilities
from sixgig.evaluation.fold_ratio import fold_ratios
from sixgig.evaluation.fraction_scores import FractionFiles, score_fractions
from sixgig.evaluation.groups import score_groups
from sixgig.evaluation.scoring import ScoredFiles, Scores, score_study
from sixgig.plan.config import methods_of
from sixgig.plan.contrasts import planned_contrasts
from sixgig.results.study import Study
from sixgig.runtime.atomic import read_json
from sixgig.statistics.budget import weigh_budget
from sixgig.statistics.clinical import ClinicalTables, ClinicalUse, weigh_clinical_use
from sixgig.statistics.contrasts import Settings, weigh_contrasts
from sixgig.statistics.costs import collect_costs
from sixgig.statistics.factors import explain_variance
from sixgig.statistics.omnibus import compare_over_cohorts
from sixgig.statistics.pairwise import compare_pairs, weigh_pairs
from sixgig.statistics.selection import score_procedures, summarise_procedures
from sixgig.statistics.subjects import SubjectTests, compare_subjects
from sixgig.statistics.test_sets import compare_on_test_sets
from sixgig.tables.budget import BUDGET
from sixgig.tables.clinical import CLINICAL, DECISION_CURVE
from sixgig.tables.contrasts import ARM_SCORES, ARM_SUMMARY, CONTRASTS
from sixgig.tables.costs import COSTS
from sixgig.tables.format import Table
from sixgig.tables.fractions import FRACTIONS
from sixgig.tables.groups import GROUPS
from sixgig.tables.over_cohorts import FACTORS, OMNIBUS, RANKS
from sixgig.tables.pairs import BAYESIAN, DELONG, MCNEMAR, PAIRWISE
from sixgig.tables.scores import METRICS, SUMMARY
from sixgig.tables.test_pairs import TEST_PAIRS
from sixgig.tables.use import HELD_OUT, clinical_use


class Recomputed:
    """The tables of a study, computed again from predictions and sidecars.

    Args:
        study: The study.
        threads: Processes that may compute at a time.
    """

    def __init__(self, study: Study, threads: int) -> None:
        self._study, self._threads = study, threads
        self._settings = study.config["evaluation"]
        self._seed = int(study.config["seed"])
        # Tables have the order of the study file, which study.json has not: it is taken from the summary.
        keys = [(cohort, *method) for cohort in study.config["cohorts"] for method in methods_of(study.config)]
        rows = study.summary[["cohort", "arm", "classifier"]].drop_duplicates().itertuples(index=False, name=None)
        order = {tuple(map(str, key)): place for place, key in enumerate(rows)}
        self.keys = sorted(keys, key=lambda key: order.get(key, len(order)))
        self._positives = {cohort: study.positive(cohort) for cohort in study.config["cohorts"]}
        self._metrics_of = {cohort: study.metrics_of(cohort) for cohort in study.config["cohorts"]}

    @cached_property
    def _runs(self) -> dict[str, list[str]]:
        """The names of the files of every arm: one, or one for every seed."""
        config = self._study.config
        found = {arm: list(seeded({arm: own}, self._study.seeds)) for arm, own in instances(config).items()}
        shown = list(self._study.looks)
        return {arm: found[arm] for arm in sorted(found, key=shown.index)}

    def _predictions(self, suffix: str, seeds: bool = False) -> dict[tuple[str, ...], Path]:
        folder = self._study.folder / "predictions"
        return {
            (c, run, name): folder / c / f"{run}.{name}.{suffix}"
            for c, arm, name in self.keys
            for run in (self._runs.get(arm, [arm]) if seeds else [arm])
        }

    def _external(self, suffix: str) -> dict[tuple[str, ...], Path]:
        """The predictions of external cohorts by cohort, external cohort, arm and classifier, as tables have them."""
        folder, stanzas = self._study.folder / "predictions", self._study.config["cohorts"]
        found = {
            (c, other, run, name): folder / c / f"{run}.{name}.on.{other}.{suffix}"
            for c, arm, name in self.keys
            for run in self._runs.get(arm, [arm])
            for other in stanzas[c].get("evaluate_on", ())
        }
        return dict(sorted(found.items(), key=lambda item: self._place_of_test(*item[0][:2])))

    def _place_of_test(self, cohort: str, other: str) -> tuple[int, int]:
        cohorts = list(dict.fromkeys(key[0] for key in self.keys))
        return cohorts.index(cohort), list(self._study.config["cohorts"][cohort]["evaluate_on"]).index(other)

    def _sidecars(self, seeds: bool = False) -> dict[tuple[str, ...], Path]:
        cohorts, folder = self._study.config["cohorts"], self._study.folder / "features"
        runs = [run for own in self._runs.values() for run in (own if seeds else own[:1])]
        return {(c, run): folder / c / f"{run}.json" for c in cohorts for run in runs}

    @cached_property
    def scores(self) -> Scores:
        """Metrics, summary and test summary from the predictions."""
        splits: dict[tuple[str, ...], Path] = {
            (c,): self._study.cohort_folder(c) / "splits.csv" for c in self._study.config["cohorts"]
        }
        gates = {key: path.with_name("leakage.json") for key, path in splits.items()}
        files = ScoredFiles(
            self._predictions("csv", seeds=True),
            self._predictions("test.csv", seeds=True),
            splits,
            self._sidecars(seeds=True),
            gates,
            self._predictions("json", seeds=True),
            self._external("csv"),
            self._external("json"),
        )
        samples = int(self._settings["bootstrap_samples"])
        return score_study(
            files, self._positives, samples, self._seed, self._threads, self._metrics_of, self._study.alpha
        )

    @cached_property
    def _subjects(self) -> SubjectTests:
        return compare_subjects(
            self._predictions("csv", seeds=True), self._study.alpha, self._positives, self._metrics_of
        )

    @cached_property
    def _clinical(self) -> ClinicalTables:
        uses = {name: ClinicalUse(**clinical_use(stanza)) for name, stanza in self._study.config["cohorts"].items()}
        own = {key[2] for key in self.keys if gives_probabilities(key[2])}
        return weigh_clinical_use(self._predictions("csv", seeds=True), uses, own, self._study.alpha, self._test_sets())

    @cached_property
    def _over_cohorts(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        return compare_over_cohorts(self._study.summary, self._study.metric, self._study.alpha, self._seed)

    def tables(self) -> Iterator[tuple[str, Table, Callable[[], pd.DataFrame], str]]:
        """Yield the file of every table, its format, what computes it again, and what from, in words."""
        study, metric = self._study, self._study.metric
        ratio = self._ratios()
        yield "metrics.csv", METRICS, lambda: self.scores.metrics, "the predictions"
        yield "summary.csv", SUMMARY, lambda: self.scores.summary, "the predictions"
        yield "test_summary.csv", SUMMARY, lambda: self.scores.test, "the predictions"
        yield (
            "statistics/pairwise.csv", PAIRWISE,
            lambda: compare_pairs(study.metrics, metric, ratio, study.alpha), "metrics.csv",
        )  # fmt: skip
        rope = float(self._settings["rope"])
        yield (
            "statistics/bayesian.csv", BAYESIAN, lambda: weigh_pairs(study.metrics, metric, ratio, rope), "metrics.csv",
        )  # fmt: skip
        yield from self._contrasts(ratio, rope)
        yield "statistics/mcnemar.csv", MCNEMAR, lambda: self._subjects.mcnemar, "the predictions"
        yield "statistics/delong.csv", DELONG, lambda: self._subjects.delong, "the predictions"
        yield "statistics/test_pairs.csv", TEST_PAIRS, self._test_pairs, "the predictions and summary.csv"
        yield "statistics/omnibus.csv", OMNIBUS, lambda: self._over_cohorts[0], "summary.csv"
        yield "statistics/ranks.csv", RANKS, lambda: self._over_cohorts[1], "summary.csv"
        yield "statistics/factors.csv", FACTORS, lambda: explain_variance(study.summary, metric), "summary.csv"
        yield "costs.csv", COSTS, self._costs, "what the jobs say of themselves"
        yield "statistics/budget.csv", BUDGET, self._budget, "summary.csv and costs.csv"
        yield "statistics/clinical.csv", CLINICAL, lambda: self._clinical.values, "the predictions"
        yield "statistics/decision_curve.csv", DECISION_CURVE, lambda: self._clinical.curves, "the predictions"
        if study.has_fractions:
            yield "fractions.csv", FRACTIONS, self._fractions, "its predictions and summary.csv"
        if self._grouped:
            yield "statistics/groups.csv", GROUPS, self._groups, "the predictions and the cohorts' groups.csv"

    @cached_property
    def _grouped(self) -> list[str]:
        return [cohort for cohort in self._study.config["cohorts"] if self._study.groups_of(cohort)]

    def _ratios(self) -> dict[str, float]:
        cohorts, study = list(self._study.config["cohorts"]), self._study
        sites = {c: study.cohort_folder(c) / "splits.csv" for c in cohorts if study.group_by(c)}
        return fold_ratios(int(self._settings["folds"]), cohorts, sites)

    def _groups(self) -> pd.DataFrame:
        return score_groups(
            {key: path for key, path in self._predictions("csv", seeds=True).items() if key[0] in self._grouped},
            {cohort: self._study.cohort_folder(cohort) / "groups.csv" for cohort in self._grouped},
            {cohort: int(self._study.groups_of(cohort)["minimum"]) for cohort in self._grouped},
            self._positives, self._metrics_of, n_resamples=int(self._settings["bootstrap_samples"]), seed=self._seed,
            alpha=self._study.alpha, threads=self._threads,
        )  # fmt: skip

    def _test_sets(self) -> dict[tuple[str, ...], Path]:
        """The predictions of test subjects by cohort, test set, arm and classifier, of every seed."""
        held_out = self._predictions("test.csv", seeds=True)
        return {(key[0], HELD_OUT, *key[1:]): path for key, path in held_out.items()} | self._external("csv")

    def _test_pairs(self) -> pd.DataFrame:
        return compare_on_test_sets(
            self._test_sets(), self._study.summary, self._study.metric, self._study.alpha,
            n_resamples=int(self._settings["bootstrap_samples"]), seed=self._seed,
            positives=self._positives, metrics_of=self._metrics_of,
            pairs=[(a, b) for _, a, b in self._planned()],
        )  # fmt: skip

    def _planned(self) -> list[tuple[str, str, str]]:
        """The planned contrasts; study.json sorts the arms by name, and names their order in ``arms``."""
        config, order = self._study.config, self._study.info.get("arms") or ()
        arms = config["arms"]
        return planned_contrasts(config | {"arms": {name: arms[name] for name in (*order, *arms) if name in arms}})

    def _contrasts(
        self, ratio: dict[str, float], rope: float
    ) -> Iterator[tuple[str, Table, Callable[[], pd.DataFrame], str]]:
        """Yield the planned contrasts, and the arms as procedures."""
        study, metric = self._study, self._study.metric
        settings = Settings(ratio, study.alpha, rope, float(self._settings["relevant_difference"]))

        def contrasts() -> pd.DataFrame:
            most = study.summary.groupby("cohort")["n_subjects"].max()
            n_subjects = {str(cohort): int(n) for cohort, n in most.items()}
            return weigh_contrasts(study.arm_scores, self._planned(), metric, settings, n_subjects, study.metrics)

        yield "statistics/arm_scores.csv", ARM_SCORES, lambda: score_procedures(study.metrics, metric), "metrics.csv"
        yield (
            "statistics/arm_summary.csv", ARM_SUMMARY,
            lambda: summarise_procedures(study.arm_scores, study.metrics, metric, ratio, study.alpha), "metrics.csv",
        )  # fmt: skip
        yield "statistics/contrasts.csv", CONTRASTS, contrasts, "arm_scores.csv and summary.csv"

    def _costs(self) -> pd.DataFrame:
        folder, config = self._study.folder, self._study.config
        trained = [name for name, arm in instances(config).items() if issubclass(arm.arm, PretrainedArm)]
        trainings: dict[tuple[str, ...], Path] = {
            (c, run): folder / "pretraining" / c / f"{run}.json"
            for c in config["cohorts"]
            for arm in trained
            for run in self._runs[arm]
        }
        cohorts: dict[tuple[str, ...], Path] = {
            (c,): folder / "cohorts" / c / "cohort.json" for c in dict.fromkeys(key[0] for key in self.keys)
        }
        sidecars = self._sidecars(seeds=True)
        curves = self._curves("json") if self._study.has_fractions else {}
        return collect_costs(cohorts, trainings, sidecars, self._predictions("json", seeds=True), curves)

    def _curves(self, suffix: str) -> dict[tuple[str, ...], Path]:
        """What label-fraction curves left, by cohort, arm and classifier."""
        folder, keys = self._study.folder / "fractions", [key for key in self.keys if alone(key[2]) is None]
        return {key: folder / key[0] / f"{key[1]}.{key[2]}.{suffix}" for key in keys}

    def _fractions(self) -> pd.DataFrame:
        config = self._study.config
        files = FractionFiles(
            self._curves("csv"),
            self._curves("json"),
            {(c,): self._study.cohort_folder(c) / "splits.csv" for c in config["cohorts"]},
            {(c,): self._study.cohort_folder(c) / "leakage.json" for c in config["cohorts"]},
        )
        shares = [float(share) for share in self._settings["fractions"] if share < 1]
        samples = int(self._settings["bootstrap_samples"])
        return score_fractions(
            files,
            self._study.summary,
            shares,
            self._positives,
            samples,
            self._seed,
            self._threads,
            self._metrics_of,
            self._study.alpha,
        )

    def _budget(self) -> pd.DataFrame:
        found = {key: read_json(path) for key, path in self._sidecars().items()}
        return weigh_budget(self._study.summary, self._study.costs, found, self._study.metric)
