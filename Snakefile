"""sixgig: from a study file to a report. See README.md; the keys of a study file are in config/schema.yaml."""

import os

from snakemake.utils import min_version

from sixgig.runtime.places import WORKFLOW

min_version("9.27")


# Another --configfile replaces the default study; Snakemake by itself would mix the two.
if "study" not in config:

    configfile: WORKFLOW / "config" / "config.yaml"


include: "rules/common.smk"


# Only where it is asked for: the name of an image would run every job of an older study again.
if DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method:

    container: os.environ.get("SIXGIG_IMAGE", "sixgig.sif")


PLAN = plan_study(config)
ASKING = Asking(PLAN, elsewhere=workflow.resource_settings.nodes is not None and workflow.is_main_process)
follow_study(workflow, PLAN)


include: "rules/environments.smk"
include: "rules/cohorts.smk"
include: "rules/cohorts_in_shards.smk"
include: "rules/weights.smk"
include: "rules/features.smk"
include: "rules/features_in_shards.smk"
include: "rules/classify.smk"
include: "rules/external.smk"
include: "rules/statistics.smk"
include: "rules/statistics_of_use.smk"
include: "rules/report.smk"
include: "rules/plan.smk"


onsuccess:
    say_outcome(finished=True)


onerror:
    say_outcome(finished=False)


rule all:
    default_target: True
    input:
        PLAN.targets("report"),
