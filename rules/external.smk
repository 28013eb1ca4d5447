"""Methods of one cohort tested on another one, where evaluate_on asks for it: <arm>.on.<cohort> beside the others."""

if PLAN.external_keys:

    rule check_external:
        """Check that two cohorts have the same classes and no image in common."""
        input:
            own=lambda wildcards: PLAN.external_check(wildcards.cohort),
            other=lambda wildcards: PLAN.external_check(wildcards.other),
        output:
            facts=ensure("results/{study}/cohorts/{cohort}/external.{other}.json", non_empty=True),
        log:
            "results/{study}/logs/check_external/{cohort}.on.{other}.log",
        benchmark:
            "results/{study}/benchmarks/check_external/{cohort}.on.{other}.tsv"
        wildcard_constraints:
            other="|".join(PLAN.cohorts),
        conda:
            "../envs/main.yaml"
        resources:
            mem_mb=growing(1500),
            runtime=minutes,
        params:
            labels_of=lambda wildcards: PLAN.labels_of(wildcards.cohort),
            digest=code_digest("check_external"),
        script:
            "../scripts/check_external.py"

    rule encode_external:
        """Run the images of an external cohort through a network that was trained on another cohort."""
        input:
            images="results/{study}/cohorts/{other}/images.npy",
            volumes=lambda wildcards: PLAN.volumes_file(wildcards.other, wildcards.arm),
            manifest="results/{study}/cohorts/{other}/manifest.csv",
            gate="results/{study}/cohorts/{cohort}/external.{other}.json",
            training_gate=lambda wildcards: PLAN.training_gate(wildcards.cohort, wildcards.arm),
            weights=lambda wildcards: PLAN.encoder_file(wildcards.cohort, wildcards.arm),
            provenance=lambda wildcards: PLAN.provenance_file(PLAN.encoder_file(wildcards.cohort, wildcards.arm)),
        output:
            features=ensure("results/{study}/features/{cohort}/{arm}.on.{other}.npz", non_empty=True),
            sidecar=ensure("results/{study}/features/{cohort}/{arm}.on.{other}.json", non_empty=True),
            image_features=ensure("results/{study}/features/{cohort}/{arm}.on.{other}.images.npy", non_empty=True),
        log:
            "results/{study}/logs/encode_external/{cohort}.{arm}.on.{other}.log",
        benchmark:
            "results/{study}/benchmarks/encode_external/{cohort}.{arm}.on.{other}.tsv"
        wildcard_constraints:
            arm="|".join(PLAN.external_trained) or "(?!)",
            other="|".join(PLAN.cohorts),
        retries: RETRIES
        conda:
            "../envs/main.yaml"
        threads: 4
        resources:
            gpu=card,
            mem_mb=growing(2500),
            runtime=minutes,
            attempt=attempt,
        params:
            kind=lambda wildcards: PLAN.arm_kind(wildcards.arm),
            options=lambda wildcards: PLAN.arm_options(wildcards.arm, wildcards.cohort),
            image=PLAN.config["image"],
            device=PLAN.config["device"],
            memory_limit_mb=PLAN.config["gpu"]["memory_limit_mb"],
            seed=lambda wildcards: PLAN.seed_for(wildcards.arm),
            checkpoints="results/{study}/.checkpoints",
            labels_of=lambda wildcards: PLAN.labels_of(wildcards.other),
            digest=lambda wildcards: code_digest("encode_external", PLAN.arm_module(wildcards.arm)),
        script:
            "../scripts/encode_external.py"

    rule code_external:
        """Compute an arm's features of an external cohort with what it learned on another one."""
        input:
            image_features=source_features,
            manifest="results/{study}/cohorts/{cohort}/manifest.csv",
            splits="results/{study}/cohorts/{cohort}/splits.csv",
            other_features=lambda wildcards: PLAN.external_source(wildcards.cohort, wildcards.arm, wildcards.other),
            other_manifest="results/{study}/cohorts/{other}/manifest.csv",
            gate="results/{study}/cohorts/{cohort}/external.{other}.json",
        output:
            features=ensure("results/{study}/features/{cohort}/{arm}.on.{other}.npz", non_empty=True),
            sidecar=ensure("results/{study}/features/{cohort}/{arm}.on.{other}.json", non_empty=True),
        log:
            "results/{study}/logs/code_external/{cohort}.{arm}.on.{other}.log",
        benchmark:
            "results/{study}/benchmarks/code_external/{cohort}.{arm}.on.{other}.tsv"
        wildcard_constraints:
            arm="|".join(PLAN.external_coded) or "(?!)",
            other="|".join(PLAN.cohorts),
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
            labels_of=lambda wildcards: PLAN.labels_of(wildcards.other),
            digest=lambda wildcards: code_digest("code_external", PLAN.arm_module(wildcards.arm)),
        script:
            "../scripts/code_external.py"

    rule classify_external:
        """Train one method on all evaluation subjects of a cohort, and test it on another cohort."""
        input:
            features=lambda wildcards: PLAN.external_seen(
                wildcards.cohort, wildcards.arm, wildcards.other, wildcards.classifier
            ),
            image_features=lambda wildcards: PLAN.external_bags(
                wildcards.cohort, wildcards.arm, wildcards.other, wildcards.classifier
            ),
            images=lambda wildcards: PLAN.external_manifests(wildcards.cohort, wildcards.other, wildcards.classifier),
            sidecar=lambda wildcards: PLAN.external_sides(wildcards.cohort, wildcards.arm, wildcards.other, "json"),
            splits=[
                "results/{study}/cohorts/{cohort}/splits.csv",
                "results/{study}/cohorts/{other}/splits.csv",
            ],
            manifest=lambda wildcards: PLAN.image_labels(wildcards.cohort) + PLAN.image_labels(wildcards.other),
            gate="results/{study}/cohorts/{cohort}/external.{other}.json",
        output:
            predictions=ensure("results/{study}/predictions/{cohort}/{arm}.{classifier}.on.{other}.csv", non_empty=True),
            facts=ensure("results/{study}/predictions/{cohort}/{arm}.{classifier}.on.{other}.json", non_empty=True),
        log:
            "results/{study}/logs/classify_external/{cohort}.{arm}.{classifier}.on.{other}.log",
        benchmark:
            "results/{study}/benchmarks/classify_external/{cohort}.{arm}.{classifier}.on.{other}.tsv"
        wildcard_constraints:
            arm=r"[a-z0-9_-]+",
            other="|".join(PLAN.cohorts),
        retries: RETRIES
        conda:
            "../envs/main.yaml"
        resources:
            mem_mb=growing(800),
            runtime=minutes,
            attempt=attempt,
        params:
            options=lambda wildcards: PLAN.external_options(wildcards.classifier),
            inner_folds=lambda wildcards: PLAN.external_folds(wildcards.classifier),
            of_volumes=lambda wildcards: PLAN.external_of_volumes(wildcards.cohort, wildcards.arm, wildcards.classifier),
            seed=PLAN.seed,
            digest=lambda wildcards: code_digest("classify_external", PLAN.classifier_module(wildcards.classifier)),
        script:
            "../scripts/classify_external.py"
