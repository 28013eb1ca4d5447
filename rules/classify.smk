"""From features to out-of-fold predictions: results/<study>/predictions/<cohort>/<arm>.<classifier>.csv."""


wildcard_constraints:
    classifier=r"[a-z0-9_]+",


rule classify:
    """Stage target: predictions of every method on every cohort."""
    input:
        PLAN.targets("classify"),


rule classify_subjects:
    """Nested cross-validation of one classifier on one arm's features."""
    input:
        features="results/{study}/features/{cohort}/{arm}.npz",
        sidecar="results/{study}/features/{cohort}/{arm}.json",
        splits="results/{study}/cohorts/{cohort}/splits.csv",
        gate="results/{study}/cohorts/{cohort}/leakage.json",
        manifest=lambda wildcards: PLAN.image_labels(wildcards.cohort),
    output:
        predictions=ensure("results/{study}/predictions/{cohort}/{arm}.{classifier}.csv", non_empty=True),
        test=ensure("results/{study}/predictions/{cohort}/{arm}.{classifier}.test.csv", non_empty=True),
        facts=ensure("results/{study}/predictions/{cohort}/{arm}.{classifier}.json", non_empty=True),
    log:
        "results/{study}/logs/classify_subjects/{cohort}.{arm}.{classifier}.log",
    benchmark:
        "results/{study}/benchmarks/classify_subjects/{cohort}.{arm}.{classifier}.tsv"
    wildcard_constraints:
        arm="|".join(PLAN.runs),
        classifier="|".join(PLAN.vector_classifiers) or "(?!)",
    retries: RETRIES
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(800),
        runtime=minutes,
        attempt=attempt,
    params:
        options=lambda wildcards: PLAN.config["classifiers"][wildcards.classifier],
        inner_folds=PLAN.config["evaluation"]["inner_folds"],
        seed=PLAN.seed,
        digest=lambda wildcards: code_digest("classify_subjects", PLAN.classifier_module(wildcards.classifier)),
    script:
        "../scripts/classify_subjects.py"


if PLAN.bag_classifiers:

    rule classify_bags:
        """The same of a classifier that takes the features of a subject's images, and says what it looked at."""
        input:
            image_features="results/{study}/features/{cohort}/{arm}.images.npy",
            sidecar="results/{study}/features/{cohort}/{arm}.json",
            manifest="results/{study}/cohorts/{cohort}/manifest.csv",
            splits="results/{study}/cohorts/{cohort}/splits.csv",
            gate="results/{study}/cohorts/{cohort}/leakage.json",
        output:
            predictions=ensure("results/{study}/predictions/{cohort}/{arm}.{classifier}.csv", non_empty=True),
            test=ensure("results/{study}/predictions/{cohort}/{arm}.{classifier}.test.csv", non_empty=True),
            facts=ensure("results/{study}/predictions/{cohort}/{arm}.{classifier}.json", non_empty=True),
            attention=ensure("results/{study}/predictions/{cohort}/{arm}.{classifier}.attention.csv", non_empty=True),
        log:
            "results/{study}/logs/classify_bags/{cohort}.{arm}.{classifier}.log",
        benchmark:
            "results/{study}/benchmarks/classify_bags/{cohort}.{arm}.{classifier}.tsv"
        wildcard_constraints:
            arm="|".join(PLAN.runs),
            classifier="|".join(PLAN.bag_classifiers),
        retries: RETRIES
        conda:
            "../envs/main.yaml"
        resources:
            mem_mb=growing(1200),
            runtime=minutes,
            attempt=attempt,
        params:
            options=lambda wildcards: PLAN.classifier_options(wildcards.classifier),
            inner_folds=PLAN.config["evaluation"]["inner_folds"],
            of_volumes=lambda wildcards: bool(PLAN.volumes_file(wildcards.cohort, wildcards.arm)),
            seed=PLAN.seed,
            digest=lambda wildcards: code_digest("classify_bags", PLAN.classifier_module(wildcards.classifier)),
        script:
            "../scripts/classify_bags.py"

    rule classify_bag_fractions:
        """The same with fractions of the labels, where evaluation.fractions asks for them."""
        input:
            image_features="results/{study}/features/{cohort}/{arm}.images.npy",
            sidecar="results/{study}/features/{cohort}/{arm}.json",
            manifest="results/{study}/cohorts/{cohort}/manifest.csv",
            splits="results/{study}/cohorts/{cohort}/splits.csv",
            gate="results/{study}/cohorts/{cohort}/leakage.json",
        output:
            predictions=ensure("results/{study}/fractions/{cohort}/{arm}.{classifier}.csv", non_empty=True),
            facts=ensure("results/{study}/fractions/{cohort}/{arm}.{classifier}.json", non_empty=True),
        log:
            "results/{study}/logs/classify_bag_fractions/{cohort}.{arm}.{classifier}.log",
        benchmark:
            "results/{study}/benchmarks/classify_bag_fractions/{cohort}.{arm}.{classifier}.tsv"
        wildcard_constraints:
            arm="|".join(PLAN.runs),
            classifier="|".join(PLAN.bag_classifiers),
        retries: RETRIES
        conda:
            "../envs/main.yaml"
        resources:
            mem_mb=growing(1200),
            runtime=minutes,
            attempt=attempt,
        params:
            options=lambda wildcards: PLAN.classifier_options(wildcards.classifier),
            fractions=PLAN.fractions,
            inner_folds=PLAN.config["evaluation"]["inner_folds"],
            of_volumes=lambda wildcards: bool(PLAN.volumes_file(wildcards.cohort, wildcards.arm)),
            seed=PLAN.seed,
            digest=lambda wildcards: code_digest("classify_bag_fractions", PLAN.classifier_module(wildcards.classifier)),
        script:
            "../scripts/classify_bag_fractions.py"


