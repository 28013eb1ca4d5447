"""Which jobs of a study wait for which: the workflow's rules in short, for forecasts without Snakemake."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from sixgig.forecast.base import JobKey
from sixgig.forecast.sharding import shard_keys

if TYPE_CHECKING:
    from sixgig.plan.plan import Plan

#: Tables that figures show, by the rule that writes them.
_TABLES = {
    "score_predictions": ("metrics", "summary", "test_summary"),
    "collect_costs": ("costs",),
    "compare_methods": ("pairwise", "bayesian"),
    "weigh_contrasts": ("contrasts", "arm_summary", "arm_scores"),
    "compare_subjects": ("mcnemar", "delong"),
    "compare_cohorts": ("omnibus", "ranks"),
    "explain_variance": ("factors",),
    "map_features": ("feature_map",),
    "weigh_budget": ("budget",),
    "weigh_clinical_use": ("clinical", "decision_curve"),
    "score_fractions": ("fractions",),
}


def needs_of(plan: Plan) -> dict[JobKey, set[JobKey]]:
    """Return for every job of a study the jobs whose files it reads; a test compares this with Snakemake's."""
    found: dict[JobKey, set[JobKey]] = {}
    for job, needed in _needs(plan):
        found.setdefault(job, set()).update(needed)
    return found


def _needs(plan: Plan) -> Iterator[tuple[JobKey, set[JobKey]]]:
    study = JobKey("describe_study")
    yield study, set()
    for environment in plan.environments:
        yield JobKey("check_environment", environment), set()
    for name in plan.config["weights"]:
        yield JobKey("build_weights", name), set()
    predictions: set[JobKey] = set()
    features: set[JobKey] = set()
    for cohort in plan.cohorts:
        yield from _cohort(plan, cohort)
        for job, needed in _arms(plan, cohort):
            if job.rule in ("encode_images", "code_features", "compute_features"):
                features.add(job)
            if job.rule in ("classify_subjects", "classify_bags", "predict_majority"):
                predictions.add(job)
            yield job, needed
    score, costs = JobKey("score_predictions"), JobKey("collect_costs")
    external = dict(_external(plan))
    yield from external.items()
    tested = {job for job in external if job.rule == "classify_external"}
    yield score, predictions | features | tested
    curves = {JobKey(plan.fractions_rule(key[2]), ".".join(key)) for key in plan.fraction_keys}
    yield costs, {JobKey("prepare_cohort", cohort) for cohort in plan.cohorts} | predictions | features | curves
    tables, pictured = {score, costs}, {".".join(key) for key in plan.mapped_arms}
    mapped = {job for job in features if job.name in pictured}
    for rule, needed in (
        ("compare_methods", {score}), ("weigh_contrasts", {score}), ("compare_subjects", predictions),
        ("compare_test_sets", {score, *tested, *predictions}),
        ("compare_cohorts", {score}), ("explain_variance", {score}),
        ("weigh_budget", {score, costs, *features}), ("map_features", mapped),
        ("weigh_clinical_use", predictions | tested),
    ):  # fmt: skip
        yield JobKey(rule), needed
        tables.add(JobKey(rule))
    if plan.has_fractions:
        yield JobKey("score_fractions"), {score, *curves}
        tables.add(JobKey("score_fractions"))
    drawn = set()
    for cohort in plan.cohorts:
        drawn.add(JobKey("draw_figures", cohort))
        own = {job for job in predictions if job.name.split(".")[0] == cohort}
        yield JobKey("draw_figures", cohort), {*_drawn_from(plan, over_cohorts=False), *own, study}
    drawn.add(JobKey("draw_comparisons"))
    yield JobKey("draw_comparisons"), {*_drawn_from(plan, over_cohorts=True), study}
    report = JobKey("write_report")
    gates = {JobKey("check_leakage", cohort) for cohort in plan.cohorts}
    yield report, {*drawn, *tables, *predictions, *features, *gates, study}
    yield JobKey("export_tables"), {*tables, *features, *predictions, *gates, study}
    if plan.config["tracking"]["mlflow"]:
        yield JobKey("track_study"), {report, JobKey("export_tables"), *drawn, *tables, *features, study}
    checked = {JobKey("check_training", f"{cohort}.{arm}") for cohort, arm in plan.trained_keys}
    yield (
        JobKey("hash_outputs"),
        {
            report,
            JobKey("export_tables"),
            *drawn,
            *tables,
            *predictions,
            *curves,
            *features,
            *gates,
            *checked,
            *external,
        },
    )


