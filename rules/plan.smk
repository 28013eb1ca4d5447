"""What is left to do, shown on the terminal; nothing of the study runs for it."""

import sys

from sixgig.runtime.places import PACKAGE


rule plan:
    """Show what still has to run and why, with its time, memory and disk; see `sixgig plan --help`.

    Without output or benchmark, so that it is made every time.
    """
    log:
        f"results/{PLAN.study}/logs/plan.log",
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(500),
        runtime=minutes,
    params:
        python=sys.executable,
        path=str(PACKAGE.parent),
        study=[str(file) for file in workflow.configfiles],
        entries=["--config", *entries] if (entries := workflow.config_settings.config_args) else [],
        cores=workflow.resource_settings.cores,
    shell:
        "{{ PYTHONPATH={params.path:q} {params.python:q} -m sixgig plan {params.study:q} --cores {params.cores:q}"
        " {params.entries:q} || test $? -eq 1; }} | tee {log:q}"
