"""From tables to figures, report.html and MLflow: results/<study>/figures/, report.html, mlflow.db."""


report: "../report/workflow.rst"


rule report:
    """Stage target: the report, and MLflow's record when tracking is on."""
    input:
        PLAN.targets("report"),


rule draw_figures:
    """Draw the figures of one cohort."""
    input:
        metrics="results/{study}/metrics.csv",
        summary="results/{study}/summary.csv",
        budget="results/{study}/statistics/budget.csv",
        pairwise="results/{study}/statistics/pairwise.csv",
        study="results/{study}/study.json",
    output:
        scores=report(
            ensure("results/{study}/figures/{cohort}/scores.svg", non_empty=True),
            caption="../report/captions/scores.rst",
            category="Figures",
            labels={"cohort": "{cohort}", "figure": "scores"},
        ),
        intervals=report(
            ensure("results/{study}/figures/{cohort}/intervals.svg", non_empty=True),
            caption="../report/captions/intervals.rst",
            category="Figures",
            labels={"cohort": "{cohort}", "figure": "intervals"},
        ),
        confusion=report(
            ensure("results/{study}/figures/{cohort}/confusion.svg", non_empty=True),
            caption="../report/captions/confusion.rst",
            category="Figures",
            labels={"cohort": "{cohort}", "figure": "confusion"},
        ),
        roc=report(
            ensure("results/{study}/figures/{cohort}/roc.svg", non_empty=True),
            caption="../report/captions/roc.rst",
            category="Figures",
            labels={"cohort": "{cohort}", "figure": "roc"},
        ),
        calibration=report(
            ensure("results/{study}/figures/{cohort}/calibration.svg", non_empty=True),
            caption="../report/captions/calibration.rst",
            category="Figures",
            labels={"cohort": "{cohort}", "figure": "calibration"},
        ),
        cost=report(
            ensure("results/{study}/figures/{cohort}/cost.svg", non_empty=True),
            caption="../report/captions/cost.rst",
            category="Figures",
            labels={"cohort": "{cohort}", "figure": "cost"},
        ),
        pairwise=report(
            ensure("results/{study}/figures/{cohort}/pairwise.svg", non_empty=True),
            caption="../report/captions/pairwise.rst",
            category="Figures",
            labels={"cohort": "{cohort}", "figure": "pairwise"},
        ),
        scores_png=ensure("results/{study}/figures/{cohort}/scores.png", non_empty=True),
        scores_pdf=ensure("results/{study}/figures/{cohort}/scores.pdf", non_empty=True),
        intervals_png=ensure("results/{study}/figures/{cohort}/intervals.png", non_empty=True),
        intervals_pdf=ensure("results/{study}/figures/{cohort}/intervals.pdf", non_empty=True),
        confusion_png=ensure("results/{study}/figures/{cohort}/confusion.png", non_empty=True),
        confusion_pdf=ensure("results/{study}/figures/{cohort}/confusion.pdf", non_empty=True),
        roc_png=ensure("results/{study}/figures/{cohort}/roc.png", non_empty=True),
        roc_pdf=ensure("results/{study}/figures/{cohort}/roc.pdf", non_empty=True),
        calibration_png=ensure("results/{study}/figures/{cohort}/calibration.png", non_empty=True),
        calibration_pdf=ensure("results/{study}/figures/{cohort}/calibration.pdf", non_empty=True),
        cost_png=ensure("results/{study}/figures/{cohort}/cost.png", non_empty=True),
        cost_pdf=ensure("results/{study}/figures/{cohort}/cost.pdf", non_empty=True),
        pairwise_png=ensure("results/{study}/figures/{cohort}/pairwise.png", non_empty=True),
        pairwise_pdf=ensure("results/{study}/figures/{cohort}/pairwise.pdf", non_empty=True),
    log:
        "results/{study}/logs/draw_figures/{cohort}.log",
    benchmark:
        "results/{study}/benchmarks/draw_figures/{cohort}.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=800,
    params:
        digest=code_digest("draw_figures"),
        templates=template_digest(),
    script:
        "../scripts/draw_figures.py"


rule draw_comparisons:
    """Draw the figures over all cohorts together."""
    input:
        omnibus="results/{study}/statistics/omnibus.csv",
        ranks="results/{study}/statistics/ranks.csv",
        factors="results/{study}/statistics/factors.csv",
        study="results/{study}/study.json",
    output:
        critical_difference=report(
            ensure("results/{study}/figures/critical_difference.svg", non_empty=True),
            caption="../report/captions/critical_difference.rst",
            category="Figures",
            labels={"cohort": "all", "figure": "critical difference"},
        ),
        factors=report(
            ensure("results/{study}/figures/factors.svg", non_empty=True),
            caption="../report/captions/factors.rst",
            category="Figures",
            labels={"cohort": "all", "figure": "factors"},
        ),
        critical_difference_png=ensure("results/{study}/figures/critical_difference.png", non_empty=True),
        critical_difference_pdf=ensure("results/{study}/figures/critical_difference.pdf", non_empty=True),
        factors_png=ensure("results/{study}/figures/factors.png", non_empty=True),
        factors_pdf=ensure("results/{study}/figures/factors.pdf", non_empty=True),
    log:
        "results/{study}/logs/draw_comparisons.log",
    benchmark:
        "results/{study}/benchmarks/draw_comparisons.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=800,
    params:
        digest=code_digest("draw_comparisons"),
        templates=template_digest(),
    script:
        "../scripts/draw_comparisons.py"


