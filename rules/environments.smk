"""What the study runs on: results/<study>/study.json."""


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
        digest=source_digest("sixgig.environment"),
    script:
        "../scripts/describe_study.py"
