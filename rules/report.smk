"""From tables to figures, report.html and MLflow: results/<study>/figures/, report.html, mlflow.db."""


report: "../report/workflow.rst"


rule report:
    """Stage target: the report, and MLflow's record when tracking is on."""
    input:
        PLAN.targets("report"),


rule draw_figures:
    """Draw the figures of one cohort."""
    input:
        tables=PLAN.figure_tables(over_cohorts=False),
        shown=lambda wildcards: PLAN.figure_inputs(wildcards.cohort),
    output:
        **figure_files("results/{study}/figures/{cohort}", PLAN.kinds(over_cohorts=False)),
    log:
        "results/{study}/logs/draw_figures/{cohort}.log",
    benchmark:
        "results/{study}/benchmarks/draw_figures/{cohort}.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(800),
        runtime=minutes,
    params:
        digest=code_digest("draw_figures", *PLAN.figure_modules(over_cohorts=False)),
        templates=template_digest(),
    script:
        "../scripts/draw_figures.py"


rule draw_comparisons:
    """Draw the figures over all cohorts together."""
    input:
        tables=PLAN.figure_tables(over_cohorts=True),
    output:
        **figure_files("results/{study}/figures", PLAN.kinds(over_cohorts=True)),
    log:
        "results/{study}/logs/draw_comparisons.log",
    benchmark:
        "results/{study}/benchmarks/draw_comparisons.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(800),
        runtime=minutes,
    params:
        digest=code_digest("draw_comparisons", *PLAN.figure_modules(over_cohorts=True)),
        templates=template_digest(),
    script:
        "../scripts/draw_comparisons.py"


rule write_report:
    """Write the self-contained report."""
    input:
        figures=PLAN.figures("svg"),
        tables=PLAN.targets("statistics"),
        study="results/{study}/study.json",
        cohorts=PLAN.cohort_files("cohort.json"),
        gates=PLAN.cohort_files("leakage.json"),
        manifests=PLAN.cohort_files("manifest.csv"),
        images=PLAN.cohort_files("images.npy"),
        volumes=PLAN.cohort_files("volumes.npy"),
        splits=PLAN.cohort_files("splits.csv"),
        groups=PLAN.group_files(),
        quarantines=PLAN.cohort_files("quarantine.csv"),
        remarks=PLAN.cohort_files("remarks.csv"),
        trainings=PLAN.trainings("json"),
        sidecars=PLAN.features("json"),
        predictions=PLAN.predictions("csv"),
        searches=PLAN.predictions("json"),
    output:
        report=report(
            ensure("results/{study}/report.html", non_empty=True),
            caption="../report/captions/report.rst",
            category="Report",
        ),
    log:
        "results/{study}/logs/write_report.log",
    benchmark:
        "results/{study}/benchmarks/write_report.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(800),
        runtime=minutes,
    params:
        digest=code_digest("write_report", *PLAN.figure_modules()),
        templates=template_digest(),
    script:
        "../scripts/write_report.py"


rule export_tables:
    """Write the verdict on every cohort, and the report's tables as CSV, LaTeX and Markdown, for a paper."""
    input:
        tables=PLAN.targets("statistics"),
        study=f"results/{PLAN.study}/study.json",
        cohorts=PLAN.cohort_files("cohort.json"),
        gates=PLAN.cohort_files("leakage.json"),
        splits=PLAN.cohort_files("splits.csv"),
        quarantines=PLAN.cohort_files("quarantine.csv"),
        trainings=PLAN.trainings("json"),
        sidecars=PLAN.features("json"),
        predictions=PLAN.predictions("csv"),
    output:
        verdicts=report(
            ensure(f"results/{PLAN.study}/verdicts.csv", non_empty=True),
            caption="../report/captions/verdicts.rst",
            category="Tables",
        ),
        tables=ensure(PLAN.tables(), non_empty=True),
    log:
        f"results/{PLAN.study}/logs/export_tables.log",
    benchmark:
        f"results/{PLAN.study}/benchmarks/export_tables.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(800),
        runtime=minutes,
    params:
        digest=code_digest("export_tables", *exports.MODULES),
        templates=template_digest(),
    script:
        "../scripts/export_tables.py"


rule track_study:
    """Record parameters, metrics, figures and the report in MLflow.

    The store is no output: trainings write to it while they run, and Snakemake would delete it before it runs the job.
    """
    input:
        files=[
            *(file for suffix in FORMATS for file in PLAN.figures(suffix)),
            *PLAN.targets("statistics"),
            "results/{study}/study.json",
            "results/{study}/report.html",
            "results/{study}/verdicts.csv",
        ],
        splits=PLAN.cohort_files("splits.csv"),
        sidecars=PLAN.features("json"),
        trainings=PLAN.trainings("csv"),
        facts=PLAN.trainings("json"),
    output:
        runs=ensure("results/{study}/mlflow.json", non_empty=True),
    log:
        "results/{study}/logs/track_study.log",
    benchmark:
        "results/{study}/benchmarks/track_study.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=minutes,
    params:
        store="results/{study}/mlflow.db",
        artifacts="results/{study}/mlartifacts",
        asked=PLAN.tracking.asked,
        target=PLAN.tracking.name,
        attempt=PLAN.tracking.attempt,
        digest=code_digest("track_study"),
    script:
        "../scripts/track_study.py"


rule hash_outputs:
    """Write down the sha256 of everything that the study has written, for `sixgig verify`."""
    input:
        hashed_files(PLAN),
    output:
        hashes=ensure("results/{study}/outputs.sha256", non_empty=True),
    log:
        "results/{study}/logs/hash_outputs.log",
    benchmark:
        "results/{study}/benchmarks/hash_outputs.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(500),
        runtime=minutes,
    params:
        known=str(KNOWN_DIGESTS),
        digest=code_digest("hash_outputs"),
    script:
        "../scripts/hash_outputs.py"