if PLAN.pretrained_arms:

    rule draw_training:
        """Draw the loss curves of one cohort."""
        input:
            curves=lambda wildcards: PLAN.training_files(wildcards.cohort),
        output:
            training=report(
                ensure("results/{study}/figures/{cohort}/training.svg", non_empty=True),
                caption="../report/captions/training.rst",
                category="Figures",
                labels={"cohort": "{cohort}", "figure": "training"},
            ),
            training_png=ensure("results/{study}/figures/{cohort}/training.png", non_empty=True),
            training_pdf=ensure("results/{study}/figures/{cohort}/training.pdf", non_empty=True),
        log:
            "results/{study}/logs/draw_training/{cohort}.log",
        benchmark:
            "results/{study}/benchmarks/draw_training/{cohort}.tsv"
        conda:
            "../envs/main.yaml"
        resources:
            mem_mb=800,
        params:
            digest=code_digest("draw_training"),
            templates=template_digest(),
        script:
            "../scripts/draw_training.py"


if PLAN.pictured_arms:

    rule draw_reconstructions:
        """Draw what arms made of masked evaluation volumes or images of one cohort."""
        input:
            pictures=lambda wildcards: PLAN.picture_files(wildcards.cohort),
        output:
            reconstruction=report(
                ensure("results/{study}/figures/{cohort}/reconstruction.svg", non_empty=True),
                caption="../report/captions/reconstruction.rst",
                category="Figures",
                labels={"cohort": "{cohort}", "figure": "reconstruction"},
            ),
            reconstruction_png=ensure("results/{study}/figures/{cohort}/reconstruction.png", non_empty=True),
            reconstruction_pdf=ensure("results/{study}/figures/{cohort}/reconstruction.pdf", non_empty=True),
        log:
            "results/{study}/logs/draw_reconstructions/{cohort}.log",
        benchmark:
            "results/{study}/benchmarks/draw_reconstructions/{cohort}.tsv"
        conda:
            "../envs/main.yaml"
        resources:
            mem_mb=800,
        params:
            digest=code_digest("draw_reconstructions"),
            templates=template_digest(),
        script:
            "../scripts/draw_reconstructions.py"


rule write_report:
    """Write the self-contained report."""
    input:
        figures=PLAN.figures("svg"),
        summary="results/{study}/summary.csv",
        test="results/{study}/test_summary.csv",
        metrics="results/{study}/metrics.csv",
        costs="results/{study}/costs.csv",
        pairwise="results/{study}/statistics/pairwise.csv",
        bayesian="results/{study}/statistics/bayesian.csv",
        mcnemar="results/{study}/statistics/mcnemar.csv",
        delong="results/{study}/statistics/delong.csv",
        omnibus="results/{study}/statistics/omnibus.csv",
        ranks="results/{study}/statistics/ranks.csv",
        factors="results/{study}/statistics/factors.csv",
        budget="results/{study}/statistics/budget.csv",
        study="results/{study}/study.json",
        cohorts=PLAN.targets("cohorts"),
        features=PLAN.targets("features"),
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
        mem_mb=800,
    params:
        digest=code_digest("write_report"),
        templates=template_digest(),
    script:
        "../scripts/write_report.py"


rule export_tables:
    """Write the report's tables as CSV, LaTeX and Markdown, for a paper."""
    input:
        report="results/{study}/report.html",
    output:
        tables=ensure(PLAN.tables(), non_empty=True),
    log:
        "results/{study}/logs/export_tables.log",
    benchmark:
        "results/{study}/benchmarks/export_tables.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=800,
    params:
        digest=code_digest("export_tables"),
        templates=template_digest(),
    script:
        "../scripts/export_tables.py"


rule track_study:
    """Record parameters, metrics, figures and the report in MLflow's store."""
    input:
        report="results/{study}/report.html",
        figures=PLAN.figures("png"),
    output:
        runs=ensure("results/{study}/mlflow.json", non_empty=True),
    log:
        "results/{study}/logs/track_study.log",
    benchmark:
        "results/{study}/benchmarks/track_study.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=1000,
    params:
        digest=code_digest("track_study"),
    script:
        "../scripts/track_study.py"
