"""How methods do where they are to be used: test sets, groups of subjects, operating points; and what features look like."""


rule compare_groups:
    """Metrics within groups of subjects, such as sites, where the study file asks for them, and their differences."""
    input:
        predictions=[file for cohort in PLAN.grouped_cohorts for file in PLAN.predictions("csv", cohort, seeds=True)],
        groups=PLAN.group_files(),
    output:
        groups=report(
            ensure("results/{study}/statistics/groups.csv", non_empty=True),
            caption="../report/captions/groups_table.rst",
            category="Tables",
        ),
    log:
        "results/{study}/logs/compare_groups.log",
    benchmark:
        "results/{study}/benchmarks/compare_groups.tsv"
    retries: RETRIES
    conda:
        "../envs/main.yaml"
    threads: 4
    resources:
        mem_mb=growing(1500),
        runtime=minutes,
        attempt=attempt,
    params:
        methods=[key for cohort in PLAN.grouped_cohorts for key in PLAN.method_runs if key[0] == cohort],
        minima=PLAN.group_minima,
        positives=PLAN.positives,
        metrics_of=PLAN.metrics_of,
        bootstrap_samples=PLAN.config["evaluation"]["bootstrap_samples"],
        alpha=PLAN.config["evaluation"]["alpha"],
        seed=PLAN.seed,
        digest=code_digest("compare_groups"),
    script:
        "../scripts/compare_groups.py"


rule compare_test_sets:
    """Paired tests between arms on subjects that neither had seen: official test sets and external cohorts."""
    input:
        predictions=PLAN.test_set_files,
        summary="results/{study}/summary.csv",
    output:
        pairs=report(
            ensure("results/{study}/statistics/test_pairs.csv", non_empty=True),
            caption="../report/captions/test_pairs.rst",
            category="Tables",
        ),
    log:
        "results/{study}/logs/compare_test_sets.log",
    benchmark:
        "results/{study}/benchmarks/compare_test_sets.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(800),
        runtime=minutes,
    params:
        methods=PLAN.test_set_keys,
        contrasts=PLAN.contrasts,
        metric=PLAN.config["evaluation"]["metric"],
        alpha=PLAN.config["evaluation"]["alpha"],
        bootstrap_samples=PLAN.config["evaluation"]["bootstrap_samples"],
        positives=PLAN.positives,
        metrics_of=PLAN.metrics_of,
        seed=PLAN.seed,
        digest=code_digest("compare_test_sets"),
    script:
        "../scripts/compare_test_sets.py"


rule weigh_clinical_use:
    """Errors at the operating point, predictive values, calibration and decision curve of every method."""
    input:
        predictions=PLAN.predictions("csv", seeds=True),
        tests=PLAN.test_set_files,
    output:
        clinical=report(
            ensure("results/{study}/statistics/clinical.csv", non_empty=True),
            caption="../report/captions/clinical.rst",
            category="Tables",
        ),
        curve=report(
            ensure("results/{study}/statistics/decision_curve.csv", non_empty=True),
            caption="../report/captions/decision_curve_table.rst",
            category="Tables",
        ),
    log:
        "results/{study}/logs/weigh_clinical_use.log",
    benchmark:
        "results/{study}/benchmarks/weigh_clinical_use.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(800),
        runtime=minutes,
    params:
        methods=PLAN.method_runs,
        test_sets=PLAN.test_set_keys,
        uses=PLAN.clinical_uses,
        probabilities=PLAN.probability_classifiers,
        alpha=PLAN.config["evaluation"]["alpha"],
        digest=code_digest("weigh_clinical_use"),
    script:
        "../scripts/weigh_clinical_use.py"


rule map_features:
    """The features of some arms in two dimensions, for a picture."""
    input:
        features=[f"results/{{study}}/features/{cohort}/{arm}.npz" for cohort, arm in PLAN.mapped_arms],
        splits=PLAN.cohort_files("splits.csv"),
        manifests=PLAN.cohort_files("manifest.csv"),
    output:
        map=report(
            ensure("results/{study}/statistics/feature_map.csv", non_empty=True),
            caption="../report/captions/feature_map_table.rst",
            category="Tables",
        ),
    log:
        "results/{study}/logs/map_features.log",
    benchmark:
        "results/{study}/benchmarks/map_features.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=minutes,
    params:
        arms=PLAN.mapped_arms,
        digest=code_digest("map_features"),
    script:
        "../scripts/map_features.py"
