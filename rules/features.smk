"""From images to features per subject: results/<study>/features/<cohort>/<arm>.npz and <arm>.json."""


wildcard_constraints:
    arm=r"[a-z0-9_]+",


rule features:
    """Stage target: every arm's features of every cohort."""
    input:
        PLAN.targets("features"),


rule encode_images:
    """Run the images of a cohort through an arm's network."""
    input:
        images="results/{study}/cohorts/{cohort}/images.npy",
        manifest="results/{study}/cohorts/{cohort}/manifest.csv",
        gate="results/{study}/cohorts/{cohort}/leakage.json",
        weights=lambda wildcards: PLAN.weights_file(wildcards.arm),
    output:
        features=ensure("results/{study}/features/{cohort}/{arm}.npz", non_empty=True),
        sidecar=ensure("results/{study}/features/{cohort}/{arm}.json", non_empty=True),
        image_features=ensure("results/{study}/features/{cohort}/{arm}.images.npy", non_empty=True),
    log:
        "results/{study}/logs/encode_images/{cohort}.{arm}.log",
    benchmark:
        "results/{study}/benchmarks/encode_images/{cohort}.{arm}.tsv"
    wildcard_constraints:
        arm="|".join(PLAN.image_arms),
    conda:
        "../envs/main.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=2500,
    params:
        options=lambda wildcards: PLAN.arm_options(wildcards.arm),
        device=PLAN.config["device"],
        memory_limit_mb=PLAN.config["gpu"]["memory_limit_mb"],
        seed=PLAN.seed,
        digest=lambda wildcards: source_digest("sixgig.arms.run", f"sixgig.arms.{wildcards.arm}"),
    script:
        "../scripts/encode_images.py"


if PLAN.feature_arms:

    rule code_features:
        """Compute an arm's features from the image features of another arm."""
        input:
            image_features=source_features,
            manifest="results/{study}/cohorts/{cohort}/manifest.csv",
            splits="results/{study}/cohorts/{cohort}/splits.csv",
        output:
            features=ensure("results/{study}/features/{cohort}/{arm}.npz", non_empty=True),
            sidecar=ensure("results/{study}/features/{cohort}/{arm}.json", non_empty=True),
        log:
            "results/{study}/logs/code_features/{cohort}.{arm}.log",
        benchmark:
            "results/{study}/benchmarks/code_features/{cohort}.{arm}.tsv"
        wildcard_constraints:
            arm="|".join(PLAN.feature_arms),
        conda:
            "../envs/main.yaml"
        threads: 2
        resources:
            mem_mb=2000,
        params:
            options=lambda wildcards: PLAN.arm_options(wildcards.arm),
            scope=PLAN.config["scope"],
            seed=PLAN.seed,
            digest=lambda wildcards: source_digest("sixgig.arms.run", "sixgig.splits", f"sixgig.arms.{wildcards.arm}"),
        script:
            "../scripts/code_features.py"
