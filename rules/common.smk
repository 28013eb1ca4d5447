"""Helpers that the rules share. No rules here."""

from functools import cache

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

from sixgig.errors import SixgigError
from sixgig.plan.plan import Plan
from sixgig.runtime.provenance import this_source

code_digest = cache(this_source().digest)
template_digest = this_source().template_digest


def plan_study(study_config):
    """Check the study file; a mistake stops Snakemake with a message that names the key."""
    try:
        return Plan(study_config, DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method)
    except SixgigError as error:
        raise WorkflowError(str(error)) from None


def source_features(wildcards):
    """Image features of the arm that a feature arm codes."""
    return f"results/{wildcards.study}/features/{wildcards.cohort}/{PLAN.source_arm(wildcards.arm)}.images.npy"
