"""From predictions to metrics, intervals, tests and costs: results/<study>/*.csv and statistics/*.csv."""


rule statistics:
    """Stage target: every table."""
    input:
        PLAN.targets("statistics"),


rule score_predictions:
    """Metrics of every fold, and estimates with intervals of every method."""
    input:
        predictions=PLAN.predictions("csv", seeds=True),
        held_out=PLAN.predictions("test.csv", seeds=True),
        splits=PLAN.cohort_files("splits.csv"),
        gates=PLAN.cohort_files("leakage.json"),
        facts=PLAN.predictions("json", seeds=True),
        sidecars=PLAN.features("json", seeds=True),
        external=PLAN.external_predictions("csv"),
        external_facts=PLAN.external_predictions("json"),
    output:
        metrics=report(
            ensure("results/{study}/metrics.csv", non_empty=True),
            caption="../report/captions/metrics.rst",
            category="Tables",
        ),
        summary=report(
            ensure("results/{study}/summary.csv", non_empty=True),
            caption="../report/captions/summary.rst",
            category="Tables",
        ),
        test=ensure("results/{study}/test_summary.csv", non_empty=True),
    log:
        "results/{study}/logs/score_predictions.log",
    benchmark:
        "results/{study}/benchmarks/score_predictions.tsv"
    retries: RETRIES
    conda:
        "../envs/main.yaml"
    threads: 4
    resources:
        mem_mb=growing(1500),
        runtime=minutes,
        attempt=attempt,
    params:
        positives=PLAN.positives,
        metrics_of=PLAN.metrics_of,
        cohorts=PLAN.cohorts,
        arms=PLAN.arm_runs,
        methods=PLAN.method_runs,
        external=PLAN.external_method_keys,
        bootstrap_samples=PLAN.config["evaluation"]["bootstrap_samples"],
        seed=PLAN.seed,
        alpha=PLAN.config["evaluation"]["alpha"],
        digest=code_digest("score_predictions"),
    script:
        "../scripts/score_predictions.py"


rule score_fractions:
    """Estimates and intervals of every method with fractions of the labels, where evaluation.fractions asks for them."""
    input:
        predictions=PLAN.fraction_predictions("csv"),
        facts=PLAN.fraction_predictions("json"),
        summary="results/{study}/summary.csv",
        splits=PLAN.cohort_files("splits.csv"),
        gates=PLAN.cohort_files("leakage.json"),
    output:
        fractions=report(
            ensure("results/{study}/fractions.csv", non_empty=True),
            caption="../report/captions/fraction_table.rst",
            category="Tables",
        ),
    log:
        "results/{study}/logs/score_fractions.log",
    benchmark:
        "results/{study}/benchmarks/score_fractions.tsv"
    retries: RETRIES
    conda:
        "../envs/main.yaml"
    threads: 4
    resources:
        mem_mb=growing(1500),
        runtime=minutes,
        attempt=attempt,
    params:
        fractions=PLAN.fractions,
        positives=PLAN.positives,
        metrics_of=PLAN.metrics_of,
        cohorts=PLAN.cohorts,
        methods=PLAN.fraction_keys,
        bootstrap_samples=PLAN.config["evaluation"]["bootstrap_samples"],
        seed=PLAN.seed,
        alpha=PLAN.config["evaluation"]["alpha"],
        digest=code_digest("score_fractions"),
    script:
        "../scripts/score_fractions.py"


rule compare_methods:
    """Nadeau-Bengio tests with Holm's correction, and Bayesian tests, between the methods of each cohort."""
    input:
        metrics="results/{study}/metrics.csv",
        site_splits=PLAN.site_splits(),
    output:
        pairwise=report(
            ensure("results/{study}/statistics/pairwise.csv", non_empty=True),
            caption="../report/captions/pairwise.rst",
            category="Tables",
        ),
        bayesian=report(
            ensure("results/{study}/statistics/bayesian.csv", non_empty=True),
            caption="../report/captions/bayesian.rst",
            category="Tables",
        ),
    log:
        "results/{study}/logs/compare_methods.log",
    benchmark:
        "results/{study}/benchmarks/compare_methods.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(800),
        runtime=minutes,
    params:
        metric=PLAN.config["evaluation"]["metric"],
        folds=PLAN.config["evaluation"]["folds"],
        cohorts=PLAN.cohorts,
        site_cohorts=PLAN.site_cohorts,
        alpha=PLAN.config["evaluation"]["alpha"],
        rope=PLAN.config["evaluation"]["rope"],
        digest=code_digest("compare_methods"),
    script:
        "../scripts/compare_methods.py"