rule classify_fractions:
    """The same with fractions of the labels, where evaluation.fractions asks for them."""
    input:
        features="results/{study}/features/{cohort}/{arm}.npz",
        splits="results/{study}/cohorts/{cohort}/splits.csv",
        gate="results/{study}/cohorts/{cohort}/leakage.json",
        manifest=lambda wildcards: PLAN.image_labels(wildcards.cohort),
    output:
        predictions=ensure("results/{study}/fractions/{cohort}/{arm}.{classifier}.csv", non_empty=True),
        facts=ensure("results/{study}/fractions/{cohort}/{arm}.{classifier}.json", non_empty=True),
    log:
        "results/{study}/logs/classify_fractions/{cohort}.{arm}.{classifier}.log",
    benchmark:
        "results/{study}/benchmarks/classify_fractions/{cohort}.{arm}.{classifier}.tsv"
    wildcard_constraints:
        arm="|".join(PLAN.runs),
        classifier="|".join(PLAN.vector_classifiers) or "(?!)",
    retries: RETRIES
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(800),
        runtime=minutes,
        attempt=attempt,
    params:
        options=lambda wildcards: PLAN.config["classifiers"][wildcards.classifier],
        fractions=PLAN.fractions,
        inner_folds=PLAN.config["evaluation"]["inner_folds"],
        seed=PLAN.seed,
        digest=lambda wildcards: code_digest("classify_fractions", PLAN.classifier_module(wildcards.classifier)),
    script:
        "../scripts/classify_fractions.py"


rule predict_majority:
    """Control: the most frequent class of the training folds, whatever the images show."""
    input:
        splits="results/{study}/cohorts/{cohort}/splits.csv",
        gate="results/{study}/cohorts/{cohort}/leakage.json",
        manifest=lambda wildcards: PLAN.image_labels(wildcards.cohort),
    output:
        predictions=ensure(
            "results/{study}/predictions/{cohort}/control_majority_class.majority_class.csv", non_empty=True
        ),
        test=ensure(
            "results/{study}/predictions/{cohort}/control_majority_class.majority_class.test.csv", non_empty=True
        ),
        facts=ensure("results/{study}/predictions/{cohort}/control_majority_class.majority_class.json", non_empty=True),
    log:
        "results/{study}/logs/predict_majority/{cohort}.log",
    benchmark:
        "results/{study}/benchmarks/predict_majority/{cohort}.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(500),
        runtime=minutes,
    params:
        seed=PLAN.seed,
        digest=code_digest("predict_majority", PLAN.classifier_module("majority_class")),
    script:
        "../scripts/predict_majority.py"
