"""Helpers that the rules share. No rules here."""

import sys
from functools import cache, partial
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake.script import PythonScript
from snakemake.settings.types import DeploymentMethod

from sixgig.errors import SixgigError
from sixgig.figures.catalogue import FORMATS
from sixgig.forecast.asking import Asking
from sixgig.gpu.card import first_card
from sixgig.plan import failures
from sixgig.plan.opening import open_plan
from sixgig.plan.outputs import hashed_files
from sixgig.reporting import exports
from sixgig.runtime.known_digests import KNOWN_DIGESTS
from sixgig.runtime.orphans import orphaned
from sixgig.runtime.provenance import this_source
from sixgig.runtime.supervision import supervise
from sixgig.runtime.umask import keep_others_out
from sixgig.runtime.warm.starts import warm_starts
from sixgig.telling.handler import follow_study

keep_others_out()
# On a node of a cluster the job's own process tries nothing again: the main process does, and asks for more memory.
RETRIES = 0 if workflow.remote_exec else 2
if workflow.storage_settings.default_storage_provider:

    def ensure(file, **checks):
        """Stand for Snakemake's own, which looks into the bucket before the file is there (Snakemake 9.27)."""
        return file


code_digest = cache(this_source().digest)
template_digest = this_source().template_digest


def plan_study(study_config):
    """Check the study; a mistake stops Snakemake with a message that names file, line and key.

    Snakemake sets `nodes` when jobs may go to other machines, whose cards are not the one of this machine.
    """
    given = workflow.config_settings
    replaced = given.replace_workflow_config and given.overwrite_config
    own = [] if replaced else [Path(file) for file in workflow.configfiles if file not in given.configfiles]
    with_conda = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
    here = workflow.resource_settings.nodes is None
    study = (own + given.configfiles, given.config_args, study_config)
    try:
        plan = open_plan(*study, with_conda=with_conda, look=workflow.is_main_process, jobs_here=here)
        if workflow.is_main_process:  # and not each of the jobs, which read this file again
            supervise(workflow, JobScheduler, plan.study, partial(warm_starts, PythonScript, has_card))
            for sentence in (*plan.changes(), *failures.sentences(plan)):
                print(f"[sixgig] {sentence}", file=sys.stderr)
        elif orphaned(plan.study):  # before Snakemake removes what the job would write
            raise WorkflowError("The run that this job belongs to is over; the next one makes it.")
        return plan
    except SixgigError as error:
        raise WorkflowError(str(error)) from None


def has_card():
    """Whether jobs may compute on a card: they then start afresh."""
    return first_card() is not None


def say_outcome(finished):
    """Name at the end of a run all that failed or was given up.

    A study that is finished, with failures in its report, ends Snakemake with exit code 3.
    """
    said = list(failures.summary(PLAN))
    if said:
        print(f"[sixgig] {'finished' if finished else 'stopped before the end'}, and this went wrong:", file=sys.stderr)
    for sentence in said:
        print(f"[sixgig] {sentence}", file=sys.stderr)
    code = failures.exit_code(PLAN)
    if finished and code:
        sys.exit(code)


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


def attempt(wildcards, attempt):
    """How manieth try this is; a job that failed for good is not computed again, see sixgig.runtime.jobs.job."""
    return attempt


def growing(mem_mb):
    """Ask for more memory at every attempt, so that fewer other jobs run beside it; on a cluster for what is planned."""
    return lambda wildcards, attempt, rulename: ASKING.memory_mb(
        mem_mb(wildcards) if callable(mem_mb) else mem_mb, rulename, dict(wildcards.items()), attempt
    )


def card(wildcards):
    """Ask for a card."""
    return ASKING.cards


def card_without_shards(wildcards):
    """Ask for a card, where the job computes and does not gather what others have computed."""
    return 0 if wildcards.cohort in PLAN.sharded_cohorts else ASKING.cards


def minutes(wildcards, attempt, rulename):
    """Ask a cluster for three times the planned run time, and for more at every attempt."""
    return ASKING.minutes(rulename, dict(wildcards.items()), attempt)


def source_features(wildcards):
    """Image features of the arm that a feature arm codes."""
    return f"results/{wildcards.study}/features/{wildcards.cohort}/{PLAN.source_arm(wildcards.arm)}.images.npy"
