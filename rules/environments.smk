"""What the study runs on: results/<study>/study.json and <environment>.json."""

import os

from sixgig.runtime.places import IMPORT_PATH
from sixgig.runtime.versions import study_versions


rule describe_study:
    """Write down config, versions, machine and source, for the report and for whoever repeats the study."""
    output:
        study=ensure("results/{study}/study.json", non_empty=True),
    log:
        "results/{study}/logs/describe_study.log",
    benchmark:
        "results/{study}/benchmarks/describe_study.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=minutes,
    params:
        config=PLAN.described_config,
        versions=study_versions(),
        digest=code_digest("describe_study"),
    script:
        "../scripts/describe_study.py"


if PLAN.environments:

    # Variables and not `params:`, so that a clone or package that was moved has nothing to run again. A shell command
    # cannot name what is defined here when another Snakefile uses this one as a module.
    os.environ.update(
        {f"SIXGIG_PYTHON_{name}": found.python for name, found in PLAN.environments.items()},
        SIXGIG_IMPORT_PATH=str(IMPORT_PATH),
    )

    rule check_environment:
        """Check Python, libraries and device of an arm's own environment, and let it prove that it computes.

        The rule runs in that environment, so it is a command and not a script. When the environment cannot be used, the
        job fails, or leaves a file that says so when the study file has another way out for the arm.
        """
        output:
            facts=ensure("results/{study}/{environment}.json", non_empty=True),
            python=ensure("results/{study}/{environment}.python", non_empty=True),
        log:
            "results/{study}/logs/check_environment/{environment}.log",
        benchmark:
            "results/{study}/benchmarks/check_environment/{environment}.tsv"
        wildcard_constraints:
            environment="|".join(PLAN.environments),
        conda:
            "../envs/{environment}.yaml"
        resources:
            gpu=card,
            mem_mb=growing(1500),
            runtime=minutes,
        params:
            gpu=(
                ""
                if PLAN.config["device"] == "cpu"
                else f"--gpu --memory-limit-mb {PLAN.config['gpu']['memory_limit_mb']}"
            ),
            module=lambda wildcards: PLAN.environment_module(wildcards.environment).removesuffix(".__main__"),
            required=lambda wildcards: PLAN.stops_without(wildcards.environment),
            state=lambda wildcards: PLAN.environment_state(wildcards.environment),
            digest=lambda wildcards: code_digest(None, PLAN.environment_module(wildcards.environment)),
        shell:
            'python="$(printenv SIXGIG_PYTHON_{wildcards.environment:q})";'
            ' {{ command -v "$python" || echo missing; }} > {output.python:q};'
            ' PYTHONPATH="$SIXGIG_IMPORT_PATH" PYTHONNOUSERSITE=1 "$python" -m {params.module:q} check'
            " --output {output.facts:q}"
            " --log {log:q}"
            " {params.gpu}"
            " || {{ echo '[check_environment] the environment cannot be used: see '{log:q}', or run make setup' >&2;"
            " test {params.required:q} = False; }}"
            " && {{ test -s {output.facts:q}"
            ' || printf \'%s\' \'{{"usable": false, "reason": "its interpreter cannot be started"}}\' > {output.facts:q}; }}'