def _external(plan: Plan) -> Iterator[tuple[JobKey, set[JobKey]]]:
    """The tests of a cohort's methods on another cohort."""

    def rule_of(arm: str) -> str:
        return (
            "code_features" if arm in plan.feature_arms
            else "compute_features" if arm in plan.plain_arms
            else "encode_images"
        )  # fmt: skip

    def seen(cohort: str, arm: str, other: str) -> JobKey:
        """The job with the features of the other cohort."""
        if arm in plan.external_trained or arm in plan.external_coded:
            rule = "encode_external" if arm in plan.external_trained else "code_external"
            return JobKey(rule, f"{cohort}.{arm}.on.{other}")
        return JobKey(rule_of(arm), f"{other}.{arm}")

    for cohort, other in plan.external_keys:
        yield (
            JobKey("check_external", f"{cohort}.on.{other}"),
            {JobKey("check_leakage", cohort), JobKey("check_leakage", other)},
        )
    for cohort, arm, other in plan.external_arm_keys:
        gate = JobKey("check_external", f"{cohort}.on.{other}")
        if arm in plan.external_trained:
            trained, checked = (JobKey(rule, f"{cohort}.{arm}") for rule in ("pretrain_arm", "check_training"))
            yield seen(cohort, arm, other), {gate, trained, checked, JobKey("prepare_cohort", other)}
        else:
            source = plan.source_arm(arm)
            own = {JobKey(rule_of(source), f"{cohort}.{source}"), seen(cohort, source, other)}
            needed = {JobKey(rule, name) for rule in ("prepare_cohort",) for name in (cohort, other)}
            yield seen(cohort, arm, other), {gate, JobKey("split_cohort", cohort), *own, *needed}
    for cohort, other, arm, classifier in plan.external_method_keys:
        needed = {JobKey("check_external", f"{cohort}.on.{other}")}
        if arm in plan.runs:
            needed |= {JobKey(rule_of(arm), f"{cohort}.{arm}"), seen(cohort, arm, other)}
        if classifier in plan.bag_classifiers:
            needed |= {JobKey("prepare_cohort", name) for name in (cohort, other)}
        yield JobKey("classify_external", f"{cohort}.{arm}.{classifier}.on.{other}"), needed


def _drawn_from(plan: Plan, *, over_cohorts: bool) -> set[JobKey]:
    """Return the jobs that write the tables of figures."""
    names = {Path(file).stem for file in plan.figure_tables(over_cohorts)}
    return {JobKey(rule) for rule, written in _TABLES.items() if names & set(written)}


def _cohort(plan: Plan, cohort: str) -> Iterator[tuple[JobKey, set[JobKey]]]:
    rules = ("obtain_cohort", "prepare_cohort", "split_cohort", "check_leakage")
    jobs = [JobKey(rule, cohort) for rule in rules]
    yield jobs[0], set()
    for before, job in pairwise(jobs):
        yield job, {before}
    shards = shard_keys(plan.shards(cohort), "prepare", cohort)
    for shard in shards:
        yield shard, {jobs[0]}
    yield jobs[1], set(shards)


def _arms(plan: Plan, cohort: str) -> Iterator[tuple[JobKey, set[JobKey]]]:
    gate = JobKey("check_leakage", cohort)
    if plan.has_majority:
        yield JobKey("predict_majority", cohort), {gate}
    for arm in plan.image_arms:
        weights = JobKey("build_weights", plan.arm_options(arm)["weights"])
        needed = {gate, weights}
        if arm in plan.pretrained_arms:
            environments = {
                JobKey("check_environment", name) for name in plan.environments if plan.environment_check(arm)
            }
            trained, checked = (JobKey(rule, f"{cohort}.{arm}") for rule in ("pretrain_arm", "check_training"))
            yield trained, {gate, weights, *environments}
            yield checked, {trained}
            needed = {gate, trained, checked}
        shards = shard_keys(plan.shards(cohort), "encode", f"{cohort}.{arm}")
        for shard in shards:
            yield shard, {*needed, JobKey("prepare_cohort", cohort)}
        yield JobKey("encode_images", f"{cohort}.{arm}"), {*needed, *shards}
    for arm in plan.plain_arms:
        yield JobKey("compute_features", f"{cohort}.{arm}"), {gate}
    for arm in plan.feature_arms:
        source = plan.source_arm(arm)
        rule = "compute_features" if source in plan.plain_arms else "encode_images"
        yield JobKey("code_features", f"{cohort}.{arm}"), {JobKey(rule, f"{cohort}.{source}")}
    rules = {**dict.fromkeys(plan.feature_arms, "code_features"), **dict.fromkeys(plan.plain_arms, "compute_features")}
    for arm in plan.runs:
        rule = rules.get(arm, "encode_images")
        for classifier in plan.classifiers_of(arm):
            job = JobKey(plan.classify_rule(classifier), f"{cohort}.{arm}.{classifier}")
            yield job, {gate, JobKey(rule, f"{cohort}.{arm}")}
            if (cohort, arm, classifier) in plan.fraction_keys:
                yield (
                    JobKey(plan.fractions_rule(classifier), f"{cohort}.{arm}.{classifier}"),
                    {gate, JobKey(rule, f"{cohort}.{arm}")},
                )
