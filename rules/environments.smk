"""What the study runs on: results/<study>/study.json and tensorflow1.json."""

import os

from sixgig.runtime.places import IMPORT_PATH


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
        mem_mb=1500,
    params:
        config=PLAN.config,
        digest=code_digest("describe_study"),
    script:
        "../scripts/describe_study.py"


if PLAN.tensorflow1:

    # Variables and not `params:`, so that a clone or package that was moved has nothing to run again. A shell command
    # cannot name what is defined here when another Snakefile uses this one as a module.
    os.environ.update(SIXGIG_TENSORFLOW1=PLAN.tensorflow1.python, SIXGIG_IMPORT_PATH=str(IMPORT_PATH))

    rule check_tensorflow1:
        """Check Python, TensorFlow and device of the TensorFlow 1 environment, and let it prove that it computes.

        The rule runs in that environment, so it is a command and not a script. When the environment cannot be used, the
        job fails, or leaves a file that says so when the study file has another way out for the arm.
        """
        output:
            facts=ensure("results/{study}/tensorflow1.json", non_empty=True),
            python=ensure("results/{study}/tensorflow1.python", non_empty=True),
        log:
            "results/{study}/logs/check_tensorflow1.log",
        benchmark:
            "results/{study}/benchmarks/check_tensorflow1.tsv"
        conda:
            "../envs/tensorflow1.yaml"
        resources:
            gpu=1,
            mem_mb=1500,
        params:
            gpu="" if PLAN.config["device"] == "cpu" else "--gpu",
            missing=PLAN.arm_options("vit_contrastive")["on_missing_environment"],
            interpreter=PLAN.tensorflow1_state(),
            digest=code_digest(None, "sixgig.contrastive.__main__"),
        shell:
            '{{ command -v "$SIXGIG_TENSORFLOW1" || echo missing; }} > {output.python:q};'
            ' PYTHONPATH="$SIXGIG_IMPORT_PATH" PYTHONNOUSERSITE=1'
            ' "$SIXGIG_TENSORFLOW1" -m sixgig.contrastive check'
            " --output {output.facts:q}"
            " --log {log:q}"
            " {params.gpu}"
            " || {{ echo '[check_tensorflow1] the environment cannot be used: see {log}, or run make setup' >&2;"
            " test {params.missing} != fail; }}"
            " && {{ test -s {output.facts:q}"
            ' || printf \'%s\' \'{{"usable": false, "reason": "its interpreter cannot be started"}}\' > {output.facts:q}; }}'
