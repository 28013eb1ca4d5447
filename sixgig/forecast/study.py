"""What every job of a study will take, before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sixgig.errors import SixgigError
from sixgig.forecast import sharding
from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.rates import Machine
from sixgig.forecast.stages import Stages

if TYPE_CHECKING:
    from sixgig.forecast.past import Past
    from sixgig.plan.plan import Plan


def forecast_study(
    plan: Plan, machine: Machine, past: Past | None = None, *, prepared: bool = True
) -> dict[JobKey, JobCost]:
    """Return the cost of every job of a study, done or not.

    Args:
        plan: The study; its files need not be there.
        machine: What it runs on; see :mod:`sixgig.forecast.machine` and :mod:`sixgig.forecast.cards`.
        past: What its jobs took before; what that says of each job corrects what is computed.
        prepared: Whether to look at what is already prepared of the cohorts.
    """
    costs = _computed(Stages(plan, machine, prepared))
    if past is None:
        return costs

    def computed(config: Mapping[str, Any]) -> Mapping[JobKey, JobCost]:
        try:
            then = type(plan)(config, look=False)
            return _computed(Stages(then, machine, prepared))
        except SixgigError:  # written by another version of sixgig, or without its environments: it says nothing
            return {}

    return past.improve(costs, computed, machine.name if machine.basis == "measured" else None)


def assumptions(plan: Plan, machine: Machine) -> list[str]:
    """Return what a forecast takes for granted, as sentences."""
    found = Stages(plan, machine)
    notes = [f"{cohort} ({amount.note})" for cohort, amount in found.amounts.items() if amount.note]
    card = machine.card
    if card is not None and not card.measured:
        notes.append(f"{card.name} from its data sheet: {card.float32_tflops:g} TFLOP/s, {card.memory_mb:.0f} MiB")
    if machine.basis == "assumed":
        notes.append(f"{machine.name}: {machine.cores} cores, rates of the processor and of the disk are assumed")
    return notes


def _computed(stages: Stages) -> dict[JobKey, JobCost]:
    costs = dict(_before_hashes(stages))
    written = sum(cost.disk_mb for job, cost in costs.items() if job.rule != "obtain_cohort")
    return {**costs, JobKey("hash_outputs"): stages.hashes(written)}


def _before_hashes(stages: Stages) -> Iterator[tuple[JobKey, JobCost]]:
    plan = stages.plan
    yield JobKey("describe_study"), stages.small("describe_study")
    for environment in plan.environments:
        yield JobKey("check_environment", environment), stages.small("check_environment")
    for name in plan.config["weights"]:
        yield JobKey("build_weights", name), stages.weights(name)
    for cohort in plan.cohorts:
        yield JobKey("obtain_cohort", cohort), stages.obtain(cohort)
        yield from sharding.preparation(stages, cohort)
        yield JobKey("split_cohort", cohort), stages.small("split_cohort")
        yield JobKey("check_leakage", cohort), stages.leakage(cohort)
        if plan.has_majority:
            yield JobKey("predict_majority", cohort), stages.small("predict_majority")
    for cohort, arm in plan.trained_keys:
        yield JobKey("pretrain_arm", f"{cohort}.{arm}"), stages.pretrain(cohort, arm)
        yield JobKey("check_training", f"{cohort}.{arm}"), stages.check(cohort, arm)
    for cohort in plan.cohorts:
        for arm in plan.image_arms:
            yield from sharding.encoding(stages, cohort, arm)
        for arm in plan.plain_arms:
            yield JobKey("compute_features", f"{cohort}.{arm}"), stages.compute(cohort, arm)
        for arm in plan.feature_arms:
            yield JobKey("code_features", f"{cohort}.{arm}"), stages.code(cohort, arm)
        for arm in plan.runs:
            for classifier in plan.classifiers_of(arm):
                name = f"{cohort}.{arm}.{classifier}"
                yield JobKey(plan.classify_rule(classifier), name), stages.classify(cohort, arm, classifier)
    yield from _external(stages)
    yield JobKey("score_predictions"), stages.score()
    for cohort, arm, classifier in plan.fraction_keys:
        name = f"{cohort}.{arm}.{classifier}"
        yield JobKey(plan.fractions_rule(classifier), name), stages.classify_fractions(cohort, arm, classifier)
    if plan.has_fractions:
        yield JobKey("score_fractions"), stages.score_fractions()
    for rule in (
        "collect_costs", "compare_methods", "weigh_contrasts", "compare_subjects", "compare_test_sets",
        "compare_cohorts", "explain_variance", "weigh_budget", "map_features",
        "weigh_clinical_use",
    ):  # fmt: skip
        yield JobKey(rule), stages.small(rule)
    for cohort in plan.cohorts:
        yield JobKey("draw_figures", cohort), stages.small("draw_figures")
    for rule in ("draw_comparisons", "write_report", "export_tables"):
        yield JobKey(rule), stages.small(rule)
    if plan.config["tracking"]["mlflow"]:
        yield JobKey("track_study"), stages.small("track_study")


def _external(stages: Stages) -> Iterator[tuple[JobKey, JobCost]]:
    """The tests of a cohort's methods on another cohort."""
    plan = stages.plan
    for cohort, other in plan.external_keys:
        yield JobKey("check_external", f"{cohort}.on.{other}"), stages.external_gate(cohort, other)
    for cohort, arm, other in plan.external_arm_keys:
        rule = "encode_external" if arm in plan.external_trained else "code_external"
        yield JobKey(rule, f"{cohort}.{arm}.on.{other}"), stages.external_features(arm, other)
    for cohort, other, arm, classifier in plan.external_method_keys:
        name = f"{cohort}.{arm}.{classifier}.on.{other}"
        yield JobKey("classify_external", name), stages.external_fit(cohort, arm, classifier)
