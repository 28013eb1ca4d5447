"""What a study knows of itself that reporting guidelines ask for; an empty answer is left to the authors."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from sixgig.classifiers.registry import gives_probabilities
from sixgig.evaluation.metrics import METRICS
from sixgig.results.study import Study
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import arm_title, classifier_title, cohort_title, method_title, metric_title, metric_words


class Answers:
    """Answers from the files of a study, each a sentence or two in the language in use.

    Args:
        study: The study, with every table written.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._evaluation: dict[str, Any] = dict(study.config.get("evaluation") or {})

    @cached_property
    def _cohorts(self) -> list[str]:
        return [cohort for cohort in self._study.cohorts if not self._study.failed_cohort(cohort)]

    def _each(self, say: Callable[[str], str]) -> str:
        """Join what is said of every cohort."""
        said = [(cohort, say(cohort)) for cohort in self._cohorts]
        return "; ".join(f"{cohort_title(cohort)}: {text}" for cohort, text in said if text)

    def _classifiers(self) -> list[str]:
        own = dict.fromkeys(m.classifier for c in self._cohorts for m in self._study.methods(c) if m.reads_features)
        return list(own)

    def sources(self) -> str:
        """Where images come from."""

        def say(cohort: str) -> str:
            info = self._study.cohort_info(cohort)
            title = str(info.get("title") or info.get("adapter") or cohort)
            return tr("{title} (simulated)", title=title) if info.get("simulated") else title

        return tr("{cohorts}. Dates and permissions are for you to add.", cohorts=self._each(say))

    def left_out(self) -> str:
        """Inputs that could not be used."""

        def say(cohort: str) -> str:
            return numbers.count(len(self._study.quarantine(cohort)))

        return tr(
            "Inputs left out: {cohorts}; quarantine.csv names each with its reason. Nothing is imputed: a subject "
            "without images or class is not evaluated.",
            cohorts=self._each(say),
        )

    def preparation(self) -> str:
        """How images were prepared."""

        def say(cohort: str) -> str:
            info = self._study.cohort_info(cohort)
            side, three = info.get("image_size", numbers.MISSING), info.get("dimensions") == 3
            planes = ", ".join(tr(str(name)) for name in info.get("planes") or {})
            if three and planes:
                return tr("{planes} slices of volumes, {side} x {side} pixels", planes=planes, side=side)
            return tr("{side} x {side} pixels", side=side)

        return tr("{cohorts}. The study file in study.json holds every setting.", cohorts=self._each(say))

    def outcome(self) -> str:
        """Classes and their numbers."""

        def say(cohort: str) -> str:
            classes = self._study.cohort_info(cohort).get("classes") or {}
            return ", ".join(f"{name} {numbers.count(number)}" for name, number in classes.items())

        return tr(
            "Classes with their numbers: {cohorts}. How they were assessed, and age and sex, are for you to add.",
            cohorts=self._each(say),
        )

    def predictors(self) -> str:
        """What predicts."""
        arms = dict.fromkeys(m.arm for c in self._cohorts for m in self._study.methods(c) if m.reads_features)
        return tr(
            "Features of images alone, no clinical variable: {arms}. Scaling and principal components are fitted "
            "inside training folds.",
            arms=", ".join(arm_title(arm) for arm in arms),
        )

    def sample_size(self) -> str:
        """Subjects, and that nobody calculated them before."""

        def say(cohort: str) -> str:
            splits = self._study.splits(cohort)
            return numbers.plural(splits[splits["role"] == "evaluation"]["subject_id"].nunique(), "evaluation subject")

        return tr(
            "{cohorts}. No size was calculated beforehand; what difference this many can show stands in "
            "statistics/pairwise.csv.",
            cohorts=self._each(say),
        )

    def split(self) -> str:
        """How data were divided."""
        splits = [self._study.splits(cohort) for cohort in self._cohorts]
        aside = sum(rows[rows["role"] == "pretraining"]["subject_id"].nunique() for rows in splits)
        return tr(
            "By subject: {folds}-fold cross-validation, {repeats} times, stratified by class; {number} subjects "
            "are set aside for arms that learn. A gate checks that no subject, copy or near copy lies on two sides; "
            "splits.csv is hashed in the report.",
            folds=self._evaluation.get("folds", numbers.MISSING),
            repeats=self._evaluation.get("repeats", numbers.MISSING),
            number=numbers.count(aside),
        )

    def model(self) -> str:
        """Type of model."""
        return tr(
            "{classifiers} on each kind of features. Hyper-parameters are chosen on balanced accuracy in {inner} inner "
            "folds of every training fold.",
            classifiers=", ".join(classifier_title(name) for name in self._classifiers()),
            inner=self._evaluation.get("inner_folds", numbers.MISSING),
        )

    def measures(self) -> str:
        """Measures of performance."""
        named = [name for name in self._study.metric_names() if name in METRICS and name != self._study.metric]
        return tr(
            "{main} first; beside it {others}. Predictive values, calibration slope and intercept and decision curves "
            "where there are two classes.",
            main=metric_title(self._study.metric),
            others=", ".join(metric_words(name) for name in named),
        )

    def tests(self) -> str:
        """Uncertainty and tests."""
        return tr(
            "Intervals over subjects; corrected resampled t-tests over folds (Nadeau and Bengio, 2003) with Holm's "
            "correction at {level}.",
            level=numbers.localised(f"{self._study.alpha:g}"),
        )

    def updating(self) -> str:
        """Updating of the model."""
        return tr("No model was updated after evaluation.")

    def computed(self) -> str:
        """How predictions were computed, and what the model is."""
        return tr(
            "By the code and study file below; predictions/ holds every out-of-fold prediction with what was chosen. "
            "Fitted classifiers are not kept; trained networks are under pretraining/."
        )

    def imbalance(self) -> str:
        """Unequal classes."""
        own, others = self._by_kind()
        said = [tr("Classifiers weigh all classes alike, whatever their numbers.")]
        if own:
            said.append(tr("Scores of {names} are recalibrated to the shares of the classes.", names=", ".join(own)))
        if others:
            said.append(tr("Scores of {names} are not, and are no probabilities.", names=", ".join(others)))
        return " ".join(said)

    def output(self) -> str:
        """Output and threshold."""
        own, others = self._by_kind()
        points = {
            cohort: stanza["operating_point"]
            for cohort, stanza in (self._study.config.get("cohorts") or {}).items()
            if stanza.get("operating_point")
        }
        kinds = [tr("probabilities of {names}", names=", ".join(own))] * bool(own)
        kinds += [tr("ranks of {names}", names=", ".join(others))] * bool(others)
        stated = "; ".join(
            f"{cohort_title(c)}: {_words(kind)} {value:g}"
            for c, point in points.items()
            for kind, value in point.items()
        )
        return tr(
            "A class, and {scores}. Threshold: {stated}.",
            scores=", ".join(kinds),
            stated=tr("chosen on the other folds ({points})", points=numbers.localised(stated))
            if stated
            else tr("none, the predicted class counts"),
        )

    def _by_kind(self) -> tuple[list[str], list[str]]:
        names = self._classifiers()
        own = [classifier_title(name) for name in names if gives_probabilities(name)]
        return own, [classifier_title(name) for name in names if not gives_probabilities(name)]

    def test_data(self) -> str:
        """Data beside those of the cross-validation."""
        held = list(dict.fromkeys(self._study.test_summary["cohort"].astype(str)))
        if not held:
            return tr("No data beside those of the cross-validation: there is no external test set.")
        return tr("Held-out test sets of {cohorts}, scored once.", cohorts=", ".join(map(cohort_title, held)))

    def groups(self) -> str:
        """Performance by centre, scanner, sex or age."""
        found = getattr(self._study, "groups", None)
        if found is None or not len(found):
            return ""
        named = ", ".join(dict.fromkeys(found["group"].astype(str)))
        return tr("Performance by {groups} stands in statistics/groups.csv, with intervals and gaps.", groups=named)

    def code(self) -> str:
        """Code, versions, seed."""
        info = self._study.info
        commit = str((info.get("source") or {}).get("commit") or tr("not known"))
        versions = ", ".join(f"{name} {value}" for name, value in (info.get("versions") or {}).items())
        return tr(
            "sixgig at commit {commit}, seed {seed}; {versions}. The same study file, machine and seed give the same "
            "numbers.",
            commit=commit,
            seed=self._study.config.get("seed", numbers.MISSING),
            versions=versions,
        )

    def flow(self) -> str:
        """Subjects by role."""

        def say(cohort: str) -> str:
            roles = self._study.splits(cohort).groupby("role", sort=False)["subject_id"].nunique()
            return ", ".join(f"{tr(str(role).capitalize())} {numbers.count(number)}" for role, number in roles.items())

        return self._each(say)

    def performance(self) -> str:
        """The highest estimate of every cohort, said to be that."""

        def say(cohort: str) -> str:
            found = self._study.estimates(cohort)
            known = {method: row for method, row in found.items() if not numbers.is_missing(row["estimate"])}
            if not known:
                return tr("every method failed")
            better = METRICS[self._study.metric].higher_is_better
            top = (max if better else min)(known, key=lambda method: float(known[method]["estimate"]))
            row = known[top]
            value = numbers.with_interval(row["estimate"], row["ci_low"], row["ci_high"])
            return f"{method_title(top)} {value}"

        return tr(
            "{metric} of the method with the highest estimate, which is selected and so too favourable: {cohorts}. All "
            "methods stand in results.md.",
            metric=metric_title(self._study.metric),
            cohorts=self._each(say),
        )

    def accuracy(self) -> str:
        """Sensitivity and the like."""
        return tr("Sensitivity, specificity and predictive values stand in statistics/clinical.csv, with intervals.")

    def limits(self) -> str:
        """Limitations that the study knows."""
        simulated = [cohort for cohort in self._cohorts if self._study.cohort_info(cohort).get("simulated")]
        said = [tr("Intervals and tests are about these subjects; see the report for what they cannot show.")]
        if simulated:
            said.append(
                tr(
                    "Simulated cohorts ({names}) test the workflow; they say nothing about patients.",
                    names=", ".join(map(cohort_title, simulated)),
                )
            )
        return " ".join(said)

    def names(self) -> str:
        """Pseudonyms."""

        def say(cohort: str) -> str:
            hidden = self._study.cohort_info(cohort).get("pseudonyms")
            return tr("subjects have pseudonyms") if hidden else tr("subjects keep the names of their files")

        return self._each(say)

    def weights(self) -> str:
        """Starting values."""
        named = ", ".join(self._study.config.get("weights") or ())
        if not named:
            return ""
        return tr(
            "Pretrained weights {names}, each with its sha256 under weights/; controls start at random.", names=named
        )

    def training(self) -> str:
        """Training of arms."""
        arms = dict.fromkeys(arm for cohort in self._cohorts for arm in self._study.training.arms(cohort))
        if not arms:
            return tr("No network was trained; classifiers were.")
        return tr(
            "{arms} were trained on pretraining subjects alone; settings stand in the study file, curves in the "
            "report.",
            arms=", ".join(arm_title(arm) for arm in arms),
        )

    def chosen(self) -> str:
        """Choice of the final model."""
        return tr("No final model is chosen: methods are compared, and inner folds choose hyper-parameters.")

    def ensembles(self) -> str:
        """Ensembles."""
        return tr("None.")

    def robustness(self) -> str:
        """Sensitivity analyses."""
        if not self._study.has_fractions:
            return tr("Controls (random weights, majority class) run beside the arms.")
        return tr("Controls (random weights, majority class), and every method with fewer labelled subjects.")

    def errors(self) -> str:
        """Cases that methods get wrong."""
        return tr("Every wrong prediction stands in predictions/; confusion matrices are in the report.")


def _words(kind: str) -> str:
    """Return what an operating point is about, in words."""
    return metric_words(kind) if kind in METRICS else tr("probability")
