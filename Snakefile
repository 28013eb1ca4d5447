"""sixgig: from a study file to a report. See README.md; the keys of a study file are in config/schema.yaml."""

from snakemake.utils import min_version

from sixgig.runtime.places import WORKFLOW

min_version("9.27")


# Another --configfile replaces the default study; Snakemake by itself would mix the two.
if "study" not in config:

    configfile: WORKFLOW / "config" / "config.yaml"


include: "rules/common.smk"


PLAN = plan_study(config)
ASKING = Asking(PLAN, elsewhere=workflow.resource_settings.nodes is not None and workflow.is_main_process)
follow_study(workflow, PLAN)


include: "rules/environments.smk"
include: "rules/cohorts.smk"
include: "rules/weights.smk"
include: "rules/features.smk"
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
