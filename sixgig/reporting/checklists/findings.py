"""What a study knows of its findings that reporting guidelines ask for; an empty answer is left to the authors."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from sixgig.evaluation.metrics import METRICS
from sixgig.reporting.verdict import judge
from sixgig.results.study import Study
from sixgig.tables.use import HELD_OUT
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import arm_title, cohort_title, method_title, metric_title


class Findings:
    """Answers from the tables of a study, each a sentence or two in the language in use.

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

    def test_data(self) -> str:
        """Data beside those of the cross-validation."""
        rows = self._study.test_summary
        places = rows["tested_on"].fillna(HELD_OUT) if "tested_on" in rows else rows["cohort"].map(lambda _: HELD_OUT)
        named = {
            f"{cohort_title(str(cohort))} ({tr('held out') if place == HELD_OUT else cohort_title(str(place))})": None
            for cohort, place in zip(rows["cohort"], places, strict=True)
        }
        if not named:
            return tr("No data beside those of the cross-validation: there is no external test set.")
        return tr("Test sets, with what they are after the cohort: {cohorts}; scored once.", cohorts=", ".join(named))

    def groups(self) -> str:
        """Performance by centre, scanner, sex or age."""
        found = getattr(self._study, "groups", None)
        if found is None or not len(found):
            return ""
        named = ", ".join(dict.fromkeys(found["group"].astype(str)))
        return tr("Performance by {groups} stands in statistics/groups.csv, with intervals and gaps.", groups=named)

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

    def errors(self) -> str:
        """Cases that methods get wrong."""
        return tr("Every wrong prediction stands in predictions/; confusion matrices are in the report.")

    def aims(self) -> str:
        """What was compared."""

        def say(cohort: str) -> str:
            rows = self._study.contrasts[self._study.contrasts["cohort"] == cohort]
            own = rows[rows["metric"] == self._study.metric]
            pairs = zip(own["a"], own["b"], strict=True)
            return ", ".join(tr("{a} with {b}", a=arm_title(str(a)), b=arm_title(str(b))) for a, b in pairs)

        return tr("Planned comparisons: {cohorts}. The clinical aim is for you to add.", cohorts=self._each(say))

    def interpretation(self) -> str:
        """The verdicts."""
        said = self._each(lambda cohort: judge(self._study, cohort).headline.rstrip("."))
        return tr("Verdicts: {cohorts}. What that means beside other studies is for you to add.", cohorts=said)