rule weigh_contrasts:
    """Planned contrasts between arms that choose their classifier inside, and the arms as such procedures."""
    input:
        metrics="results/{study}/metrics.csv",
        summary="results/{study}/summary.csv",
        site_splits=PLAN.site_splits(),
    output:
        contrasts=report(
            ensure("results/{study}/statistics/contrasts.csv", non_empty=True),
            caption="../report/captions/contrasts.rst",
            category="Tables",
        ),
        arm_summary=report(
            ensure("results/{study}/statistics/arm_summary.csv", non_empty=True),
            caption="../report/captions/arm_summary.rst",
            category="Tables",
        ),
        arm_scores=report(
            ensure("results/{study}/statistics/arm_scores.csv", non_empty=True),
            caption="../report/captions/arm_scores.rst",
            category="Tables",
        ),
    log:
        "results/{study}/logs/weigh_contrasts.log",
    benchmark:
        "results/{study}/benchmarks/weigh_contrasts.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(800),
        runtime=minutes,
    params:
        contrasts=PLAN.contrasts,
        metric=PLAN.config["evaluation"]["metric"],
        cohorts=PLAN.cohorts,
        site_cohorts=PLAN.site_cohorts,
        folds=PLAN.config["evaluation"]["folds"],
        alpha=PLAN.config["evaluation"]["alpha"],
        rope=PLAN.config["evaluation"]["rope"],
        relevant_difference=PLAN.config["evaluation"]["relevant_difference"],
        digest=code_digest("weigh_contrasts"),
    script:
        "../scripts/weigh_contrasts.py"


rule compare_subjects:
    """McNemar's and DeLong's tests between the methods of each cohort, with Holm's correction."""
    input:
        predictions=PLAN.predictions("csv", seeds=True),
    output:
        mcnemar=report(
            ensure("results/{study}/statistics/mcnemar.csv", non_empty=True),
            caption="../report/captions/mcnemar.rst",
            category="Tables",
        ),
        delong=report(
            ensure("results/{study}/statistics/delong.csv", non_empty=True),
            caption="../report/captions/delong.rst",
            category="Tables",
        ),
    log:
        "results/{study}/logs/compare_subjects.log",
    benchmark:
        "results/{study}/benchmarks/compare_subjects.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(800),
        runtime=minutes,
    params:
        methods=PLAN.method_runs,
        alpha=PLAN.config["evaluation"]["alpha"],
        positives=PLAN.positives,
        metrics_of=PLAN.metrics_of,
        digest=code_digest("compare_subjects"),
    script:
        "../scripts/compare_subjects.py"


rule collect_costs:
    """What each cohort, arm and classifier took: time, memory, batch size, device."""
    input:
        cohorts=PLAN.cohort_files("cohort.json"),
        trainings=PLAN.trainings("json"),
        sidecars=PLAN.features("json", seeds=True),
        predictions=PLAN.predictions("json", seeds=True),
        curves=PLAN.fraction_predictions("json"),
    output:
        costs=report(
            ensure("results/{study}/costs.csv", non_empty=True),
            caption="../report/captions/costs.rst",
            category="Tables",
        ),
    log:
        "results/{study}/logs/collect_costs.log",
    benchmark:
        "results/{study}/benchmarks/collect_costs.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(500),
        runtime=minutes,
    params:
        cohorts=PLAN.cohorts,
        trained=PLAN.trained_keys,
        arms=PLAN.arm_runs,
        methods=PLAN.method_runs,
        curves=PLAN.fraction_keys,
        digest=code_digest("collect_costs"),
    script:
        "../scripts/collect_costs.py"


rule compare_cohorts:
    """Ranks of the methods over the cohorts, and Friedman's test of whether they differ."""
    input:
        summary="results/{study}/summary.csv",
    output:
        omnibus=report(
            ensure("results/{study}/statistics/omnibus.csv", non_empty=True),
            caption="../report/captions/omnibus.rst",
            category="Tables",
        ),
        ranks=report(
            ensure("results/{study}/statistics/ranks.csv", non_empty=True),
            caption="../report/captions/ranks.rst",
            category="Tables",
        ),
    log:
        "results/{study}/logs/compare_cohorts.log",
    benchmark:
        "results/{study}/benchmarks/compare_cohorts.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(800),
        runtime=minutes,
    params:
        metric=PLAN.config["evaluation"]["metric"],
        alpha=PLAN.config["evaluation"]["alpha"],
        seed=PLAN.seed,
        digest=code_digest("compare_cohorts"),
    script:
        "../scripts/compare_cohorts.py"


rule explain_variance:
    """How much of the variance between methods the arm explains, and how much the classifier."""
    input:
        summary="results/{study}/summary.csv",
    output:
        factors=report(
            ensure("results/{study}/statistics/factors.csv", non_empty=True),
            caption="../report/captions/factors.rst",
            category="Tables",
        ),
    log:
        "results/{study}/logs/explain_variance.log",
    benchmark:
        "results/{study}/benchmarks/explain_variance.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(500),
        runtime=minutes,
    params:
        metric=PLAN.config["evaluation"]["metric"],
        digest=code_digest("explain_variance"),
    script:
        "../scripts/explain_variance.py"


rule weigh_budget:
    """What every method's estimate took, with the methods that nothing cheaper equals."""
    input:
        summary="results/{study}/summary.csv",
        costs="results/{study}/costs.csv",
        sidecars=PLAN.features("json"),
    output:
        budget=report(
            ensure("results/{study}/statistics/budget.csv", non_empty=True),
            caption="../report/captions/budget.rst",
            category="Tables",
        ),
    log:
        "results/{study}/logs/weigh_budget.log",
    benchmark:
        "results/{study}/benchmarks/weigh_budget.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(500),
        runtime=minutes,
    params:
        metric=PLAN.config["evaluation"]["metric"],
        arms=PLAN.arm_keys,
        digest=code_digest("weigh_budget"),
    script:
        "../scripts/weigh_budget.py"
