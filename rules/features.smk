"""From images to features per subject, or per image where that has the class: results/<study>/features/<cohort>/<arm>.npz and <arm>.json."""

import os

from sixgig.gpu.settings import watch_variables

# Variables and not `params:`, so that a study has nothing to run again when its card is watched in another way.
os.environ.update(watch_variables(PLAN.config["gpu"]))


wildcard_constraints:
    arm=r"[a-z0-9_]+(-seed[0-9]+)?",


rule features:
    """Stage target: every arm's features of every cohort."""
    input:
        PLAN.targets("features"),


if PLAN.pretrained_arms:

    rule pretrain_arm:
        """Train an arm on the pretraining subjects of a cohort: results/<study>/pretraining/<cohort>/<arm>.*"""
        input:
            images="results/{study}/cohorts/{cohort}/images.npy",
            volumes=lambda wildcards: PLAN.volumes_file(wildcards.cohort, wildcards.arm),
            manifest="results/{study}/cohorts/{cohort}/manifest.csv",
            splits="results/{study}/cohorts/{cohort}/splits.csv",
            gate="results/{study}/cohorts/{cohort}/leakage.json",
            weights=lambda wildcards: PLAN.weights_file(wildcards.arm),
            provenance=lambda wildcards: PLAN.provenance_file(PLAN.weights_file(wildcards.arm)),
            environment=lambda wildcards: PLAN.environment_check(wildcards.arm),
            python=lambda wildcards: ancient(PLAN.environment_python(wildcards.arm)),
        output:
            weights=ensure("results/{study}/pretraining/{cohort}/{arm}.safetensors", non_empty=True),
            facts=ensure("results/{study}/pretraining/{cohort}/{arm}.json", non_empty=True),
            curve=ensure("results/{study}/pretraining/{cohort}/{arm}.csv", non_empty=True),
            pictures=ensure("results/{study}/pretraining/{cohort}/{arm}.npz", non_empty=True),
            seen=ensure("results/{study}/pretraining/{cohort}/{arm}.seen.csv", non_empty=True),
        log:
            "results/{study}/logs/pretrain_arm/{cohort}.{arm}.log",
        benchmark:
            "results/{study}/benchmarks/pretrain_arm/{cohort}.{arm}.tsv"
        wildcard_constraints:
            arm="|".join(PLAN.pretrained_arms),
        retries: RETRIES
        conda:
            "../envs/main.yaml"
        threads: 4
        resources:
            gpu=card,
            mem_mb=growing(4000),
            runtime=minutes,
            attempt=attempt,
            mlflow=PLAN.tracking.asked,  # no parameter: another server is no reason to train again
        params:
            kind=lambda wildcards: PLAN.arm_kind(wildcards.arm),
            options=lambda wildcards: PLAN.arm_options(wildcards.arm, wildcards.cohort),
            cohort_options=lambda wildcards: PLAN.training_options(wildcards.cohort),
            scope=PLAN.config["scope"],
            device=PLAN.config["device"],
            memory_limit_mb=PLAN.config["gpu"]["memory_limit_mb"],
            checkpoints="results/{study}/.checkpoints",
            store="results/{study}/mlflow.db",
            seed=lambda wildcards: PLAN.seed_for(wildcards.arm),
            digest=lambda wildcards: code_digest("pretrain_arm", *PLAN.training_modules(wildcards.arm)),
        script:
            "../scripts/pretrain_arm.py"

    rule check_training:
        """Fail the study when an arm has learned from a subject that it may not see."""
        input:
            seen="results/{study}/pretraining/{cohort}/{arm}.seen.csv",
            manifest="results/{study}/cohorts/{cohort}/manifest.csv",
            splits="results/{study}/cohorts/{cohort}/splits.csv",
            array=lambda wildcards: PLAN.learned_file(wildcards.cohort, wildcards.arm),
        output:
            facts=ensure("results/{study}/pretraining/{cohort}/{arm}.gate.json", non_empty=True),
        log:
            "results/{study}/logs/check_training/{cohort}.{arm}.log",
        benchmark:
            "results/{study}/benchmarks/check_training/{cohort}.{arm}.tsv"
        wildcard_constraints:
            arm="|".join(PLAN.pretrained_arms),
        conda:
            "../envs/main.yaml"
        resources:
            mem_mb=growing(1000),
            runtime=minutes,
        params:
            scope=PLAN.config["scope"],
            digest=code_digest("check_training"),
        script:
            "../scripts/check_training.py"


