"""Helpers that the rules share. No rules here."""

import sys
from functools import cache

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

from sixgig.errors import SixgigError
from sixgig.figures.catalogue import FORMATS
from sixgig.plan.plan import Plan
from sixgig.reporting import exports
from sixgig.runtime.provenance import this_source

code_digest = cache(this_source().digest)
template_digest = this_source().template_digest


def plan_study(study_config):
    """Check the study file; a mistake stops Snakemake with a message that names the key."""
    try:
        plan = Plan(study_config, DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method)
        if workflow.is_main_process:  # and not each of the jobs, which read this file again
            for sentence in plan.changes():
                print(f"[sixgig] {sentence}", file=sys.stderr)
        return plan
    except SixgigError as error:
        raise WorkflowError(str(error)) from None


def figure_files(folder, kinds):
    """Name the files of figures; SVG ones are in Snakemake's report, under their captions."""
    drawn = {}
    for kind in kinds:
        for suffix in FORMATS:
            file = ensure(f"{folder}/{kind.name}.{suffix}", non_empty=True)
            drawn[f"{kind.name}_{suffix}"] = file
        drawn[f"{kind.name}_svg"] = report(
            drawn[f"{kind.name}_svg"],
            caption=f"../report/captions/{kind.name}.rst",
            category="Figures",
            labels={"cohort": "all" if kind.over_cohorts else "{cohort}", "figure": kind.name.replace("_", " ")},
        )
    return drawn


def source_features(wildcards):
    """Image features of the arm that a feature arm codes."""
    return f"results/{wildcards.study}/features/{wildcards.cohort}/{PLAN.source_arm(wildcards.arm)}.images.npy"