rule encode_images:
    """Run the images of a cohort through an arm's network."""
    input:
        images="results/{study}/cohorts/{cohort}/images.npy",
        volumes=lambda wildcards: PLAN.volumes_file(wildcards.cohort, wildcards.arm),
        manifest="results/{study}/cohorts/{cohort}/manifest.csv",
        gate="results/{study}/cohorts/{cohort}/leakage.json",
        training_gate=lambda wildcards: PLAN.training_gate(wildcards.cohort, wildcards.arm),
        weights=lambda wildcards: PLAN.encoder_file(wildcards.cohort, wildcards.arm),
        provenance=lambda wildcards: PLAN.provenance_file(PLAN.encoder_file(wildcards.cohort, wildcards.arm)),
        shards=lambda wildcards: PLAN.shard_files(wildcards.cohort, "npy", wildcards.arm),
        shard_facts=lambda wildcards: PLAN.shard_files(wildcards.cohort, "json", wildcards.arm),
    output:
        features=ensure("results/{study}/features/{cohort}/{arm}.npz", non_empty=True),
        sidecar=ensure("results/{study}/features/{cohort}/{arm}.json", non_empty=True),
        image_features=ensure("results/{study}/features/{cohort}/{arm}.images.npy", non_empty=True),
    log:
        "results/{study}/logs/encode_images/{cohort}.{arm}.log",
    benchmark:
        "results/{study}/benchmarks/encode_images/{cohort}.{arm}.tsv"
    wildcard_constraints:
        arm="|".join(PLAN.image_arms) or "(?!)",  # no arm at all; an empty constraint would be none
    retries: RETRIES
    conda:
        "../envs/main.yaml"
    threads: 4
    resources:
        gpu=card_without_shards,
        mem_mb=growing(2500),
        runtime=minutes,
        attempt=attempt,
    params:
        kind=lambda wildcards: PLAN.arm_kind(wildcards.arm),
        random_weights=lambda wildcards: PLAN.is_random(wildcards.arm),
        options=lambda wildcards: PLAN.arm_options(wildcards.arm, wildcards.cohort),
        image=PLAN.config["image"],
        device=PLAN.config["device"],
        memory_limit_mb=PLAN.config["gpu"]["memory_limit_mb"],
        seed=lambda wildcards: PLAN.seed_for(wildcards.arm),
        checkpoints="results/{study}/.checkpoints",
        labels_of=lambda wildcards: PLAN.labels_of(wildcards.cohort),
        digest=lambda wildcards: code_digest("encode_images", PLAN.arm_module(wildcards.arm)),
    script:
        "../scripts/encode_images.py"


if PLAN.plain_arms:

    rule compute_features:
        """Compute or read an arm's features without a network."""
        input:
            images="results/{study}/cohorts/{cohort}/images.npy",
            manifest="results/{study}/cohorts/{cohort}/manifest.csv",
            gate="results/{study}/cohorts/{cohort}/leakage.json",
            files=lambda wildcards: PLAN.users_files(wildcards.cohort, wildcards.arm),
        output:
            features=ensure("results/{study}/features/{cohort}/{arm}.npz", non_empty=True),
            sidecar=ensure("results/{study}/features/{cohort}/{arm}.json", non_empty=True),
            image_features=ensure("results/{study}/features/{cohort}/{arm}.images.npy", non_empty=True),
        log:
            "results/{study}/logs/compute_features/{cohort}.{arm}.log",
        benchmark:
            "results/{study}/benchmarks/compute_features/{cohort}.{arm}.tsv"
        wildcard_constraints:
            arm="|".join(PLAN.plain_arms),
        retries: RETRIES
        conda:
            "../envs/main.yaml"
        threads: 4
        resources:
            mem_mb=growing(1000),
            runtime=minutes,
            attempt=attempt,
        params:
            kind=lambda wildcards: PLAN.arm_kind(wildcards.arm),
            options=lambda wildcards: PLAN.arm_options(wildcards.arm, wildcards.cohort),
            labels_of=lambda wildcards: PLAN.labels_of(wildcards.cohort),
            key_table=lambda wildcards: PLAN.key_table_for(wildcards.cohort, wildcards.arm),
            digest=lambda wildcards: code_digest("compute_features", PLAN.arm_module(wildcards.arm)),
        script:
            "../scripts/compute_features.py"


if PLAN.feature_arms:

    rule code_features:
        """Compute an arm's features from the image features of another arm."""
        input:
            image_features=source_features,
            gate="results/{study}/cohorts/{cohort}/leakage.json",
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
        retries: RETRIES
        conda:
            "../envs/main.yaml"
        threads: 2
        resources:
            mem_mb=growing(2000),
            runtime=minutes,
            attempt=attempt,
        params:
            kind=lambda wildcards: PLAN.arm_kind(wildcards.arm),
            options=lambda wildcards: PLAN.arm_options(wildcards.arm),
            source=lambda wildcards: PLAN.source_arm(wildcards.arm),
            of_volumes=lambda wildcards: PLAN.source_of_volumes(wildcards.cohort, wildcards.arm),
            scope=PLAN.config["scope"],
            seed=lambda wildcards: PLAN.seed_for(wildcards.arm),
            labels_of=lambda wildcards: PLAN.labels_of(wildcards.cohort),
            digest=lambda wildcards: code_digest("code_features", PLAN.arm_module(wildcards.arm)),
        script:
            "../scripts/code_features.py"
